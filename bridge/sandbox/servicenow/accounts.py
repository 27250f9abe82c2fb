"""Who may log in: passwords, roles, and the bearer tokens of OAuth."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bridge.sandbox.servicenow.clock import UnknownTimeZone, zone
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.web import ApiError, Request

#: Header or query parameter that carries an API key.
API_KEY = "x-sn-apikey"
#: The realm of the platform's challenge.
CHALLENGE = {"WWW-Authenticate": 'BASIC realm="Service-now"'}


@dataclass(frozen=True)
class Actor:
    """The user on whose behalf a request runs."""

    sys_id: str
    user_name: str
    roles: tuple[str, ...]
    zone: ZoneInfo

    @property
    def is_admin(self) -> bool:
        """Whether the user is an administrator."""
        return "admin" in self.roles


@dataclass
class Token:
    """A bearer or refresh token and the monotonic second at which it ends."""

    user_name: str
    expires: float


@dataclass
class OAuthClient:
    """An application of the OAuth registry; client_credentials acts as `user_name`."""

    client_id: str
    client_secret: str
    user_name: str
    #: Public keys in PEM form, one of which must have signed an assertion.
    public_keys: list[str] = field(default_factory=list)


@dataclass
class Accounts:
    """Passwords and tokens; the users themselves are rows of `sys_user`."""

    database: Database
    client: OAuthClient
    #: Seconds that an access token lives. The platform's default is half an hour, told as one second less.
    token_lifetime: float = 1800
    refresh_lifetime: float = 8640000
    passwords: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}
        self._api_keys: dict[str, str] = {}

    def actor(self, user_name: str) -> Actor | None:
        """The user of that login name, if it exists and is active."""
        rows = self.database.rows(
            "SELECT sys_id, user_name, time_zone FROM sys_user WHERE user_name = ? AND active = 'true'", (user_name,)
        )
        if not rows or not user_name:
            return None
        sys_id, name, time_zone = rows[0]
        try:
            where = zone(time_zone)
        except UnknownTimeZone:
            where = zone("UTC")
        return Actor(sys_id, name, self.roles(sys_id), where)

    def roles(self, sys_id: str) -> tuple[str, ...]:
        """The names of the roles of a user."""
        sql = (
            "SELECT r.name FROM sys_user_has_role h JOIN sys_user_role r ON r.sys_id = h.role WHERE h.user = ? "
            "ORDER BY r.name"
        )
        return tuple(row[0] for row in self.database.rows(sql, (sys_id,)))

    def authenticate(self, request: Request) -> Actor:
        """The user of a request, by Basic, Bearer or API key. Raises 401."""
        user_name = self._user_name(request)
        actor = self.actor(user_name) if user_name else None
        if actor is None:
            raise ApiError(401, "User Not Authenticated", "Required to provide Auth information", CHALLENGE)
        request.user = actor.user_name
        return actor

    def claimed(self, request: Request) -> str:
        """The login name that a request proves; empty for nobody."""
        return self._user_name(request) or ""

    def _user_name(self, request: Request) -> str | None:
        bearer = request.bearer_token()
        if bearer is not None:
            return self._token_user(self._access, bearer)
        api_key = request.headers.get(API_KEY) or request.parameters.get(API_KEY)
        if api_key:
            return self._api_keys.get(api_key)
        basic = request.basic_credentials()
        return basic[0] if basic and self.password_is(*basic) else None

    def password_is(self, user_name: str, password: str) -> bool:
        """Whether that is the user's password."""
        known = self.passwords.get(user_name.lower())
        return known is not None and secrets.compare_digest(known.encode(), password.encode())

    def set_password(self, user_name: str, password: str) -> None:
        """Give a user a password."""
        self.passwords[user_name.lower()] = password

    def user_called(self, name: str) -> str | None:
        """The login name of a user whom an assertion names by login name, mail address or sys_id; None for nobody."""
        sql = "SELECT user_name FROM sys_user WHERE ? IN (user_name, email, sys_id) AND user_name <> '' LIMIT 1"
        found = self.database.scalar(sql, (name,))
        return str(found) if found else None

    def issue_api_key(self, user_name: str, key: str = "") -> str:
        """An API key for a user; made at random when none is given."""
        key = key or secrets.token_urlsafe(32)
        with self._lock:
            self._api_keys = {**self._api_keys, key: user_name}
        return key

    def issue(self, user_name: str) -> tuple[str, str]:
        """A new access token and refresh token for a user."""
        now = time.monotonic()
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        with self._lock:
            self._access[access] = Token(user_name, now + self.token_lifetime)
            self._refresh[refresh] = Token(user_name, now + self.refresh_lifetime)
        return access, refresh

    def refresh_user(self, token: str) -> str | None:
        """The user of a refresh token that still lives."""
        return self._token_user(self._refresh, token)

    def revoke_all(self) -> None:
        """End every access token now; refresh tokens live on."""
        with self._lock:
            self._access.clear()

    def _token_user(self, tokens: dict[str, Token], value: str) -> str | None:
        with self._lock:
            token = tokens.get(value)
        return token.user_name if token and time.monotonic() < token.expires else None
