import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.errors import UntrustedAnswer
from bridge.ports import Page
from bridge.sync.backfill import Span, backfill
from tests.pulling.memory import MemoryStore
from tests.pulling.tables import CASES, START, Row, StillTable

SPAN = Span(START, START + timedelta(seconds=500))


def table(count, **options):
    rows = [Row(f"{number:032x}", START + timedelta(seconds=number)) for number in range(count)]
    return StillTable(rows, now=START + timedelta(days=1), **options)


def run(source, store, *, span=SPAN, told=None):
    heard = [] if told is None else told
    report = backfill(source, store, CASES, span, page_size=50, told=lambda *one: heard.append(one))
    return report, heard


def test_it_lands_what_changed_before_its_end_and_nothing_after():
    store = MemoryStore()
    report, told = run(table(800), store)
    assert report.complete
    assert len(store.state.revisions) == 500
    assert (told[0], told[-1][1]) == ((0, 500), 500)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_pull_does_not_take_its_cursor_for_its_own():
    store = MemoryStore()
    run(table(10), store)
    assert set(store.state.cursors) == {"cases/backfill/2026-06-01T00:00:00"}


def test_another_run_goes_on_after_the_last_page_that_was_landed():
    class Ending(StillTable):
        ends = True

        def page(self, stream, window, limit):
            page = super().page(stream, window, limit)
            if self.ends and self.calls == 5:
                raise UntrustedAnswer("the instance hibernates")
            return page

    good = table(800)
    source, store = Ending(good.rows, now=good.now), MemoryStore()
    with pytest.raises(UntrustedAnswer):
        run(source, store)
    landed, source.ends = len(store.state.revisions), False
    assert landed < 500
    _, told = run(source, store)
    assert len(store.state.revisions) == 500
    assert landed - 50 <= told[0][0] <= landed + 50
    assert run(source, store)[0].pages == 0


def test_a_longer_span_is_a_backfill_of_its_own():
    store = MemoryStore()
    run(table(800), store, span=Span(START + timedelta(seconds=100), SPAN.until))
    assert len(store.state.revisions) == 400
    run(table(800), store)
    assert len(store.state.revisions) == 500


def test_an_instance_without_counts_is_read_without_a_total():
    store = MemoryStore()
    _, told = run(table(800, counts=False), store)
    assert {total for _, total in told} == {None}
    assert len(store.state.revisions) == 500


def test_it_needs_the_memory_of_two_pages_however_many_there_are(quick_store):
    def peak(count, page_size):
        span = Span(START, START + timedelta(seconds=count))
        source = Endless(count)
        tracemalloc.start()
        stream = replace(CASES, name=f"cases{count}")
        report = backfill(source, quick_store, stream, span, page_size=page_size, told=lambda *_: None)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert report.complete
        assert report.rows >= count
        return highest

    few = peak(1_000, 250)
    assert peak(5_000, 250) < few * 1.5


class Endless:
    """A table whose rows are made when they are asked for, with texts of some length."""

    def __init__(self, count):
        self.count = count

    def page(self, stream, window, limit):
        first, end = (int((edge - START).total_seconds()) for edge in (window.lo, window.hi))
        rows = [self.row(number, stream.table) for number in range(first, min(end, self.count, first + limit))]
        return Page(tuple(rows), min(end, self.count) - first, START)

    def row(self, number, table):
        case = Row(f"{self.count:016x}{number:016x}", START + timedelta(seconds=number)).case(table)
        return replace(case, values={**case.values, "description": f"No reads for {number}. " * 40})
