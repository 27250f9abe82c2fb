"""What was read from ServiceNow, as it was read, and how far each stream has been read."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from bridge.store.columns import SERIAL, Instant, Json, Octets
from bridge.store.tables.base import metadata

#: Reading the same revision again changes nothing: the four columns of the constraint are what makes it the same.
revision = Table(
    "revision",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("sys_id", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("updated_on", Instant, nullable=False),
    Column("mod_count", Integer, nullable=False),
    #: SHA-256 of `body`
    Column("digest", Octets, nullable=False),
    #: compact JSON [values, displays]
    Column("body", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("decided_at", Instant),
    UniqueConstraint("sys_id", "updated_on", "mod_count", "digest", name="revision_identity"),
    sqlite_autoincrement=True,
)
Index(
    "revision_undecided",
    revision.c.id,
    sqlite_where=text("decided_at IS NULL"),
    postgresql_where=text("decided_at IS NULL"),
)

cursor = Table(
    "cursor",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("watermark", Instant, nullable=False),
    Column("upper", Instant),
    #: windows still to read, last first: [[lo, hi, low_id, high_id], …], times in microseconds since the epoch
    Column("pending", Json, nullable=False),
)
