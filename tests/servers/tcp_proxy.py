"""A TCP proxy on loopback that breaks the wire on command: cut, stall, or lose the answer."""

import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Self

from tests.servers.processes import LOOPBACK

#: SO_LINGER of zero seconds: closing sends RST, what a client sees when the far side dies.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
CHUNK = 65536


class Fault(enum.Enum):
    """What the wire does, to connections that are open and to those that come."""

    NONE = "everything passes"
    CUT = "open connections are reset at once, new ones as soon as they are made"
    STALL = "nothing passes either way, and nothing is closed, until the fault is lifted"
    DROP_ANSWER = "what the client says arrives; the next answer is lost, with its connection"


class FaultProxy:
    """Stands before a server on loopback; use as a context manager.

    Args:
        upstream_port: the server's.
    """

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._changed = threading.Condition()
        self._fault = Fault.NONE
        self._closed = False
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        #: Where clients connect instead of to the server.
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # Only a connection wakes accept() everywhere.
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        self._threads[0].join()
        self._listener.close()
        self._reset_all()
        for thread in self._threads:
            thread.join()

    def set(self, fault: Fault) -> None:
        """From now on the wire behaves like this."""
        with self._changed:
            self._fault = fault
            self._changed.notify_all()
        if fault is Fault.CUT:
            self._reset_all()

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """The wire behaves like this for the length of the block, and is whole again afterwards."""
        self.set(fault)
        try:
            yield
        finally:
            self.set(Fault.NONE)

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._closed:
                reset(client)
                return
            try:
                if self._fault is Fault.CUT:
                    raise ConnectionRefusedError
                server = socket.create_connection((LOOPBACK, self._upstream_port))
            except OSError:
                reset(client)
            else:
                self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with self._changed:
            self._open |= {client, server}
        answers = self._start(self._pump_answers, server, client)
        self._start(self._pump_requests, client, server, answers)

    def _pump_requests(self, client: socket.socket, server: socket.socket, answers: threading.Thread) -> None:
        try:
            while data := client.recv(CHUNK):
                self._wait_while_stalled()
                server.sendall(data)
            self._pass_end_on(server)
        except OSError:  # one side is gone: so is the other
            self._end(reset, client, server)
        answers.join()
        self._end(socket.socket.close, client, server)

    def _pump_answers(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(CHUNK):
                if self._wait_while_stalled() is Fault.DROP_ANSWER:
                    raise ConnectionAbortedError
                client.sendall(data)
            self._pass_end_on(client)
        except OSError:
            self._end(reset, client, server)

    def _wait_while_stalled(self) -> Fault:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fault is not Fault.STALL)
            if self._closed:
                raise ConnectionAbortedError
            return self._fault

    def _pass_end_on(self, target: socket.socket) -> None:
        with self._changed:
            if target in self._open:  # else the end is our own reset's, which the far side must see as one
                target.shutdown(socket.SHUT_WR)

    def _reset_all(self) -> None:
        with self._changed:
            connections = list(self._open)
        self._end(reset, *connections)

    def _end(self, how: Callable[[socket.socket], None], *connections: socket.socket) -> None:
        with self._changed:
            ours = self._open.intersection(connections)
            self._open -= ours
        for connection in ours:
            how(connection)


def reset(connection: socket.socket) -> None:
    """Ends a connection with RST."""
    with contextlib.suppress(OSError):  # the other pump was faster
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        # Closing alone does not wake a thread that waits in recv().
        connection.shutdown(socket.SHUT_RD)
    connection.close()
