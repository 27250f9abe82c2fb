"""Guarantee 15: at most one worker on a lane; two decisions on one case cannot both rest on the old picture."""

from contextlib import ExitStack

import pytest
from sqlalchemy import text

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import StoreError
from bridge.store import open_store
from tests.stores.processes import confirm_when_told, deliver_everything, running, said, wait_for
from tests.stores.samples import LEASE, add, engagement, enqueue, message, sys_id, write

LANES, DEPTH, WORKERS = 8, 12, 3


def test_claims_of_many_processes_never_overlap_on_a_lane_and_keep_its_order(store, store_url, tmp_path):
    log = tmp_path / "log"
    enqueue(store, *(write(lane, ordinal) for ordinal in range(DEPTH) for lane in range(LANES)))
    with ExitStack() as stack:
        for number in range(WORKERS):
            stack.enter_context(running(deliver_everything, store_url, f"w{number}", log))
        wait_for(lambda: len(said(log)) == 2 * LANES * DEPTH, "every delivery to be made")
    inside, order = {}, {}
    for what, lane, delivery, worker in said(log):
        if what == "enter":
            assert lane not in inside, f"{worker} entered {lane} while {inside[lane]} was on it"
            inside[lane] = worker
            order.setdefault(lane, []).append(delivery)
        else:
            assert inside.pop(lane) == worker
    assert order == {write(lane).lane: [write(lane, ordinal).id for ordinal in range(DEPTH)] for lane in range(LANES)}


def test_the_database_itself_refuses_a_second_worker_on_a_lane(store):
    enqueue(store, write(1, 1), write(1, 2))
    store.claim("w", LEASE)
    with pytest.raises(StoreError), store.transaction() as work:
        work._execute(text("UPDATE outbox SET worker = 'v', lease_until = 0 WHERE worker IS NULL"))


def test_a_delivery_that_commits_late_with_a_lower_number_waits_for_the_lane(postgres_store_url):
    """Two transactions put into one lane; the one that took its number first commits last."""
    first, second = open_store(postgres_store_url), open_store(postgres_store_url)
    with first.transaction() as late:
        late.enqueue(write(1, 1))
        enqueue(second, write(1, 2))
        claim = second.claim("w", LEASE)
        assert claim.delivery.id == write(1, 2).id
    assert first.claim("v", LEASE) is None, "the lane has its worker, although an earlier row appeared"
    with second.transaction() as work:
        work.finish(claim, DeliveryStatus.DONE)
    assert first.claim("v", LEASE).delivery.id == write(1, 1).id
    first.close()
    second.close()


def test_an_orphan_behind_a_late_lower_number_is_still_taken_over(postgres_store_url, hand_clock):
    first, second = (open_store(postgres_store_url, clock=hand_clock) for _ in range(2))
    with first.transaction() as late:
        late.enqueue(write(1, 1))
        enqueue(second, write(1, 2))
        second.claim("dead", LEASE)
    hand_clock.forward(minutes=2)
    claim = first.claim("v", LEASE)
    assert claim.delivery.id == write(1, 2).id
    first.close()
    second.close()


def test_two_confirmations_at_the_same_instant_end_like_one_after_the_other(store, store_url, tmp_path):
    start, desks = tmp_path / "start", ("dcc", "ldso", "supplier")
    add(store, *(engagement(1, desk) for desk in desks))
    with ExitStack() as stack:
        processes = [stack.enter_context(running(confirm_when_told, store_url, desk, start)) for desk in desks]
        wait_for(lambda: len(said(start.with_suffix(".ready"))) == len(desks), "everybody to be ready")
        start.touch()
        for process in processes:
            process.join(60)
    with store.reading() as work:
        assert work.case(sys_id(1)).version == 1 + len(desks)
        seen = [told.event.facts["others"] for told in work.story(sys_id(1))]
    assert seen == [0, 1, 2], "each decision saw every earlier one"


def test_one_round_of_a_desk_is_open_however_many_open_it_at_once(postgres_store_url):
    one, other = open_store(postgres_store_url), open_store(postgres_store_url)
    add(one, engagement())
    with pytest.raises(StoreError), one.transaction() as work:
        work._execute(
            text(
                "INSERT INTO engagement "
                "(id, reference, case_id, case_number, desk, round, agreement_version, opened_at, state) "
                "SELECT 'x', 'y', case_id, case_number, desk, 2, 1, 0, 'open' FROM engagement"
            )
        )
    with other.reading() as work:
        assert len(work.engagements(sys_id(1))) == 1
    one.close()
    other.close()


def test_messages_of_one_engagement_and_its_chases_have_lanes_of_their_own(store):
    letter, chase = message(engagement()), message(engagement(), 2, "chase", lane=f"chase/{engagement().id}")
    enqueue(store, letter, chase)
    assert {store.claim("w", LEASE).delivery.id for _ in range(2)} == {letter.id, chase.id}
