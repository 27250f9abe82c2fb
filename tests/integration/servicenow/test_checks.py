"""What `check` proves about an instance before the first pull."""

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
        "table sys_audit": (CheckStatus.OK, "deletions can be told"),
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
        ({"kind": "hide", "table": "sys_journal_field", "query": "sys_idISNOTEMPTY"}, "source journals: readable"),
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
    source._checks = type(source._checks)(source._reader, wall, "")
    result = checked(source)["time zone"]
    assert result.status is CheckStatus.FAILED
    assert "is displayed as" in result.detail
    source.close()


def test_clocks_that_differ_are_shown(servicenow, filled):
    filled.admin("POST", "clock", skew_seconds=-120)
    result = only_failure(checked(servicenow))
    assert result.name == "clocks"
    assert "120 s behind" in result.detail or "121 s behind" in result.detail
