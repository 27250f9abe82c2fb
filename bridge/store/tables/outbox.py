"""Deliveries decided and their attempts.

Three columns say where a row stands, so that every index below stays as small as what is still to be done:
`finished_at` is empty until the row is done or cancelled; `next_attempt_at` is empty once nothing happens by itself
(finished, or a dead letter), and the end of the lease while a worker holds the row; `worker` is empty while none does.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from bridge.store.columns import SERIAL, Instant, Json, Octets
from bridge.store.tables.base import metadata, words

outbox = Table(
    "outbox",
    metadata,
    #: order within a lane
    Column("seq", SERIAL, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("payload", Json, nullable=False),
    #: `kind` of a message's payload: the standing of an engagement is that of its open message
    words("message_kind"),
    Column("case_id", Text),
    Column("engagement", Text),
    words("valid_if"),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("frozen", Octets),
    words("message_id"),
    Column("recipients", Json),
    Column("next_attempt_at", Instant),
    words("last_error"),
    Column("receipt", Json),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("worker", Text),
    Column("lease_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("(status IN ('done', 'cancelled')) = (finished_at IS NOT NULL)", name="finished_once_final"),
    CheckConstraint(
        "(status IN ('pending', 'attempting', 'unknown')) = (next_attempt_at IS NOT NULL)", name="due_while_live"
    ),
    CheckConstraint("(worker IS NULL) = (lease_until IS NULL)", name="lease_of_a_worker"),
    CheckConstraint("worker IS NULL OR next_attempt_at IS NOT NULL", name="held_while_live"),
    sqlite_autoincrement=True,
)
#: At most one worker is on a lane: a constraint, not a hope.
Index(
    "outbox_one_worker_per_lane",
    outbox.c.lane,
    unique=True,
    sqlite_where=text("worker IS NOT NULL"),
    postgresql_where=text("worker IS NOT NULL"),
)
Index(
    "outbox_due",
    outbox.c.next_attempt_at,
    outbox.c.seq,
    sqlite_where=text("next_attempt_at IS NOT NULL"),
    postgresql_where=text("next_attempt_at IS NOT NULL"),
)
#: A row that is not finished blocks the later ones of its lane.
Index(
    "outbox_unfinished",
    outbox.c.lane,
    outbox.c.seq,
    sqlite_where=text("finished_at IS NULL"),
    postgresql_where=text("finished_at IS NULL"),
)
Index("outbox_engagement", outbox.c.engagement, outbox.c.seq)
Index("outbox_case", outbox.c.case_id, outbox.c.seq)
Index(
    "outbox_message_id",
    outbox.c.message_id,
    sqlite_where=text("message_id <> ''"),
    postgresql_where=text("message_id <> ''"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery", Text, ForeignKey("outbox.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    #: "absent" may not be concluded before
    Column("settle_after", Instant, nullable=False),
    Column("ended_at", Instant),
    #: empty while open; `unknown` is not settled either
    words("outcome"),
    words("error"),
    Column("worker", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    PrimaryKeyConstraint("delivery", "number"),
)
Index("attempt_settle_after", attempt.c.settle_after)
