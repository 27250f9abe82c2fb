"""Turns of the threads of one process at writing into a SQLite file.

SQLite lets whoever waits for its write lock sleep and ask again, for up to 100 ms at a time
(`sqliteDefaultBusyCallback`), so that with several writers the lock stands idle most of the time. Here the next thread
begins as soon as the last one has committed; only other processes meet at SQLite's own lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.domain.errors import StoreUnavailable


class Turns:
    """One writer at a time; whoever waits longer than `longest` seconds gets `StoreUnavailable`."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, and give it back at the end of the block."""
        if not self._lock.acquire(timeout=self._longest):
            raise StoreUnavailable(f"another thread has been writing for {self._longest:g} seconds")
        try:
            yield
        finally:
            self._lock.release()
