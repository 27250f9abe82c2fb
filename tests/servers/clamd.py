"""A daemon on loopback that speaks ClamAV's INSTREAM command as clamd(8) documents it, and knows a few byte strings."""

import socket
import socketserver
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.processes import LOOPBACK
from tests.servers.serving import serving

_COMMAND = b"zINSTREAM\0"


class Daemon(socketserver.ThreadingTCPServer):
    """What it was given, what it knows, and how it misbehaves."""

    daemon_threads = True

    def __init__(self, place: Path | None) -> None:
        self.address_family = socket.AF_INET if place is None else socket.AF_UNIX
        where = (LOOPBACK, 0) if place is None else str(place)
        super().__init__(where, _Conversation)  # type: ignore[arg-type]  # the family says what an address is
        #: where clients connect: a socket's path, or host and port
        self.place: Path | tuple[str, int] = place or (LOOPBACK, self.socket.getsockname()[1])
        #: byte string -> name
        self.known: dict[bytes, str] = {}
        #: streams above are refused, as by StreamMaxLength
        self.limit = 1_000_000
        #: contents about which it says nothing, because it breaks off
        self.breaks_on = b""
        self.scanned: list[bytes] = []


class _Conversation(socketserver.StreamRequestHandler):
    server: Daemon

    def handle(self) -> None:
        if self.rfile.read(len(_COMMAND)) != _COMMAND:
            self.wfile.write(b"UNKNOWN COMMAND\0")
            return
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            if len(content) + size > self.server.limit:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
            content += self.rfile.read(size)
        self.server.scanned.append(content)
        if self.server.breaks_on and self.server.breaks_on in content:
            return
        found = next((name for what, name in self.server.known.items() if what in content), "")
        self.wfile.write(f"stream: {found} FOUND\0".encode() if found else b"stream: OK\0")


@contextmanager
def clamd(place: Path | None = None) -> Iterator[Daemon]:
    """A running daemon, at a free port unless a socket's path is given, which is gone afterwards."""
    with serving(Daemon(place)) as daemon:
        yield daemon
    if place is not None:
        place.unlink()
