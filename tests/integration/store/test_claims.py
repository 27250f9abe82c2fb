from datetime import timedelta

import pytest

from bridge.domain.delivery import DeliveryStatus, Receipt
from bridge.domain.errors import StaleWorker
from bridge.ports import Frozen
from tests.stores.samples import LEASE, LETTER, SETTLE, add, engagement, enqueue, message, status, write


def begin(store, claim, frozen=None):
    with store.transaction() as work:
        return work.intend(claim, frozen, SETTLE)


def finish(store, claim, end, **more):
    with store.transaction() as work:
        work.finish(claim, end, **more)


def test_a_lane_is_first_in_first_out_and_waits_for_its_head(clocked):
    enqueue(clocked, write(1, 1), write(1, 2), write(1, 3))
    for ordinal in (1, 2, 3):
        claim = clocked.claim("w", LEASE)
        assert claim.delivery.id == write(1, ordinal).id
        assert clocked.claim("w", LEASE) is None
        finish(clocked, begin(clocked, claim), DeliveryStatus.DONE)
    assert clocked.claim("w", LEASE) is None


def test_lanes_do_not_wait_for_each_other(clocked):
    enqueue(clocked, write(1, 1), write(1, 2), write(2, 1))
    assert {clocked.claim("w", LEASE).delivery.case for _ in range(2)} == {write(1).case, write(2).case}


def test_a_dead_letter_blocks_its_lane_and_no_other(clocked):
    enqueue(clocked, write(1, 1), write(1, 2), write(2, 1))
    finish(clocked, begin(clocked, clocked.claim("w", LEASE)), DeliveryStatus.DEAD)
    assert clocked.claim("w", LEASE).delivery.id == write(2, 1).id
    assert clocked.claim("w", LEASE) is None


def test_a_head_that_is_not_due_holds_its_lane_until_it_is(clocked, hand_clock):
    enqueue(clocked, write(1, 1), write(1, 2))
    later = hand_clock.now() + timedelta(minutes=5)
    finish(clocked, begin(clocked, clocked.claim("w", LEASE)), DeliveryStatus.PENDING, error="busy", retry_at=later)
    hand_clock.forward(minutes=4, seconds=59)
    assert clocked.claim("w", LEASE) is None
    hand_clock.forward(seconds=1)
    claim = clocked.claim("w", LEASE)
    assert (claim.delivery.id, claim.attempt, claim.settling) == (write(1, 1).id, 2, False)
    assert claim.delivery.last_error == "busy"


def test_recipients_that_are_excluded_are_left_alone(clocked):
    letter = message(engagement())
    enqueue(clocked, write(), letter)
    assert clocked.claim("w", LEASE, excluded=["servicenow"]).delivery.id == letter.id
    assert clocked.claim("w", LEASE, excluded=["servicenow", "dcc"]) is None
    assert clocked.claim("w", LEASE, excluded=["dcc"]).delivery.id == write().id


def test_the_heads_of_many_lanes_are_claimed_together_up_to_a_number(clocked, hand_clock):
    later = hand_clock.now() + timedelta(minutes=5)
    enqueue(clocked, write(1, 1), write(1, 2), write(2, 1), write(3, 1), write(4, 1, next_attempt_at=later))
    enqueue(clocked, message(engagement()))
    first = clocked.claim("w", LEASE, excluded=["dcc"])
    more = clocked.claim_more("w", LEASE, "servicenow", 1)
    assert [claim.delivery.id for claim in (first, *more)] == [write(1, 1).id, write(2, 1).id]
    rest = clocked.claim_more("w", LEASE, "servicenow", 10)
    assert [claim.delivery.id for claim in rest] == [write(3, 1).id]
    assert clocked.claim_more("w", LEASE, "servicenow", 10) == ()
    for claim in (first, *more, *rest):
        finish(clocked, begin(clocked, claim), DeliveryStatus.DONE)


def test_what_other_workers_left_is_claimed_together_and_settled(clocked, hand_clock):
    enqueue(clocked, write(1), write(2), write(3))
    for claim in clocked.claim_more("dead", LEASE, "servicenow", 2):
        begin(clocked, claim)
    hand_clock.forward(seconds=LEASE.total_seconds() + 1)
    claims = clocked.claim_more("w", LEASE, "servicenow", 10)
    assert {claim.delivery.id: claim.settling for claim in claims} == {
        write(1).id: True,
        write(2).id: True,
        write(3).id: False,
    }
    assert all(claim.settle_after is not None for claim in claims if claim.settling)


def test_what_is_due_longest_is_claimed_first(clocked, hand_clock):
    now = hand_clock.now()
    enqueue(clocked, write(1, next_attempt_at=now), write(2, next_attempt_at=now - timedelta(hours=1)))
    assert clocked.claim("w", LEASE).delivery.id == write(2).id


def test_a_claim_tells_who_holds_what_until_when(clocked, hand_clock):
    enqueue(clocked, write())
    claim = clocked.claim("worker-1", LEASE)
    assert (claim.worker, claim.fence, claim.attempt, claim.settling) == ("worker-1", 1, 1, False)
    assert claim.lease_until == hand_clock.now() + LEASE
    assert claim.delivery.fence == claim.fence
    with clocked.reading() as work:
        assert work.delivery(write().id) == claim.delivery


