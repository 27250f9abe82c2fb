from dataclasses import fields, replace
from datetime import timedelta

import pytest

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import StaleCase, StoreError
from bridge.store.tables import engagement as table
from tests.stores.samples import INSTANCE, LEASE, LETTER, SETTLE, START, add, engagement, enqueue, message, record


def filled() -> Engagement:
    """An engagement in which no field has its default."""
    return engagement(
        state=State.AWAITING_INFORMATION,
        required=False,
        lead=True,
        desk_reference="INC000000000001",
        desk_record="4711",
        desk_link="https://dcc.example/4711",
        desk_status="open",
        desk_status_at=START + timedelta(hours=2),
        received_at=START,
        acknowledged_at=START + timedelta(microseconds=1),
        workaround_at=START + timedelta(hours=1),
        waiting_until=START + timedelta(days=1),
        reported_at=START + timedelta(days=2),
        resolution="Zähler getauscht",
        resolution_note="delivery",
        resolution_note_on=START + timedelta(days=3),
        resolution_note_mod=12,
        ended_at=START + timedelta(days=4),
        last_report_at=START + timedelta(days=5),
        undeliverable=True,
        refused_by=("a@dcc.example", "b@dcc.example"),
        question_open=True,
        answer_ordinal=4,
        withdraw_wanted="no longer needed",
        direction="ldso",
        successor=engagement(desk="ldso").id,
        decline_accepted_by="resolver",
        chases=3,
        next_chase_at=START + timedelta(days=6),
        next_ordinal=9,
    )


def test_every_field_of_an_engagement_comes_back_as_it_was(store):
    full = filled()
    plain = engagement()
    same = [field.name for field in fields(full) if getattr(full, field.name) == getattr(plain, field.name)]
    identity = {"id", "reference", "case", "case_number", "desk", "round", "agreement_version", "opened_at", "standing"}
    assert set(same) == identity, "the sample must fill every field that the domain has"
    add(store, full)
    with store.reading() as work:
        assert work.engagement(full.id) == full
        assert work.engagements(full.case) == (full,)


def test_the_table_has_a_column_for_every_field_that_is_stored():
    stored = {field.name for field in fields(Engagement)} - {"case", "standing"} | {"case_id"}
    assert set(table.c.keys()) == stored


def test_saving_again_changes_the_engagement(store):
    add(store, engagement())
    changed = engagement(state=State.ACKNOWLEDGED, desk_reference="INC1")
    add(store, changed)
    with store.reading() as work:
        assert work.engagements(changed.case) == (changed,)


def test_a_desk_has_one_open_round_in_a_case(store):
    add(store, engagement(round_=1))
    with pytest.raises(StaleCase), store.transaction() as work:
        work.save_engagement(engagement(round_=2))
    add(store, engagement(round_=1, state=State.CONFIRMED))
    add(store, engagement(round_=2), engagement(1, "ldso"), engagement(2))


def test_a_reference_names_one_engagement(store):
    add(store, engagement(1))
    with store.transaction() as work:
        work.add_case(record(2))
    with pytest.raises(StoreError), store.transaction() as work:
        work.save_engagement(replace(engagement(2), reference=engagement(1).reference))


def test_an_engagement_belongs_to_a_case_the_bridge_knows(store):
    with pytest.raises(StoreError), store.transaction() as work:
        work.save_engagement(engagement())


def test_open_and_due_engagements(store):
    add(
        store,
        engagement(1, next_chase_at=START),
        engagement(2, next_chase_at=START + timedelta(hours=1)),
        engagement(3, state=State.RESOLUTION_REPORTED),
        engagement(4, state=State.CONFIRMED, next_chase_at=START),
    )
    with store.reading() as work:
        assert [one.case_number for one in work.open_engagements()] == ["CS0000001", "CS0000002", "CS0000003"]
        assert [one.case_number for one in work.due_engagements(START)] == ["CS0000001", "CS0000003"]
        assert len(work.all_engagements()) == 4


def standing(store) -> Standing:
    with store.reading() as work:
        (one,) = work.engagements(engagement().case)
        assert work.open_engagements()[0].standing is one.standing
        assert work.engagement(one.id).standing is one.standing
    return one.standing


def attempt(store, status: DeliveryStatus | None) -> None:
    claim = store.claim("w", LEASE)
    with store.transaction() as work:
        claim = work.intend(claim, LETTER, SETTLE)
    if status:
        with store.transaction() as work:
            work.finish(claim, status)


