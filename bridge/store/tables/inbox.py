"""What arrived, as it arrived, and which journal entry of ours is which delivery."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from bridge.store.columns import SERIAL, Instant, Octets, Words
from bridge.store.tables.base import metadata, words

inbox = Table(
    "inbox",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("source", Text, nullable=False),
    Column("identity", Words, nullable=False),
    Column("raw", Octets, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("stored_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    words("reason"),
    Column("case_id", Text),
    Column("engagement", Text),
    Column("settled_at", Instant),
    UniqueConstraint("source", "identity"),
    sqlite_autoincrement=True,
)
Index("inbox_new", inbox.c.id, sqlite_where=text("state = 'new'"), postgresql_where=text("state = 'new'"))
Index("inbox_case", inbox.c.case_id, inbox.c.source)
Index(
    "inbox_quarantined",
    inbox.c.id,
    sqlite_where=text("state = 'quarantined'"),
    postgresql_where=text("state = 'quarantined'"),
)

#: Message-IDs that are not of our making: of mails that came, and those that a provider gave to ours on the way.
known_mail = Table(
    "known_mail",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("engagement", Text, nullable=False),
    #: the first item that came under it; empty where it was only named
    Column("item", BigInteger),
)

#: Uniquely both ways: a second binding of either is a duplicate.
journal_binding = Table(
    "journal_binding",
    metadata,
    Column("entry", Text, primary_key=True),
    Column("delivery", Text, ForeignKey("outbox.id"), nullable=False, unique=True),
    Column("bound_at", Instant, nullable=False),
)
