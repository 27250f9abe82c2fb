"""Journals, the state model of each table, and business rules that write as the caller."""

import re

import pytest

CASE = "sn_customerservice_case"
SOLVED = {"state": "6", "resolution_code": "4", "close_notes": "Fixed by the DCC"}


def notes(client, sys_id, **more):
    query = f"element_id={sys_id}^ORDERBYsys_created_on"
    return [
        (row["element"], row["value"], row["sys_created_by"]) for row in client.rows("sys_journal_field", query, **more)
    ]


def test_a_journal_reads_back_empty_and_lies_in_the_journal_table(bridge):
    record = bridge.create(work_notes="first")
    answer = bridge.patch(record["sys_id"], comments="second").json()["result"]
    assert (record["work_notes"], answer["comments"], answer["sys_mod_count"]) == ("", "", "1")
    assert sorted(notes(bridge, record["sys_id"])) == [
        ("comments", "second", "cpsd.bridge"),
        ("work_notes", "first", "cpsd.bridge"),
    ]


def test_a_journal_row_has_the_recorded_fields_and_no_update_stamp(bridge):
    record = bridge.create(work_notes="x")
    (row,) = bridge.rows("sys_journal_field", f"element_id={record['sys_id']}")
    assert set(row) == {
        "sys_id", "sys_created_on", "name", "element_id", "sys_tags", "value", "sys_created_by", "element"
    }  # fmt: skip
    assert row["name"] == CASE


def test_with_display_values_the_journal_is_one_text_with_the_newest_entry_first(bridge, resolver, sandbox):
    record = bridge.create(comments="older")
    sandbox.instance.clock.skew_seconds += 60
    resolver.patch(record["sys_id"], comments="newer", work_notes="internal")
    shown = bridge.get(CASE, record["sys_id"], sysparm_display_value="true").json()["result"]
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    kind = r"\(Additional comments\)"
    expected = rf"{stamp} - Priya Shah {kind}\nnewer\n\n{stamp} - CPSD Bridge {kind}\nolder\n\n"
    assert re.fullmatch(expected, shown["comments"])
    assert shown["comments_and_work_notes"].count(" (") == 3
    both = bridge.get(CASE, record["sys_id"], sysparm_display_value="all").json()["result"]
    assert both["comments"] == {"display_value": shown["comments"], "value": ""}


def test_a_blank_note_is_no_note(bridge):
    record = bridge.create()
    assert bridge.patch(record["sys_id"], work_notes="  ").json()["result"]["sys_mod_count"] == "0"
    assert notes(bridge, record["sys_id"]) == []


@pytest.mark.parametrize(
    "table, fields, missing",
    [
        (CASE, {"state": "6"}, "Resolution code, Resolution notes"),
        (CASE, {"state": "6", "close_notes": "x"}, "Resolution code"),
        ("incident", {"state": "6", "close_code": "Duplicate"}, "Resolution notes"),
        ("incident", {"incident_state": "7"}, "Resolution code, Resolution notes"),
    ],
)
def test_resolving_needs_code_and_notes(bridge, table, fields, missing):
    record = bridge.create(table)
    answer = bridge.patch(record["sys_id"], table, **fields, work_notes="lost with the rest")
    message = f"Data Policy Exception: The following fields are mandatory: {missing}"
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, message)
    assert bridge.get(table, record["sys_id"]).json()["result"]["state"] == "1"
    assert notes(bridge, record["sys_id"]) == []


def test_resolving_tells_who_and_when_and_reopening_forgets_it(bridge, resolver):
    record = bridge.create()
    solved = resolver.patch(record["sys_id"], **SOLVED).json()["result"]
    assert (solved["resolved_at"], solved["active"]) == (solved["sys_updated_on"], "true")
    assert solved["resolved_by"]["value"] == bridge.rows("sys_user", "user_name=priya.shah")[0]["sys_id"]
    reopened = bridge.patch(record["sys_id"], state="10").json()["result"]
    assert (reopened["resolved_at"], reopened["resolved_by"]) == ("", "")


@pytest.mark.parametrize(
    "table, closing, rule",
    [
        (CASE, {**SOLVED, "state": "3"}, "Prevent update of closed case"),
        (
            "incident",
            {"state": "7", "close_code": "Duplicate", "close_notes": "x"},
            "Prevent update of closed incident",
        ),
    ],
)
def test_a_closed_record_refuses_every_update(bridge, table, closing, rule):
    record = bridge.create(table)
    closed = bridge.patch(record["sys_id"], table, **closing).json()["result"]
    assert (closed["active"], closed["closed_at"]) == ("false", closed["sys_updated_on"])
    for change in ({"state": "1"}, {"work_notes": "late"}, {"priority": "1"}):
        answer = bridge.patch(record["sys_id"], table, **change)
        detail = f"Operation against file '{table}' was aborted by Business Rule '{rule}'"
        assert (answer.status_code, answer.json()["error"]) == (403, {"message": "Operation Failed", "detail": detail})


