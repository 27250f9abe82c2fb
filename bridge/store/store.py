"""The durable state: opening it, and its transactions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from threading import local

import structlog
from sqlalchemy import Engine

from bridge.domain.delivery import Claim
from bridge.domain.errors import StaleCase, StoreError
from bridge.ports import Clock, Random, TrailEvent
from bridge.store.engine import LOCK_WAIT, READ_ONLY, database_file, make_engine, parse_url, use_write_ahead_log
from bridge.store.failures import failures_named
from bridge.store.leadership import Leadership
from bridge.store.schema import not_migrated, require_usable
from bridge.store.transaction import SqlTransaction
from bridge.store.turns import Turns
from bridge.store.worker_lock import WorkerLock

_log = structlog.get_logger(__name__)

#: A replica that has not ticked for this long stops leading its schedules.
SILENCE = timedelta(minutes=2)
#: How often a claim is tried when other workers are faster.
_CLAIM_TRIES = 3


def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    exclusive_worker: bool = False,
    silence: timedelta = SILENCE,
) -> SqlStore:
    """Open a migrated store.

    Args:
        url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        clock: replaces the database's clock (simulations).
        random: where the salts come from; None takes the operating system's.
        exclusive_worker: this process claims deliveries; on SQLite no other may then.
        silence: after this long without a tick a replica stops leading its schedules (PostgreSQL).

    Raises:
        StoreError: it is not migrated, or another worker uses it (SQLite).
        StoreUnavailable: it does not answer.
    """
    parsed = parse_url(url)
    file = database_file(parsed)
    if file is not None and not file.exists():
        raise not_migrated(parsed.render_as_string())
    engine = make_engine(parsed)
    lock: WorkerLock | None = None
    try:
        require_usable(engine)
        with failures_named():
            use_write_ahead_log(engine)
        lock = WorkerLock(file) if file is not None and exclusive_worker else None
    except BaseException:
        engine.dispose()
        raise
    leadership = Leadership(engine, silence) if file is None else None
    return SqlStore(engine, clock, random.token if random else secrets.token_bytes, lock, leadership)


class SqlStore:
    """Implements `ports.Store` on SQLite and PostgreSQL. Threads may share it; processes each open their own."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock | None,
        token: Callable[[int], bytes],
        lock: WorkerLock | None,
        leadership: Leadership | None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._token = token
        self._lock = lock
        self._leadership = leadership
        self._thread = local()
        self._turns = Turns(LOCK_WAIT) if leadership is None else None

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """See `ports.Store.transaction`. Transactions of one thread do not nest (`StoreError`)."""
        late: list[TrailEvent] = []
        try:
            with self._begin(read_only=False) as work:
                late = work.late
                yield work
        finally:
            for event in late:
                self._record_late(event)

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A transaction that only reads; on SQLite it waits for no writer and holds none up."""
        with self._begin(read_only=True) as work:
            yield work

    def claim(self, worker: str, lease: timedelta, *, excluded: Iterable[str] = ()) -> Claim | None:
        """See `ports.Store.claim`."""
        avoided = tuple(excluded)
        for _ in range(_CLAIM_TRIES):
            try:
                with self.transaction() as work:
                    if claim := work.claim(worker, lease, avoided):
                        return claim
            except StaleCase:
                continue
        return None

    def claim_more(self, worker: str, lease: timedelta, recipient: str, most: int) -> tuple[Claim, ...]:
        """See `ports.Store.claim_more`; none when another worker took one of the lanes at the same instant."""
        try:
            with self.transaction() as work:
                return work.claim_more(worker, lease, recipient, most)
        except StaleCase:
            return ()

    def release(self, claim: Claim, *, retry_at: datetime | None = None) -> None:
        """See `ports.Store.release`."""
        with self.transaction() as work:
            work.release(claim, retry_at)

    def take_over_orphans(self) -> int:
        """End the leases of dead workers at once, and say how many; raises `StoreError` without the worker's lock.

        On PostgreSQL nobody can know who is dead: nothing happens, leases end by themselves.
        """
        if self._leadership is not None:
            return 0
        if self._lock is None:
            raise StoreError("only the store's one worker may take over what others left")
        with self.transaction() as work:
            return work.take_over_orphans()

    @contextmanager
    def leadership(self, schedule: str) -> Iterator[bool]:
        """See `ports.Store.leadership`. On SQLite the one worker leads everything."""
        yield self._lock is not None if self._leadership is None else self._leadership.leads(schedule)

    def close(self) -> None:
        """Give back connections, schedules and the worker's lock."""
        if self._leadership is not None:
            self._leadership.close()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.close()

    @contextmanager
    def _begin(self, *, read_only: bool) -> Iterator[SqlTransaction]:
        if getattr(self._thread, "busy", False):
            raise StoreError("a transaction is open in this thread already")
        self._thread.busy = True
        try:
            with (
                nullcontext() if read_only or self._turns is None else self._turns.take(),
                failures_named(),
                self._engine.connect().execution_options(**{READ_ONLY: read_only}) as connection,
                connection.begin(),
            ):
                yield SqlTransaction(connection, self._clock, self._token)
        finally:
            self._thread.busy = False

    def _record_late(self, event: TrailEvent) -> None:
        _log.warning("outcome_refused", worker=event.who, cause=event.cause, **event.facts)
        with self.transaction() as work:
            record = event.case and work.case(event.case)
            engagement = event.engagement and work.engagement(event.engagement)
            work.record(
                replace(
                    event,
                    case_number=record.number if record else "",
                    round=engagement.round if engagement else None,
                    agreement_version=engagement.agreement_version if engagement else None,
                )
            )
