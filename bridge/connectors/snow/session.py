"""The one way requests take to ServiceNow.

One `requests.Session` per thread and none that keeps cookies: calls that share a server session queue behind each other
there and are dropped with an empty 202. Each call has a timeout, checks TLS, waits for its turn among all calls of the
process, and answers a trusted `Answer` or raises a domain error.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.auth import AuthBase

from bridge import __version__
from bridge.connectors.snow.answers import (
    Answer,
    Condition,
    condition,
    distrust,
    refuse_failures,
    retry_after,
    trusted,
)
from bridge.connectors.snow.connection import Connection
from bridge.connectors.snow.login import Login
from bridge.connectors.snow.manners import Manners
from bridge.connectors.snow.transport import transport_error
from bridge.ports import Clock

_CHUNK = 64 * 1024
_HEADERS = {"Accept": "application/json", "User-Agent": f"cpsd-bridge/{__version__}"}


@dataclass(frozen=True, slots=True)
class Heard:
    """ServiceNow's clock as last heard, and when that was by our monotonic clock."""

    server_time: datetime
    at: float


class Session:
    """Sends requests and believes only answers that prove themselves. Safe for use by several threads."""

    def __init__(self, connection: Connection, login: Login, *, clock: Clock, monotonic: Callable[[], float]) -> None:
        self.connection = connection
        self.login = login
        self._clock = clock
        self._monotonic = monotonic
        self.manners = Manners(connection.limits, monotonic=monotonic)
        self._low_priority = False
        self._local = threading.local()
        self._open: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._heard: Heard | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request and its trusted answer. Raises as `CaseSource` says, by whether the method writes."""
        with self._exchange(method, self.connection.base + path, params, content, headers) as response:
            return self._trust(response)

    def request(
        self,
        method: str,
        url: str,
        *,
        stream: bool = False,  # noqa: ARG002 - answers are always read whole, so that they can be checked
        params: Mapping[str, Any] | None = None,
        timeout: object = None,  # noqa: ARG002 - the connection's own counts
        data: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The part of `requests.Session` that pysnow uses: it gets to see trusted answers only."""
        content = data.encode() if data is not None else None
        with self._exchange(method, url, params, content, headers) as response:
            self._trust(response)
            return response

    def download(self, path: str, *, limit: int) -> tuple[bytes, Mapping[str, str]]:
        """A body of at most `limit` bytes and its headers; `UntrustedAnswer` as soon as there are more."""
        with self._exchange("GET", self.connection.base + path, None, None, {"Accept": "*/*"}, stream=True) as response:
            refuse_failures(response, now=self._clock.now())
            body = bytearray()
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > limit:
                    raise distrust("GET", f"a body of more than {limit} bytes")
            return bytes(body), response.headers

    def batch(self, path: str, content: bytes, headers: Mapping[str, str]) -> requests.Response:
        """The answer to a batch as it came, for whoever judges its parts. Raises only when there is none."""
        patience = (self.connection.connect_timeout, self.connection.batch_timeout)
        url = self.connection.base + path
        with self._exchange("POST", url, None, content, headers, timeout=patience) as response:
            return response

    def now(self) -> datetime:
        """Our own clock, for a Retry-After that is a date."""
        return self._clock.now()

    def heard(self, within: float) -> datetime | None:
        """ServiceNow's clock, if an answer told it within the last `within` seconds."""
        heard = self._heard
        return heard.server_time if heard and self._monotonic() - heard.at <= within else None

    def at_low_priority(self) -> Session:
        """The same session for work that may wait: it keeps out of the calls that are left for the cases."""
        twin = copy.copy(self)
        twin._low_priority = True  # noqa: SLF001 - our own kind
        return twin

    def close(self) -> None:
        """Close the connections of every thread."""
        for http in list(self._open):
            http.close()

    def _trust(self, response: requests.Response) -> Answer:
        answer = trusted(response, now=self._clock.now())
        self._heard = Heard(answer.server_time, self._monotonic())
        return answer

    @contextlib.contextmanager
    def _exchange(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        *,
        stream: bool = False,
        timeout: tuple[float, float] | None = None,
    ) -> Iterator[requests.Response]:
        """A slot of the budget, a request in it, sent a second time only after a 401 that new credentials may cure."""

        def send(auth: AuthBase) -> requests.Response:
            try:
                response = http.request(
                    method,
                    url,
                    params=params,
                    data=content,
                    headers=headers,
                    auth=auth,
                    stream=stream,
                    timeout=timeout or self.connection.timeout,
                    verify=self.connection.verify,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                failure = transport_error(error, writing=method != "GET")
            else:
                self._observe(response)
                return response
            self.manners.unwell()
            # Raised where nothing is handled any more: the exception holds the request, and that its Authorization.
            raise failure

        with self.manners.turn(low_priority=self._low_priority):
            http = self._http()
            auth = self.login.credentials(http)
            response = send(auth)
            if response.status_code == 401 and self.login.renew(auth):
                response.close()
                response = send(self.login.credentials(http))
            try:
                with response:
                    yield response
            except requests.RequestException as error:
                raise transport_error(error, writing=method != "GET") from None

    def _observe(self, response: requests.Response) -> None:
        """Let the common manners know how the instance does."""
        match condition(response):
            case Condition.LIMITED:
                self.manners.asked_to_wait(retry_after(response, now=self._clock.now()) or 0.0)
            case Condition.CROWDED:
                self.manners.crowded()
            case Condition.UNWELL:
                self.manners.unwell()
            case Condition.WELL:
                self.manners.served()

    def _http(self) -> requests.Session:
        """This thread's own session."""
        http: requests.Session | None = getattr(self._local, "http", None)
        if http is None:
            http = requests.Session()
            http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            http.headers.update(_HEADERS)
            self._local.http = http
            self._open.add(http)
        return http
