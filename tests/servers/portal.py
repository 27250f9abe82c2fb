"""What the contract fakes of portals share: HTTP on loopback, a ledger of requests, a clock, and faults by script.

A contract fake is made from the published description of an interface, which its docstring names, and not from the
product. It is strict, so that what it accepts is likely to be accepted by the product; what it does beyond that
description is no evidence of anything.
"""

import base64
import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.processes import LOOPBACK


@dataclass(frozen=True)
class Asked:
    """One request; the names of its headers are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def files(self) -> list[tuple[str, str, str, bytes]]:
        """The parts of a form: field, file name (empty for a plain field), content type, content."""
        raw = f"Content-Type: {self.headers.get('content-type', '')}\r\n\r\n".encode() + self.body
        form = BytesParser(policy=HTTP).parsebytes(raw)
        parts = form.iter_parts() if form.is_multipart() else ()
        return [
            (
                str(part.get_param("name", "", "content-disposition")),
                part.get_filename() or "",
                part.get_content_type(),
                cast(bytes, part.get_payload(decode=True)),
            )
            for part in parts
        ]


@dataclass(frozen=True)
class Answer:
    """What a portal says: JSON, or bytes as they are; nothing if the body is None."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request is not carried out."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status, body, headers or {})


class Trouble(Enum):
    """What goes wrong with a request."""

    REFUSED = "it is not carried out, and answered as the fault says"
    FAILED_LATE = "it is carried out, and answered as the fault says"
    LOST = "it is carried out, and the connection ends without an answer"
    CUT = "it is carried out, and half of the answer arrives"


@dataclass
class Fault:
    """Trouble for the next requests that it fits."""

    trouble: Trouble
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    method: str = ""
    #: a regular expression that is found in the path
    path: str = ""
    times: int = 1


Handler = Callable[..., Answer]
Route = tuple[str, str, Handler]


class Portal(ABC):
    """A server of one fake. Use it as a context manager."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        #: every request with the status of its answer; 0 where none was given
        self.ledger: list[tuple[Asked, int]] = []
        self._faults: list[Fault] = []
        self._skew = timedelta()
        self._routes = [(method, re.compile(path), handler) for method, path, handler in self.routes()]
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Method, regular expression of the whole path, and what answers, by the order of asking."""

    @abstractmethod
    def authorise(self, asked: Asked) -> None:
        """Raises `Refusal` as the portal refuses who it does not know."""

    @abstractmethod
    def not_found(self) -> Answer:
        """What a path that does not exist is answered with."""

    # ── what tests do ────────────────────────────────────────────────────────────────────────────────────────────

    def fault(self, trouble: Trouble, **about: Any) -> None:
        """Trouble for the next requests that it fits."""
        with self.lock:
            self._faults.append(Fault(trouble, **about))

    def later(self, **duration: float) -> None:
        """Time passes at the portal."""
        self._skew += timedelta(**duration)

    def now(self) -> datetime:
        """The portal's clock."""
        return datetime.now(UTC) + self._skew

    def asked(self, method: str = "", path: str = "") -> list[Asked]:
        """The requests of a method whose path has something that the regular expression finds, oldest first."""
        with self.lock:
            return [one for one, _ in self.ledger if method in {"", one.method} and re.search(path, one.path)]

    # ── how it answers ───────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, asked: Asked) -> tuple[Answer, Trouble | None]:
        """The answer to a request, and what becomes of it on the way."""
        with self.lock:
            fault = self._struck(asked)
            if fault is not None and fault.trouble is Trouble.REFUSED:
                given = Answer(fault.status, fault.body, fault.headers)
            else:
                given = self._carried_out(asked)
            if fault is not None and fault.trouble is Trouble.FAILED_LATE:
                given = Answer(fault.status, fault.body, fault.headers)
            trouble = fault.trouble if fault else None
            self.ledger.append((asked, 0 if trouble is Trouble.LOST else given.status))
            return given, trouble

    def _struck(self, asked: Asked) -> Fault | None:
        for fault in self._faults:
            if fault.method in {"", asked.method} and re.search(fault.path, asked.path):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None

    def _carried_out(self, asked: Asked) -> Answer:
        try:
            self.authorise(asked)
            for method, path, handler in self._routes:
                if method == asked.method and (found := path.fullmatch(asked.path)):
                    return handler(asked, *(unquote(part) for part in found.groups()))
        except Refusal as refusal:
            return refusal.answer
        return self.not_found()


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _converse(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        answer, trouble = self.server.portal.answer(Asked(self.command, address.path, query, headers, body))
        if trouble is Trouble.LOST:
            self.close_connection = True
            return
        content = _bytes(answer.body)
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/json;charset=UTF-8"} | dict(answer.headers)).items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if trouble is Trouble.CUT:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _converse  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """The ledger has it all."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, portal: Portal) -> None:
        super().__init__((LOOPBACK, 0), _Conversation)
        self.portal = portal


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def basic(asked: Asked) -> tuple[str, str]:
    """User and password of basic authentication; empty if there is none that can be read."""
    scheme, _, given = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def whole(text: str, default: int, most: int) -> int:
    """A number in a query, at most so much; the default where there is none that can be read."""
    return min(int(text), most) if text.isdigit() else default
