import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select, text

import bridge
from bridge.domain.errors import StoreError, UsageError
from bridge.ports import TrailEvent
from bridge.store import open_store
from bridge.store.tables import event_value
from bridge.trail import retention, story
from tests.stores.samples import START, engagement, sys_id

REPORT = TrailEvent(
    kind="report_applied",
    who="desk dcc",
    case=sys_id(1),
    case_number="CS0000001",
    engagement=engagement().id,
    round=1,
    desk="dcc",
    cause="mail:7",
    agreement_version=3,
    facts={"report": "resolved", "at": START, "from": "open", "to": "resolution_reported"},
    personal={"text": "Zähler getauscht \0", "sender": "jane@dcc.example"},
)


def record(store, *events: TrailEvent):
    with store.transaction() as work:
        return [work.record(event) for event in events]


def told(store):
    with store.reading() as work:
        return work.story(sys_id(1))


def test_an_event_comes_back_with_instant_and_software_version(clocked, hand_clock):
    (number,) = record(clocked, REPORT)
    (one,) = told(clocked)
    assert (one.id, one.at, one.software_version) == (number, hand_clock.now(), bridge.__version__)
    assert one.event.facts == dict(REPORT.facts, at=START.isoformat())
    assert one.event.personal == REPORT.personal
    assert one.event.agreement_version == 3


def test_a_story_holds_the_events_of_its_case_in_order(store):
    other = TrailEvent(kind="elsewhere", who="x", case=sys_id(2))
    record(
        store, REPORT, other, TrailEvent(kind="later", who="x", case=sys_id(1)), TrailEvent(kind="caseless", who="x")
    )
    assert [one.event.kind for one in told(store)] == ["report_applied", "later"]


def test_personal_values_enter_the_event_as_salted_hashes_only(store):
    record(store, REPORT, REPORT)
    first, second = told(store)
    assert first.hashes != second.hashes, "every value has a salt of its own"
    with store.reading() as work:
        rows = work._execute(select(event_value).where(event_value.c.event == first.id)).all()
        plain = work._execute(text("SELECT * FROM event")).all()
    assert {row.name: hashlib.sha256(row.salt + row.value).hexdigest() for row in rows} == first.hashes
    assert "Zähler" not in str(plain)
    assert "jane" not in str(plain)


def test_salts_come_from_the_random_port(store_url):
    class Fixed:
        def uniform(self, low, high):
            return low

        def token(self, size):
            return bytes(size)

    store = open_store(store_url, random=Fixed())
    record(store, TrailEvent(kind="x", who="y", case=sys_id(1), personal={"text": "hello"}))
    assert told(store)[0].hashes == {"text": hashlib.sha256(bytes(32) + b"hello").hexdigest()}
    store.close()


def test_erasing_a_case_leaves_events_and_hashes_and_says_so(store):
    record(store, REPORT, TrailEvent(kind="elsewhere", who="x", case=sys_id(2), personal={"text": "kept"}))
    hashes = told(store)[0].hashes
    with store.transaction() as work:
        assert retention.erase(work, by="auditor", case=sys_id(1)) == 2
    report, erased = told(store)
    assert (report.event.personal, report.hashes) == ({}, hashes)
    assert (erased.event.kind, erased.event.who, erased.event.facts["values"]) == ("values_erased", "auditor", 2)
    assert any("text: [erased]" in line for line in story.lines(told(store)))
    with store.reading() as work:
        assert work.story(sys_id(2))[0].event.personal == {"text": "kept"}


def test_erasing_by_age_takes_what_is_older_than_the_instant(clocked, hand_clock):
    record(clocked, REPORT)
    limit = hand_clock.forward(days=1)
    record(clocked, REPORT)
    with clocked.transaction() as work:
        assert retention.erase(work, by="retention", before=limit) == 2
        assert retention.erase(work, by="retention", before=limit + timedelta(days=1), case=sys_id(2)) == 0
    assert [bool(one.event.personal) for one in told(clocked)] == [False, True]


def test_nobody_erases_everything_by_accident(store):
    with pytest.raises(UsageError), store.transaction() as work:
        retention.erase(work, by="auditor")


def test_an_event_and_what_it_tells_commit_together_or_not_at_all(store):
    def fail_half_way():
        with store.transaction() as work:
            work.record(REPORT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert told(store) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET who = 'nobody'",
        "DELETE FROM event",
        "UPDATE event_value SET salt = salt",
        "INSERT INTO event (id, at, software_version, kind, who, facts, hashes) VALUES (1, 0, '', 'x', '', '', '')",
    ],
    ids=["update", "delete", "value", "insert again"],
)
def test_the_trail_refuses_change(store, statement):
    record(store, REPORT)
    before = told(store)
    with pytest.raises(StoreError), store.transaction() as work:
        work._execute(text(statement))
    assert told(store) == before


def test_the_trail_cannot_be_emptied_or_replaced_by_the_databases_own_ways(store):
    (number,) = record(store, REPORT)
    before = told(store)
    values = (
        f"(id, at, software_version, kind, who, facts, hashes) VALUES ({number}, 0, '', 'forged', '', '{{}}', '{{}}')"
    )
    statement = {
        "postgresql": "TRUNCATE event CASCADE",
        "sqlite": f"INSERT OR REPLACE INTO event {values}",
    }[store._engine.dialect.name]
    with pytest.raises(StoreError), store.transaction() as work:
        work._execute(text(statement))
    assert told(store) == before
