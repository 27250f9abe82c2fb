"""Manners towards an instance that others need too: how many calls at once, how many an hour, and when none at all.

The limits are those of the whole installation. Each process counts its own calls, and allows itself its part of them:
as large a part as there are replicas, which it is told from time to time.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from bridge.domain.errors import CallBudgetSpent, NotBegun, TryLater

_log = structlog.get_logger(__name__)

_HOUR = 3600.0
#: calls of the last hour are counted by the minute
_MINUTE = 60.0
#: answers in a row after which one more call at once is tried again
_RECOVERY = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What all replicas together allow themselves."""

    #: requests at the same time; a node serves four and queues fifty (KB0546297)
    concurrency: int = 4
    #: seconds to wait for a turn: a write that waited longer would outlast its lease
    patience: float = 10.0
    #: calls an hour that low priority work respects; None is no limit
    calls_per_hour: int | None = None
    #: the part of them after which work of low priority waits, so that the rest is there for the cases
    low_priority_share: float = 0.5
    #: calls in a row without a usable answer after which the instance is left alone, and for how many seconds
    breaker_after: int = 10
    breaker_pause: float = 30.0


class Manners:
    """Asked before each call and told of each answer. Safe for use by several threads."""

    def __init__(self, limits: Limits, *, monotonic: Callable[[], float]) -> None:
        self._slots = _Slots(limits.concurrency, limits.patience)
        self._gate = _Gate(limits, monotonic)
        self._hour = _Hour(limits, monotonic)

    @contextlib.contextmanager
    def turn(self, *, low_priority: bool) -> Iterator[None]:
        """One call. Raises `TryLater` (`CallBudgetSpent`) instead, when nothing may be sent now."""
        with self._slots.one():
            if low_priority:
                self._hour.allow()
            self._gate.enter()
            try:
                self._hour.count()
                yield
            finally:
                self._gate.leave()

    def served(self) -> None:
        """The instance answered as one that works, be it with a refusal."""
        self._slots.served()
        self._gate.served()

    def unwell(self) -> None:
        """It did not answer, or with an error of its own, a web page, or nothing."""
        self._gate.unwell()

    def crowded(self) -> None:
        """429 without a rate rule: its queue for requests is full, so fewer are sent at once (KB0546297)."""
        self._slots.crowded()

    def asked_to_wait(self, seconds: float) -> None:
        """Retry-After: nothing is sent by anybody until then."""
        self._gate.close(seconds)

    def share_among(self, replicas: int) -> None:
        """From now on this process is one of so many; each may make at least one call at once."""
        self._slots.share_among(replicas)
        self._hour.share_among(replicas)

    def calls_left(self) -> int | None:
        """How many calls work of low priority may still make now; None without a limit."""
        return self._hour.left()


class _Slots:
    """A number of calls at once, halved when the instance is crowded and slowly raised again."""

    def __init__(self, most: int, patience: float) -> None:
        self._patience = patience
        self._all = self._most = self._limit = most
        self._busy = self._good = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._busy < self._limit, self._patience):
                raise NotBegun("every call that may be made at once is under way", retry_after=1.0)
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def share_among(self, replicas: int) -> None:
        with self._changed:
            most = max(1, self._all // replicas)
            # What a crowded instance took away is given back by good answers alone.
            self._limit = most if self._limit >= self._most else min(self._limit, most)
            self._most = most
            self._changed.notify_all()

    def crowded(self) -> None:
        with self._changed:
            self._limit, self._good = max(1, self._limit // 2), 0
            limit = self._limit
        _log.warning("servicenow_crowded", calls_at_once=limit)

    def served(self) -> None:
        with self._changed:
            self._good += 1
            if self._good >= _RECOVERY and self._limit < self._most:
                self._limit, self._good = self._limit + 1, 0
                self._changed.notify_all()


class _Gate:
    """Closed while the instance asked for it, or after too many failures in a row; then one call tries first."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._closed_until = 0.0
        self._failures = 0
        #: the thread whose call shows whether a broken instance works again
        self._probing: int | None = None

    def enter(self) -> None:
        with self._lock:
            left = self._closed_until - self._monotonic()
            if left > 0:
                raise TryLater("ServiceNow is left alone for a while", retry_after=left)
            if self._failures >= self._limits.breaker_after:
                if self._probing is not None:
                    raise TryLater("ServiceNow is tried by one call first", retry_after=1.0)
                self._probing = threading.get_ident()

    def leave(self) -> None:
        with self._lock:
            if self._probing == threading.get_ident():
                self._probing = None

    def served(self) -> None:
        with self._lock:
            self._failures = 0

    def unwell(self) -> None:
        with self._lock:
            self._failures += 1
            broken = self._failures >= self._limits.breaker_after
            if broken:
                self._closed_until = max(self._closed_until, self._monotonic() + self._limits.breaker_pause)
        if broken:
            _log.error("servicenow_left_alone", failures=self._failures, seconds=self._limits.breaker_pause)

    def close(self, seconds: float) -> None:
        with self._lock:
            self._closed_until = max(self._closed_until, self._monotonic() + seconds)
        _log.warning("servicenow_asked_to_wait", seconds=seconds)


class _Hour:
    """The calls of the last hour, by the minute."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._minutes: deque[tuple[float, int]] = deque()
        self._replicas = 1

    def share_among(self, replicas: int) -> None:
        with self._lock:
            self._replicas = replicas

    def count(self) -> None:
        with self._lock:
            minute = self._monotonic() // _MINUTE * _MINUTE
            if self._minutes and self._minutes[-1][0] == minute:
                self._minutes[-1] = (minute, self._minutes[-1][1] + 1)
            else:
                self._minutes.append((minute, 1))
            self._forget()

    def left(self) -> int | None:
        with self._lock:
            return self._left()

    def allow(self) -> None:
        """Raises `CallBudgetSpent` when the rest is kept for the cases."""
        with self._lock:
            left = self._left()
            if left is None or left > 0:
                return
            oldest = self._minutes[0][0] if self._minutes else self._monotonic()
            wait = oldest + _HOUR + _MINUTE - self._monotonic()
        raise CallBudgetSpent(
            "the calls left in this hour are kept for the cases",
            retry_after=max(1.0, wait),
            remedy="what was begun goes on later, or with a higher servicenow.calls_per_hour",
        )

    def _left(self) -> int | None:
        if self._limits.calls_per_hour is None:
            return None
        self._forget()
        made = sum(calls for _, calls in self._minutes)
        mine = self._limits.calls_per_hour * self._limits.low_priority_share / self._replicas
        return max(0, int(mine) - made)

    def _forget(self) -> None:
        """A minute counts until all of it is an hour ago."""
        while self._minutes and self._minutes[0][0] + _HOUR + _MINUTE <= self._monotonic():
            self._minutes.popleft()