def test_a_released_claim_is_claimable_at_the_time_it_names(clocked, hand_clock):
    enqueue(clocked, write())
    clocked.release(clocked.claim("w", LEASE), retry_at=hand_clock.now() + timedelta(seconds=30))
    assert clocked.claim("w", LEASE) is None
    hand_clock.forward(seconds=30)
    claim = clocked.claim("w", LEASE)
    assert (claim.attempt, claim.fence) == (1, 2)
    clocked.release(claim)
    assert clocked.claim("w", LEASE) is not None


def test_a_begun_attempt_cannot_be_released(clocked):
    enqueue(clocked, write())
    claim = begin(clocked, clocked.claim("w", LEASE))
    with pytest.raises(StaleWorker):
        clocked.release(claim)
    assert status(clocked, write().id) == "attempting"


def test_a_claim_that_was_never_begun_is_pending_again_when_the_lease_ends(clocked, hand_clock):
    enqueue(clocked, write())
    clocked.claim("dead", LEASE)
    hand_clock.forward(seconds=89)
    assert clocked.claim("w", LEASE) is None
    hand_clock.forward(seconds=1)
    claim = clocked.claim("w", LEASE)
    assert (claim.settling, claim.attempt, claim.worker) == (False, 1, "w")


def test_an_attempt_whose_lease_ended_is_unknown_and_comes_to_be_settled(clocked, hand_clock):
    enqueue(clocked, write())
    begun = begin(clocked, clocked.claim("dead", LEASE))
    hand_clock.forward(seconds=90)
    claim = clocked.claim("w", LEASE)
    assert (claim.settling, claim.attempt, claim.delivery.status) == (True, 1, DeliveryStatus.UNKNOWN)
    assert (claim.started_at, claim.settle_after) == (begun.started_at, begun.started_at + SETTLE)
    assert status(clocked, write().id) == "unknown"


def test_an_unknown_end_is_settled_no_sooner_than_the_far_sides_own_limit(clocked, hand_clock):
    enqueue(clocked, write())
    begun = begin(clocked, clocked.claim("w", LEASE))
    finish(clocked, begun, DeliveryStatus.UNKNOWN, error="the answer was lost")
    hand_clock.forward(seconds=59)
    assert clocked.claim("w", LEASE) is None
    hand_clock.forward(seconds=1)
    claim = clocked.claim("w", LEASE)
    assert (claim.settling, claim.settle_after) == (True, begun.settle_after)


def test_settling_spans_every_attempt_without_a_certain_end(clocked, hand_clock):
    enqueue(clocked, message(engagement()))
    first = begin(clocked, clocked.claim("w", LEASE), LETTER)
    finish(clocked, first, DeliveryStatus.UNKNOWN)
    hand_clock.forward(minutes=10)
    # Mail cannot be asked: the same letter goes again under the claim that was to settle it.
    second = begin(clocked, clocked.claim("w", LEASE), LETTER)
    assert (second.attempt, second.settling) == (2, False)
    finish(clocked, second, DeliveryStatus.UNKNOWN)
    hand_clock.forward(minutes=10)
    claim = clocked.claim("w", LEASE)
    assert (claim.attempt, claim.started_at, claim.settle_after) == (2, first.started_at, second.settle_after)


def test_what_was_settled_as_absent_is_tried_again_under_the_next_number(clocked, hand_clock):
    enqueue(clocked, write())
    begin(clocked, clocked.claim("dead", LEASE))
    hand_clock.forward(minutes=2)
    finish(clocked, clocked.claim("w", LEASE), DeliveryStatus.PENDING)
    claim = clocked.claim("w", LEASE)
    assert (claim.attempt, claim.settling, claim.started_at) == (2, False, None)


def test_what_was_settled_as_present_is_done(clocked, hand_clock):
    enqueue(clocked, write(1, 1), write(1, 2))
    begin(clocked, clocked.claim("dead", LEASE))
    hand_clock.forward(minutes=2)
    finish(clocked, clocked.claim("w", LEASE), DeliveryStatus.DONE, receipt=Receipt("far", {"seen": "in the journal"}))
    assert status(clocked, write(1, 1).id) == "done"
    assert clocked.claim("w", LEASE).delivery.id == write(1, 2).id


def test_settling_that_found_no_answer_comes_again(clocked, hand_clock):
    enqueue(clocked, write())
    begin(clocked, clocked.claim("dead", LEASE))
    hand_clock.forward(minutes=2)
    later = hand_clock.now() + timedelta(minutes=1)
    finish(clocked, clocked.claim("w", LEASE), DeliveryStatus.UNKNOWN, retry_at=later)
    assert clocked.claim("w", LEASE) is None
    hand_clock.forward(minutes=1)
    assert clocked.claim("w", LEASE).settling


