"""The integration user may not read `sys_journal_field`: the records' own journal fields tell the same."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.errors import NotPermitted
from bridge.mapping.entries import is_derived, journal_entry
from bridge.ports import CheckStatus, Stream, Window
from tests.integration.servicenow.conftest import BRIDGE, CASE

TABLE = "sys_journal_field"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
STREAM = Stream("journals", TABLE, f"name={CASE}^elementINcomments,work_notes", time_field="sys_created_on")
CLOSED = [{"kind": "deny_read"}, {"kind": "hide", "query": "sys_idISNOTEMPTY"}]


def told(entries):
    return [(one.case, one.table, one.element, one.text, one.author, one.created_on) for one in entries]


@pytest.fixture
def noted(instance, servicenow):
    """Two cases with notes of several people, one of them ours."""
    first = instance.create(short_description="one", work_notes="First.\n\nWith a gap.", comments="For you.")
    second = instance.create(short_description="two", work_notes="#engage @dcc")
    servicenow.write(CASE, first, {"work_notes": "Ours.\n[cpsd:0123456789]"})
    instance.change(first, work_notes="Last.")
    return [first, second]


def close(instance, rule=None):
    instance.admin("POST", "acl", table=TABLE, **(rule or CLOSED[0]))


@pytest.mark.parametrize("rule", CLOSED, ids=["refused", "hidden"])
def test_the_same_entries_are_told_either_way(instance, servicenow, noted, rule):
    before = servicenow.journals(noted, LONG_AGO)
    pages = servicenow.page(STREAM, Window(LONG_AGO, FAR), 100)
    close(instance, rule)
    after = servicenow.journals(noted, LONG_AGO)
    assert len(before) == 5
    assert sorted(told(after)) == sorted(told(before))
    assert BRIDGE in {entry.author for entry in after}
    assert all(map(is_derived, after))
    assert not any(map(is_derived, before))
    page = servicenow.page(STREAM, Window(LONG_AGO, FAR), 100)
    assert page.total == pages.total
    assert sorted(told(map(journal_entry, page.rows))) == sorted(told(map(journal_entry, pages.rows)))
    assert {row.sys_id for row in page.rows} == {entry.sys_id for entry in after}, "one entry has one identity"


def test_entries_come_oldest_first_and_since_an_instant(instance, servicenow, noted):
    close(instance)
    entries = servicenow.journals(noted, LONG_AGO)
    assert [entry.created_on for entry in entries] == sorted(entry.created_on for entry in entries)
    assert servicenow.journals(noted, entries[-1].created_on + timedelta(seconds=1)) == ()


def test_a_page_holds_the_first_of_its_window_and_counts_them_all(instance, servicenow, noted):
    close(instance)
    everything = servicenow.page(STREAM, Window(LONG_AGO, FAR), 100).rows
    page = servicenow.page(STREAM, Window(LONG_AGO, FAR), 2)
    assert (page.rows, page.total) == (everything[:2], 5)
    middle = sorted(row.sys_id for row in everything)[2]
    low = servicenow.page(STREAM, Window(LONG_AGO, FAR, "", middle), 100)
    high = servicenow.page(STREAM, Window(LONG_AGO, FAR, middle, ""), 100)
    assert (len(low.rows), len(high.rows)) == (2, 3)
    assert servicenow.page(STREAM, Window(LONG_AGO, LONG_AGO + timedelta(days=1)), 100).rows == ()


def test_the_same_words_twice_in_a_second_are_two_entries_and_stay_them(instance, servicenow, noted):
    instance.put(
        TABLE,
        *[
            {"name": CASE, "element_id": noted[0], "element": "work_notes", "value": "Ring me."}
            | {"sys_created_by": "admin", "sys_created_on": "2026-01-01 09:00:00"}
        ]
        * 2,
    )
    close(instance)
    before = {entry.sys_id: entry.author for entry in servicenow.journals(noted, LONG_AGO)}
    assert len(before) == 7
    third = {"name": CASE, "element_id": noted[0], "element": "work_notes", "value": "Ring me."}
    instance.put(TABLE, third | {"sys_created_by": BRIDGE, "sys_created_on": "2026-01-01 09:00:00"})
    after = {entry.sys_id: entry.author for entry in servicenow.journals(noted, LONG_AGO)}
    assert len(after) == 8
    assert before.items() < after.items()


def test_times_are_read_in_the_users_zone(instance, servicenow, noted):
    before = told(servicenow.journals(noted, LONG_AGO))
    instance.admin("POST", "users", user_name=BRIDGE, time_zone="Australia/Sydney")
    close(instance)
    assert sorted(told(servicenow.journals(noted, LONG_AGO))) == sorted(before)


def test_a_zone_that_nobody_knows_is_no_guess(instance, servicenow, noted):
    instance.put("sys_user", {"sys_id": user(instance), "time_zone": "Mars/Olympus"})
    close(instance)
    with pytest.raises(NotPermitted, match="zone"):
        servicenow.journals(noted, LONG_AGO)


def user(instance):
    (row,) = instance.rows("sys_user", f"user_name={BRIDGE}")
    return row["sys_id"]


def test_a_name_that_two_people_have_is_nobodys_user_name(instance, servicenow, noted):
    (admin,) = instance.rows("sys_user", "user_name=admin")
    instance.put("sys_user", {"user_name": "double", "name": admin["name"]})
    close(instance)
    authors = {entry.author for entry in servicenow.journals(noted, LONG_AGO)}
    assert authors == {admin["name"], BRIDGE}


def test_nobody_else_may_be_called_like_our_user(instance, servicenow, noted):
    (ours,) = instance.rows("sys_user", f"user_name={BRIDGE}")
    instance.put("sys_user", {"user_name": "double", "name": ours["name"]})
    close(instance)
    with pytest.raises(NotPermitted, match="like the integration user"):
        servicenow.journals(noted, LONG_AGO)


def test_a_user_without_a_name_that_is_shown_reads_nothing(instance, servicenow, noted):
    instance.put("sys_user", {"sys_id": user(instance), "name": ""})
    close(instance)
    with pytest.raises(NotPermitted, match="name is not shown"):
        servicenow.journals(noted, LONG_AGO)


def test_the_table_is_used_again_once_it_is_open(instance, servicenow, noted, wall):
    close(instance)
    assert all(map(is_derived, servicenow.journals(noted, LONG_AGO)))
    instance.admin("DELETE", "acl")
    assert all(map(is_derived, servicenow.journals(noted, LONG_AGO))), "it is not asked for each time"
    wall.sleep(1000)
    assert not any(map(is_derived, servicenow.journals(noted, LONG_AGO)))


def test_work_that_may_wait_reads_the_same_way(instance, servicenow, noted):
    close(instance)
    patient = servicenow.at_low_priority()
    assert told(patient.journals(noted, LONG_AGO)) == told(servicenow.journals(noted, LONG_AGO))
    assert patient._journals.reader.session is patient._session


def test_check_says_what_works_and_what_not(instance, servicenow, noted):
    cases = Stream("cases", CASE)
    close(instance)
    results = {result.name: result for result in servicenow.check([cases, STREAM], {})}
    found = results["source journals: readable"]
    assert found.status is CheckStatus.WARNING
    assert "commands, sharing and echoes work" in found.detail
    assert found.remedy == "let the integration user read sys_journal_field"
    assert "source journals: time bounds" not in results
    instance.put("sys_user", {"sys_id": user(instance), "time_zone": "Mars/Olympus"})
    failed = {result.name: result for result in servicenow.check([cases, STREAM], {})}["source journals: readable"]
    assert (failed.status, "zone" in failed.detail) == (CheckStatus.FAILED, True)
    instance.admin("DELETE", "acl")
    open_again = {result.name: result for result in servicenow.check([cases, STREAM], {})}
    assert open_again["source journals: readable"].status is CheckStatus.OK
