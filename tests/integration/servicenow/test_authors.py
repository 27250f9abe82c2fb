"""Who changed a field, by the audit of a ServiceNow over HTTP."""

from datetime import UTC, datetime

import pytest

from bridge.domain.errors import UsageError
from tests.integration.servicenow.conftest import CASE

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def changed(instance, servicenow):
    """A case that a person moved and that we wrote into afterwards."""
    case = instance.create(short_description="x", state="10", priority="3")
    instance.change(case, state="18", priority="2")
    servicenow.write(CASE, case, {"correlation_display": "INC1"})
    return case


def test_each_change_is_its_authors(instance, servicenow, changed):
    other = instance.create(short_description="other", state="10")
    found = servicenow.authors(CASE, [changed, other], ["state", "correlation_display"], LONG_AGO)
    assert found == {
        (changed, "state", "18"): "admin",
        (changed, "correlation_display", "INC1"): "cpsd.bridge",
    }


def test_of_several_who_gave_a_field_one_value_the_last_counts(instance, servicenow, changed):
    servicenow.write(CASE, changed, {"state": "10"})
    rows = instance.rows("sys_audit", f"documentkey={changed}^fieldname=state^newvalue=10")
    later = {"tablename": CASE, "documentkey": changed, "fieldname": "state", "newvalue": "10", "user": "priya.shah"}
    instance.put("sys_audit", later | {"sys_id": "f" * 32, "sys_created_on": "2030-01-01 00:00:00"})
    assert [row["user"] for row in rows] == ["cpsd.bridge"]
    assert servicenow.authors(CASE, [changed], ["state"], LONG_AGO)[changed, "state", "10"] == "priya.shah"


def test_what_was_changed_before_is_not_asked_for(servicenow, changed):
    assert servicenow.authors(CASE, [changed], ["state"], datetime(2100, 1, 1, tzinfo=UTC)) == {}


def test_an_audit_that_may_not_be_read_names_nobody_and_is_not_asked_each_time(instance, servicenow, changed, wall):
    instance.admin("POST", "acl", kind="deny_read", table="sys_audit")
    assert servicenow.authors(CASE, [changed], ["state"], LONG_AGO) == {}
    asked = len(instance.requests())
    assert servicenow.authors(CASE, [changed], ["state"], LONG_AGO) == {}
    assert len(instance.requests()) == asked
    instance.admin("DELETE", "acl")
    wall.sleep(1000)
    assert servicenow.authors(CASE, [changed], ["state"], LONG_AGO)


def test_rows_that_are_hidden_name_nobody(instance, servicenow, changed):
    instance.admin("POST", "acl", kind="hide", table="sys_audit", query="sys_idISNOTEMPTY")
    assert servicenow.authors(CASE, [changed], ["state"], LONG_AGO) == {}


def test_many_records_are_asked_about_in_few_calls(instance, servicenow):
    cases = [instance.create(short_description="x", state="10") for _ in range(3)]
    for case in cases:
        instance.change(case, state="18")
    servicenow.server_time()
    before = len(instance.requests())
    assert len(servicenow.authors(CASE, [*cases, *(f"{n:032x}" for n in range(190))], ["state"], LONG_AGO)) == 3
    assert len(instance.requests()) == before + 1


@pytest.mark.parametrize("field", ["state^ORtablename=x", "a b", "state,user"])
def test_a_field_that_is_none_is_refused(servicenow, changed, field):
    with pytest.raises(UsageError):
        servicenow.authors(CASE, [changed], [field], LONG_AGO)
