"""The first schema: landing, cases and engagements, outbox, inbox, trail, operation.

A migration says by itself what it makes and reads nothing from the code, which goes on changing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _make_landing()
    _make_cases()
    _make_outbox()
    _make_inbox()
    _make_trail()
    _make_operation()
    _refuse_changes()


def _make_landing() -> None:
    op.create_table(
        "revision",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("sys_id", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("updated_on", sa.BigInteger(), nullable=False),
        sa.Column("mod_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="revision_pkey"),
        sa.UniqueConstraint("sys_id", "updated_on", "mod_count", "digest", name="revision_identity"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "revision_undecided",
        "revision",
        ["id"],
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "cursor",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.Column("upper", sa.BigInteger(), nullable=True),
        sa.Column("pending", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="cursor_pkey"),
    )


def _make_cases() -> None:
    op.create_table(
        "case_record",
        sa.Column("sys_id", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shadow", sa.Text(), nullable=True),
        sa.Column("journals_from", sa.BigInteger(), nullable=True),
        sa.Column("parked", sa.Text(), server_default="", nullable=False),
        sa.Column("gone", sa.Text(), server_default="", nullable=False),
        sa.Column("reopens", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Text(), server_default="", nullable=False),
        sa.Column("offered", sa.Text(), server_default="[]", nullable=False),
        sa.Column("next_ordinal", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", name="case_record_pkey"),
    )
    op.create_index("case_record_number", "case_record", ["number"])
    op.create_index(
        "case_record_parked",
        "case_record",
        ["sys_id"],
        sqlite_where=sa.text("parked <> ''"),
        postgresql_where=sa.text("parked <> ''"),
    )
    op.create_table(
        "engagement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("case_number", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("agreement_version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("lead", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("desk_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("workaround_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting_until", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), server_default="", nullable=False),
        sa.Column("resolution_note", sa.Text(), server_default="", nullable=False),
        sa.Column("resolution_note_on", sa.BigInteger(), nullable=True),
        sa.Column("resolution_note_mod", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_report_at", sa.BigInteger(), nullable=True),
        sa.Column("undeliverable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("refused_by", sa.Text(), server_default="[]", nullable=False),
        sa.Column("question_open", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("answer_ordinal", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdraw_wanted", sa.Text(), server_default="", nullable=False),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("successor", sa.Text(), nullable=True),
        sa.Column("decline_accepted_by", sa.Text(), server_default="", nullable=False),
        sa.Column("chases", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_chase_at", sa.BigInteger(), nullable=True),
        sa.Column("next_ordinal", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.sys_id"], name="engagement_case_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="engagement_pkey"),
        sa.UniqueConstraint("case_id", "desk", "round", name="engagement_case_id_desk_round_unique"),
        sa.UniqueConstraint("reference", name="engagement_reference_unique"),
    )
    op.create_index(
        "engagement_declined",
        "engagement",
        ["id"],
        sqlite_where=sa.text("state = 'declined'"),
        postgresql_where=sa.text("state = 'declined'"),
    )
    op.create_index(
        "engagement_desk_reference",
        "engagement",
        ["desk", "desk_reference"],
        sqlite_where=sa.text("desk_reference <> ''"),
        postgresql_where=sa.text("desk_reference <> ''"),
    )
    op.create_index(
        "engagement_one_open_round",
        "engagement",
        ["case_id", "desk"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('confirmed', 'declined', 'withdrawn')"),
        postgresql_where=sa.text("state NOT IN ('confirmed', 'declined', 'withdrawn')"),
    )
    op.create_table(
        "kinship",
        sa.Column("sys_id", sa.Text(), nullable=False),
        sa.Column("relative", sa.Text(), nullable=False),
        sa.Column("mod_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", "relative", name="kinship_pkey"),
    )
    op.create_index("kinship_relative", "kinship", ["relative"])


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("message_kind", sa.Text(), server_default="", nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("engagement", sa.Text(), nullable=True),
        sa.Column("valid_if", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("frozen", sa.LargeBinary(), nullable=True),
        sa.Column("message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("recipients", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status IN ('done', 'cancelled')) = (finished_at IS NOT NULL)", name=op.f("outbox_finished_once_final")
        ),
        sa.CheckConstraint(
            "(status IN ('pending', 'attempting', 'unknown')) = (next_attempt_at IS NOT NULL)",
            name=op.f("outbox_due_while_live"),
        ),
        sa.CheckConstraint("(worker IS NULL) = (lease_until IS NULL)", name=op.f("outbox_lease_of_a_worker")),
        sa.CheckConstraint("worker IS NULL OR next_attempt_at IS NOT NULL", name=op.f("outbox_held_while_live")),
        sa.PrimaryKeyConstraint("seq", name="outbox_pkey"),
        sa.UniqueConstraint("id", name="outbox_id_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_case", "outbox", ["case_id", "seq"])
    op.create_index(
        "outbox_due",
        "outbox",
        ["next_attempt_at", "seq"],
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index("outbox_engagement", "outbox", ["engagement", "seq"])
    op.create_index(
        "outbox_message_id",
        "outbox",
        ["message_id"],
        sqlite_where=sa.text("message_id <> ''"),
        postgresql_where=sa.text("message_id <> ''"),
    )
    op.create_index(
        "outbox_one_worker_per_lane",
        "outbox",
        ["lane"],
        unique=True,
        sqlite_where=sa.text("worker IS NOT NULL"),
        postgresql_where=sa.text("worker IS NOT NULL"),
    )
    op.create_index(
        "outbox_unfinished",
        "outbox",
        ["lane", "seq"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("settle_after", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["outbox.id"], name="attempt_delivery_fkey"),
        sa.PrimaryKeyConstraint("delivery", "number", name="attempt_pkey"),
    )


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("engagement", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="inbox_pkey"),
        sa.UniqueConstraint("source", "identity", name="inbox_source_identity_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "inbox_new", "inbox", ["id"], sqlite_where=sa.text("state = 'new'"), postgresql_where=sa.text("state = 'new'")
    )
    op.create_index(
        "inbox_quarantined",
        "inbox",
        ["id"],
        sqlite_where=sa.text("state = 'quarantined'"),
        postgresql_where=sa.text("state = 'quarantined'"),
    )
    op.create_table(
        "journal_binding",
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["outbox.id"], name="journal_binding_delivery_fkey"),
        sa.PrimaryKeyConstraint("entry", name="journal_binding_pkey"),
        sa.UniqueConstraint("delivery", name="journal_binding_delivery_unique"),
    )


def _make_trail() -> None:
    op.create_table(
        "event",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("software_version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("case_number", sa.Text(), server_default="", nullable=False),
        sa.Column("engagement", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("desk", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("agreement_version", sa.Integer(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="event_pkey"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_case", "event", ["case_id", "id"])
    op.create_table(
        "event_value",
        sa.Column("event", SERIAL, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["event.id"], name="event_value_event_fkey"),
        sa.PrimaryKeyConstraint("event", "name", name="event_value_pkey"),
    )


def _make_operation() -> None:
    op.create_table(
        "control",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="control_pkey"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("worker", name="heartbeat_pkey"),
    )


def _refuse_changes() -> None:
    for name, table, happening, condition in REFUSALS:
        _refuse(name, table, happening, condition)


#: What is written once stays as it is: (trigger, table, what it answers, the condition under which it refuses)
REFUSALS = (
    ("event_keeps", "event", "UPDATE", ""),
    ("event_stays", "event", "DELETE", ""),
    ("event_value_keeps", "event_value", "UPDATE", ""),
    ("attempt_keeps", "attempt", "UPDATE OF delivery, number, started_at, settle_after", ""),
    ("attempt_stays", "attempt", "DELETE", ""),
    ("outbox_keeps", "outbox", "UPDATE OF id, kind, recipient, lane, payload, case_id, engagement", ""),
    ("outbox_freezes", "outbox", "UPDATE OF frozen, message_id, recipients", "OLD.frozen IS NOT NULL"),
)


def _refuse(name: str, table: str, happening: str, condition: str) -> None:
    when = f"WHEN ({condition})" if condition else ""
    reason = f"{table}: what is written stays as it is"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {happening} ON {table} {when} BEGIN SELECT RAISE(ABORT, '{reason}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{reason}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {happening} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()")
    if happening == "DELETE":
        op.execute(f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
