"""Cases that the bridge deals with, and the engagements of desks in them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from bridge.store.columns import Instant, Json
from bridge.store.tables.base import metadata, words

case_record = Table(
    "case_record",
    metadata,
    Column("sys_id", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("number", Text, nullable=False, index=True),
    #: every decision on the case is a compare-and-set of this
    Column("version", Integer, nullable=False),
    #: JSON [table, values, displays]
    Column("shadow", Json),
    Column("journals_from", Instant),
    words("parked"),
    words("gone"),
    Column("reopens", Integer, nullable=False),
    words("flagged"),
    #: JSON list
    Column("offered", Json, nullable=False, server_default="[]"),
    Column("next_ordinal", Integer, nullable=False),
)
Index(
    "case_record_parked",
    case_record.c.sys_id,
    sqlite_where=text("parked <> ''"),
    postgresql_where=text("parked <> ''"),
)

IS_OPEN = "state NOT IN ('confirmed', 'declined', 'withdrawn')"

engagement = Table(
    "engagement",
    metadata,
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("case_id", Text, ForeignKey("case_record.sys_id"), nullable=False),
    Column("case_number", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("agreement_version", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("required", Boolean, nullable=False, server_default=true()),
    Column("lead", Boolean, nullable=False, server_default=false()),
    words("desk_reference"),
    words("desk_record"),
    words("desk_link"),
    words("desk_status"),
    Column("desk_status_at", Instant),
    Column("received_at", Instant),
    Column("acknowledged_at", Instant),
    Column("workaround_at", Instant),
    Column("waiting_until", Instant),
    Column("reported_at", Instant),
    words("resolution"),
    words("resolution_note"),
    Column("resolution_note_on", Instant),
    Column("resolution_note_mod", Integer, nullable=False, server_default="0"),
    Column("ended_at", Instant),
    Column("last_report_at", Instant),
    Column("undeliverable", Boolean, nullable=False, server_default=false()),
    #: JSON list
    Column("refused_by", Json, nullable=False, server_default="[]"),
    Column("question_open", Boolean, nullable=False, server_default=false()),
    Column("answer_ordinal", Integer, nullable=False, server_default="0"),
    words("withdraw_wanted"),
    Column("direction", Text),
    Column("successor", Text),
    words("decline_accepted_by"),
    Column("chases", Integer, nullable=False, server_default="0"),
    Column("next_chase_at", Instant),
    Column("next_ordinal", Integer, nullable=False, server_default="1"),
    UniqueConstraint("case_id", "desk", "round"),
)
#: At most one round of a desk in a case is open.
Index(
    "engagement_one_open_round",
    engagement.c.case_id,
    engagement.c.desk,
    unique=True,
    sqlite_where=text(IS_OPEN),
    postgresql_where=text(IS_OPEN),
)
Index(
    "engagement_desk_reference",
    engagement.c.desk,
    engagement.c.desk_reference,
    sqlite_where=text("desk_reference <> ''"),
    postgresql_where=text("desk_reference <> ''"),
)
Index(
    "engagement_desk_record",
    engagement.c.desk,
    engagement.c.desk_record,
    sqlite_where=text("desk_record <> ''"),
    postgresql_where=text("desk_record <> ''"),
)
#: Declined engagements for which the hold may still wait.
Index(
    "engagement_declined",
    engagement.c.id,
    sqlite_where=text("state = 'declined'"),
    postgresql_where=text("state = 'declined'"),
)

#: Which records point at which, as their newest known revision says: the family over which a hold extends.
kinship = Table(
    "kinship",
    metadata,
    Column("sys_id", Text, nullable=False),
    Column("relative", Text, nullable=False, index=True),
    #: of the revision that says so
    Column("mod_count", Integer, nullable=False),
    PrimaryKeyConstraint("sys_id", "relative"),
)
