"""What others did to a case between two revisions, told apart from what the bridge wrote."""

from datetime import timedelta

import pytest

from bridge.domain.case import Case, format_time
from bridge.domain.changes import Changes, compare, is_older
from tests.unit.domain.samples import CASE, START

NEW, OPEN, AWAITING, RESOLVED, CLOSED, CANCELLED = "1", "10", "18", "6", "3", "7"


def revision(state=OPEN, mod_count=1, seconds=0, displays=None, **values):
    stamp = format_time(START + timedelta(seconds=seconds))
    told = {"state": state, "sys_mod_count": str(mod_count), "sys_updated_on": stamp, "sys_updated_by": "a.person"}
    return Case("sn_customerservice_case", CASE, told | values, displays or {})


def changed(before, after, written=None):
    return compare(revision(before), revision(after), written or {})


def test_the_first_revision_that_is_seen_tells_of_no_change():
    assert compare(None, revision(RESOLVED), {}) == Changes(by="a.person")


def test_nothing_changed_between_equal_revisions():
    assert compare(revision(), revision(), {}) == Changes(by="a.person")


@pytest.mark.parametrize("before", [NEW, OPEN, AWAITING, CANCELLED])
def test_a_case_is_resolved(before):
    changes = changed(before, RESOLVED)
    assert (changes.resolved, changes.closed, changes.cancelled, changes.reopened) == (True, False, False, False)


@pytest.mark.parametrize("before", [NEW, OPEN, AWAITING, RESOLVED])
def test_a_case_is_closed(before):
    assert changed(before, CLOSED).closed
    assert not changed(before, CLOSED).resolved


def test_what_was_closed_is_not_resolved_once_more():
    assert not changed(CLOSED, RESOLVED).resolved


def test_a_case_is_cancelled():
    assert changed(OPEN, CANCELLED).cancelled


@pytest.mark.parametrize("before", [RESOLVED, CLOSED])
@pytest.mark.parametrize("after", [NEW, OPEN, AWAITING])
def test_a_case_is_reopened_when_its_end_is_taken_back(before, after):
    assert changed(before, after).reopened


@pytest.mark.parametrize("before", [NEW, OPEN, AWAITING])
def test_a_case_that_goes_on_is_not_reopened(before):
    assert not changed(before, OPEN).reopened


@pytest.mark.parametrize("after", [NEW, OPEN])
def test_a_case_that_waited_is_put_to_work(after):
    assert changed(AWAITING, after).put_to_work


@pytest.mark.parametrize("before, after", [(NEW, OPEN), (AWAITING, AWAITING), (OPEN, AWAITING), (RESOLVED, OPEN)])
def test_other_moves_do_not_put_it_to_work(before, after):
    assert not changed(before, after).put_to_work


@pytest.mark.parametrize("before, after", [(OPEN, RESOLVED), (RESOLVED, OPEN), (AWAITING, OPEN), (OPEN, CLOSED)])
def test_a_state_that_the_bridge_is_writing_is_its_own_echo(before, after):
    changes = changed(before, after, {"state": {after}})
    assert changes == Changes(by="a.person")


def test_a_state_beside_the_one_that_the_bridge_is_writing_is_a_fact():
    assert changed(OPEN, RESOLVED, {"state": {AWAITING}}).resolved


def test_an_echo_hides_no_other_field_of_the_same_revision():
    after = revision(AWAITING, priority="1")
    changes = compare(revision(priority="3"), after, {"state": {AWAITING}})
    assert changes.fields == (("priority", "3", "1"),)


def test_changed_fields_are_told_as_people_see_them():
    before = revision(priority="3", assigned_to="", displays={"priority": "3 - Moderate"})
    after = revision(priority="1", assigned_to="f00", displays={"priority": "1 - Critical", "assigned_to": "J. Doe"})
    assert compare(before, after, {}).fields == (
        ("assigned_to", "", "J. Doe"),
        ("priority", "3 - Moderate", "1 - Critical"),
    )


def test_a_column_that_was_not_read_before_or_is_not_read_now_is_no_change():
    assert compare(revision(), revision(priority="1"), {}).fields == ()
    assert compare(revision(priority="1"), revision(), {}).fields == ()


def test_a_state_that_the_platform_does_not_know_ends_nothing_and_reopens_nothing():
    assert changed(OPEN, "99") == Changes(by="a.person", fields=(("state", OPEN, "99"),))
    assert not changed(RESOLVED, "99").reopened


def test_a_revision_is_older_by_its_count_and_then_by_its_time():
    known = revision(mod_count=5, seconds=60)
    assert is_older(revision(mod_count=4, seconds=60), known)
    assert is_older(revision(mod_count=5, seconds=59), known)
    assert not is_older(known, known)
    assert not is_older(revision(mod_count=6, seconds=60), known)
