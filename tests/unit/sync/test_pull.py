import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.case import Case
from bridge.domain.errors import UntrustedAnswer, UsageError
from bridge.domain.ids import SysId
from bridge.mapping.entries import attachment_of, journal_of
from bridge.ports import CaseRecord
from bridge.sync.pull import land_attachments, land_journals, pull, pull_engaged
from tests.pulling.memory import MemoryStore
from tests.pulling.tables import CASES, START, Row, StillTable, journal

PACE = {"lag": timedelta(seconds=5), "overlap": timedelta(seconds=10), "start": START}


def table(count):
    rows = [Row(f"{number:032x}", START + timedelta(seconds=number)) for number in range(count)]
    return StillTable(rows, now=START + timedelta(seconds=count + 5))


def cycle(source, store, **changed):
    return pull(source, store, changed.pop("stream", CASES), **{**PACE, "page_size": 100, "max_pages": 1000, **changed})


def test_a_pull_lands_every_row_and_moves_the_watermark_to_where_it_ended():
    store = MemoryStore()
    report = cycle(table(250), store)
    assert (report.new, report.complete, report.watermark) == (250, True, START + timedelta(seconds=250))
    assert len(store.state.revisions) == 250


def test_a_cycle_ends_after_its_pages_and_the_next_goes_on_there():
    source, store = table(1000), MemoryStore()
    first = cycle(source, store, max_pages=3)
    assert (first.pages, first.complete, first.watermark) == (3, False, START)
    stood = store.state.cursors["cases"]
    cycle(source, store, max_pages=1)
    assert source.asked[3] == stood.pending[-1]
    while not cycle(source, store, max_pages=3).complete:
        pass
    assert len(store.state.revisions) == 1000


def test_an_idle_cycle_asks_for_one_page():
    source, store = table(10), MemoryStore()
    cycle(source, store)
    source.now += timedelta(seconds=30)
    asked = source.calls
    assert cycle(source, store).new == 0
    assert source.calls == asked + 1


def test_the_windows_end_by_servicenows_clock_however_wrong_ours_is():
    source, store = table(10), MemoryStore()
    cycle(source, store)
    assert source.asked[-1].hi == source.now - PACE["lag"]


def test_an_untrusted_page_lands_nothing_and_is_asked_for_again():
    class Doubtful(StillTable):
        doubts = 3

        def page(self, stream, window, limit):
            page = super().page(stream, window, limit)
            if self.calls == self.doubts:
                raise UntrustedAnswer("result and error")
            return page

    good = table(500)
    source, store = Doubtful(good.rows, now=good.now), MemoryStore()
    with pytest.raises(UntrustedAnswer):
        cycle(source, store)
    assert len(store.state.revisions) == 199
    cycle(source, store)
    assert source.asked[2] == source.asked[3]
    assert len(store.state.revisions) == 500


def test_the_next_page_is_read_while_one_is_landed():
    second_page = threading.Event()

    class Telling(StillTable):
        def page(self, stream, window, limit):
            page = super().page(stream, window, limit)
            if self.calls == 2:
                second_page.set()
            return page

    def land(tx, rows):
        assert second_page.wait(5)
        return tx.land(rows)

    good = table(150)
    assert cycle(Telling(good.rows, now=good.now), MemoryStore(), land=land).pages == 2


def test_a_page_read_ahead_counts_for_nothing_when_the_one_before_cannot_be_landed():
    def fail(tx, rows):
        tx.land(rows)
        raise UntrustedAnswer("the store is away")

    source, store = table(500), MemoryStore()
    with pytest.raises(UntrustedAnswer):
        cycle(source, store, land=fail)
    assert (store.state.revisions, store.state.cursors) == ({}, {})
    assert cycle(source, store).new == 500


def test_a_page_too_small_to_make_progress_is_refused():
    with pytest.raises(UsageError, match="too small"):
        cycle(table(1), MemoryStore(), page_size=1)


def test_journal_entries_go_into_the_inbox_once_and_come_out_as_they_were():
    store = MemoryStore()
    rows = [journal(1, "one\r\ntwo"), journal(2, case="c2"), journal(3)]
    land = land_journals(lambda tx, entries: [entry for entry in entries if entry.case == "c1"])
    with store.transaction() as tx:
        assert land(tx, rows) == 2
        assert land(tx, rows) == 0
    first = next(iter(store.state.items.values()))
    assert (first.source, first.identity, first.case) == ("servicenow:journal", f"{1:032x}", "c1")
    entry = journal_of(first.raw)
    assert (entry.text, entry.author, entry.element) == ("one\ntwo", "tom.hughes", "work_notes")
    assert entry.created_on == START + timedelta(seconds=1)


def test_attachments_go_into_the_inbox_as_metadata():
    store = MemoryStore()
    values = {
        "sys_id": "a1",
        "sys_created_on": "2026-06-01 00:00:07",
        "sys_created_by": "ewa.nowak",
        "table_name": "incident",
        "table_sys_id": "c1",
        "file_name": "Zähler.pdf",
        "content_type": "application/pdf",
        "size_bytes": "1234",
    }
    with store.transaction() as tx:
        assert land_attachments(lambda tx, entries: entries)(tx, [Case("sys_attachment", SysId("a1"), values)]) == 1
    (item,) = store.state.items.values()
    entry = attachment_of(item.raw)
    assert (entry.file_name, entry.size, entry.sha256, entry.case) == ("Zähler.pdf", 1234, "", "c1")


class Records:
    """Answers point reads."""

    def __init__(self, cases):
        self.cases = cases
        self.asked = []

    def read_many(self, name, sys_ids):
        self.asked.append((name, len(sys_ids)))
        return tuple(case for case in self.cases if case.table == name and case.sys_id in sys_ids)


def engaged(number, name="incident"):
    return CaseRecord(SysId(f"{number:032x}"), name, f"INC{number}", version=1)


def test_engaged_cases_are_read_whatever_the_filters_say_and_missing_ones_are_named():
    store = MemoryStore()
    store.state.engaged = [engaged(number) for number in range(2050)] + [engaged(9000, "problem")]
    shown = [Row(f"{number:032x}", START).case("incident") for number in range(2049)]
    source = Records(shown)
    report = pull_engaged(source, store)
    assert source.asked == [("incident", 1000), ("incident", 1000), ("incident", 50), ("problem", 1)]
    assert (report.rows, report.new) == (2049, 2049)
    assert report.missing == (engaged(2049), engaged(9000, "problem"))
    assert pull_engaged(source, store).new == 0


def test_a_case_that_moved_to_another_table_is_missing_from_its_own():
    store = MemoryStore()
    store.state.engaged = [engaged(1)]
    moved = replace(Row(f"{1:032x}", START).case("incident"), table="problem")
    assert pull_engaged(Records([moved]), store).missing == (engaged(1),)
