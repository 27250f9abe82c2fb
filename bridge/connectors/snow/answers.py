"""Which answers are trusted, and what the others mean.

ServiceNow has answers that only look like success: 200 with `result` and `error` (a cancelled transaction, sometimes as
malformed JSON), a 200 with an HTML page (hibernation, maintenance), an empty 202 (the request was dropped), a 403 to a
POST that was carried out (KB2697679). A read discards them; after a write, nothing certain is known.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

import orjson
import requests

from bridge.domain.errors import (
    BridgeError,
    FarSideError,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    TryLater,
    UntrustedAnswer,
)

_SUCCESS: Mapping[str, int] = {"GET": 200, "POST": 201, "PATCH": 200, "PUT": 200, "DELETE": 204}
#: refusals that pass by themselves: timeout, too early, too many requests
_PASSING = frozenset({408, 425, 429})
_TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is what it seems to be."""

    #: the value of `result`; None for an answer without a body
    result: Any
    #: `X-Total-Count`
    total: int | None
    #: the `Date` header
    server_time: datetime


def trusted(response: requests.Response, *, now: datetime) -> Answer:
    """The answer, or the domain error it stands for; `now` serves to read a Retry-After date."""
    method = response.request.method or "GET"
    refuse_failures(response, now=now)
    payload = _json(response) if response.status_code != 204 else {"result": None}
    if not isinstance(payload, dict) or "result" not in payload or "error" in payload:
        raise distrust(method, f"a {response.status_code} with {_shape(payload)}", message_of(payload)[0])
    return Answer(payload["result"], _count(response, method), server_time(response))


class ForbiddenOrDone(OutcomeUnknown):
    """A POST was answered with 403, which may have been carried out all the same (KB2697679); if so, it is done now."""


def refuse_failures(response: requests.Response, *, now: datetime) -> None:
    """Raise unless the status is the one that the method's success has, and the body is no web page."""
    method, status = response.request.method or "GET", response.status_code
    if status >= 400:
        raise refusal(response, now=now)
    if status != _SUCCESS[method]:
        raise distrust(method, f"a {method} was answered {status}")


def refusal(response: requests.Response, *, now: datetime) -> BridgeError:
    """The error that a status of 400 and above stands for, with ServiceNow's own message and detail."""
    status, method = response.status_code, response.request.method or "GET"
    message, detail = message_of(_json(response))
    text = f"ServiceNow answered {status}: {message}" if message else f"ServiceNow answered {status}"
    if method == "POST" and status == 403:
        return ForbiddenOrDone(text, remedy=_permission_remedy(status, detail))
    if method != "GET" and (status >= 500 or status == 408):
        return OutcomeUnknown(text, remedy="ask whether it was carried out")
    if status in _PASSING or status >= 500:
        return TryLater(text, retry_after=retry_after(response, now=now))
    if status in {401, 403}:
        return NotPermitted(text, status=status, detail=detail, remedy=_permission_remedy(status, detail))
    kind = NotFound if status == 404 else FarSideError
    return kind(text, status=status, detail=detail, remedy=detail)


def distrust(method: str, what: str, message: str = "") -> BridgeError:
    """The error for an answer that only looks like success."""
    text = f"{what}: {message}" if message else what
    if method == "GET":
        return UntrustedAnswer(f"ServiceNow's answer is not complete: {text}", remedy="discard it and ask again")
    return OutcomeUnknown(f"ServiceNow's answer proves nothing: {text}", remedy="ask whether it was carried out")


def server_time(response: requests.Response) -> datetime:
    """ServiceNow's clock at the answer; an answer without a readable Date is not trusted."""
    try:
        when = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        raise distrust(response.request.method or "GET", "no Date header") from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


class Condition(Enum):
    """How an instance does, by what it answered."""

    WELL = auto()
    #: 429 by a rate rule, or with a Retry-After: it says when to come back
    LIMITED = auto()
    #: 429 without one: the queue of its semaphore is full (KB0546297)
    CROWDED = auto()
    #: an error of its own, a web page instead of an answer, or a request that it dropped
    UNWELL = auto()


def condition(response: requests.Response) -> Condition:
    """How the instance does; a refusal is the answer of one that works."""
    status, headers = response.status_code, response.headers
    if status == 429:
        ruled = any(name in headers for name in ("Retry-After", "X-RateLimit-Reset", "X-RateLimit-Rule"))
        return Condition.LIMITED if ruled else Condition.CROWDED
    page = status == 200 and "html" in headers.get("Content-Type", "") and "X-Attachment-Metadata" not in headers
    return Condition.UNWELL if status >= 500 or status == 202 or page else Condition.WELL


def retry_after(response: requests.Response, *, now: datetime) -> float | None:
    """Seconds that the far side asks us to wait; None if it does not say.

    `Retry-After` is a number or a date (RFC 9110, 10.2.3). A rate rule may tell only when it begins anew, by
    ServiceNow's clock, in seconds since 1970 (`X-RateLimit-Reset`).
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    if not text:
        return _until_reset(response, now)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def _until_reset(response: requests.Response, now: datetime) -> float | None:
    text = response.headers.get("X-RateLimit-Reset", "").strip()
    if not text.isdecimal():
        return None
    with contextlib.suppress(BridgeError):  # without a readable Date our own clock is the next best
        now = server_time(response)
    return max(0.0, float(text) - now.timestamp())


def message_of(payload: object) -> tuple[str, str]:
    """Message and detail of ServiceNow's error object, empty where there is none."""
    error = payload.get("error") if isinstance(payload, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("message") or "")[:_TEXT_LIMIT], str(error.get("detail") or "")[:_TEXT_LIMIT]


def _json(response: requests.Response) -> object:
    try:
        return orjson.loads(response.content)
    except ValueError:
        # Stricter than the platform: a text that was cut in the middle of a surrogate pair is no reason to lose a page.
        with contextlib.suppress(ValueError):
            return json.loads(response.content)
    return None


def _shape(payload: object) -> str:
    if isinstance(payload, dict):
        return "both result and error" if "result" in payload else "no result"
    return "a body that is not ServiceNow's JSON"


def _count(response: requests.Response, method: str) -> int | None:
    text = response.headers.get("X-Total-Count")
    if text is None:
        return None
    if not text.strip().isdecimal():
        raise distrust(method, "an X-Total-Count that is no number")
    return int(text)


def _permission_remedy(status: int, detail: str) -> str:
    if status == 401:
        return "check the integration user's credentials under servicenow.auth"
    return detail or "ask the ServiceNow administrator for the right that is missing"
