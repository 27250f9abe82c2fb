from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.delivery import DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.errors import StaleWorker, UsageError
from tests.stores.samples import LEASE, LETTER, SETTLE, START, add, engagement, enqueue, message, status, write


def claim_and_begin(store, frozen=None):
    claim = store.claim("w", LEASE)
    with store.transaction() as work:
        return work.intend(claim, frozen, SETTLE)


def finish(store, claim, end, **more):
    with store.transaction() as work:
        work.finish(claim, end, **more)


def test_a_delivery_comes_back_as_it_was_decided(clocked):
    decided = message(engagement(), valid_if="not_acknowledged", next_attempt_at=START)
    enqueue(clocked, decided)
    with clocked.reading() as work:
        assert work.delivery(decided.id) == decided
        assert work.delivery("unknown") is None


def test_what_is_due_and_was_never_attempted_comes_first_due_first(clocked):
    letter = message(engagement(), next_attempt_at=START)
    old, tried, later = (write(number, next_attempt_at=START) for number in (1, 2, 3))
    enqueue(clocked, tried)
    finish(clocked, claim_and_begin(clocked), DeliveryStatus.PENDING, error="busy", retry_at=START)
    enqueue(clocked, replace(later, next_attempt_at=START + timedelta(days=9000)), old, letter)
    enqueue(clocked, write(4, next_attempt_at=START - timedelta(hours=1)))
    with clocked.reading() as work:
        assert [one.id for one in work.unattempted(DeliveryKind.WRITE, 9)] == [write(4).id, old.id]
        assert [one.id for one in work.unattempted(DeliveryKind.WRITE, 1)] == [write(4).id]
        assert work.unattempted(DeliveryKind.MESSAGE, 9) == (letter,)


def test_the_same_identity_a_second_time_changes_nothing(store):
    enqueue(store, write())
    enqueue(store, replace(write(), payload={"work_notes": "something else"}))
    with store.reading() as work:
        (only,) = work.deliveries()
    assert only.payload == write().payload


def test_deliveries_of_a_case_or_an_engagement_in_order_and_those_still_pending(store):
    note, letter, other = write(1), message(engagement(1)), write(2)
    enqueue(store, note, letter, other)
    finish(store, claim_and_begin(store), DeliveryStatus.DONE)
    with store.reading() as work:
        assert [one.id for one in work.deliveries(case=note.case)] == [note.id, letter.id]
        assert [one.id for one in work.deliveries(engagement=letter.engagement)] == [letter.id]
        assert [one.id for one in work.deliveries(pending=True)] == [letter.id, other.id]


def test_a_dead_letter_is_still_pending_for_people(store):
    enqueue(store, write())
    finish(store, claim_and_begin(store), DeliveryStatus.DEAD, error="refused")
    with store.reading() as work:
        (dead,) = work.deliveries(pending=True)
    assert (dead.status, dead.last_error, dead.next_attempt_at) == (DeliveryStatus.DEAD, "refused", None)


def test_a_withdraw_cancels_what_was_never_attempted_and_nothing_else(store):
    one = engagement()
    sent, queued, note = message(one, 1), message(one, 2, "text"), write(1)
    other = message(engagement(2))
    add(store, one)
    enqueue(store, sent)
    finish(store, claim_and_begin(store, LETTER), DeliveryStatus.UNKNOWN)
    enqueue(store, queued, replace(note, engagement=one.id), other)
    with store.transaction() as work:
        assert work.cancel_unattempted(one.id) == (queued.id,)
    assert [status(store, each.id) for each in (sent, queued, note, other)] == [
        "unknown",
        "cancelled",
        "pending",
        "pending",
    ]


def test_a_message_that_a_worker_holds_but_has_not_begun_can_be_cancelled_and_is_never_sent(store):
    enqueue(store, message(engagement()))
    claim = store.claim("w", LEASE)
    with store.transaction() as work:
        assert work.cancel_unattempted(engagement().id) == (claim.delivery.id,)
    with pytest.raises(StaleWorker), store.transaction() as work:
        work.intend(claim, LETTER, SETTLE)
    assert status(store, claim.delivery.id) == "cancelled"


def test_retry_brings_a_dead_letter_back_and_its_lane_with_it(store):
    first, second = write(1, 1), write(1, 2)
    enqueue(store, first, second)
    finish(store, claim_and_begin(store), DeliveryStatus.DEAD)
    assert store.claim("w", LEASE) is None
    with store.transaction() as work:
        work.set_delivery(first.id, DeliveryStatus.PENDING)
    claim = store.claim("w", LEASE)
    assert (claim.delivery.id, claim.attempt) == (first.id, 2)


@pytest.mark.parametrize("end", [DeliveryStatus.DONE, DeliveryStatus.CANCELLED])
def test_skip_and_cancel_let_the_lane_go_on(store, end):
    first, second = write(1, 1), write(1, 2)
    enqueue(store, first, second)
    with store.transaction() as work:
        work.set_delivery(first.id, end, error="by hand")
    assert store.claim("w", LEASE).delivery.id == second.id


@pytest.mark.parametrize("end", [DeliveryStatus.DONE, DeliveryStatus.CANCELLED])
def test_what_is_over_does_not_come_back(store, end):
    enqueue(store, write())
    finish(store, claim_and_begin(store), end)
    with pytest.raises(UsageError), store.transaction() as work:
        work.set_delivery(write().id, DeliveryStatus.PENDING)
    with pytest.raises(UsageError), store.transaction() as work:
        work.set_delivery("unknown", DeliveryStatus.DONE)


def test_an_operators_word_takes_the_delivery_from_its_worker(store):
    enqueue(store, write())
    claim = claim_and_begin(store)
    with store.transaction() as work:
        work.set_delivery(write().id, DeliveryStatus.CANCELLED)
    with pytest.raises(StaleWorker):
        finish(store, claim, DeliveryStatus.DONE, receipt=Receipt("far"))
    assert status(store, write().id) == "cancelled"


@pytest.mark.parametrize("before", [DeliveryStatus.PENDING, DeliveryStatus.UNKNOWN, DeliveryStatus.DEAD, None])
def test_a_report_proves_the_delivery_whatever_became_of_it(store, before):
    enqueue(store, message(engagement()))
    claim = claim_and_begin(store, LETTER)
    if before:
        finish(store, claim, before)
    with store.transaction() as work:
        work.prove_delivered(claim.delivery.id)
        work.prove_delivered(claim.delivery.id)
        assert work.delivery(claim.delivery.id).status is DeliveryStatus.DONE
    assert store.claim("w", LEASE) is None


def test_a_cancelled_delivery_is_not_proven(store):
    enqueue(store, message(engagement()))
    with store.transaction() as work:
        work.cancel_unattempted(engagement().id)
        work.prove_delivered(message(engagement()).id)
    assert status(store, message(engagement()).id) == "cancelled"


def test_what_waits_since_an_instant_is_neither_done_nor_younger(clocked, hand_clock):
    enqueue(clocked, write(1), write(2))
    finish(clocked, claim_and_begin(clocked), DeliveryStatus.DONE)
    hand_clock.forward(seconds=60)
    enqueue(clocked, write(3))
    with clocked.reading() as work:
        assert work.unfinished_since(hand_clock.now()) == {write(2).id}
        assert work.unfinished_since(START) == frozenset()
