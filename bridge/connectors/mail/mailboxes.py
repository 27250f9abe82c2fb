"""All mailboxes of the bridge as one thing to collect from: a mail that went to several of them is one item.

They are looked into at the same time, each by itself, so that one whose server hangs holds up no other's mails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bridge.connectors.mail.keeping import Keep
from bridge.domain.errors import TryLater
from bridge.ports import CheckResult, Collector, RawItem, Watch

_log = structlog.get_logger(__name__)


class Box(Collector, Protocol):
    """One mailbox."""

    def peek(self) -> Iterator[RawItem]:
        """What `collect` would hand over now: nothing is kept, flagged or remembered. Raises `TryLater`."""
        ...

    def check(self) -> Iterator[CheckResult]:
        """Whether it can be read."""
        ...


@dataclass
class Visited:
    """A mailbox, and when it is looked into next."""

    box: Box
    #: how often; None at every pass
    every: timedelta | None = None
    watch: Watch | None = None
    _due_at: float = field(default=0.0, init=False)

    def is_due(self, now: float) -> bool:
        """Whether its time has come; `now` and later ones in seconds of one clock."""
        return now >= self._due_at

    def visited(self, now: float, tick: timedelta) -> None:
        """Remember that it was looked into. Passes are never on the second: half of one too early is in time."""
        self._due_at = now + (self.every - tick / 2).total_seconds() if self.every else 0.0

    def notice(self) -> None:
        """Something may have come: the next pass looks."""
        self._due_at = 0.0


class Mailboxes:
    """Implements `ports.Collector` for all of them.

    Args:
        name: as what all their mails are kept.
        visited: the mailboxes.
        tick: the time between two passes.
        monotonic: a clock in seconds.
    """

    def __init__(
        self, name: str, visited: Sequence[Visited], *, tick: timedelta, monotonic: Callable[[], float]
    ) -> None:
        self.name = name
        self._visited = tuple(visited)
        self._tick = tick
        self._monotonic = monotonic

    @property
    def watches(self) -> list[Watch]:
        """What notices at once when something comes."""
        return [visited.watch for visited in self._visited if visited.watch is not None]

    def collect(self, keep: Keep) -> int:
        """Collect from each whose time has come; those that are lost are named once all others are done.

        Raises `TryLater` if any was lost, and what `keep` raised if that may pass.
        """
        now = self._monotonic()
        due = [visited for visited in self._visited if visited.is_due(now)]
        for visited in due:
            visited.visited(now, self._tick)
        if len(due) <= 1:
            return sum(visited.box.collect(keep) for visited in due)
        one_by_one = _OneByOne(keep)
        with ThreadPoolExecutor(len(due), thread_name_prefix="mailbox") as pool:
            passes = [pool.submit(visited.box.collect, one_by_one) for visited in due]
        errors = {visited.box.name: made.exception() for visited, made in zip(due, passes, strict=True)}
        _raise(errors)
        return sum(made.result() for made in passes)

    def peek(self) -> Iterator[RawItem]:
        """What `collect` would hand over now, each mail once. Raises `TryLater` once all that can be had were."""
        seen: set[str] = set()
        for item in self._each(lambda box: box.peek()):
            if item.identity not in seen:
                seen.add(item.identity)
                yield item

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        """See `ports.Collector`."""
        return self._each(lambda box: box.overlooked(received, since))

    def check(self) -> Iterator[CheckResult]:
        """Whether each can be read."""
        for visited in self._visited:
            yield from visited.box.check()

    def _each(self, look: Callable[[Box], Iterator[RawItem]]) -> Iterator[RawItem]:
        errors: dict[str, BaseException | None] = {}
        for visited in self._visited:
            errors[visited.box.name] = None
            try:
                yield from look(visited.box)
            except TryLater as error:
                errors[visited.box.name] = error
        _raise(errors)


class _OneByOne:
    """Keeps for several threads; who keeps counts, and the store takes one writer at a time anyhow."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._lock = threading.Lock()

    def __call__(self, item: RawItem) -> bool:
        with self._lock:
            return self._keep(item)


def _raise(errors: dict[str, BaseException | None]) -> None:
    """What is no mailbox's own trouble as it is; else, which mailboxes were lost and why."""
    lost: dict[str, TryLater] = {}
    for name, error in errors.items():
        if isinstance(error, TryLater):
            _log.warning("mailbox_lost", mailbox=name, error=error.message)
            lost[name] = error
        elif error is not None:
            raise error
    if len(errors) == 1 == len(lost):
        raise next(iter(lost.values()))
    if lost:
        told = "; ".join(f"{name}: {error.message}" for name, error in lost.items())
        raise TryLater(told, remedy=next(iter(lost.values())).remedy)
