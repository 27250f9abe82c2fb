"""Access tokens for mail servers, by msal: Microsoft 365 lets nobody in by a password.

msal keeps a token and fetches the next one when less than five minutes of it are left. What it does not do is done
here: a token that a mail server refused is replaced, but not over and over, a token server that said no is not asked
again at once, so that nobody is locked out by our zeal, and while it is away what is left of the last token is used.
No error and no log holds a secret or a token: of what a token server says only its error code is told.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import msal
import requests
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS
from msal.exceptions import MsalError
from requests.adapters import HTTPAdapter

from bridge.connectors.mail.token_file import LOGIN_REMEDY, TokenFile
from bridge.domain.errors import BridgeError, ConfigurationError, FarSideError, TryLater
from bridge.ports import CheckResult, CheckStatus
from bridge.settings import MailClient, MailDelegated

Answer: TypeAlias = Mapping[str, Any]

#: how long a token that came in place of a refused one is not replaced in turn
_BETWEEN_REPLACEMENTS = 600.0
#: how long a token server that said no is not asked again
_AFTER_A_NO = 60.0
#: what must be left of a token for a login that begins now
_TO_LOG_IN = 30.0
_CODE = re.compile(r"[A-Za-z0-9_]{1,60}")
_log = structlog.get_logger(__name__)

#: whatever msal raises for a server that is away, or answers with something else than an OpenID provider would
_NO_ANSWER = (requests.RequestException, MsalError, ValueError, KeyError, RuntimeError, TypeError, AttributeError)


class Applicant(Protocol):
    """Who asks for tokens."""

    #: what to look at when the token server says no
    remedy: str

    def ask(self, *, anew: bool) -> Answer | None:
        """What msal says, from its memory unless `anew`; None if there is nobody to ask for. Raises one of msal's."""
        ...

    def version(self) -> object:
        """Another value whenever a no is no longer to be reckoned with."""
        ...


class TokenKeeper:
    """One login's tokens, for all threads; implements `logins.Tokens`. `monotonic` gives seconds."""

    def __init__(self, applicant: Applicant, *, monotonic: Callable[[], float]) -> None:
        self._applicant = applicant
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._replaced_at: float | None = None
        self._no: tuple[float, object, TryLater] | None = None
        self._last, self._last_until = "", 0.0
        self._remembers_nonsense = False

    def current(self) -> str:
        """See `logins.Tokens`."""
        with self._lock:
            return self._token(anew=False)

    def instead_of(self, refused: str) -> str | None:
        """See `logins.Tokens`."""
        with self._lock:
            now = self._monotonic()
            token = self._token(anew=False)
            if token != refused:
                return token
            if self._replaced_at is not None and now - self._replaced_at < _BETWEEN_REPLACEMENTS:
                return None
            _log.info("mail_token_replaced", why="a mail server refused it")
            another = self._token(anew=True)
            self._replaced_at = now
            return another

    def check(self, name: str) -> Iterator[CheckResult]:
        """Whether there is a token."""
        try:
            self.current()
        except BridgeError as error:
            yield CheckResult(name, CheckStatus.FAILED, error.message, error.remedy)
        else:
            yield CheckResult(name, CheckStatus.OK, "the token server gave one")

    def _token(self, *, anew: bool) -> str:
        version = self._applicant.version()
        if self._no is not None:
            until, of, error = self._no
            if self._monotonic() < until and of == version:
                raise error
            self._no = None
        asked_at = self._monotonic()
        try:
            answer = self._applicant.ask(anew=anew or self._remembers_nonsense)
        except _NO_ANSWER as error:
            if not anew and asked_at < self._last_until:
                _log.warning("token_server_away", error=type(error).__name__)
                return self._last
            # Not its words: a body that is quoted there could hold anything.
            raise TryLater(
                f"the token server cannot be asked ({type(error).__name__})",
                remedy="check mail.auth and the way to the token server; mails wait until then",
            ) from None
        token = (answer or {}).get("access_token")
        if answer and isinstance(token, str) and token:
            self._remembers_nonsense = False
            self._last, self._last_until = token, asked_at + int(answer.get("expires_in", 0)) - _TO_LOG_IN
            return token
        # msal keeps whatever calls itself a token.
        self._remembers_nonsense = token is not None
        no = TryLater(f"the token server gives no token: {named(answer)}", remedy=self._applicant.remedy)
        self._no = (self._monotonic() + _AFTER_A_NO, version, no)
        raise no


class ByClient:
    """The application itself asks, by its secret or certificate."""

    remedy = "check client_id and client_secret or certificate (has it ended?) of mail.auth; mails wait until then"

    def __init__(self, auth: MailClient, http: requests.Session) -> None:
        """Raises `ConfigurationError` for a certificate that cannot be used."""
        self._auth = auth
        self._proof = _proof(auth)
        self._http = http
        self._application: msal.ConfidentialClientApplication | None = None

    def ask(self, *, anew: bool) -> Answer | None:
        """See `Applicant`."""
        try:
            if self._application is None:
                self._application = msal.ConfidentialClientApplication(
                    self._auth.client_id,
                    client_credential=self._proof,
                    http_client=self._http,
                    **_authority(self._auth.authority),
                )
            if anew:
                self._application.remove_tokens_for_client()
            answer: Answer | None = self._application.acquire_token_for_client(list(self._auth.scope))
            return answer
        finally:
            # Asked once an hour: no connection is kept for that.
            self._http.close()

    def version(self) -> object:
        """See `Applicant`: the configuration does not change."""
        return None


