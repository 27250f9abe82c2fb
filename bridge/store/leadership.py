"""Which of several replicas ticks a schedule: PostgreSQL advisory locks on a connection of their own.

Who took a schedule keeps it until the process ends or falls silent. A killed process loses its connection and with it
its locks at once; of a stopped one (SIGSTOP, a frozen machine) the server itself ends the session, after `silence`.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from threading import Lock

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from bridge.store.failures import failures_named

_log = structlog.get_logger(__name__)
_TAKE = text("SELECT pg_try_advisory_lock(:key)")


class Leadership:
    """The schedules that this process leads.

    Args:
        engine: where the replicas meet.
        silence: after this long without a tick of any schedule the server lets others lead.
    """

    def __init__(self, engine: Engine, silence: timedelta) -> None:
        self._engine = engine
        self._silence = silence
        self._connection: Connection | None = None
        self._led: set[str] = set()
        self._lock = Lock()

    def leads(self, schedule: str) -> bool:
        """Whether this process ticks a schedule now; tries to take it if nobody does."""
        with self._lock, failures_named():
            connection = self._alive()
            if schedule not in self._led and connection.execute(_TAKE, {"key": _key(schedule)}).scalar_one():
                self._led.add(schedule)
                _log.info("schedule_led", schedule=schedule)
            return schedule in self._led

    def close(self) -> None:
        """Let others lead."""
        with self._lock:
            self._give_up()

    def _alive(self) -> Connection:
        """The connection that holds the locks; if it broke, they are gone and a new one is made."""
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError:
                _log.warning("schedules_lost", schedules=sorted(self._led))
                self._give_up()
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            milliseconds = str(round(self._silence.total_seconds() * 1000))
            self._connection.execute(
                text("SELECT set_config('idle_session_timeout', :silence, false)"), {"silence": milliseconds}
            )
        return self._connection

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        self._led.clear()
        if connection is not None:
            # Never back into the pool: a session that keeps its locks would lead without knowing.
            connection.invalidate()
            connection.close()


def _key(schedule: str) -> int:
    """A schedule's number for `pg_try_advisory_lock(bigint)`."""
    return int.from_bytes(hashlib.sha256(f"schedule/{schedule}".encode()).digest()[:8], "big", signed=True)
