"""What `check` proves about an instance before the first pull."""

from dataclasses import replace

import pytest

from bridge.connectors.servicenow import Basic, Connection, Patience, ServiceNow
from bridge.ports import CheckStatus, Stream
from tests.integration.servicenow.conftest import BRIDGE, reach

CASE = "sn_customerservice_case"
CASES = Stream("cases", CASE, "active=true^assignment_group.nameSTARTSWITHCPSD", ("category",))


@pytest.fixture
def filled(instance):
    instance.admin("POST", "seed", cases=80)
    case = instance.create(short_description="x", work_notes="a note")
    instance.call(
        "POST",
        "/api/now/attachment/file",
        params={"table_name": CASE, "table_sys_id": case, "file_name": "a.txt"},
        data=b"hello",
        headers={"Content-Type": "text/plain"},
    )
    return instance


def checked(source, stream=CASES, fields=None):
    return {result.name: result for result in source.check([stream], fields or {})}


def only_failure(results):
    (failed,) = [result for result in results.values() if result.status is not CheckStatus.OK]
    return failed


def test_a_healthy_instance_passes_every_check(servicenow, filled):
    results = checked(servicenow, fields={CASE: ("account.name",), "incident": ()})
    assert {name: (result.status, result.detail) for name, result in results.items()} | {"fields of incident": ...} == {
        "address": (CheckStatus.OK, filled.url),
        "login": (CheckStatus.OK, BRIDGE),
        "clocks": (CheckStatus.OK, results["clocks"].detail),
        "time zone": (CheckStatus.OK, f"{BRIDGE} has UTC"),
        "source cases: readable": (CheckStatus.OK, results["source cases: readable"].detail),
        "source cases: time bounds": (CheckStatus.OK, "sys_updated_on can be compared"),
        "source journals: readable": (CheckStatus.OK, "sys_journal_field: 1 match"),
        "source journals: time bounds": (CheckStatus.OK, "sys_created_on can be compared"),
        "source attachments: readable": (CheckStatus.OK, "sys_attachment: 1 match"),
        "source attachments: time bounds": (CheckStatus.OK, "sys_created_on can be compared"),
        f"fields of {CASE}": (CheckStatus.OK, results[f"fields of {CASE}"].detail),
        "fields of incident": ...,
        "table sys_user_grmember": (CheckStatus.OK, "readable"),
        "table sys_audit": (CheckStatus.OK, "deletions can be told, and who changed a field"),
        "roles": (CheckStatus.OK, "itil, sn_customerservice_agent, snc_platform_rest_api_access"),
        "source cases: filter": (CheckStatus.OK, "active, assignment_group.name can be filtered on"),
        "batch API": (CheckStatus.OK, "up to 50 writes in one call"),
    }
    assert results["fields of incident"].status is CheckStatus.WARNING
    assert filled.writes() == []


def test_an_address_where_nobody_answers_ends_the_check(wall):
    nowhere = ServiceNow(
        Connection("http://127.0.0.1:1", patience=Patience(attempts=1)), Basic("a", "b"), clock=wall, random=wall
    )
    results = checked(nowhere)
    assert list(results) == ["address"]
    assert results["address"].status is CheckStatus.FAILED


def test_a_login_that_is_refused_ends_the_check(filled, wall):
    source = reach(filled, wall, secret="wrong")
    results = checked(source)
    assert list(results) == ["address", "login"]
    assert results["login"].status is CheckStatus.FAILED
    assert "client_secret" in results["login"].remedy
    source.close()


@pytest.mark.parametrize(
    "rule, name",
    [
        ({"kind": "deny_read", "table": "sys_user_grmember"}, "table sys_user_grmember"),
        ({"kind": "query_range", "table": CASE, "fields": ["sys_updated_on"]}, "source cases: time bounds"),
        ({"kind": "hide", "table": CASE, "query": "sys_idISNOTEMPTY"}, "source cases: readable"),
        ({"kind": "deny_read", "table": "sys_attachment"}, "source attachments: readable"),
    ],
)
def test_a_missing_right_is_found_and_says_what_to_ask_for(servicenow, filled, rule, name):
    filled.admin("POST", "acl", **rule)
    result = checked(servicenow)[name]
    assert result.status is CheckStatus.FAILED
    assert result.remedy


