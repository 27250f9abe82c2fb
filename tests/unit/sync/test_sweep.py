from datetime import timedelta

import pytest

from bridge.domain.errors import UntrustedAnswer
from bridge.ports import Cursor
from bridge.sync.pull import pull
from bridge.sync.sweep import sweep
from tests.pulling.memory import MemoryStore
from tests.pulling.tables import CASES, START, ChangingTable, Row

PULLED_TO = START + timedelta(hours=1)


class Counted(ChangingTable):
    """Says which pages of stamps and which records were asked for."""

    def __init__(self, rows):
        super().__init__([row.sys_id for row in rows], rows, [], now=PULLED_TO)
        self.walked = []
        self.read_in_full = []

    def stamps(self, stream, window, limit):
        self.walked.append(window)
        return super().stamps(stream, window, limit)

    def read_many(self, table, sys_ids):
        self.read_in_full += sys_ids
        return super().read_many(table, sys_ids)


def rows(count, **same):
    return [Row(f"{number:032x}", START + timedelta(seconds=number), **same) for number in range(count)]


@pytest.fixture
def store():
    store = MemoryStore()
    store.state.cursors["cases"] = Cursor(PULLED_TO)
    return store


def walk(table, store, **changed):
    return sweep(table, store, CASES, **{"since": START, "page_size": 100, "max_pages": 1000, **changed})


def test_only_what_was_never_landed_is_read_in_full(store):
    table = Counted(rows(250))
    with store.transaction() as tx:
        tx.land([row.case("incident") for row in list(table.rows.values())[:-3]])
    report = walk(table, store)
    assert (report.found, report.complete) == (3, True)
    assert table.read_in_full == [row.sys_id for row in list(table.rows.values())[-3:]]
    assert len(store.state.revisions) == 250


def test_a_changed_revision_of_a_known_record_is_found(store):
    table = Counted(rows(3, mod_count=4))
    with store.transaction() as tx:
        tx.land([row.case("incident") for row in rows(3, mod_count=3)])
    assert walk(table, store).found == 3


def test_a_tick_ends_after_its_pages_and_the_next_goes_on_there(store):
    table = Counted(rows(1000))
    first = walk(table, store, max_pages=2)
    assert (first.pages, first.complete) == (2, False)
    stood = store.state.cursors["cases/sweep"].pending[-1]
    walk(table, store, max_pages=1)
    assert table.walked[2] == stood
    while not walk(table, store, max_pages=2).complete:
        pass
    assert len(store.state.revisions) == 1000


def test_a_page_that_is_hidden_as_a_whole_ends_nothing_early(store):
    hidden = [Row(f"{number:032x}", START, hidden=True) for number in range(300)]
    shown = [Row(f"{16**31 + number:032x}", START) for number in range(5)]
    assert walk(Counted([*hidden, *shown]), store, page_size=10).found == 5


def test_nothing_beyond_the_pull_is_looked_at(store):
    store.state.cursors["cases"] = Cursor(START + timedelta(seconds=10))
    assert walk(Counted(rows(50)), store).compared == 10


def test_nothing_is_asked_before_the_pull_has_read_anything():
    table = Counted(rows(50))
    assert walk(table, MemoryStore()).complete
    assert table.walked == []


def test_what_cannot_be_trusted_moves_nothing(store):
    class Doubtful(Counted):
        def read_many(self, table, sys_ids):
            raise UntrustedAnswer("result and error")

    with pytest.raises(UntrustedAnswer):
        walk(Doubtful(rows(5)), store)
    assert "cases/sweep" not in store.state.cursors
    assert store.state.revisions == {}


def test_a_sweep_and_the_pull_do_not_share_their_cursors(store):
    table = Counted(rows(5))
    walk(table, store)
    before = store.state.cursors["cases"]
    assert before == Cursor(PULLED_TO)
    lag = timedelta()
    report = pull(table, store, CASES, page_size=10, lag=lag, overlap=lag, max_pages=9, start=START)
    assert report.watermark == PULLED_TO