def test_an_attempt_is_begun_once_under_a_claim(clocked):
    enqueue(clocked, write())
    claim = clocked.claim("w", LEASE)
    begin(clocked, claim)
    with pytest.raises(StaleWorker):
        begin(clocked, claim)


def test_no_attempt_begins_after_the_lease_ended_even_if_nobody_took_over(clocked, hand_clock):
    enqueue(clocked, write())
    claim = clocked.claim("w", LEASE)
    hand_clock.forward(seconds=90)
    with pytest.raises(StaleWorker):
        begin(clocked, claim)
    assert status(clocked, write().id) == "pending"


def test_an_end_is_never_attempting(clocked):
    enqueue(clocked, write())
    claim = clocked.claim("w", LEASE)
    with pytest.raises(ValueError, match="attempting"):
        finish(clocked, claim, DeliveryStatus.ATTEMPTING)


def test_the_bytes_of_the_first_intent_go_out_in_every_attempt(clocked):
    enqueue(clocked, message(engagement()))
    finish(clocked, begin(clocked, clocked.claim("w", LEASE), LETTER), DeliveryStatus.PENDING)
    claim = begin(clocked, clocked.claim("w", LEASE), Frozen(b"another text", "<two@bridge.example>", ()))
    sent = claim.delivery
    assert (sent.frozen, sent.message_id, sent.recipients) == (LETTER.content, LETTER.message_id, LETTER.recipients)
    with clocked.reading() as work:
        assert work.delivery(sent.id).frozen == LETTER.content


def late_events(store):
    with store.reading() as work:
        return [told for told in work.story(engagement().case) if told.event.kind == "late_outcome"]


@pytest.mark.parametrize("taken_over", [True, False], ids=["taken over", "taken over and finished"])
def test_a_stale_worker_is_refused_and_what_it_may_have_sent_is_recorded(clocked, hand_clock, taken_over):
    add(clocked, engagement())
    enqueue(clocked, message(engagement()))
    stale = begin(clocked, clocked.claim("stopped", LEASE), LETTER)
    hand_clock.forward(minutes=2)
    current = clocked.claim("w", LEASE)
    if not taken_over:
        finish(clocked, current, DeliveryStatus.DONE)
    with pytest.raises(StaleWorker):
        finish(clocked, stale, DeliveryStatus.DONE, receipt=Receipt("queued as 4F2"), error="text of the answer")
    (told,) = late_events(clocked)
    event = told.event
    assert (event.who, event.case_number, event.desk, event.round) == ("stopped", "CS0000001", "dcc", 1)
    assert event.cause == f"delivery:{stale.delivery.id}"
    assert (event.facts["operation"], event.facts["outcome"]) == ("finish", "done")
    assert (event.facts["far_id"], event.facts["fence"]) == ("queued as 4F2", 1)
    assert event.personal == {"error": "text of the answer"}
    assert status(clocked, stale.delivery.id) == ("unknown" if taken_over else "done")


def test_nothing_of_a_stale_workers_transaction_is_kept(clocked, hand_clock):
    add(clocked, engagement())
    enqueue(clocked, message(engagement()))
    stale = begin(clocked, clocked.claim("stopped", LEASE), LETTER)
    hand_clock.forward(minutes=2)
    clocked.claim("w", LEASE)

    def decide_as_if_it_counted():
        with clocked.transaction() as work:
            work.enqueue(write())
            work.finish(stale, DeliveryStatus.DONE)

    with pytest.raises(StaleWorker):
        decide_as_if_it_counted()
    with clocked.reading() as work:
        assert work.delivery(write().id) is None
    assert len(late_events(clocked)) == 1


def test_two_workers_of_the_same_name_are_told_apart_by_the_fence(clocked, hand_clock):
    enqueue(clocked, write())
    stale = begin(clocked, clocked.claim("w", LEASE))
    hand_clock.forward(minutes=2)
    assert clocked.claim("w", LEASE).fence == stale.fence + 1
    with pytest.raises(StaleWorker):
        finish(clocked, stale, DeliveryStatus.DONE)


def test_an_end_written_after_the_lease_but_before_a_takeover_counts(clocked, hand_clock):
    enqueue(clocked, write())
    claim = begin(clocked, clocked.claim("w", LEASE))
    hand_clock.forward(minutes=2)
    finish(clocked, claim, DeliveryStatus.DONE)
    assert status(clocked, write().id) == "done"


def test_a_delivery_that_became_pointless_ends_without_an_attempt(clocked):
    enqueue(clocked, write())
    finish(clocked, clocked.claim("w", LEASE), DeliveryStatus.CANCELLED, error="acknowledged in between")
    with clocked.reading() as work:
        cancelled = work.delivery(write().id)
    assert (cancelled.status, cancelled.attempts) == (DeliveryStatus.CANCELLED, 0)


def test_leases_run_on_the_databases_clock(store):
    enqueue(store, write())
    claim = store.claim("w", timedelta(milliseconds=1))
    with store.transaction() as work:
        now = work.now()
    assert abs(now - claim.lease_until) < timedelta(seconds=30)
    assert now.utcoffset() == timedelta(0)