def test_a_few_hidden_rows_are_a_warning(servicenow, filled):
    newest = filled.rows(CASE, "active=true^assignment_group.nameSTARTSWITHCPSD^ORDERBYDESCsys_updated_on")
    filled.admin("POST", "acl", kind="hide", table=CASE, sys_ids=[newest[0]["sys_id"]])
    result = only_failure(checked(servicenow))
    assert (result.name, result.status) == ("source cases: readable", CheckStatus.WARNING)


@pytest.mark.parametrize(
    "stream, fields",
    [
        (Stream("cases", CASE, "assignment_grupp=1"), {}),
        (Stream("cases", CASE, "active=true", ("categry",)), {}),
        (CASES, {CASE: ("account.nmae",)}),
    ],
)
def test_a_misspelt_field_that_would_match_every_row_is_found(servicenow, filled, stream, fields):
    result = checked(servicenow, stream, fields)[f"fields of {CASE}"]
    assert result.status is CheckStatus.FAILED
    assert any(word in result.detail for word in ("assignment_grupp", "categry", "account.nmae"))


def test_a_relative_that_an_instance_does_not_have_is_a_warning_only(servicenow, filled):
    result = checked(servicenow, fields={CASE: ("incident", "category")})[f"fields of {CASE}"]
    assert result.status is CheckStatus.WARNING
    assert "incident" in result.detail
    assert "category" not in result.detail


def test_a_time_field_that_does_not_exist_is_found_by_the_canary(servicenow, filled):
    results = checked(servicenow, Stream("cases", CASE, time_field="sys_updatd_on"))
    assert results["source cases: time bounds"].status is CheckStatus.FAILED


def test_a_table_that_does_not_exist_is_named(servicenow, filled):
    result = checked(servicenow, Stream("cases", "no_such_table"))["source cases: readable"]
    assert "Invalid table no_such_table" in result.detail


@pytest.mark.parametrize("zone, status", [("UTC", CheckStatus.OK), ("Europe/London", CheckStatus.FAILED)])
def test_the_users_time_zone_must_be_utc(servicenow, filled, zone, status):
    filled.admin("POST", "users", user_name=BRIDGE, time_zone=zone)
    assert checked(servicenow)["time zone"].status is status


def test_a_zone_that_the_user_does_not_name_is_seen_in_what_is_displayed(filled, wall):
    filled.admin("POST", "users", user_name=BRIDGE, time_zone="Asia/Kolkata")
    source = reach(filled, wall)
    source._checks = replace(source._checks, user="")
    result = checked(source)["time zone"]
    assert result.status is CheckStatus.FAILED
    assert "is displayed as" in result.detail
    source.close()


def test_clocks_that_differ_are_shown(servicenow, filled):
    filled.admin("POST", "clock", skew_seconds=-120)
    result = only_failure(checked(servicenow))
    assert result.name == "clocks"
    assert "120 s behind" in result.detail or "121 s behind" in result.detail


@pytest.mark.parametrize(
    "query, dropped",
    [
        ("active=true^u_no_such=1", "u_no_such"),
        ("assignment_group.nmae=CPSD", "assignment_group.nmae"),
        ("categry=1^ORsttae=2", "categry, sttae"),
    ],
)
def test_a_condition_that_the_platform_drops_is_found_by_what_it_matches(servicenow, filled, query, dropped):
    result = checked(servicenow, Stream("cases", CASE, query))["source cases: filter"]
    assert (result.status, result.detail) == (CheckStatus.FAILED, f"conditions on {dropped} are not applied")


def test_a_condition_that_makes_the_platform_match_nothing_is_found_too(servicenow, filled):
    (row,) = filled.rows("sys_properties", "name=glide.invalid_query.returns_no_rows")
    filled.change(row["sys_id"], "sys_properties", value="true")
    result = checked(servicenow, Stream("cases", CASE, "u_no_such=1"))["source cases: filter"]
    assert result.status is CheckStatus.FAILED


def test_conditions_that_could_not_be_tried_are_a_warning(servicenow, instance):
    result = checked(servicenow)["source cases: filter"]
    assert result.status is CheckStatus.WARNING


