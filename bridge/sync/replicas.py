"""Replicas: each gives signs of life, counts those of the others, and takes its part of what all share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

import structlog

log = structlog.get_logger()

RUN = "run"
#: a machine that is busy is not dead
_SHORTEST = timedelta(seconds=10)


class Presence(Protocol):
    """Signs of life in the store."""

    def beat(self, worker: str, what: str = "") -> None:
        """This worker lives."""
        ...

    def leave(self, worker: str) -> None:
        """This worker ends."""
        ...

    def living(self, what: str, within: timedelta) -> int:
        """How many gave a sign of life within some time."""
        ...


class Replica:
    """One `run` among others on the same store.

    Args:
        reading, writing: a transaction that only reads, and one that writes.
        worker: its name among the workers.
        every: between two signs of life; one that gave none for three times as long counts as dead.
        share_among: is told how many replicas live, whenever that has changed.
    """

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Presence]],
        writing: Callable[[], AbstractContextManager[Presence]],
        worker: str,
        *,
        every: timedelta,
        share_among: Callable[[int], None],
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._worker = worker
        self._expiry = max(3 * every, _SHORTEST)
        self._share_among = share_among
        self._living = 1
        self.every = every

    def beat(self) -> None:
        """Leave a sign of life, which `health` and the other replicas read."""
        with self._writing() as tx:
            tx.beat(self._worker, RUN)

    def share(self) -> None:
        """Take as large a part as there are replicas now."""
        with self._reading() as tx:
            living = max(1, tx.living(RUN, self._expiry))
        if living != self._living:
            self._living = living
            self._share_among(living)
            log.info("calls_shared", worker=self._worker, replicas=living)

    def leave(self) -> None:
        """Let the others have this one's part at once."""
        with self._writing() as tx:
            tx.leave(self._worker)
