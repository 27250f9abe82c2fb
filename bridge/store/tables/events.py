"""The trail. Triggers refuse UPDATE and DELETE on `event`; only rows of `event_value` may be deleted, to erase."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from bridge.store.columns import SERIAL, Instant, Json, Octets, Words
from bridge.store.tables.base import metadata, words

event = Table(
    "event",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("software_version", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Words, nullable=False),
    Column("case_id", Text),
    words("case_number"),
    Column("engagement", Text),
    Column("round", Integer),
    words("desk"),
    words("cause"),
    Column("agreement_version", Integer),
    Column("facts", Json, nullable=False),
    #: name -> hexadecimal SHA-256 of salt and value
    Column("hashes", Json, nullable=False),
    sqlite_autoincrement=True,
)
Index("event_case", event.c.case_id, event.c.id)

event_value = Table(
    "event_value",
    metadata,
    Column("event", SERIAL, ForeignKey("event.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("salt", Octets, nullable=False),
    #: UTF-8: the very bytes that were hashed
    Column("value", Octets, nullable=False),
    PrimaryKeyConstraint("event", "name"),
)
