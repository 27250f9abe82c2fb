"""Connections to the two databases, set up so that the code above need not know which one it is.

SQLite: WAL with `synchronous=FULL`, so that an acknowledged commit survives a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous); a writing transaction takes the write lock at its beginning,
because one that takes it later can fail without remedy (https://www.sqlite.org/rescode.html#busy_snapshot).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bridge.domain.errors import StoreError

#: How long one transaction waits for another's lock, seconds.
LOCK_WAIT = 30
READ_ONLY = "bridge_read_only"

_SQLITE_SETTINGS = (
    f"PRAGMA busy_timeout = {LOCK_WAIT * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # 16 MB: sys_ids fall anywhere into their index, and with the default of 2 MB its pages come and go with every row.
    "PRAGMA cache_size = -16000",
    # REPLACE fires the triggers that refuse DELETE only with this.
    "PRAGMA recursive_triggers = ON",
)


def parse_url(url: str) -> URL:
    """The address of a store; raises `StoreError` if it names neither a SQLite file nor a PostgreSQL database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("the store's address cannot be read", remedy=_ADDRESS_REMEDY) from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"{parsed.render_as_string()} is not a store", remedy=_ADDRESS_REMEDY)


_ADDRESS_REMEDY = "write sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"


def database_file(url: URL) -> Path | None:
    """The file of a SQLite store; None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def make_engine(url: URL) -> Engine:
    """An engine whose transactions behave alike on both databases."""
    return _sqlite_engine(url) if database_file(url) else _postgresql_engine(url)


def _postgresql_engine(url: URL) -> Engine:
    # Said aloud, so that a default set by somebody else does not turn every conflict into a serialization failure.
    return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_size=8, max_overflow=8)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_size=8, max_overflow=8)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own record
    # The driver's own way of opening transactions begins them late and commits before some statements.
    connection.isolation_level = None
    for setting in _SQLITE_SETTINGS:
        connection.execute(setting)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def use_write_ahead_log(engine: Engine) -> None:
    """Put a SQLite file into WAL mode, where it stays; nothing on PostgreSQL."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        (mode,) = cursor.fetchone() or ("",)
    finally:
        connection.close()
    if mode != "wal":
        raise StoreError(
            f"{engine.url.database} cannot use a write-ahead log", remedy="put the store on a local file system"
        )
