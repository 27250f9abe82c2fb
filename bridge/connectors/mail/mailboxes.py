"""All mailboxes of the bridge as one thing to collect from: a mail that went to several of them is one item.

They are looked into at the same time, each by itself, so that one whose server hangs holds up no other's mails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bridge.connectors.mail.keeping import Keep, KeepsTogether
from bridge.connectors.mail.logins import Patience
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
    _patience: Patience | None = field(default=None, init=False)
    #: why it was lost when it was looked into last
    lost: TryLater | None = field(default=None, init=False)

    def is_due(self, now: float) -> bool:
        """Whether its time has come; `now` and later ones in seconds of one clock."""
        return now >= self._due_at

    def visited(self, now: float, tick: timedelta) -> None:
        """Remember that it was looked into. Passes are never on the second: half of one too early is in time."""
        self._due_at = now + (self.every - tick / 2).total_seconds() if self.every else 0.0

    def ended(self, now: float, tick: timedelta, error: Exception | None) -> None:
        """Remember how that went."""
        self.lost = error if isinstance(error, TryLater) else None
        self._patience = self._patience or Patience(self.every or tick)
        if pause := self._patience.after(error):
            self._due_at = now + (pause - tick / 2).total_seconds()

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

        One that was lost and whose time has not come again is still lost: a pass without it is no good news of it.

        Raises `TryLater` if any was lost, and what `keep` raised if that may pass.
        """
        now = self._monotonic()
        due = [visited for visited in self._visited if visited.is_due(now)]
        for visited in due:
            visited.visited(now, self._tick)
        passes = [_Pass(visited.box) for visited in due]
        if len(passes) == 1:
            passes[0].run(keep)
        elif passes:
            one_by_one = _SomeBySome(keep) if isinstance(keep, KeepsTogether) else _OneByOne(keep)
            with ThreadPoolExecutor(len(passes), thread_name_prefix="mailbox") as pool:
                list(pool.map(lambda one: one.run(one_by_one), passes))
        for visited, made in zip(due, passes, strict=True):
            visited.ended(now, self._tick, made.error)
        waiting = {visited.box.name: visited.lost for visited in self._visited if visited not in due}
        _raise({**waiting, **{made.box.name: made.error for made in passes}})
        return sum(made.kept for made in passes)

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
        errors: dict[str, Exception | None] = {}
        for visited in self._visited:
            errors[visited.box.name] = None
            try:
                yield from look(visited.box)
            except TryLater as error:
                errors[visited.box.name] = error
        _raise(errors)


@dataclass
class _Pass:
    """One look into one mailbox, and how it went."""

    box: Box
    kept: int = 0
    error: Exception | None = None

    def run(self, keep: Keep) -> None:
        try:
            self.kept = self.box.collect(keep)
        except Exception as error:  # noqa: BLE001 - raised once all others are done
            self.error = error


class _OneByOne:
    """Keeps for several threads; who keeps counts, and the store takes one writer at a time anyhow."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._lock = threading.Lock()

    def __call__(self, item: RawItem) -> bool:
        with self._lock:
            return self._keep(item)


class _SomeBySome(_OneByOne):
    """The same where several can be kept at once."""

    def __init__(self, keep: KeepsTogether) -> None:
        super().__init__(keep)
        self._several = keep

    def together(self, items: Sequence[RawItem]) -> None:
        with self._lock:
            self._several.together(items)


def _raise(errors: Mapping[str, Exception | None]) -> None:
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
