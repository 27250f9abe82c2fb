"""A sandbox that serves: started in a thread, or as a process of its own by `__main__`."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.sandbox.servicenow.declaring import declaration
from bridge.sandbox.servicenow.instance import Identity, Instance
from bridge.sandbox.servicenow.market_data import Market
from bridge.sandbox.servicenow.tls import Certificate, certificate
from bridge.sandbox.servicenow.wire import Server


class ServiceNowSandbox:
    """A ServiceNow on loopback. Use as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 1,
        cases: int = 0,
        identity: Identity | None = None,
        directory: Path | None = None,
        https: bool = False,
        tables: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`port=0` takes a free one. `directory` keeps the data over a restart.

        `cases` are seeded before it serves, and as many incidents, unless the directory holds data from before.

        `https` serves with a certificate of its own authority. `tables` are declared before it serves; see `declaring`.
        """
        is_new = directory is None or not directory.exists() or not any(directory.iterdir())
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
        self._folders = ExitStack()
        self.certificate = self._certificate(directory) if https else None
        self.instance = Instance(seed, identity, directory)
        for given in tables:
            self.instance.declare(declaration(self.instance.schema, given))
        for table in ("sn_customerservice_case", "incident") if cases and is_new else ():
            self.instance.seed_market(Market(cases), table, seed, self.instance.clock.now())
        tls = self.certificate.context() if self.certificate else None
        self._server = Server(self.instance, "127.0.0.1", port, tls)
        self.instance.serve_at(self._server.url)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)

    def _certificate(self, directory: Path | None) -> Certificate:
        folder = directory or Path(
            self._folders.enter_context(tempfile.TemporaryDirectory(prefix="servicenow-sandbox-"))
        )
        return certificate(folder)

    @property
    def url(self) -> str:
        """The address that clients use."""
        return self._server.url

    @property
    def description(self) -> dict[str, Any]:
        """What a client needs to know to log in, as the ready file holds it."""
        accounts = self.instance.accounts
        return {
            "url": self.url,
            "ca": str(self.certificate.ca.absolute()) if self.certificate else None,
            "admin": {"user": "admin", "password": accounts.passwords["admin"]},
            "oauth": {"client_id": accounts.client.client_id, "client_secret": accounts.client.client_secret},
        }

    def start(self) -> Self:
        """Serve, in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving. Requests that wait in a fault are let go."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
        self.instance.close()
        self._folders.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def write_ready_file(self, path: Path) -> None:
        """Tell, in one atomic step, that the sandbox serves and how to reach it. Only the owner may read the file."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(self.description, file)
        partial.replace(path)
