"""Guarantee 7: what commits later than the windows allow, or with an old time stamp, is found by the sweep."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sync.pull import pull
from bridge.sync.sweep import sweep
from tests.pulling.memory import MemoryStore
from tests.pulling.tables import CASES, START, Change, ChangingTable, Row

LAG, OVERLAP = timedelta(seconds=2), timedelta(seconds=4)
MUCH_LATER = timedelta(minutes=2)

identifiers = st.lists(st.integers(0, 16**32 - 1).map(lambda n: f"{n:032x}"), min_size=1, max_size=12, unique=True)
existing = st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=12)
changes = st.lists(
    st.builds(
        Change, record=st.integers(0, 11), after=st.integers(0, 3), delay=st.integers(0, 90), hidden=st.booleans()
    ),
    max_size=25,
)


def read(table, store, page_size):
    while not pull(
        table, store, CASES, page_size=page_size, lag=LAG, overlap=OVERLAP, max_pages=100, start=START
    ).complete:
        pass


def walk(table, store, page_size, max_pages=1000):
    return sweep(table, store, CASES, since=START, page_size=page_size, max_pages=max_pages)


@settings(max_examples=150)
@given(identifiers, existing, changes, st.integers(2, 6), st.integers(1, 3))
def test_whatever_committed_however_late_is_landed_after_one_walk(ids, rows, happening, page_size, max_pages):
    old = [Row(sys_id, START + timedelta(seconds=at), hidden=hid) for sys_id, (at, hid) in zip(ids, rows, strict=False)]
    table = ChangingTable(ids, old, happening, now=START + timedelta(seconds=10))
    store = MemoryStore()
    while table.changes:
        read(table, store, page_size)
        walk(table, store, page_size, max_pages)
    table.rest(MUCH_LATER)
    read(table, store, page_size)
    # The walk that was under way may have passed the place already; the next one cannot have.
    for _ in range(2):
        while not walk(table, store, page_size, max_pages).complete:
            pass

    landed = set(store.state.revisions)
    assert {row.revision for row in table.rows.values() if not row.hidden} <= landed
    assert landed <= table.history


def test_a_row_that_the_windows_missed_is_missed_without_the_sweep():
    late = Change(record=0, after=0, delay=60)
    table = ChangingTable(["0" * 32], [], [late], now=START + timedelta(seconds=30))
    store = MemoryStore()
    for _ in range(5):
        read(table, store, 10)
        table.rest(timedelta(seconds=30))
    assert store.state.revisions == {}
    assert walk(table, store, 10).found == 1
    assert set(store.state.revisions) == {("0" * 32, START + timedelta(seconds=30), 0)}
