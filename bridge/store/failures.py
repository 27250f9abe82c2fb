"""What the databases' errors mean to the bridge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.domain.errors import BridgeError, StaleCase, StoreError, StoreNotWritable, StoreUnavailable

#: PostgreSQL: serialization_failure, deadlock_detected (Appendix A of its manual).
_CONFLICTS = frozenset({"40001", "40P01"})
#: disk_full, io_error
_DISK = frozenset({"53100", "58030"})
#: https://www.sqlite.org/rescode.html
_SQLITE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")


@contextmanager
def failures_named() -> Iterator[None]:
    """Turns what the driver raises into `StaleCase`, `StoreUnavailable` or `StoreError`; messages carry no values."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise named(error) from error
    except sqlite3.Error as error:
        # What fails while a connection is set up does not pass through SQLAlchemy.
        raise named(DBAPIError(None, None, error)) from error


def named(error: DBAPIError | PoolTimeout) -> BridgeError:
    """The bridge's name for a database error."""
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("every connection to the store is in use")
    reason = _first_line(error)
    if getattr(error.orig, "sqlstate", None) in _CONFLICTS:
        return StaleCase("another transaction got in the way")
    if isinstance(error, IntegrityError):
        return StoreError(f"the store refuses what breaks its rules: {reason}")
    if _is_of_the_disk(error):
        return StoreNotWritable(f"the store cannot be written: {reason}", remedy=_DISK_REMEDY)
    if error.connection_invalidated or _is_busy(error):
        return StoreUnavailable(f"the store does not answer: {reason}")
    remedy = "look at the disk and at the database's log" if isinstance(error, OperationalError) else ""
    return StoreError(f"the store failed: {reason}", remedy=remedy)


def breaks(error: IntegrityError, index: str, *columns: str) -> bool:
    """Whether an error is about one unique index: PostgreSQL tells its name, SQLite the columns."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return bool(diagnosis.constraint_name == index)
    return str(error.orig).endswith(": " + ", ".join(columns))


_DISK_REMEDY = "nothing is lost; make room on its disk, or repair it, and start again"


def _is_of_the_disk(error: DBAPIError) -> bool:
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    return name.startswith(_SQLITE_DISK) or getattr(error.orig, "sqlstate", None) in _DISK


def _is_busy(error: DBAPIError) -> bool:
    if str(getattr(error.orig, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return True
    # psycopg: no connection was made or it broke, which has no SQLSTATE, or the server is shutting down or starting.
    state = getattr(error.orig, "sqlstate", "")
    return isinstance(error, OperationalError) and (state is None or str(state).startswith(("08", "57P")))


def _first_line(error: DBAPIError) -> str:
    # Without SQLAlchemy's addition of statement and parameters, and without PostgreSQL's DETAIL line: they hold values.
    return str(error.orig).strip().partition("\n")[0]
