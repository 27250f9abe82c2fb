"""The one way requests take to a portal: signed, in its pace, within a time, and answered by something that is trusted.

Reads raise `TryLater`, `UntrustedAnswer`, or `FarSideError` for a definite no. Writes raise `TryLater` only where they
were certainly not begun, `FarSideError` where the portal certainly refused, and `OutcomeUnknown` for everything else.
"""

from __future__ import annotations

import base64
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol, TypeAlias
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from bridge import __version__
from bridge.connectors.rest.answers import words_of
from bridge.connectors.rest.description import RestSettings
from bridge.connectors.rest.plan import Request
from bridge.connectors.snow.answers import retry_after
from bridge.connectors.snow.transport import never_sent
from bridge.domain.errors import (
    BridgeError,
    FarSideError,
    NotBegun,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    TryLater,
    UntrustedAnswer,
)
from bridge.ports import Clock

Json: TypeAlias = Any
Signature: TypeAlias = Mapping[str, str]
Seen: TypeAlias = Callable[[Request, "int | None", str], None]
"""Told of each request with the status and the beginning of its answer; no secret is among what it is told."""

_CHUNK = 64 * 1024
_LARGEST_ANSWER = 20_000_000
_MINUTE = 60.0
_LONGEST_TURN = 5.0
_SHOWN = 2000
#: refusals that pass by themselves: timeout, conflict, too early, too many requests
_PASSING = frozenset({408, 409, 423, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is what it seems to be."""

    #: the JSON; None for one without a body
    payload: Json
    content: bytes
    headers: Mapping[str, str]
    #: where the list goes on, by its Link header; empty if it does not
    next_link: str
    #: the portal's clock, where it tells the time
    at: datetime | None


class LoginRefused(NotPermitted):
    """The portal does not know this user or client, or its login yields nothing."""

    code = "login_refused"


class Signer(Protocol):
    """What `Session` needs of a login; see `bridge.connectors.rest.login`."""

    def sign(self, session: Session) -> Signature:
        """The headers that prove who asks. Raises `TryLater` or `NotPermitted`; nothing was sent for the request."""
        ...

    def renew(self, refused: Signature) -> bool:
        """Whether it makes sense to ask once more after these headers were refused."""
        ...


class Session:
    """Sends requests to one portal. Safe for use by several threads."""

    def __init__(
        self,
        desk: str,
        settings: RestSettings,
        signer: Signer,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.desk = desk
        self.settings = settings
        self._signer = signer
        self._clock = clock
        self.monotonic = monotonic
        self._pace = _Pace(settings.rate, monotonic, sleep)
        self._local = threading.local()
        self._open: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        #: shown each request and answer, where somebody looks on
        self.seen: Seen | None = None

    def now(self) -> datetime:
        """Our own clock."""
        return self._clock.now()

    def read(self, request: Request) -> Answer:
        """A request that changes nothing, and its JSON."""
        return self._trusted(request, writing=False, json=True)

    def write(self, request: Request) -> Answer:
        """A request that changes something there."""
        return self._trusted(request, writing=True, json=True)

    def download(self, request: Request, *, limit: int) -> bytes:
        """A body as it is. Raises `FarSideError` for one of more than `limit` bytes, or that lies at another host."""
        try:
            self._address(request.path)
        except UntrustedAnswer as error:
            raise FarSideError(error.message, remedy="no secret of ours may go there", desk=self.desk) from None
        return self._trusted(request, writing=False, json=False, limit=limit).content

    def close(self) -> None:
        """Close the connections of every thread."""
        for http in list(self._open):
            http.close()

    def unsigned(self, request: Request) -> tuple[requests.Response, bytes]:
        """A request of the login's own. Raises as a write."""
        return self._exchange(request, {}, writing=True, limit=_LARGEST_ANSWER, shown=False)

    def _trusted(self, request: Request, *, writing: bool, json: bool, limit: int = _LARGEST_ANSWER) -> Answer:
        signature = self._signer.sign(self)
        response, content = self._exchange(request, signature, writing=writing, limit=limit)
        if response.status_code == 401 and self._signer.renew(signature):
            response, content = self._exchange(request, self._signer.sign(self), writing=writing, limit=limit)
        if response.status_code >= 400:
            raise self._refusal(response, content, writing=writing)
        if 300 <= response.status_code < 400 and not json:
            remedy = "its address is another host's, to which no secret of ours may go"
            raise FarSideError(f"{self.desk} sends who asks for it elsewhere", remedy=remedy, desk=self.desk)
        # 206 is how TM Forum's interfaces answer with a page of a list; what it holds is whole.
        if not 200 <= response.status_code < 300 or (writing and response.status_code in {202, 206}):
            raise self._distrust(f"it was answered {response.status_code}", writing=writing)
        payload = self._json(response, content, writing=writing) if json else None
        link = response.links.get("next", {}).get("url", "")
        return Answer(payload, content, response.headers, link, _date(response))

    def _exchange(
        self, request: Request, signature: Signature, *, writing: bool, limit: int, shown: bool = True
    ) -> tuple[requests.Response, bytes]:
        self._pace.wait()
        settings = self.settings
        failure: BridgeError
        try:
            with self._http().request(
                request.method,
                self._address(request.path),
                params=dict(request.query),
                headers={**_kind(request.body), **request.headers, **signature},
                auth=_untouched,
                timeout=(settings.connect_timeout, settings.timeout),
                verify=str(settings.ca_file) if settings.ca_file else True,
                allow_redirects=False,
                stream=True,
                **_body(request.body),
            ) as response:
                content = self._content(response, limit, writing=writing)
        except (requests.RequestException, OSError) as error:
            failure = self._lost(error, writing=writing)
        else:
            if response.status_code == 429:
                self._pace.close(retry_after(response, now=self._clock.now()) or 0.0)
            if self.seen is not None and shown:
                self.seen(request, response.status_code, content[:_SHOWN].decode(errors="replace"))
            return response, content
        if self.seen is not None and shown:
            self.seen(request, None, failure.message)
        # Raised where nothing is handled any more: the exception holds the request, and that its secrets.
        raise failure

    def _content(self, response: requests.Response, limit: int, *, writing: bool) -> bytes:
        """The whole body: not longer than it may be, nor shorter than announced, nor dripping for ever."""
        until = self.monotonic() + self.settings.timeout
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > limit:
                if not writing:
                    raise FarSideError(f"a body of more than {limit} bytes", desk=self.desk)
                raise self._distrust(f"a body of more than {limit} bytes", writing=writing)
            if self.monotonic() > until:
                raise self._distrust("it took too long to be told", writing=writing)
        return bytes(body)

    def _address(self, path: str) -> str:
        """A path behind the portal's address, or from its root; no other host is asked: it would learn our secrets."""
        base = f"{self.settings.url}/"
        try:
            address = urljoin(base, path) if "://" in path or path.startswith("/") else base + path
            host = urlsplit(address)[:2]
        except ValueError:
            raise UntrustedAnswer(
                f"{self.desk} names an address that is none", remedy="tell the desk, or use another kind of paging"
            ) from None
        if host != urlsplit(base)[:2]:
            raise UntrustedAnswer(
                f"{self.desk} names an address of another host", remedy="tell the desk, or use another kind of paging"
            )
        return address

    # ── what answers mean ────────────────────────────────────────────────────────────────────────────────────────

    def _refusal(self, response: requests.Response, content: bytes, *, writing: bool) -> BridgeError:
        status = response.status_code
        said = words_of(loaded(content))
        text = f"{self.desk} answered {status}: {said}" if said else f"{self.desk} answered {status}"
        wait = retry_after(response, now=self._clock.now())
        if status in {412, 425, 429} or (status == 503 and wait is not None and not writing):
            return TryLater(text, retry_after=wait, desk=self.desk)
        if status >= 500 or status in _PASSING:
            if writing:
                return OutcomeUnknown(text, remedy="ask whether it was carried out", desk=self.desk)
            return TryLater(text, retry_after=wait, desk=self.desk)
        if status in {401, 403}:
            remedy = "check rest.auth" if status == 401 else "ask the desk for the right to do this"
            return NotPermitted(text, status=status, remedy=remedy, desk=self.desk)
        kind = NotFound if status in {404, 410} else FarSideError
        return kind(text, status=status, remedy="compare rest.requests with what the portal says", desk=self.desk)

    def _json(self, response: requests.Response, content: bytes, *, writing: bool) -> Json:
        if not content.strip():
            if response.status_code == 204 or writing:
                return None
            raise self._distrust("it is empty", writing=writing)
        kind = response.headers.get("Content-Type", "")
        if "json" not in kind.lower():
            raise self._distrust(f"it is no JSON but {kind.partition(';')[0] or 'nothing known'}", writing=writing)
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            raise self._distrust("its JSON is broken", writing=writing) from None

    def _distrust(self, what: str, *, writing: bool) -> BridgeError:
        text = f"the answer of {self.desk} proves nothing: {what}"
        if writing:
            return OutcomeUnknown(text, remedy="ask whether it was carried out", desk=self.desk)
        return UntrustedAnswer(text, remedy="discard it and ask again", desk=self.desk)

    def _lost(self, error: Exception, *, writing: bool) -> BridgeError:
        what = type(error).__name__
        if never_sent(error):
            remedy = "check rest.url, network and certificates"
            return TryLater(f"no connection to {self.desk} ({what})", remedy=remedy, desk=self.desk)
        return self._distrust(f"it was lost ({what})", writing=writing)

    def _http(self) -> requests.Session:
        """This thread's own session, which keeps no cookies."""
        http: requests.Session | None = getattr(self._local, "http", None)
        if http is None:
            http = requests.Session()
            http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            http.headers.update({"Accept": "application/json", "User-Agent": f"cpsd-bridge/{__version__}"})
            self._local.http = http
            self._open.add(http)
        return http


class _Pace:
    """So many calls in any minute, and none while the portal asked us to wait."""

    def __init__(self, rate: int | None, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._made: deque[float] = deque()
        self._closed_until = 0.0

    def wait(self) -> None:
        """Until a call may be made. Raises `TryLater` where that is not soon."""
        while (wait := self._take()) > 0:
            self._sleep(wait)

    def close(self, seconds: float) -> None:
        with self._lock:
            self._closed_until = max(self._closed_until, self._monotonic() + seconds)

    def _take(self) -> float:
        with self._lock:
            now = self._monotonic()
            if now < self._closed_until:
                raise TryLater("the portal asked us to wait", retry_after=self._closed_until - now)
            if self._rate is None:
                return 0.0
            while self._made and self._made[0] + _MINUTE <= now:
                self._made.popleft()
            if len(self._made) < self._rate:
                self._made.append(now)
                return 0.0
            wait = self._made[0] + _MINUTE - now
        if wait > _LONGEST_TURN:
            raise NotBegun("the calls of this minute are made", retry_after=wait)
        return wait


def _body(body: Mapping[str, Json] | None) -> dict[str, Any]:
    """A body as `requests` takes it."""
    match body:
        case None:
            return {}
        case {"json": content}:
            return {"json": content}
        case {"form": fields}:
            return {"data": dict(fields)}
        case {"raw": text}:
            return {"data": text.encode()}
        case {"base64": content}:
            return {"data": base64.b64decode(content)}
        case _:
            return {"files": [(name, _part(part)) for name, part in body["parts"]]}


def _kind(body: Mapping[str, Json] | None) -> dict[str, str]:
    return {"Content-Type": body["type"]} if body and ("raw" in body or "base64" in body) else {}


def _part(part: Mapping[str, Json]) -> tuple[Any, ...]:
    if "text" in part:
        return None, str(part["text"]).encode()
    return part["name"], base64.b64decode(part["base64"]), part["type"] or "application/octet-stream"


def _untouched(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nothing; its presence keeps requests from looking for credentials in a .netrc file."""
    return request


def loaded(content: bytes) -> Json:
    """The JSON of a body; None if it is none."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def is_login_refused(error: BridgeError) -> bool:
    """Whether it is the bridge's login that was refused, and not what was asked for."""
    return isinstance(error, LoginRefused) or (isinstance(error, NotPermitted) and error.status == 401)


def _date(response: requests.Response) -> datetime | None:
    try:
        when = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
