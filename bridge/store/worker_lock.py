"""One worker process beside a SQLite file: a lock that the kernel releases when the process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from bridge.domain.errors import StoreError


class WorkerLock:
    """Holds `<database>.worker` (flock(2)) until closed; raises `StoreError` if another process holds it."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".worker")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"another worker (process {holder}) uses {database}",
                remedy="SQLite serves one worker; stop it first, or use PostgreSQL for several",
            ) from None
        os.truncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def close(self) -> None:
        """Let another worker start."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