def test_an_administrator_may_do_more_than_the_bridge_needs(servicenow, filled):
    (user,) = filled.rows("sys_user", f"user_name={BRIDGE}")
    (role,) = filled.rows("sys_user_role", "name=admin")
    filled.create("sys_user_has_role", user=user["sys_id"], role=role["sys_id"])
    result = checked(servicenow)["roles"]
    assert result.status is CheckStatus.WARNING
    assert "take admin from" in result.remedy


@pytest.mark.parametrize("rule", [{"kind": "deny_read"}, {"kind": "hide", "query": "sys_idISNOTEMPTY"}])
def test_roles_that_are_not_shown_are_a_warning(servicenow, filled, rule):
    filled.admin("POST", "acl", table="sys_user_has_role", **rule)
    result = checked(servicenow)["roles"]
    assert result.status is CheckStatus.WARNING
    assert "grant reading of sys_user_has_role" in result.remedy


def test_an_instance_without_batches_is_a_warning(servicenow, filled):
    filled.fault("status", status=404, message="no", times=None, match={"path_regex": "/batch"})
    result = checked(servicenow)["batch API"]
    assert result.status is CheckStatus.WARNING
    assert "/api/now/v1/batch" in result.remedy


@pytest.fixture
def trial(instance):
    sys_id = instance.create(short_description="for trials")
    (row,) = instance.rows(CASE, f"sys_id={sys_id}")
    return row


def proved(source, trial, tables=("incident", CASE)):
    return {result.name.rpartition(": ")[2]: result for result in source.check_writing(tables, trial["number"])}


def test_a_trial_write_arrives_and_leaves_nothing_but_its_note(servicenow, instance, trial):
    results = proved(servicenow, trial)
    assert {name: (result.status, result.detail) for name, result in results.items()} == {
        "work note": (CheckStatus.OK, f"written and read back as {BRIDGE}"),
        "correlation_display": (CheckStatus.OK, "set and emptied again"),
    }
    (row,) = instance.rows(CASE, f"sys_id={trial['sys_id']}")
    ours = {name for name in row if row[name] != trial[name]}
    assert ours == {"sys_mod_count", "sys_updated_by", "sys_updated_on"} & ours
    (note,) = instance.rows("sys_journal_field", f"element_id={trial['sys_id']}")
    assert (note["element"], note["value"].startswith("cpsd-bridge check")) == ("work_notes", True)


def test_a_reference_that_a_record_holds_is_left_alone(servicenow, instance, trial):
    instance.change(trial["sys_id"], correlation_display="INC000000000001")
    assert proved(servicenow, trial)["correlation_display"].detail.startswith("not tried")
    (row,) = instance.rows(CASE, f"sys_id={trial['sys_id']}")
    assert row["correlation_display"] == "INC000000000001"


def test_writes_that_are_refused_say_what_to_ask_for(servicenow, instance, trial):
    instance.admin("POST", "acl", kind="deny_write", table=CASE)
    results = proved(servicenow, trial)
    assert {result.status for result in results.values()} == {CheckStatus.FAILED}
    assert all(result.remedy for result in results.values())
    assert instance.writes() == []


def test_notes_that_do_not_show_in_the_journal_are_found(servicenow, instance, trial):
    instance.admin("POST", "acl", kind="hide", table="sys_journal_field", query="sys_idISNOTEMPTY")
    result = proved(servicenow, trial)["work note"]
    assert (result.status, result.detail) == (CheckStatus.FAILED, "accepted, and not in the journal")
    assert "sys_journal_field" in result.remedy


def test_a_login_as_another_user_than_the_configured_one_is_found(instance, wall, trial):
    source = reach(instance, wall)
    source._checks = replace(source._checks, user="somebody.else")
    result = proved(source, trial)["work note"]
    assert result.status is CheckStatus.FAILED
    assert f"names {BRIDGE} as its author" in result.detail
    source.close()


def test_a_case_that_is_not_there_is_not_written(servicenow, instance):
    (result,) = servicenow.check_writing([CASE], "CS0000000")
    assert result.status is CheckStatus.FAILED
    assert instance.writes() == []
