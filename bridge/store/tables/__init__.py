"""The tables, one module per idea. What creates them are the migrations; a test proves that both say the same."""

from bridge.store.tables.base import metadata
from bridge.store.tables.cases import case_record, engagement, kinship
from bridge.store.tables.events import event, event_value
from bridge.store.tables.inbox import inbox, journal_binding, known_mail
from bridge.store.tables.landing import cursor, revision
from bridge.store.tables.operation import control, heartbeat
from bridge.store.tables.outbox import attempt, outbox

__all__ = [
    "attempt",
    "case_record",
    "control",
    "cursor",
    "engagement",
    "event",
    "event_value",
    "heartbeat",
    "inbox",
    "journal_binding",
    "kinship",
    "known_mail",
    "metadata",
    "outbox",
    "revision",
]
