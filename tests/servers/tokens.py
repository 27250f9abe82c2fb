"""A token server on loopback, over https: what msal asks an OpenID provider, and introspection for mail servers.

OpenID Connect Discovery 1.0; RFC 6749 (client credentials, refresh), 7523 (a client proves itself by a signed
assertion), 7662 (introspection), 8628 (device code). A refresh token is good once.
"""

import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography import x509

from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK
from tests.servers.serving import serving

TENANT = "/a-tenant"
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Form = dict[str, str]
Answer = tuple[int, object]


@dataclass(frozen=True)
class Access:
    """One access token: whose mailbox it opens, and until when."""

    mailbox: str
    until: float


#: token -> what it opens; what mail servers are told
Registry = dict[str, Access]


@dataclass
class Provider:
    """What the server knows, what it was asked, and how it misbehaves."""

    registry: Registry

    #: client -> secret
    secrets: dict[str, str] = field(default_factory=dict)
    #: client -> its certificate, PEM
    certificates: dict[str, str] = field(default_factory=dict)
    #: client -> the mailbox that its own tokens open
    mailboxes: dict[str, str] = field(default_factory=dict)
    #: who types in the device code; nobody yet
    person: str = ""
    #: seconds for which tokens are said to be good
    lifetime: int = 3600
    #: seconds for which they are
    really: int = 3600
    #: answered to everybody instead of anything else
    broken: int = 0
    #: answered instead of a token
    nonsense: object = None
    given: list[str] = field(default_factory=list)
    refresh: dict[str, str] = field(default_factory=dict)
    #: the forms of the token requests, oldest first
    asked: list[Form] = field(default_factory=list)

    def revoke(self) -> None:
        """No mail server takes any token that was given so far."""
        for token in self.given:
            self.registry.pop(token, None)

    def answer(self, base: str, path: str, form: Form) -> Answer:
        """What is answered to a form at a path; `base` is our own address."""
        if self.broken:
            return self.broken, {"error": "server_error"}
        match path:
            case "/.well-known/openid-configuration":
                return 200, _discovery(base)
            case "/devicecode":
                code = {"device_code": secrets.token_hex(8), "user_code": "ABCD-EFGH", "interval": 1}
                return 200, {
                    **code,
                    "expires_in": 60,
                    "verification_uri": f"{base}/device",
                    "message": f"open {base}/device and type ABCD-EFGH",
                }
            case "/token":
                self.asked.append(form)
                return (200, self.nonsense) if self.nonsense is not None else self._token(base, form)
            case _:
                return 404, {"error": "not_found"}

    def _token(self, base: str, form: Form) -> Answer:
        client = form.get("client_id", "")
        match form.get("grant_type"):
            case "client_credentials":
                if not self._proves(base, form):
                    return 401, {"error": "invalid_client", "error_description": f"no: {form.get('client_secret')}"}
                return 200, self._given(self.mailboxes[client])
            case "refresh_token":
                person = self.refresh.pop(form["refresh_token"], "")
                return (200, self._delegated(base, client, person)) if person else (400, {"error": "invalid_grant"})
            case grant if grant == _DEVICE:
                if not self.person:
                    return 400, {"error": "authorization_pending"}
                return 200, self._delegated(base, client, self.person)
            case _:
                return 400, {"error": "unsupported_grant_type"}

    def _proves(self, base: str, form: Form) -> bool:
        client = form["client_id"]
        if form.get("client_assertion_type") != _ASSERTED:
            return self.secrets.get(client, "") == form.get("client_secret")
        key = x509.load_pem_x509_certificate(self.certificates[client].encode()).public_key()
        try:
            claims = jwt.decode(
                form["client_assertion"],
                key,  # type: ignore[arg-type]  # the tests' certificates are of RSA keys
                ["PS256", "RS256"],
                audience=f"{base}/token",
            )
        except jwt.InvalidTokenError:
            return False
        return bool(claims["iss"] == client)

    def _given(self, mailbox: str) -> dict[str, object]:
        token = f"access-{secrets.token_hex(12)}"
        self.given.append(token)
        self.registry[token] = Access(mailbox, time.time() + self.really)
        return {"token_type": "Bearer", "access_token": token, "expires_in": self.lifetime}

    def _delegated(self, base: str, client: str, person: str) -> dict[str, object]:
        again, now = f"refresh-{secrets.token_hex(12)}", int(time.time())
        self.refresh[again] = person
        claims = {"iss": base, "sub": person, "aud": client, "iat": now, "exp": now + 600}
        shown = jwt.encode({**claims, "preferred_username": person}, "a key that nobody asks for, and long enough")
        return {**self._given(person), "refresh_token": again, "id_token": shown, "scope": "mail"}


def _discovery(base: str) -> dict[str, object]:
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/devicecode",
    }


def _introspected(registry: Registry, token: str) -> Answer:
    """What a mail server learns about a token (RFC 7662, 2.2)."""
    found = registry.get(token)
    if found is None or found.until < time.time():
        return 200, {"active": False}
    return 200, {"active": True, "email": found.mailbox}


class _Server(ThreadingHTTPServer):
    """Answers forms."""

    daemon_threads = True

    def __init__(self, port: int, answer: Callable[[str, str, Form], Answer]) -> None:
        super().__init__((LOOPBACK, port), _Conversation)
        self.answer = answer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts another authority hangs up: that is what it should do."""


class _Conversation(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        self._say({})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._say({name: values[0] for name, values in parse_qs(content).items()})

    def _say(self, form: Form) -> None:
        base = f"https://{LOOPBACK}:{self.server.server_port}{TENANT}"
        status, body = self.server.answer(base, self.path.removeprefix(TENANT), form)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: standard error belongs to the tests."""


@contextmanager
def running_token_server(provider: Provider, certificates: Certificates, port: int = 0) -> Iterator[str]:
    """A token server for the length of the block; yields its address, as `mail.auth.authority` names it.

    Args:
        provider: what it knows.
        certificates: what it shows.
        port: a free one if it is left out.
    """
    server = _Server(port, provider.answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server):
        yield f"https://{LOOPBACK}:{server.server_port}{TENANT}"


@contextmanager
def running_introspection(registry: Registry) -> Iterator[str]:
    """What mail servers on this machine ask about tokens, without TLS; yields its address."""
    server = _Server(0, lambda _base, _path, form: _introspected(registry, form["token"]))
    with serving(server):
        yield f"http://{LOOPBACK}:{server.server_port}/introspect"
