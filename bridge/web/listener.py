"""A listener of its own thread: served while the service runs, and drained with it."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

import structlog
import uvicorn
from starlette.applications import Starlette

from bridge.domain.errors import ConfigurationError

_AT_ONCE = 64
_DRAIN = 10
_START = 10.0

log = structlog.get_logger()


class Listener:
    """Serves an application on one address. Use it as a context manager, in a process whose signals are its own.

    Raises `ConfigurationError` on entering when the address cannot be taken.
    """

    def __init__(self, app: Starlette, host: str, port: int, name: str) -> None:
        self._name = name
        self._place = (host, port)
        self._socket: socket.socket | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=True,
                limit_concurrency=_AT_ONCE,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=_DRAIN,
                h11_max_incomplete_event_size=16_384,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(target=self._serve, name=f"listener/{name}", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1]) if self._socket else self._place[1]

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(self._place)
        except OSError as error:
            found.close()
            raise ConfigurationError(
                f"the {self._name} listener cannot use {self._place[0]}:{self._place[1]} ({error.strerror})",
                remedy=f"free the port, or set web.{self._name} to another",
            ) from error
        self._socket = found
        self._thread.start()
        until = time.monotonic() + _START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise ConfigurationError(
                    f"the {self._name} listener does not start", remedy="see the log for what it stumbled over"
                )
            time.sleep(0.01)
        log.info("listener_started", listener=self._name, host=self._place[0], port=self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(_DRAIN + 1)
        if self._socket is not None:
            self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket] if self._socket else None)
