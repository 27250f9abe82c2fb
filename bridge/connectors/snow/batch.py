"""Many requests in one call of the Batch API, each with an outcome of its own.

The platform carries the parts out one after the other for at most 30 s; what it did not begin comes back by name
(`unserviced_requests`) and is sent again. Where the instance or the integration user has no Batch API, the same
requests are sent one by one. A part without a certain answer is unknown, just as a single call would be.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import requests
import structlog
from requests.structures import CaseInsensitiveDict

from bridge.connectors.snow.answers import Answer, distrust, message_of, refusal, trusted
from bridge.connectors.snow.session import Session
from bridge.domain.errors import BridgeError, NotBegun, NotPermitted, OutcomeUnknown, TryLater

BATCH_PATH = "/api/now/v1/batch"
"""The version is not optional: without it the platform knows no such resource."""
PARTS = 50
"""Parts in one call: a change of a case takes a few tenths of a second, and there are 30 s."""
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
#: seconds after which an instance that had no Batch API is asked again
_ASK_AGAIN = 3600.0
#: probes in a row without an answer after which plain calls are made instead
_TRIES = 5
_PROBE = "/api/now/table/sys_user?sysparm_fields=sys_id&sysparm_limit=1&sysparm_no_count=true"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch."""

    method: str
    #: path and query
    target: str
    content: bytes | None = None


Outcome: TypeAlias = Answer | BridgeError


class Batches:
    """Sends requests in batches where that is possible. Safe for use by several threads."""

    def __init__(self, session: Session, *, monotonic: Callable[[], float]) -> None:
        self._session = session
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._allowed: bool | None = None
        self._learned_at = 0.0
        self._tried = 0

    def send(self, parts: Sequence[Part], within: float) -> list[Outcome]:
        """What became of each part, in their order. No call begins later than `within` seconds from now.

        A part that was certainly not carried out has `TryLater` or `FarSideError`, one that may have been
        `OutcomeUnknown`.
        """
        deadline = self._monotonic() + within
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(parts)))
        try:
            while len(waiting) > 1 and self.allowed() and self._monotonic() < deadline:
                told = self._batch({number: parts[number] for number in waiting[:PARTS]})
                outcomes.update(told)
                waiting = [number for number in waiting if number not in outcomes]
                if not told:
                    break
        except TryLater as busy:
            return [outcomes.get(number, busy) for number in range(len(parts))]
        for number in waiting:
            outcomes[number] = self._single(parts[number]) if self._monotonic() < deadline else _no_time()
        return [outcomes[number] for number in range(len(parts))]

    def allowed(self) -> bool:
        """Whether the Batch API may be used, found out by a batch that only reads.

        A refused batch of writes would leave open whether they were carried out (KB2697679); a refused read does not.
        Raises `TryLater` when it cannot be found out now.
        """
        with self._lock:
            if self._allowed is None or (not self._allowed and self._monotonic() - self._learned_at > _ASK_AGAIN):
                self._allowed = self._found_out()
                self._learned_at = self._monotonic()
                if not self._allowed:
                    _log.warning("servicenow_batch_refused")
            return self._allowed

    def _found_out(self) -> bool:
        """A batch that cannot be tried time and again, while plain calls may work, counts as refused for a while."""
        try:
            allowed = self._probed()
        except TryLater:
            self._tried += 1
            if self._tried < _TRIES:
                raise
            allowed = False
        self._tried = 0
        return allowed

    def _probed(self) -> bool:
        try:
            response = self._post({0: Part("GET", _PROBE)})
            if response.status_code in {429, 500, 502, 503, 504}:
                raise refusal(response, now=self._session.now())
            return response.status_code == 200 and isinstance(self._told(response, {0: "GET"})[0], Answer)
        except TryLater:
            raise
        except (OutcomeUnknown, KeyError) as error:
            raise TryLater(f"whether there is a Batch API could not be found out ({type(error).__name__})") from None

    def _batch(self, parts: Mapping[int, Part]) -> dict[int, Outcome]:
        """The outcomes of one call; parts that it did not begin have none."""
        try:
            response = self._post(parts)
        except BridgeError as error:
            return dict.fromkeys(parts, error)
        if response.status_code >= 400:
            return self._refused(response, parts)
        try:
            return self._told(response, {number: part.method for number, part in parts.items()})
        except BridgeError as error:
            return dict.fromkeys(parts, error)

    def _refused(self, response: requests.Response, parts: Mapping[int, Part]) -> dict[int, Outcome]:
        """A call that was refused as a whole. What was certainly not begun is sent one by one, without a batch."""
        error = refusal(response, now=self._session.now())
        if response.status_code in {401, 403}:
            # The right may have been taken away: what it is now, a batch that only reads finds out.
            with self._lock:
                self._allowed = None
        if isinstance(error, TryLater | OutcomeUnknown | NotPermitted):
            return dict.fromkeys(parts, error)
        with self._lock:
            self._allowed, self._learned_at = False, self._monotonic()
        return {}

    def _post(self, parts: Mapping[int, Part]) -> requests.Response:
        body = {
            "batch_request_id": "1",
            "rest_requests": [_written(number, part) for number, part in parts.items()],
        }
        return self._session.batch(BATCH_PATH, json.dumps(body).encode(), _JSON)

    def _told(self, response: requests.Response, methods: Mapping[int, str]) -> dict[int, Outcome]:
        """Each part's outcome as an accepted call tells it. Raises `OutcomeUnknown` if it tells nothing."""
        payload = _payload(response)
        unserviced = {str(name) for name in payload["unserviced_requests"]}
        served: dict[str, list[Mapping[str, Any]]] = {}
        for one in payload["serviced_requests"]:
            if isinstance(one, dict):
                served.setdefault(str(one.get("id")), []).append(one)
        outcomes: dict[int, Outcome] = {}
        for number, method in methods.items():
            name, answers = str(number), served.get(str(number), [])
            if name in unserviced and not answers:
                continue
            outcomes[number] = (
                self._judged(method, answers[0], response)
                if len(answers) == 1 and name not in unserviced
                else distrust("POST", "a batch does not tell what became of one of its requests")
            )
        return outcomes

    def _judged(self, method: str, answer: Mapping[str, Any], outer: requests.Response) -> Outcome:
        """One part's answer, trusted for the same reasons as a single call's."""
        try:
            return trusted(_unpacked(method, answer, outer), now=self._session.now())
        except BridgeError as error:
            return error
        except (KeyError, TypeError, ValueError):
            return distrust(method, "a batch holds an answer that cannot be read")

    def _single(self, part: Part) -> Outcome:
        try:
            return self._session.ask(part.method, part.target, content=part.content, headers=_JSON)
        except BridgeError as error:
            return error


