"""Guarantees 1 and 8: what belongs together commits together; what commits late is not skipped."""

import pytest
from sqlalchemy import text

from bridge.ports import TrailEvent
from bridge.store import open_store
from tests.stores.processes import (
    change_everything_for_ever,
    receive_and_wait,
    running,
    said,
    store_one_of_each,
    wait_for,
)
from tests.stores.samples import LEASE, record, sys_id, write

KILLS = 5


def count(store, table: str) -> int:
    with store.reading() as work:
        return work._execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_state_outbox_and_trail_commit_together_or_not_at_all_whenever_the_process_is_killed(store_url, tmp_path):
    progress = tmp_path / "progress"
    for kill in range(1, KILLS + 1):
        before = len(said(progress))
        with running(change_everything_for_ever, store_url, progress) as process:
            wait_for(lambda start=before, more=7 * kill: len(said(progress)) > start + more, "some commits")
            process.kill()
            process.join()
        store = open_store(store_url)
        counts = {table: count(store, table) for table in ("case_record", "outbox", "event", "event_value")}
        store.close()
        assert len(set(counts.values())) == 1, counts
        assert counts["event"] >= len(said(progress)), "what was acknowledged is there"


@pytest.mark.parametrize("step", ["case", "delivery", "event"])
def test_an_exception_anywhere_in_the_block_leaves_nothing(store, step):
    def fail_after(last):
        with store.transaction() as work:
            for name, act in (
                ("case", lambda: work.add_case(record())),
                ("delivery", lambda: work.enqueue(write())),
                ("event", lambda: work.record(TrailEvent("x", "y", case=sys_id(1), personal={"a": "b"}))),
            ):
                act()
                if name == last:
                    raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after(step)
    assert [count(store, table) for table in ("case_record", "outbox", "event", "event_value")] == [0, 0, 0, 0]


def test_a_late_commit_of_a_lower_number_is_not_skipped(postgres_store_url, tmp_path):
    log, go_on = tmp_path / "log", tmp_path / "go on"
    store = open_store(postgres_store_url)
    with running(receive_and_wait, postgres_store_url, log, go_on) as process:
        wait_for(lambda: said(log), "the first rows, not yet committed")
        with store.transaction() as work:
            store_one_of_each(work, 2)
        seen = [take(store)]
        go_on.touch()
        wait_for(lambda: len(said(log)) == 2, "the late commit")
        process.join()
        seen.append(take(store))
    assert seen[0] == {"item": "<2@dcc.example>", "case": "CS0000002", "delivery": write(2).id}
    assert seen[1] == {"item": "<1@dcc.example>", "case": "CS0000001", "delivery": write(1).id}
    with store.reading() as work:
        assert [told.event.facts["number"] for told in work.story(sys_id(1))] == [1, 2], "numbered in order of writing"
    store.close()


def take(store):
    """Read what waits, as every reader does, and settle it."""
    with store.transaction() as work:
        (item,) = work.unapplied(10)
        (landed,) = work.undecided(10)
        work.settle_item(item.id, item.state.APPLIED, "")
        work.mark_decided([landed.id])
    return {"item": item.identity, "case": landed.case.number, "delivery": store.claim("w", LEASE).delivery.id}
