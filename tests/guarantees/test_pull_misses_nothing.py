"""Guarantees 5 and 7: no case is missed or doubled by paging, and what commits late within lag + overlap is seen."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ports import Stream
from bridge.sync.pull import pull
from tests.pulling.memory import MemoryStore
from tests.pulling.tables import CASES, START, Change, ChangingTable, Row

LAG, OVERLAP = timedelta(seconds=2), timedelta(seconds=4)
LATEST = int((LAG + OVERLAP).total_seconds())

identifiers = st.lists(st.integers(0, 16**32 - 1).map(lambda n: f"{n:032x}"), min_size=1, max_size=12, unique=True)
existing = st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=12)
changes = st.lists(
    st.builds(
        Change,
        record=st.integers(0, 11),
        after=st.integers(0, 3),
        delay=st.integers(0, LATEST),
        hidden=st.booleans(),
    ),
    max_size=25,
)


def cycle(table, store, page_size, max_pages=1000):
    return pull(
        table,
        store,
        CASES,
        page_size=page_size,
        lag=LAG,
        overlap=OVERLAP,
        max_pages=max_pages,
        start=START,
    )


@settings(max_examples=400)
@given(identifiers, existing, changes, st.integers(2, 6), st.integers(1, 4))
def test_every_last_revision_is_landed_and_nothing_that_never_was(ids, rows, happening, page_size, max_pages):
    old = [Row(sys_id, START + timedelta(seconds=at), hidden=hid) for sys_id, (at, hid) in zip(ids, rows, strict=False)]
    table = ChangingTable(ids, old, happening, now=START + timedelta(seconds=10))
    store = MemoryStore()
    while table.changes:
        cycle(table, store, page_size, max_pages)
    table.rest(LAG + OVERLAP + timedelta(seconds=1))
    while not cycle(table, store, page_size, max_pages).complete:
        pass
    table.rest(LAG + OVERLAP + timedelta(seconds=1))
    while not cycle(table, store, page_size, max_pages).complete:
        pass

    landed = set(store.state.revisions)
    last = {row.revision for row in table.rows.values() if not row.hidden}
    assert last <= landed, "a revision was missed"
    assert landed <= table.history, "something was landed that never was"


@settings(max_examples=100)
@given(identifiers, existing, changes, st.integers(2, 6))
def test_a_watermark_is_never_ahead_of_what_was_read(ids, rows, happening, page_size):
    old = [Row(sys_id, START + timedelta(seconds=at), hidden=hid) for sys_id, (at, hid) in zip(ids, rows, strict=False)]
    table = ChangingTable(ids, old, happening, now=START + timedelta(seconds=10))
    store = MemoryStore()
    while table.changes:
        cycle(table, store, page_size, max_pages=2)
        done = store.state.cursors.get(CASES.name)
        settled = done.watermark - OVERLAP if done else START
        shown = {row.revision for row in table.rows.values() if not row.hidden and row.stamp < settled}
        assert shown <= set(store.state.revisions)


@pytest.mark.parametrize("delay", range(LATEST + 1))
@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_row_that_commits_late_within_lag_and_overlap_is_seen(delay, every):
    late = Change(record=0, after=0, delay=delay)
    table = ChangingTable(["0" * 32], [], [late], now=START + timedelta(seconds=30))
    store = MemoryStore()
    for _ in range(30):
        cycle(table, store, 10)
        table.rest(timedelta(seconds=every))
    assert set(store.state.revisions) == {("0" * 32, START + timedelta(seconds=30), 0)}


def test_streams_do_not_share_their_watermarks():
    table = ChangingTable(["0" * 32], [Row("0" * 32, START)], [], now=START + timedelta(seconds=60))
    store = MemoryStore()
    cycle(table, store, 10)
    other = Stream("incidents", "incident")
    report = pull(
        table, store, other, page_size=10, lag=LAG, overlap=OVERLAP, max_pages=9, start=START + timedelta(seconds=9)
    )
    assert report.rows == 0
    assert set(store.state.cursors) == {"cases", "incidents"}
