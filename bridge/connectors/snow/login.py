"""How requests prove who sends them: basic authentication, an API key, or an OAuth access token.

No secret may be shown by a log, an error or a traceback with its local variables. So what was refused is handed back
as a value and raised where neither the form nor the exception of the library is at hand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from bridge.connectors.snow.answers import retry_after
from bridge.connectors.snow.connection import Connection
from bridge.connectors.snow.grants import ByClient, ByRefreshToken, Client, Grant
from bridge.connectors.snow.transport import never_sent
from bridge.domain.errors import BridgeError, NotPermitted, TryLater

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path
API_KEY_HEADER = "x-sn-apikey"
"""The header that an inbound API key is sent in, unless an authentication profile says otherwise."""
_EARLY_SECONDS = 60.0
_EARLY_SHARE = 0.1


class Login(Protocol):
    """A way to log in."""

    def credentials(self, http: requests.Session) -> AuthBase:
        """What signs the next request. Raises `TryLater` or `NotPermitted`; nothing was sent to the Table API then."""
        ...

    def renew(self, refused: AuthBase) -> bool:
        """Whether it makes sense to try once more after a 401 to these credentials."""
        ...


@dataclass(frozen=True)
class Basic:
    """User name and password."""

    user: str
    password: str = field(repr=False)

    def credentials(self, http: requests.Session) -> AuthBase:  # noqa: ARG002 - the port's signature
        return HTTPBasicAuth(self.user.encode(), self.password.encode())

    def renew(self, refused: AuthBase) -> bool:  # noqa: ARG002 - the port's signature
        return False


@dataclass(frozen=True)
class ApiKey(AuthBase):
    """An inbound REST API key, bound to a user by the instance."""

    key: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[API_KEY_HEADER] = self.key
        return request

    def credentials(self, http: requests.Session) -> AuthBase:  # noqa: ARG002 - the port's signature
        return self

    def renew(self, refused: AuthBase) -> bool:  # noqa: ARG002 - the port's signature
        return False


@dataclass(frozen=True)
class Bearer(AuthBase):
    """One access token, until when it is used (by the monotonic clock), and what may be exchanged for the next."""

    token: str = field(repr=False)
    until: float
    refresh_token: str = field(default="", repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class OAuth:
    """A token for all threads, fetched again a little before it ends, by its refresh token where it came with one."""

    def __init__(self, connection: Connection, client: Client, grant: Grant, *, monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._client = client
        self._grant = grant
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._current: Bearer | None = None
        self._refresh: ByRefreshToken | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self._client.identifier!r})"

    def credentials(self, http: requests.Session) -> AuthBase:
        with self._lock:
            if self._current is None or self._monotonic() >= self._current.until:
                self._current = self._fetch(http)
            return self._current

    def renew(self, refused: AuthBase) -> bool:
        with self._lock:
            if refused is self._current:
                self._current = None
        return True

    def _fetch(self, http: requests.Session) -> Bearer:
        """A new token: by the refresh token if there is one, and by the grant itself when that is refused."""
        outcome: Bearer | BridgeError | None = None
        if self._refresh is not None:
            outcome = self._exchange(http, self._refresh)
        if outcome is None or isinstance(outcome, NotPermitted):
            self._refresh = None
            outcome = self._exchange(http, self._grant)
        if isinstance(outcome, BridgeError):
            raise outcome
        if outcome.refresh_token:
            self._refresh = ByRefreshToken(outcome.refresh_token)
        return outcome

    def _exchange(self, http: requests.Session, grant: Grant) -> Bearer | BridgeError:
        asked_at = self._monotonic()
        try:
            response = http.post(
                self._connection.base + TOKEN_PATH,
                data={**grant.form(), **self._client.form()},
                auth=_unsigned,
                timeout=self._connection.timeout,
                verify=self._connection.verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            how = "no connection" if never_sent(error) else "no answer"
            return TryLater(f"no OAuth token: {how} ({type(error).__name__})")
        return _answered(response, grant, asked_at)


class ClientCredentials(OAuth):
    """OAuth 2.0 client credentials."""

    def __init__(
        self, connection: Connection, client_id: str, client_secret: str, *, monotonic: Callable[[], float]
    ) -> None:
        super().__init__(connection, Client(client_id, client_secret), ByClient(), monotonic=monotonic)


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nothing; its presence keeps requests from looking for credentials in a .netrc file."""
    return request


def _answered(response: requests.Response, grant: Grant, asked_at: float) -> Bearer | BridgeError:
    """The token that an answer holds, or what its absence means."""
    status = response.status_code
    if status in {400, 401, 403}:
        refused = f"ServiceNow refused the OAuth client ({status})"
        return NotPermitted(refused, status=status, remedy=grant.remedy)
    body = _body(response) if status == 200 else {}
    token, lifetime = body.get("access_token"), _seconds(body.get("expires_in"))
    if not isinstance(token, str) or not token or lifetime is None:
        wait = retry_after(response, now=datetime.now(UTC))
        return TryLater(f"no OAuth token: {TOKEN_PATH} answered {status} without one", retry_after=wait)
    until = asked_at + lifetime - min(_EARLY_SECONDS, _EARLY_SHARE * lifetime)
    return Bearer(token, until, str(body.get("refresh_token") or ""))


def _body(response: requests.Response) -> Mapping[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(value: object) -> float | None:
    """A lifetime; the platform writes a number, some proxies a text of digits."""
    try:
        return float(str(value))
    except ValueError:
        return None
