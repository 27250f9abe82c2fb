"""How requests prove who sends them: basic authentication, or an OAuth token by client credentials (RFC 6749, 4.4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from bridge.connectors.snow.connection import Connection
from bridge.connectors.snow.transport import never_sent
from bridge.domain.errors import BridgeError, NotPermitted, TryLater

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path
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
class Bearer(AuthBase):
    """One access token, and until when it is used (by the monotonic clock)."""

    token: str = field(repr=False)
    until: float

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class ClientCredentials:
    """OAuth 2.0 client credentials: a token for all threads, fetched again a little before it ends."""

    def __init__(
        self, connection: Connection, client_id: str, client_secret: str, *, monotonic: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._client_id = client_id
        self._client_secret = client_secret
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._current: Bearer | None = None

    def __repr__(self) -> str:
        return f"ClientCredentials(client_id={self._client_id!r})"

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
        asked_at = self._monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        try:
            response = http.post(
                self._connection.base + TOKEN_PATH,
                data=form,
                auth=_unsigned,
                timeout=self._connection.timeout,
                verify=self._connection.verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            how = "no connection" if never_sent(error) else "no answer"
            raise TryLater(f"no OAuth token: {how} ({type(error).__name__})") from None
        token, lifetime = _token(response)
        return Bearer(token, asked_at + lifetime - min(_EARLY_SECONDS, _EARLY_SHARE * lifetime))


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nothing; its presence keeps requests from looking for credentials in a .netrc file."""
    return request


def _token(response: requests.Response) -> tuple[str, float]:
    """Access token and lifetime in seconds."""
    if response.status_code in {400, 401, 403}:
        raise _refused(response.status_code)
    try:
        body = response.json() if response.status_code == 200 else {}
        return str(body["access_token"]), float(body["expires_in"])
    except (ValueError, KeyError, TypeError):
        # Not chained: the body may hold a token.
        raise TryLater(f"no OAuth token: {TOKEN_PATH} answered {response.status_code} without one") from None


def _refused(status: int) -> BridgeError:
    return NotPermitted(
        f"ServiceNow refused the OAuth client ({status})",
        status=status,
        remedy="check client_id and client_secret, and that the OAuth entity allows client_credentials",
    )