def _written(number: int, part: Part) -> dict[str, Any]:
    written = {
        "id": str(number),
        "method": part.method,
        "url": part.target,
        "headers": [{"name": name, "value": value} for name, value in _JSON.items()],
        "exclude_response_headers": True,
    }
    return written if part.content is None else {**written, "body": base64.b64encode(part.content).decode()}


def _payload(response: requests.Response) -> dict[str, list[Any]]:
    """The two lists of a batch's answer; `OutcomeUnknown` if it holds anything else."""
    try:
        payload = json.loads(response.content)
    except ValueError:
        payload = None
    lists = ("serviced_requests", "unserviced_requests")
    if (
        response.status_code != 200
        or not isinstance(payload, dict)
        or "error" in payload
        or not all(isinstance(payload.get(name), list) for name in lists)
    ):
        raise distrust("POST", f"a batch was answered {response.status_code}", message_of(payload)[0])
    return {name: payload[name] for name in lists}


def _unpacked(method: str, answer: Mapping[str, Any], outer: requests.Response) -> requests.Response:
    """A part's answer in the form of a single one; it has the time of the call that it came in."""
    inner = requests.Response()
    inner.status_code = int(answer["status_code"])
    inner.raw = BytesIO(base64.b64decode(answer.get("body") or "", validate=True))
    inner.headers = CaseInsensitiveDict({name: outer.headers[name] for name in ("Date",) if name in outer.headers})
    inner.request = requests.Request(method, outer.url).prepare()
    return inner


def _no_time() -> NotBegun:
    return NotBegun("the time for these calls was over before this one was sent")
