"""An HTTP proxy on loopback that answers by itself when it is told to, before or after the server did its work."""

import ssl
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import requests

from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK

_HOP = {"connection", "content-length", "transfer-encoding", "content-encoding", "date", "server", "keep-alive"}


@dataclass(frozen=True)
class Injected:
    """An answer in place of the server's."""

    status: int = 500
    body: bytes = b'{"message": "something broke"}'
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    #: whether the server gets the request all the same
    arrives: bool = False
    #: only for requests of this method to paths that hold this; any if they are empty
    method: str = ""
    path: str = ""
    #: bytes that are announced and never come
    missing: int = 0


@dataclass(frozen=True)
class Asked:
    """A request that came by."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    """One to whom a client that hangs up is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class InjectingProxy:
    """Use as a context manager. `upstream` is the server's address; without one everything must be injected."""

    def __init__(self, upstream: str = "", certificates: Certificates | None = None) -> None:
        self.asked: list[Asked] = []
        self._upstream = upstream
        self._next: deque[Injected] = deque()
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.handle(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = _Server((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificates else 'http'}://{LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def inject(self, *answers: Injected) -> None:
        """Answer the next requests like this, in order."""
        with self._lock:
            self._next.extend(answers)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self._lock:
            self.asked.append(Asked(request.command, request.path, dict(request.headers), body))
            first = self._next[0] if self._next else None
            due = first is not None and first.method in {"", request.command} and first.path in request.path
            injected = self._next.popleft() if due else None
        if injected is None or injected.arrives:
            answer = requests.request(
                request.command,
                self._upstream + request.path,
                data=body,
                headers={name: value for name, value in request.headers.items() if name.lower() != "host"},
                allow_redirects=False,
                timeout=60,
            )
            if injected is None:
                headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
                self._send(request, answer.status_code, headers, answer.content)
                return
        self._send(request, injected.status, injected.headers, injected.body, injected.missing)

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes, missing: int = 0
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) + missing))
        if missing:
            request.send_header("Connection", "close")
            request.close_connection = True
        request.end_headers()
        request.wfile.write(body)
