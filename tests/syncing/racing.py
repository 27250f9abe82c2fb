"""Decisions at the same instant: threads that meet once they have read the same picture, before either has decided."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.domain.errors import StaleCase
from bridge.store import SqlStore

#: SQLite lets one in at a time, so that the other never comes to the meeting.
PATIENCE = 0.4


class RacingStore:
    """A store in which the first deciding transactions of two threads read before either of them writes."""

    def __init__(self, store: SqlStore, parties: int = 2) -> None:
        self._store = store
        self._barrier = threading.Barrier(parties)
        self._met: set[int] = set()
        #: how often somebody had to decide again
        self.stale = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        try:
            with self._store.transaction() as tx:
                yield _Meeting(tx, self.meet)
        except StaleCase:
            self.stale += 1
            raise

    def meet(self) -> None:
        """Wait for the other, once."""
        me = threading.get_ident()
        if me in self._met:
            return
        self._met.add(me)
        try:
            self._barrier.wait(PATIENCE)
        except threading.BrokenBarrierError:
            return


class _Meeting:
    """A transaction that waits after it has read a case's engagements."""

    def __init__(self, tx: Any, meet: Callable[[], None]) -> None:
        self._tx = tx
        self._meet = meet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def engagements(self, case: Any) -> Any:
        found = self._tx.engagements(case)
        self._meet()
        return found


def at_once(*actions: Callable[[], object]) -> None:
    """Do all at the same time; raises what the first of them raised."""
    errors: list[BaseException] = []

    def guarded(action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told to the test below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a decision hangs"
    if errors:
        raise errors[0]


class Crowd:
    """How many are in one place at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_at_all = 0

    def enter(self, place: str) -> None:
        with self._lock:
            self._inside[place] += 1
            self.most[place] = max(self.most[place], self._inside[place])
            self.most_at_all = max(self.most_at_all, sum(self._inside.values()))

    def leave(self, place: str) -> None:
        with self._lock:
            self._inside[place] -= 1
