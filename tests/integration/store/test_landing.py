from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from bridge.domain.ids import SysId
from bridge.ports import Cursor, Stamp, Window
from tests.stores.samples import START, record, revision, sys_id


def test_a_landed_revision_comes_back_as_it_was(store):
    case = revision(1, short_description="Zähler, 電力, \0 and \ud800", empty="")
    with store.transaction() as work:
        assert work.land([case]) == 1
        (landed,) = work.undecided(10)
    assert landed.case == case


def test_reading_the_same_page_again_changes_nothing(store):
    page = [revision(number) for number in range(10)]
    for expected in (10, 0, 0):
        with store.transaction() as work:
            assert work.land(page) == expected
    with store.transaction() as work:
        landed = work.undecided(100)
        work.mark_decided([one.id for one in landed])
        assert work.land(page) == 0
        assert work.undecided(100) == ()


@pytest.mark.parametrize("text", ["Zähler, 電力", "cut in the middle \ud83d"])
def test_the_same_contents_are_the_same_revision_however_they_are_ordered_and_held(store, text):
    case = revision(1, short_description=text, close_notes="\x7f \u2028")
    turned = replace(case, values=MappingProxyType(dict(reversed(case.values.items()))))
    with store.transaction() as work:
        assert (work.land([case]), work.land([turned])) == (1, 0)


def test_the_same_revision_twice_in_one_page_is_one(store):
    with store.transaction() as work:
        assert work.land([revision(1), revision(1)]) == 1


@pytest.mark.parametrize("change", [{"mod_count": 1}, {"number": 2}, {"state": "6"}], ids=str)
def test_a_revision_that_differs_in_any_part_of_its_identity_is_another(store, change):
    first = revision(1)
    second = revision(**({"number": 1} | change))
    with store.transaction() as work:
        assert work.land([first, second]) == 2


def test_undecided_revisions_come_in_order_of_landing_and_in_pages(store):
    with store.transaction() as work:
        work.land([revision(number) for number in (5, 3, 4, 1)])
        first = work.undecided(3)
        rest = work.undecided(3, after=first[-1].id)
    assert [one.case.number for one in first + rest] == ["CS0000005", "CS0000003", "CS0000004", "CS0000001"]


def test_what_was_decided_does_not_come_again(store):
    with store.transaction() as work:
        work.land([revision(number) for number in range(6)])
        ids = [one.id for one in work.undecided(10)]
        work.mark_decided([ids[0], ids[1], ids[3]])
        work.mark_decided([])
        assert [one.id for one in work.undecided(10)] == [ids[2], ids[4], ids[5]]


def test_what_was_read_before_going_live_lands_as_decided(store):
    with store.transaction() as work:
        assert work.land([revision(1)], decided=True) == 1
        assert work.undecided(10) == ()


def test_a_parked_case_keeps_its_revisions_back_until_it_is_free_and_holds_up_no_other(store):
    with store.transaction() as work:
        work.land([revision(1), revision(2)])
        work.add_case(record(1, parked="a field cannot be read"))
        work.add_case(record(2))
        assert [one.case.sys_id for one in work.undecided(10)] == [sys_id(2)]
        work.save_case(record(1))
        assert [one.case.sys_id for one in work.undecided(10)] == [sys_id(1), sys_id(2)]


def test_a_cursor_comes_back_with_its_windows_and_is_replaced(store):
    later = START + timedelta(microseconds=1)
    windows = (Window(START, later), Window(START, later, "0", "8"))
    with store.transaction() as work:
        assert work.cursor("cases") is None
        for cursor in (Cursor(START), Cursor(START, later, windows), Cursor(later)):
            work.save_cursor("cases", cursor)
            assert work.cursor("cases") == cursor
        assert work.cursor("journals") is None


def test_relatives_are_what_a_case_points_at_and_what_points_at_it(store):
    parent, child, other = revision(1, parent=sys_id(9)), revision(2, parent=sys_id(1)), revision(3)
    with store.transaction() as work:
        work.land([parent, child, other])
        assert work.relatives(parent) == (sys_id(9), sys_id(2))
        assert work.relatives(child) == (sys_id(1),)
        assert work.relatives(other) == ()


def test_a_child_that_was_given_another_parent_is_no_relative_any_more(store):
    with store.transaction() as work:
        work.land([revision(2, parent=sys_id(1))])
        work.land([revision(2, mod_count=1, parent=sys_id(7))])
        work.land([revision(2, mod_count=0, parent=sys_id(1), state="1")])
        assert work.relatives(revision(1)) == ()
        assert work.relatives(revision(7)) == (sys_id(2),)


def test_a_record_of_a_table_without_a_profile_lands(store):
    case = revision(1)
    with store.transaction() as work:
        assert work.land([type(case)("sc_request", case.sys_id, case.values)]) == 1


def test_revisions_that_were_never_landed_are_told_from_those_that_were(store):
    landed = [revision(number, mod_count=2) for number in range(1200)]
    with store.transaction() as tx:
        tx.land(landed)
    stamps = [Stamp(one.sys_id, one.updated_on, one.mod_count) for one in landed]
    changed = replace(stamps[7], mod_count=3)
    backdated = replace(stamps[9], updated_on=stamps[9].updated_on - timedelta(seconds=1))
    unknown = Stamp(SysId("f" * 32), stamps[0].updated_on, 0)
    with store.reading() as tx:
        assert tx.not_landed(stamps) == ()
        assert tx.not_landed([*stamps, unknown, changed, backdated]) == (
            unknown.sys_id,
            changed.sys_id,
            backdated.sys_id,
        )
        assert tx.not_landed([]) == ()
