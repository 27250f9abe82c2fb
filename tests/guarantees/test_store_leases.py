"""Guarantees 16 and 17: a stale worker's write is refused and recorded; orphaned work is taken over."""

import signal
from datetime import timedelta

from bridge.domain.delivery import DeliveryStatus
from bridge.store import open_store
from tests.stores.processes import begin_and_hang, begin_sleep_and_finish, running, said, send, wait_for
from tests.stores.samples import LEASE, add, engagement, enqueue, status, sys_id, write

SHORT = timedelta(milliseconds=600)


def test_a_worker_stopped_past_its_lease_is_refused_when_it_wakes_and_what_it_may_have_sent_is_recorded(
    store, store_url, tmp_path
):
    log, go_on = tmp_path / "log", tmp_path / "go on"
    add(store, engagement())
    enqueue(store, write())
    with running(begin_sleep_and_finish, store_url, SHORT, log, go_on) as process:
        wait_for(lambda: said(log), "the attempt to begin")
        send(process, signal.SIGSTOP)
        claim = wait_for(lambda: store.claim("other", LEASE), "the lease to end")
        assert claim.settling
        go_on.touch()
        send(process, signal.SIGCONT)
        wait_for(lambda: len(said(log)) == 2, "the sleeper to write")
    assert said(log)[1] == ["refused"]
    assert status(store, write().id) == "unknown"
    with store.reading() as work:
        (told,) = work.story(sys_id(1))
    assert (told.event.kind, told.event.who, told.event.facts["far_id"]) == ("late_outcome", "sleeper", "queued as 4F2")
    with store.transaction() as work:
        work.finish(claim, DeliveryStatus.DONE)


def test_what_a_killed_worker_left_is_taken_over_when_the_lease_ends(store_url, hand_clock, tmp_path):
    store = open_store(store_url)
    enqueue(store, write())
    with running(begin_and_hang, store_url, tmp_path / "log") as process:
        wait_for(lambda: said(tmp_path / "log"), "the attempt to begin")
        process.kill()
        process.join()
    with store.transaction() as work:
        hand_clock.time = work.now()
    later = open_store(store_url, clock=hand_clock)
    assert later.claim("w", LEASE) is None
    hand_clock.forward(seconds=LEASE.total_seconds())
    assert later.claim("w", LEASE).settling
    later.close()
    store.close()


def test_the_kernel_gives_a_killed_workers_sqlite_file_to_the_next_one(sqlite_store_url, tmp_path):
    store = open_store(sqlite_store_url)
    enqueue(store, write())
    with running(hold_and_begin, sqlite_store_url, tmp_path / "log") as process:
        wait_for(lambda: said(tmp_path / "log"), "the attempt to begin")
        process.kill()
        process.join()
    store.close()
    worker = open_store(sqlite_store_url, exclusive_worker=True)
    assert worker.take_over_orphans() == 1
    assert worker.claim("w", LEASE).settling
    worker.close()


def hold_and_begin(url, log):
    """The one worker of a SQLite file, in the middle of an attempt."""
    held = open_store(url, exclusive_worker=True)
    begin_and_hang(url, log)
    held.close()
