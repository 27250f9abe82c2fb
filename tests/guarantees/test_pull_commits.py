"""Guarantees 4 and 6: a watermark commits with what was read up to it; reading a revision again changes nothing."""

from datetime import timedelta

import pytest

from bridge.ports import Cursor
from bridge.sync.pull import land_journals, land_revisions, pull
from tests.pulling.tables import CASES, START, Row, StillTable, journal

PACE = {"page_size": 10, "lag": timedelta(0), "overlap": timedelta(seconds=5), "max_pages": 100, "start": START}


class Broken(RuntimeError):
    """What ends the process in the middle of a step."""


@pytest.fixture
def table():
    rows = [Row(f"{number:032x}", START + timedelta(seconds=number)) for number in range(35)]
    return StillTable(rows, now=START + timedelta(seconds=40))


def landed(store):
    with store.transaction() as work:
        return [one.case.sys_id for one in work.undecided(1000)], work.cursor(CASES.name)


def test_what_was_read_and_how_far_commit_together_or_not_at_all(store, table):
    pages = []

    def land_and_break(tx, rows):
        new = land_revisions(tx, rows)
        pages.append(rows)
        if len(pages) == 3:
            raise Broken
        return new

    with pytest.raises(Broken):
        pull(table, store, CASES, **PACE, land=land_and_break)
    seen, cursor = landed(store)
    assert set(seen) == {row.sys_id for page in pages[:2] for row in page}
    assert cursor.pending[-1].lo == pages[1][-1].updated_on
    assert cursor.watermark == START


def test_a_cursor_that_cannot_be_saved_takes_the_rows_back_with_it(store, table, monkeypatch):
    def refuse(*_):
        raise Broken

    with store.transaction() as work:
        monkeypatch.setattr(type(work), "save_cursor", refuse)
    with pytest.raises(Broken):
        pull(table, store, CASES, **PACE)
    monkeypatch.undo()
    assert landed(store) == ([], None)
    assert pull(table, store, CASES, **PACE).new == 35


@pytest.mark.parametrize("stop", range(1, 6))
def test_a_restart_after_any_page_goes_on_and_ends_the_same(store, table, stop):
    pull(table, store, CASES, **{**PACE, "max_pages": stop})
    asked = table.calls
    assert pull(table, store, CASES, **PACE).complete
    assert table.calls - asked <= 5
    seen, cursor = landed(store)
    assert sorted(seen) == [row.sys_id for row in table.rows]
    assert cursor == Cursor(table.now)


def test_reading_every_page_again_changes_nothing(store, table):
    def three_times(tx, rows):
        first = tx.land(rows)
        assert tx.land(rows) == 0
        assert tx.land(list(reversed(rows))) == 0
        return first

    assert pull(table, store, CASES, **PACE, land=three_times).new == 35
    with store.transaction() as work:
        work.mark_decided([one.id for one in work.undecided(1000)])
        work.save_cursor(CASES.name, Cursor(START))
    assert pull(table, store, CASES, **PACE).new == 0
    with store.transaction() as work:
        assert work.undecided(1000) == ()


def test_a_journal_entry_is_taken_into_the_inbox_once(store):
    land = land_journals(lambda _, entries: entries)
    for expected in (2, 0):
        with store.transaction() as tx:
            assert land(tx, [journal(1), journal(2)]) == expected
    with store.transaction() as tx:
        assert [item.identity for item in tx.unapplied(10)] == [f"{1:032x}", f"{2:032x}"]
