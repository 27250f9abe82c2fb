"""A breaker for each recipient: one that cannot be reached is left alone for a while, and people are told once."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class Breakers:
    """Counts failures in a row by recipient; safe for several threads. What it knows ends with the process."""

    def __init__(self, after: int, pause: timedelta) -> None:
        self._after = after
        self._pause = pause
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, datetime] = {}

    def failed(self, recipient: str, now: datetime) -> bool:
        """One more passing failure; True if it opens the breaker."""
        with self._lock:
            self._failures[recipient] = self._failures.get(recipient, 0) + 1
            if self._failures[recipient] < self._after:
                return False
            opens = self._open_until.get(recipient, now) <= now
            self._open_until[recipient] = now + self._pause
            return opens

    def worked(self, recipient: str) -> None:
        """The recipient can be reached: closed, and the count starts again."""
        with self._lock:
            self._failures.pop(recipient, None)
            self._open_until.pop(recipient, None)

    def open(self, now: datetime) -> frozenset[str]:
        """The recipients to leave alone now. After the pause one attempt shows whether it can stay closed."""
        with self._lock:
            return frozenset(recipient for recipient, until in self._open_until.items() if until > now)
