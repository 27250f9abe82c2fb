"""The wire: HTTP/1.1 with keep-alive, and full control over when a socket is cut, for the faults."""

from __future__ import annotations

import gzip
import io
import secrets
import select
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bridge.sandbox.servicenow.instance import Instance
from bridge.sandbox.servicenow.ledger import Entry
from bridge.sandbox.servicenow.strikes import Struck, strike
from bridge.sandbox.servicenow.web import ApiError, Request, Response

#: How often a waiting fault looks whether the client has gone, in seconds.
_LOOK_EVERY = 0.02
_IDLE_TIMEOUT = 120
_HTML_TOO_LONG = b"<html><head><title>Request-URI Too Long</title></head><body><h1>HTTP Status 414</h1></body></html>"


_Socket = socket.socket | tuple[bytes, socket.socket]


class Server(ThreadingHTTPServer):
    """One listening socket of one instance."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, instance: Instance, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """`port=0` takes a free one. With `tls` it speaks https."""
        super().__init__((host, port), Handler)
        self.instance = instance
        self._tls = tls
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """The address that clients use."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self.server_address[0]!s}:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept; the handshake is left to the connection's own thread, so that a silent client holds up nobody."""
        accepted, address = super().get_request()
        if self._tls is None:
            return accepted, address
        return self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: _Socket, client_address: object) -> None:
        """A client that goes away is nothing to report; anything else is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | ssl.SSLError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads requests, lets faults strike, and writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _IDLE_TIMEOUT
    server: Server
    #: Seconds that the last request waited for its session and for the node.
    _waited = 0.0

    def setup(self) -> None:
        """Shake hands, within the idle time, when the server speaks TLS."""
        super().setup()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.do_handshake()

    def version_string(self) -> str:
        """The Server header of real answers."""
        return "ServiceNow"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The ledger is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header shows the instance's clock."""
        del timestamp
        return self.server.instance.clock.http_date()

    def _serve(self) -> None:
        started = time.monotonic()
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        refusal = self._read_body(request)
        instance = self.server.instance
        if request.path.startswith("/sandbox/"):
            self.send(refusal or instance.handle(request))
            return
        entry = instance.ledger.open(request)
        response = None
        try:
            response = self._answer(request, entry, refusal)
        finally:
            # Before the answer leaves: who has it and then reads the ledger must find it there.
            status = response.status if response else None
            instance.ledger.close(entry, status, int((time.monotonic() - started) * 1000))
        if response:
            self.send(response)
        else:
            self.cut(reset=(entry.fault or {}).get("kind") != "half_answer")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - the base class names them so

    def _answer(self, request: Request, entry: Entry, refusal: Response | None) -> Response | None:
        """The answer to send, or None when the connection is to be cut."""
        instance = self.server.instance
        refusal = refusal or instance.refusal(request)
        if refusal:
            entry.user = request.user
            return refusal
        arrived = time.monotonic()
        with instance.gates.passing(request) as dropped:
            self._waited = time.monotonic() - arrived
            return dropped or self._answer_or_fault(request, entry)

    def _answer_or_fault(self, request: Request, entry: Entry) -> Response | None:
        fault = self.server.instance.faults.take(request)
        if fault is None:
            return self.server.instance.handle(request, entry)
        entry.fault = {"rule": fault.rule, "kind": fault.kind, **fault.parameters}
        return strike(fault, Struck(self.server.instance, request, entry, self))

    def _read_body(self, request: Request) -> Response | None:
        """Read the body; an answer instead, when the request is refused for its size or form."""
        settings = self.server.instance.settings
        if len(self.path) > settings.max_uri:
            self.close_connection = True
            return Response(414, _HTML_TOO_LONG, content_type="text/html;charset=UTF-8")
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            request.body = self._chunks()
            return None
        text = self.headers.get("Content-Length", "0").strip()
        if not (text.isascii() and text.isdigit()):
            self.close_connection = True
            return Response.error(ApiError(400, "Exception while reading request", "Invalid Content-Length"))
        limit = settings.max_attachment if "/attachment" in request.path else settings.max_body
        if int(text) > limit:
            self.close_connection = True
            detail = f"Rejected large REST payload with content-length = {text} bytes. Max allowed: {limit} bytes."
            return Response.error(ApiError(400, "Exception while reading request", detail))
        request.body = self.rfile.read(int(text))
        return None

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while True:
            size = int(self.rfile.readline().split(b";")[0].strip() or b"0", 16)
            part = self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return b"".join(parts)
            parts.append(part)

    def send(self, response: Response, share: float = 1.0) -> None:
        """Write an answer, or with `share` below one only that share of its body under the full length."""
        body = response.body
        timing = {"Server-Timing": f"sem_wait;dur={int(self._waited * 1000)}, sesh_wait;dur=0"}
        about = {"X-Is-Logged-In": str(response.status != 401).lower(), "X-Transaction-ID": secrets.token_hex(6)}
        headers = {"Content-Type": response.content_type, **about, **_COMMON, **timing, **response.headers}
        if self._compresses(body):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value.replace("\r", " ").replace("\n", " "))
        self._send_cookies()
        chunked = self.server.instance.settings.chunked and bool(body) and self.request_version == "HTTP/1.1"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif response.status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if response.status != 204 and self.command != "HEAD":
            sent = _in_chunks(body) if chunked else body
            self.wfile.write(sent[: int(len(sent) * share)] if share < 1 else sent)
        self.wfile.flush()

    def _compresses(self, body: bytes) -> bool:
        accepted = "gzip" in self.headers.get("Accept-Encoding", "")
        return self.server.instance.settings.gzip and accepted and len(body) > 256

    def _send_cookies(self) -> None:
        if "Cookie" not in self.headers and "Authorization" in self.headers:
            session = f"{time.monotonic_ns():032X}"
            self.send_header("Set-Cookie", f"JSESSIONID={session}; Path=/; HttpOnly")
            self.send_header("Set-Cookie", f"glide_user_route=glide.{session.lower()}; Path=/; HttpOnly")
            self.send_header("Set-Cookie", f"glide_session_store={session}; Max-Age=1800; Path=/; HttpOnly")

    def cut(self, *, reset: bool = True) -> None:
        """End the connection at once: with a reset, or in order so that what was sent still arrives."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        # The socket ends only when nothing refers to it any more; the base class still flushes `wfile` afterwards.
        self.rfile.close()
        self.wfile.close()
        self.wfile = io.BytesIO()

    def wait(self, seconds: float, *, until_gone: bool) -> bool:
        """Wait, at most until the client has gone or the server stops; tells whether the client has gone."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.server.stopping.is_set():
            if until_gone and self._is_gone():
                return True
            self.server.stopping.wait(min(left, _LOOK_EVERY if until_gone else left))
        return until_gone and self._is_gone()

    def _is_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        if isinstance(self.connection, ssl.SSLSocket):
            return True  # a client that waits for its answer says nothing more than that it closes
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


def _in_chunks(body: bytes) -> bytes:
    """A body as RFC 9112 wants it in chunks, with the empty one that ends it."""
    parts = (body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


_CHUNK = 8192

#: Headers that real answers carry.
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
}