def test_the_standing_follows_the_open_message(clocked, hand_clock):
    add(clocked, engagement())
    assert standing(clocked) is Standing.NONE
    enqueue(clocked, message(engagement()), message(engagement(), 2, kind="text"))
    assert standing(clocked) is Standing.PENDING
    attempt(clocked, DeliveryStatus.PENDING)
    assert standing(clocked) is Standing.PENDING, "certainly not done: the desk has nothing"
    attempt(clocked, None)
    assert standing(clocked) is Standing.UNKNOWN, "an attempt is open"
    hand_clock.forward(hours=1)
    claim = clocked.claim("v", LEASE)
    assert standing(clocked) is Standing.UNKNOWN
    with clocked.transaction() as work:
        work.finish(claim, DeliveryStatus.DONE)
    assert standing(clocked) is Standing.SENT


@pytest.mark.parametrize(
    "status, expected",
    [
        (DeliveryStatus.DEAD, Standing.FAILED),
        (DeliveryStatus.UNKNOWN, Standing.UNKNOWN),
        (DeliveryStatus.CANCELLED, Standing.NONE),
    ],
)
def test_the_standing_after_an_end(store, status, expected):
    add(store, engagement())
    enqueue(store, message(engagement()))
    attempt(store, status)
    assert standing(store) is expected


def test_an_attempt_that_may_have_arrived_is_unknown_also_when_the_next_one_was_refused(clocked, hand_clock):
    add(clocked, engagement())
    enqueue(clocked, message(engagement()))
    attempt(clocked, DeliveryStatus.UNKNOWN)
    hand_clock.forward(hours=1)
    attempt(clocked, DeliveryStatus.PENDING)
    assert standing(clocked) is Standing.UNKNOWN
    with clocked.transaction() as work:
        assert work.cancel_unattempted(engagement().id) == ()


def test_a_message_sent_to_a_corrected_address_supersedes_the_dead_one(store):
    add(store, engagement())
    enqueue(store, message(engagement()))
    attempt(store, DeliveryStatus.DEAD)
    enqueue(store, message(engagement(), 2))
    assert standing(store) is Standing.PENDING


def test_what_an_answer_carries_finds_the_engagement(store):
    one = engagement(desk_reference="INC000000000001")
    add(store, one)
    enqueue(store, message(one))
    attempt(store, DeliveryStatus.DONE)
    with store.reading() as work:
        assert work.by_reference(one.reference) == one.id
        assert work.by_message_id(LETTER.message_id) == one.id
        assert work.by_desk_reference(one.desk, "INC000000000001") == one.id
        assert work.sent_message_ids(one.id) == (LETTER.message_id,)


def test_what_nobody_sent_finds_nothing(store):
    add(store, engagement())
    enqueue(store, message(engagement()))
    with store.reading() as work:
        assert work.by_reference("0000000000") is None
        assert work.by_message_id("") is None
        assert work.by_message_id("<unknown@example.org>") is None
        assert work.by_desk_reference("dcc", "") is None
        assert work.by_desk_reference("ldso", "INC1") is None
        assert work.engagement(INSTANCE) is None


def test_a_desks_reference_prefers_the_open_round_and_names_none_where_two_are_open(store):
    closed = engagement(1, state=State.CONFIRMED, desk_reference="INC1")
    add(store, closed)
    with store.reading() as work:
        assert work.by_desk_reference("dcc", "INC1") == closed.id
    reopened = engagement(1, round_=2, desk_reference="INC1")
    add(store, reopened)
    with store.reading() as work:
        assert work.by_desk_reference("dcc", "INC1") == reopened.id
    add(store, engagement(2, desk_reference="INC1"))
    with store.reading() as work:
        assert work.by_desk_reference("dcc", "INC1") is None


def test_the_newest_engagement_of_a_desks_record_is_found(store):
    one = engagement(state=State.CONFIRMED, desk_record="4711")
    again = engagement(round_=2, desk_record="4711")
    add(store, one)
    add(store, again)
    with store.reading() as work:
        assert work.by_desk_record(one.desk, "4711") == again.id
        assert work.by_desk_record("ldso", "4711") is None
        assert work.by_desk_record(one.desk, "") is None


def test_a_desks_records_are_followed_while_open_and_for_some_time_afterwards(store):
    add(store, engagement(1, desk_record="1"))
    add(store, engagement(2, desk_record="2", state=State.CONFIRMED, ended_at=START + timedelta(days=9)))
    add(store, engagement(3, desk_record="3", state=State.CONFIRMED, ended_at=START + timedelta(days=3)))
    add(store, engagement(4, desk_record=""))
    add(store, engagement(5, desk="ldso", desk_record="5"))
    with store.reading() as work:
        assert {one.desk_record for one in work.followed("dcc", START + timedelta(days=5))} == {"1", "2"}
