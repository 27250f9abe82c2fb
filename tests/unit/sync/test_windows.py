from datetime import timedelta

import pytest

from bridge.domain.errors import UntrustedAnswer
from bridge.ports import Cursor, Page, Window
from bridge.sync.windows import advance, begin, remaining
from tests.pulling.tables import CASES, START, Row, StillTable

LAG = timedelta(seconds=5)
OVERLAP = timedelta(seconds=60)


def seconds(count):
    return timedelta(seconds=count)


def spread(count, *, hidden=False, per_second=1):
    """Rows one after another, with sys_ids that say nothing about their order."""
    return [
        Row(f"{(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 16**32:032x}", START + seconds(number // per_second),
            hidden=hidden)
        for number in range(count)
    ]  # fmt: skip


def read(table, window, limit=1000):
    """Read a window to its end; the revisions that were shown, in the order of reading."""
    cursor = Cursor(window.lo, window.hi, (window,))
    seen = []
    while cursor.pending:
        page = table.page(CASES, cursor.pending[-1], limit)
        cursor = advance(cursor, remaining(cursor.pending[-1], page, limit, CASES.time_field))
        seen += [row.sys_id for row in page.rows]
    assert cursor == Cursor(window.hi)
    return seen


def test_a_first_cycle_begins_at_the_start_and_ends_a_lag_before_servicenows_clock():
    now = START + timedelta(hours=1, microseconds=999_999)
    cursor = begin(None, start=START, server_time=lambda: now, lag=LAG, overlap=OVERLAP)
    assert cursor.pending == (Window(START, START + timedelta(minutes=59, seconds=55)),)
    assert cursor.watermark == START


def test_a_later_cycle_begins_an_overlap_before_the_last_one_ended():
    cursor = begin(Cursor(START), start=START, server_time=lambda: START + seconds(100), lag=LAG, overlap=OVERLAP)
    assert cursor.pending == (Window(START - OVERLAP, START + seconds(95)),)


def test_an_unfinished_cycle_goes_on_where_it_stood():
    stood = Cursor(START, START + seconds(9), (Window(START + seconds(4), START + seconds(9)),))
    assert begin(stood, start=START, server_time=lambda: START + seconds(100), lag=LAG, overlap=OVERLAP) is stood


@pytest.mark.parametrize("now", [START, START + LAG, START - timedelta(hours=1)])
def test_a_clock_that_has_not_passed_the_watermark_asks_for_nothing(now):
    cursor = begin(Cursor(START), start=START, server_time=lambda: now, lag=LAG, overlap=OVERLAP)
    assert cursor == Cursor(START)


def test_a_window_is_whole_only_with_a_margin_below_the_limit():
    window = Window(START, START + seconds(10))
    rows = tuple(row.case("t") for row in spread(10))
    assert remaining(window, Page(rows, 95, START), 100, "sys_updated_on") == ()
    assert remaining(window, Page(rows, 96, START), 100, "sys_updated_on") == (Window(START + seconds(9), window.hi),)


def test_a_short_page_with_more_rows_behind_it_is_not_the_end():
    hidden = [Row(row.sys_id, row.stamp, hidden=True) for row in spread(300)]
    shown = [Row(f"{9:032x}", START + seconds(400))]
    assert read(StillTable(hidden + shown, now=START), Window(START, START + seconds(500)), 100) == [f"{9:032x}"]


def test_a_hundred_thousand_hidden_rows_take_255_calls():
    table = StillTable(spread(100_000, hidden=True), now=START)
    assert read(table, Window(START, START + seconds(100_000))) == []
    assert table.calls == 255


def test_a_hundred_thousand_visible_rows_take_101_calls():
    rows = spread(100_000)
    table = StillTable(rows, now=START)
    assert set(read(table, Window(START, START + seconds(100_000)))) == {row.sys_id for row in rows}
    assert table.calls == 101


@pytest.mark.parametrize("hidden, calls", [(False, 6), (True, 15)])
def test_more_rows_in_one_second_than_a_page_holds_are_told_apart_by_sys_id(hidden, calls):
    rows = spread(5000, hidden=hidden, per_second=5000)
    table = StillTable(rows, now=START)
    seen = read(table, Window(START, START + seconds(1)))
    assert set(seen) == (set() if hidden else {row.sys_id for row in rows})
    assert table.calls == calls


def test_sys_ids_that_are_no_hexadecimal_digits_are_read_too():
    rows = [Row(f"global-{number:03}", START) for number in range(90)] + spread(500, per_second=500)
    table = StillTable(rows, now=START)
    assert set(read(table, Window(START, START + seconds(1)), 100)) == {row.sys_id for row in rows}


def test_rows_that_nothing_tells_apart_are_an_error_and_no_endless_loop():
    rows = [Row(f"global-{number:03}", START) for number in range(200)]
    with pytest.raises(UntrustedAnswer, match="share a sys_id"):
        read(StillTable(rows, now=START), Window(START, START + seconds(1)), 100)


def test_without_a_count_a_page_that_is_not_full_is_the_last():
    rows = spread(1000, per_second=7)
    table = StillTable(rows, now=START, counts=False)
    assert set(read(table, Window(START, START + seconds(1000)), 100)) == {row.sys_id for row in rows}