@pytest.mark.parametrize("table", ["sc_request", "sc_req_item", "sc_task", "u_market_request"])
@pytest.mark.parametrize("ended", ["3", "4", "7"])
def test_any_other_task_ends_in_one_of_three_ways_and_can_be_put_back_to_work(bridge, admin, table, ended):
    if table.startswith("u_"):
        admin.admin("POST", "tables", json={"name": table, "extends": "task", "number_prefix": "MR"})
    record = bridge.create(table, short_description="x")
    assert (record["state"], record["active"]) == ("1", "true")
    closed = bridge.patch(record["sys_id"], table, state=ended).json()["result"]
    assert (closed["active"], closed["closed_at"]) == ("false", closed["sys_updated_on"])
    assert closed["closed_by"]["value"] == bridge.rows("sys_user", "user_name=cpsd.bridge")[0]["sys_id"]
    again = bridge.patch(record["sys_id"], table, state="2", work_notes="Not yet").json()["result"]
    assert (again["active"], again["closed_at"], again["closed_by"]) == ("true", "", "")


def test_a_requested_item_belongs_to_a_request_and_a_service_level_to_a_task(bridge, admin):
    request = bridge.create("sc_request")
    item = bridge.create("sc_req_item", request=request["sys_id"])
    assert (request["number"][:3], item["number"][:4], item["state"]) == ("REQ", "RITM", "1")
    shown = bridge.rows("sc_req_item", f"request.number={request['number']}", sysparm_display_value="true")
    assert [row["request"]["display_value"] for row in shown] == [request["number"]]
    admin.create("task_sla", task=item["sys_id"], has_breached="true", percentage="101.5", stage="breached")
    (level,) = bridge.rows("task_sla", f"task.number={item['number']}", sysparm_display_value="true")
    assert (level["task"]["display_value"], level["has_breached"], level["stage"]) == (
        item["number"],
        "true",
        "Breached",
    )


def test_request_items_can_be_seeded(bridge, admin):
    admin.admin("POST", "seed", json={"cases": 60, "table": "sc_req_item"})
    states = {row["state"] for row in bridge.rows("sc_req_item")}
    assert states == {"1", "2", "3"}
    assert admin.call("POST", "/sandbox/seed", json={"cases": 1, "table": "sys_user"}).status_code == 400


def test_the_state_of_an_incident_is_mirrored_both_ways(bridge):
    record = bridge.create("incident", state="2")
    assert record["incident_state"] == "2"
    changed = bridge.patch(record["sys_id"], "incident", incident_state="3").json()["result"]
    assert (changed["state"], changed["incident_state"]) == ("3", "3")


def test_a_reopened_incident_counts(bridge):
    record = bridge.create("incident")
    bridge.patch(record["sys_id"], "incident", state="6", close_code="Duplicate", close_notes="x")
    reopened = bridge.patch(record["sys_id"], "incident", state="2").json()["result"]
    assert (reopened["reopen_count"], reopened["reopened_time"]) == ("1", reopened["sys_updated_on"])


def test_the_priority_of_an_incident_follows_impact_and_urgency_unless_given(bridge):
    assert bridge.create("incident", impact="1", urgency="2")["priority"] == "2"
    assert bridge.create("incident", impact="3", urgency="3", priority="1")["priority"] == "1"


def test_a_business_rule_writes_a_note_as_the_calling_user(bridge, admin):
    rule = {"name": "Tell", "table": CASE, "changed": ["priority"], "condition": "priority=1"}
    admin.admin("POST", "business_rules", json={**rule, "values": {"work_notes": "Priority raised"}})
    record = bridge.create()
    bridge.patch(record["sys_id"], priority="2")
    assert notes(bridge, record["sys_id"]) == []
    bridge.patch(record["sys_id"], priority="1", work_notes="mine")
    assert ("work_notes", "Priority raised", "cpsd.bridge") in notes(bridge, record["sys_id"])
    assert [effect["rule"] for effect in admin.admin("GET", "effects")] == ["", "", "", "Tell"]


def test_a_business_rule_can_abort_and_nothing_remains(bridge, admin):
    rule = {"name": "No P1", "table": CASE, "when": "any", "condition": "priority=1", "abort": True}
    admin.admin("POST", "business_rules", json=rule)
    record = bridge.create()
    answer = bridge.patch(record["sys_id"], priority="1", work_notes="x")
    assert answer.json()["error"]["detail"].endswith("was aborted by Business Rule 'No P1'")
    assert bridge.get(CASE, record["sys_id"]).json()["result"]["sys_mod_count"] == "0"
    assert len(admin.admin("GET", "effects")) == 1
    admin.admin("DELETE", "business_rules")
    assert bridge.patch(record["sys_id"], priority="1").status_code == 200
