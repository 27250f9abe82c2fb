"""Whose mail it is costs the same however much was ever sent."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from bridge.domain.ids import EngagementId
from bridge.ports import InboxState, RawItem
from bridge.store import prepared
from tests.stores.samples import START, sys_id

SENT = 20_000
FILL = (
    "INSERT INTO outbox (id, kind, recipient, lane, payload, status, created_at, finished_at, message_id, engagement) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
    "SELECT 'd' || i, 'message', 'dcc', 'e/' || i, '{}', 'done', 0, 0, '<' || i || '@bridge.example>', 'e' || i FROM n"
)
QUESTIONS = {
    "by_message_id": lambda work: work.by_message_id(f"<{SENT // 2}@bridge.example>"),
    "by_reference": lambda work: work.by_reference("4ZJ6T0Q2WX"),
    "by_desk_reference": lambda work: work.by_desk_reference("dcc", "INC000000000001"),
    "by_desk_record": lambda work: work.by_desk_record("dcc", "4711"),
    "followed": lambda work: work.followed("dcc", START),
    "first_item": lambda work: work.first_item("<1@dcc.example>"),
    "engagement": lambda work: work.engagement(EngagementId("e1")),
    "engagements": lambda work: work.engagements(sys_id(1)),
    "know_mail": lambda work: work.know_mail("<1@dcc.example>", EngagementId("e1"), 1),
    "count_events": lambda work: work.count_events(sys_id(1), "item_received", "desk:dcc", START - timedelta(hours=1)),
    "inbox_item": lambda work: work.inbox_item(1),
    "settle_item": lambda work: work.settle_item(1, InboxState.FILED, "read"),
}


@pytest.fixture
def grown(store):
    """A store from which many mails were sent, with one in its inbox."""
    with store.transaction() as work:
        work._execute(text(FILL), {"rows": SENT})
        work.receive(RawItem("mail:INBOX", "one", b"raw", START))
    return store


def asked(store, question, monkeypatch):
    """What a question made the database do: its statements with their values."""
    seen = []

    def note(_connection, _cursor, statement, values, *_):
        seen.append((statement, values))

    def execute(compiled, connection, values, take):
        seen.append((compiled.text, compiled.given(values)))
        return executed(compiled, connection, values, take)

    executed = prepared._Compiled.execute
    monkeypatch.setattr(prepared._Compiled, "execute", execute)
    with store.transaction() as work:
        event.listen(store._engine, "before_cursor_execute", note)
        try:
            question(work)
        finally:
            event.remove(store._engine, "before_cursor_execute", note)
            monkeypatch.undo()
    return seen


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_read_from_end_to_end(grown, question, monkeypatch):
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[grown._engine.dialect.name]
    statements = asked(grown, QUESTIONS[question], monkeypatch)
    assert statements
    with grown.transaction() as work:
        for statement, values in statements:
            plan = "\n".join(str(row) for row in work._connection.exec_driver_sql(explain + statement, values))
            assert "SCAN " not in plan.replace("SCAN CONSTANT ROW", "")
            # PostgreSQL rightly looks through tables that hold next to nothing.
            assert "Seq Scan on outbox" not in plan


def test_a_mail_of_ours_is_found_by_its_message_id_among_many(grown):
    with grown.reading() as work:
        assert work.by_message_id("<777@bridge.example>") == "e777"
        assert work.by_message_id("<0@bridge.example>") is None
        assert work.by_message_id("") is None
