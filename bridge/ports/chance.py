"""Time and chance, which the core never takes for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of the present time."""

    def now(self) -> datetime:
        """The present, an aware UTC datetime."""
        ...


class Random(Protocol):
    """The only source of chance (jitter, salts, worker names)."""

    def uniform(self, low: float, high: float) -> float:
        """A float between the two."""
        ...

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...
