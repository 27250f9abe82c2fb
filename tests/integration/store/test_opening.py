import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import StoreError, StoreUnavailable
from bridge.store import engine, migrate, open_store
from tests.stores.samples import SETTLE, enqueue, write

DAY = timedelta(days=1)


@pytest.fixture
def worker(sqlite_store_url):
    store = open_store(sqlite_store_url, exclusive_worker=True)
    yield store
    store.close()


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "mysql://host/base", "bridge.db", "postgres:secret"], ids=str
)
def test_an_address_that_is_no_store_is_refused_with_what_to_write(url):
    with pytest.raises(StoreError, match=r"write sqlite:///PATH or postgresql\+psycopg://") as refused:
        open_store(url)
    assert "secret" not in str(refused.value)


def test_a_password_appears_in_no_error(postgres_url):
    address = postgres_url.replace("postgres@", "postgres:s3cr3t@")
    with pytest.raises(StoreError) as refused:
        open_store(address)
    assert "s3cr3t" not in str(refused.value)


def test_a_server_that_is_not_there_may_come_back(postgres_url):
    base, _, _ = postgres_url.rpartition(":")
    with pytest.raises(StoreUnavailable) as refused:
        open_store(f"{base}:1/nothing")
    assert refused.value.retryable


def test_a_file_that_is_no_database_is_refused(tmp_path):
    file = tmp_path / "bridge.db"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{file}")
    with pytest.raises(StoreError):
        migrate(f"sqlite:///{file}")


def test_sqlite_writes_ahead_and_waits_for_the_disk(store, sqlite_store_url):
    for opened in (open_store(sqlite_store_url), open_store(sqlite_store_url)):
        with opened.transaction() as work:
            assert work._execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert work._execute(text("PRAGMA synchronous")).scalar_one() == 2
            assert work._execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        opened.close()


def test_sqlite_has_one_worker(worker, sqlite_store_url):
    with pytest.raises(StoreError, match="another worker"):
        open_store(sqlite_store_url, exclusive_worker=True)


def test_short_commands_work_beside_the_worker(worker, sqlite_store_url):
    command = open_store(sqlite_store_url)
    with command.transaction() as work:
        work.set_control("pause/all", "1", "anna")
    with worker.reading() as work:
        assert work.control("pause/all") == "1"
    command.close()


def test_a_worker_that_ended_makes_room(sqlite_store_url):
    for _ in range(2):
        open_store(sqlite_store_url, exclusive_worker=True).close()


def test_the_one_worker_takes_over_at_once_what_a_dead_one_left(worker):
    enqueue(worker, write(1), write(2))
    begun = worker.claim("dead", DAY)
    with worker.transaction() as work:
        work.intend(begun, None, SETTLE)
    worker.claim("dead", DAY)
    assert worker.claim("w", DAY) is None
    assert worker.take_over_orphans() == 2
    claims = [worker.claim("w", DAY) for _ in range(2)]
    assert {(claim.delivery.id, claim.settling) for claim in claims} == {(write(1).id, True), (write(2).id, False)}
    assert worker.claim("w", DAY) is None


def test_nobody_else_may_take_over(worker, sqlite_store_url):
    command = open_store(sqlite_store_url)
    with pytest.raises(StoreError):
        command.take_over_orphans()
    command.close()


def test_on_postgresql_leases_end_by_themselves_alone(postgres_store_url):
    store = open_store(postgres_store_url, exclusive_worker=True)
    enqueue(store, write())
    store.claim("maybe alive", DAY)
    assert store.take_over_orphans() == 0
    assert store.claim("w", DAY) is None
    store.close()


def test_transactions_of_one_thread_do_not_nest(store):
    def nest():
        with store.transaction():
            store.claim("w", DAY)

    with pytest.raises(StoreError, match="open in this thread"):
        nest()
    assert store.claim("w", DAY) is None


def test_threads_share_a_store(store):
    enqueue(store, *(write(number) for number in range(20)))
    claimed = []

    def run(name):
        while claim := store.claim(name, DAY):
            claimed.append(claim.delivery.id)
            with store.transaction() as work:
                work.finish(claim, DeliveryStatus.DONE)

    threads = [threading.Thread(target=run, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(write(number).id for number in range(20))


def test_reading_waits_for_no_writer(sqlite_store_url):
    writer, reader = open_store(sqlite_store_url), open_store(sqlite_store_url)
    with writer.transaction() as writing, reader.reading() as reading:
        writing.enqueue(write())
        assert reading.deliveries() == ()
    writer.close()
    reader.close()


def test_a_lock_that_is_held_too_long_is_reported_as_unavailable(sqlite_store_url, monkeypatch):
    monkeypatch.setattr(engine, "_SQLITE_SETTINGS", ("PRAGMA busy_timeout = 50", *engine._SQLITE_SETTINGS[1:]))
    holder, other = open_store(sqlite_store_url), open_store(sqlite_store_url)

    def write_beside():
        with other.transaction() as work:
            work.enqueue(write())

    with holder.transaction(), pytest.raises(StoreUnavailable):
        in_a_thread(write_beside)
    holder.close()
    other.close()


def test_threads_take_turns_without_asking_sqlite_again_and_again(sqlite_store_url, monkeypatch):
    # SQLite itself would give up at once, so that only waiting for one's turn lets the second thread write.
    monkeypatch.setattr(engine, "_SQLITE_SETTINGS", ("PRAGMA busy_timeout = 0", *engine._SQLITE_SETTINGS[1:]))
    shared = open_store(sqlite_store_url)
    written = []

    def write_second():
        enqueue(shared, write())
        written.append("second")

    with shared.transaction():
        thread = threading.Thread(target=write_second)
        thread.start()
        thread.join(0.2)
        written.append("first")
    thread.join()
    shared.close()
    assert written == ["first", "second"]


def test_a_thread_that_never_gets_its_turn_is_told_that_the_store_is_unavailable(sqlite_store_url, monkeypatch):
    monkeypatch.setattr("bridge.store.store.LOCK_WAIT", 0.05)
    shared = open_store(sqlite_store_url)
    with shared.transaction(), pytest.raises(StoreUnavailable, match="another thread"):
        in_a_thread(lambda: enqueue(shared, write()))
    enqueue(shared, write())
    shared.close()


def in_a_thread(function):
    """Runs a function in a thread of its own and raises the store's error that it raised."""
    raised = []

    def run():
        try:
            function()
        except StoreError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_the_workers_lock_lies_beside_the_database(worker, tmp_path):
    assert Path(tmp_path / "bridge.db.worker").exists()
