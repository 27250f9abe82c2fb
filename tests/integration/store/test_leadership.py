import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.store import open_store


@pytest.fixture
def replicas(postgres_store_url):
    stores = [open_store(postgres_store_url) for _ in range(2)]
    yield stores
    for store in stores:
        store.close()


def leads(store, schedule="pull") -> bool:
    with store.leadership(schedule) as leading:
        return leading


def test_one_of_two_replicas_ticks_a_schedule_and_goes_on_doing_so(replicas):
    one, other = replicas
    assert [leads(one), leads(other), leads(one), leads(other)] == [True, False, True, False]


def test_schedules_are_led_each_for_itself(replicas):
    one, other = replicas
    assert leads(one, "pull")
    assert leads(other, "collect")
    assert not leads(one, "collect")


def test_the_other_takes_over_when_the_leader_ends(replicas):
    one, other = replicas
    assert leads(one)
    one.close()
    assert leads(other)


def test_a_leader_that_lost_its_connection_has_lost_its_schedules(replicas):
    one, other = replicas
    assert leads(one)
    with other.transaction() as work:
        work._execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    deadline = time.monotonic() + 10
    while not leads(other):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not leads(one)


def test_a_leader_that_falls_silent_is_replaced(postgres_store_url):
    silent = open_store(postgres_store_url, silence=timedelta(milliseconds=200))
    other = open_store(postgres_store_url)
    assert leads(silent)
    deadline = time.monotonic() + 10
    while not leads(other):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not leads(silent)
    silent.close()
    other.close()


def test_on_sqlite_the_one_worker_leads_everything(sqlite_store_url):
    worker, command = open_store(sqlite_store_url, exclusive_worker=True), open_store(sqlite_store_url)
    assert leads(worker)
    assert not leads(command)
    worker.close()
    command.close()
