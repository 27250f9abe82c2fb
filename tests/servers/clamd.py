"""A daemon on loopback that speaks ClamAV's INSTREAM command as clamd(8) documents it, and knows a few byte strings."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_COMMAND = b"zINSTREAM\0"


class Daemon(socketserver.ThreadingUnixStreamServer):
    """What it was given, what it knows, and how it misbehaves."""

    daemon_threads = True

    def __init__(self, place: Path) -> None:
        super().__init__(str(place), _Conversation)
        self.place = place
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
def clamd(place: Path) -> Iterator[Daemon]:
    """A running daemon; its socket is gone afterwards."""
    with Daemon(place) as daemon:
        serving = threading.Thread(target=daemon.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield daemon
        finally:
            daemon.shutdown()
            serving.join(30)
    place.unlink()
