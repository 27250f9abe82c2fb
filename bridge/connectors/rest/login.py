"""How requests to a portal prove who sends them: in every request by itself, or by a token or session that ends.

No secret may be shown by a log, an error or a traceback with its local variables. So what was refused is raised where
neither the form nor the exception of the library is at hand.
"""

from __future__ import annotations

import base64
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import requests

from bridge.connectors.rest.answers import text_of
from bridge.connectors.rest.description import Auth, BasicAuth, ClientAuth, HeaderAuth, SessionAuth
from bridge.connectors.rest.plan import Request, render
from bridge.connectors.rest.session import LoginRefused, Session, Signature, Signer, loaded
from bridge.domain.errors import BridgeError, OutcomeUnknown, TryLater

_EARLY_SECONDS = 60.0
_EARLY_SHARE = 0.1


def signer(auth: Auth) -> Signer:
    """The login that a desk's configuration describes."""
    match auth:
        case BasicAuth():
            word = base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
            return Fixed({"Authorization": f"Basic {word}"})
        case HeaderAuth():
            return Fixed({auth.header: auth.value})
        case ClientAuth():
            return ClientTokens(auth)
        case SessionAuth():
            return LoginSession(auth)


@dataclass(frozen=True)
class Fixed(Signer):
    """The same headers in every request."""

    headers: Signature = field(repr=False)

    def sign(self, session: Session) -> Signature:  # noqa: ARG002 - the signature of all logins
        return self.headers

    def renew(self, refused: Signature) -> bool:  # noqa: ARG002 - the signature of all logins
        return False


class Renewed(Signer, ABC):
    """Headers for all threads, fetched anew when they end or are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Signature | None = None
        self._until: float | None = None

    def __repr__(self) -> str:
        return type(self).__name__

    def sign(self, session: Session) -> Signature:
        with self._lock:
            ended = self._until is not None and session.monotonic() >= self._until
            if self._current is None or ended:
                fetched = self._fetch(session)
                if isinstance(fetched, BridgeError):
                    raise fetched
                self._current = fetched
            return self._current

    def renew(self, refused: Signature) -> bool:
        with self._lock:
            if refused is self._current:
                self._current = None
        return True

    @abstractmethod
    def _fetch(self, session: Session) -> Signature | BridgeError:
        """New headers, or why there are none."""


class ClientTokens(Renewed):
    """OAuth client credentials; a little before a token ends the next one is fetched."""

    def __init__(self, auth: ClientAuth) -> None:
        super().__init__()
        self._auth = auth

    def _fetch(self, session: Session) -> Signature | BridgeError:
        auth, settings, asked_at = self._auth, session.settings, session.monotonic()
        form = {"grant_type": "client_credentials", "client_id": auth.client_id, "client_secret": auth.client_secret}
        try:
            response = requests.post(
                auth.token_url,
                data={**form, **({"scope": auth.scope} if auth.scope else {}), **auth.extra},
                auth=_unsigned,
                timeout=(settings.connect_timeout, settings.timeout),
                verify=str(settings.ca_file) if settings.ca_file else True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return TryLater(f"no access token for {session.desk} ({type(error).__name__})", desk=session.desk)
        status, told = response.status_code, loaded(response.content)
        if status in {400, 401, 403}:
            return _refused(session, status)
        token = told.get("access_token") if isinstance(told, dict) else None
        if status != 200 or not isinstance(token, str) or not token:
            return TryLater(f"no access token for {session.desk}: it was answered {status}", desk=session.desk)
        self._until = _end(told.get("expires_in"), asked_at)
        return {"Authorization": f"Bearer {token}"}


class LoginSession(Renewed):
    """A login that yields a token or a cookie; it is made again when the portal refuses what it yielded."""

    def __init__(self, auth: SessionAuth) -> None:
        super().__init__()
        self._auth = auth

    def _fetch(self, session: Session) -> Signature | BridgeError:
        auth = self._auth
        values = {"username": auth.username, "password": auth.password, "settings": dict(session.settings.settings)}
        request = render(auth.call, values)
        try:
            response, content = session.unsigned(
                Request(request.method, request.path, {}, request.headers, request.body)
            )
        except OutcomeUnknown as error:
            # Nothing of what is to be done was begun by it.
            return TryLater(f"no login at {session.desk}: {error.message}", desk=session.desk)
        status = response.status_code
        if status in {400, 401, 403}:
            return _refused(session, status)
        if status >= 400:
            return TryLater(f"no login at {session.desk}: it was answered {status}", desk=session.desk)
        if auth.token is None:
            cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
            return {"Cookie": cookies} if cookies else _nothing(session)
        token = text_of(auth.token.of(loaded(content)))
        return {auth.header: f"{auth.prefix}{token}"} if token else _nothing(session)


def _refused(session: Session, status: int) -> BridgeError:
    remedy = "check rest.auth: the portal does not know this user or client"
    return LoginRefused(f"{session.desk} refused the login ({status})", status=status, remedy=remedy, desk=session.desk)


def _nothing(session: Session) -> BridgeError:
    remedy = "correct rest.auth: where the answer has the token"
    return LoginRefused(f"the login at {session.desk} yields nothing", remedy=remedy, desk=session.desk)


def _end(seconds: object, asked_at: float) -> float | None:
    """When a token is renewed, by the monotonic clock; None where nobody says how long it lasts."""
    try:
        lifetime = float(str(seconds))
    except ValueError:
        return None
    return asked_at + lifetime - min(_EARLY_SECONDS, _EARLY_SHARE * lifetime)


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nothing; its presence keeps requests from looking for credentials in a .netrc file."""
    return request
