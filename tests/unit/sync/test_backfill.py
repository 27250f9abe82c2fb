from datetime import timedelta

import pytest

from bridge.domain.errors import UntrustedAnswer
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