class ByPerson:
    """A person let the bridge have tokens; the newest of them are in a file."""

    remedy = f"{LOGIN_REMEDY} again: what was granted has ended or was taken back; mails wait until then"

    def __init__(self, auth: MailDelegated, http: requests.Session) -> None:
        self._auth = auth
        self._http = http
        self._file = TokenFile(auth.token_file)
        self._cache = msal.SerializableTokenCache()
        self._application: msal.PublicClientApplication | None = None

    def ask(self, *, anew: bool) -> Answer | None:
        """See `Applicant`; what is new is written back before it is used."""
        with self._file.locked():
            self._cache.deserialize(self._file.read())
            try:
                application = self._asking()
                account = next(iter(application.get_accounts()), None)
                if account is None:
                    return None
                answer: Answer | None = application.acquire_token_silent_with_error(
                    list(self._auth.scope), account, force_refresh=anew
                )
            finally:
                self._http.close()
                if self._cache.has_state_changed:
                    self._keep()
            return answer

    def version(self) -> object:
        """See `Applicant`: somebody may have logged in again."""
        return self._file.version()

    def login(self, show: Callable[[str], object]) -> str:
        """Have a person log in elsewhere (RFC 8628) and keep what they grant; `show` tells them how. Who it was.

        Blocks until they did. Raises `TryLater` if the token server cannot be asked, `FarSideError` if it says no.
        """
        try:
            application = self._asking()
            flow = application.initiate_device_flow(list(self._auth.scope))
            if "user_code" not in flow:
                raise FarSideError(f"the token server offers no login by code: {named(flow)}", remedy=ByClient.remedy)
            show(str(flow.get("message") or f"open {flow.get('verification_uri')} and type {flow['user_code']}"))
            answer = application.acquire_token_by_device_flow(flow)
            if "access_token" not in answer:
                raise FarSideError(f"nobody logged in: {named(answer)}", remedy="run the command again")
            account = next(iter(application.get_accounts()), None)
        except _NO_ANSWER as error:
            raise TryLater(
                f"the token server cannot be asked ({type(error).__name__})", remedy="check mail.auth"
            ) from None
        finally:
            self._http.close()
        with self._file.locked():
            self._file.write(self._cache.serialize())
        return str((account or {}).get("username") or "")

    def _keep(self) -> None:
        try:
            self._file.write(self._cache.serialize())
        except TryLater as error:
            # The token is good; but after a restart the next one may be out of reach.
            _log.error("mail_tokens_not_kept", error=str(error))

    def _asking(self) -> msal.PublicClientApplication:
        if self._application is None:
            self._application = msal.PublicClientApplication(
                self._auth.client_id,
                token_cache=self._cache,
                http_client=self._http,
                **_authority(self._auth.authority),
            )
        return self._application


@dataclass(frozen=True)
class TokenHttp:
    """How token servers are spoken to: certificates and host names are always checked. `timeout` in seconds."""

    timeout: float
    #: makes the connection's protection, such as `MailSettings.tls`
    tls: Callable[[], Any]

    def session(self) -> requests.Session:
        """For msal, which closes nothing and has no timeout of its own."""
        session = _Session(self.timeout)
        session.mount("https://", _Trusting(self.tls()))
        session.auth = _unsigned
        return session


def applicant(auth: MailClient | MailDelegated, http: TokenHttp) -> ByClient | ByPerson:
    """Who asks, as configured."""
    return ByClient(auth, http.session()) if isinstance(auth, MailClient) else ByPerson(auth, http.session())


def named(answer: Answer | None) -> str:
    """An answer without a token, by its codes only (RFC 6749, 5.2, and Microsoft's AADSTS numbers)."""
    if answer is None:
        return "nobody has logged in"
    error = str(answer.get("error", ""))
    codes = answer.get("error_codes")
    numbers = [f"AADSTS{code}" for code in codes if isinstance(code, int)] if isinstance(codes, list) else []
    return " ".join([error if _CODE.fullmatch(error) else "no reason", *numbers])


class _Session(requests.Session):
    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = timeout

    def request(self, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        """As the base class, with a timeout; a redirect would carry the secret elsewhere."""
        return super().request(*arguments, **{**options, "timeout": self._timeout, "allow_redirects": False})


class _Trusting(HTTPAdapter):
    def __init__(self, tls: object) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the base class's
        super().init_poolmanager(*arguments, **{**options, "ssl_context": self._tls})

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the base class's
        return super().proxy_manager_for(*arguments, **{**options, "ssl_context": self._tls})


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nothing; its presence keeps requests from looking for credentials in a .netrc file."""
    return request


def _authority(url: str) -> dict[str, str]:
    """Where msal asks: a cloud of Microsoft's by its own rules, any other provider by OpenID Connect Discovery."""
    is_microsoft = urlsplit(url).hostname in WELL_KNOWN_AUTHORITY_HOSTS
    return {"authority" if is_microsoft else "oidc_authority": url}


def _proof(auth: MailClient) -> str | dict[str, str]:
    if auth.client_secret is not None:
        return auth.client_secret.get_secret_value()
    pem = auth.certificate.get_secret_value() if auth.certificate is not None else ""
    if not _is_usable(pem.encode()):
        # Raised here and not while handling what the library says, which may quote the text.
        raise ConfigurationError(
            "mail.auth.certificate holds no usable certificate with its RSA key",
            remedy="write file:/path of a file with both in PEM, the key without a passphrase",
        )
    return {"private_key": pem, "public_certificate": pem}


def _is_usable(pem: bytes) -> bool:
    try:
        key, certificate = load_pem_private_key(pem, password=None), load_pem_x509_certificate(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPrivateKey) and key.public_key() == certificate.public_key()
