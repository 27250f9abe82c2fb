"""Tables that the base does not have."""

import pytest

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox

CASE = "sn_customerservice_case"


def test_a_table_behaves_like_those_of_the_base(admin):
    fields = {"u_name": "string", "u_owner": {"kind": "reference", "reference": "sys_user"}, "u_due": "datetime"}
    admin.admin("POST", "tables", json={"name": "u_asset", "fields": fields, "display": "u_name"})
    given = "aaaabbbbccccddddeeeeffff00001111"
    row = admin.create("u_asset", sys_id=given, u_name="Meter", u_owner="6816f79cc0a8016401c5a33be04be441")
    assert (row["sys_id"], row["u_owner"]["value"]) == (given, "6816f79cc0a8016401c5a33be04be441")
    assert admin.rows("u_asset", "u_owner.user_name=admin^u_dueISEMPTY")[0]["sys_id"] == given
    assert [row["label"] for row in admin.rows("sys_db_object", "name=u_asset")] == ["Asset"]
    described = admin.rows("sys_dictionary", "name=u_asset^elementSTARTSWITHu_^ORDERBYelement")
    assert [row["element"] for row in described] == ["u_due", "u_name", "u_owner"]


def test_a_table_that_extends_task_is_a_task(admin, bridge):
    admin.admin("POST", "tables", json={"name": "u_query", "extends": "task", "number_prefix": "Q", "fields": {}})
    row = bridge.create("u_query", short_description="Where is it?", work_notes="noted")
    assert row["number"] == "Q0001001"
    assert bridge.rows("task", "number=Q0001001")[0]["sys_class_name"] == "u_query"
    assert [note["value"] for note in bridge.rows("sys_journal_field", f"element_id={row['sys_id']}")] == ["noted"]


def test_fields_are_added_to_a_table_of_the_base(admin, bridge):
    before = bridge.create()
    choices = {"1": "Wrong supplier", "2": "Wrong meter"}
    about = {"u_kind": {"choices": choices, "label": "Kind"}, "u_count": {"kind": "integer", "default": "7"}}
    admin.admin("POST", "tables", json={"name": CASE, "fields": about})
    assert bridge.get(CASE, before["sys_id"]).json()["result"]["u_count"] == "7"
    row = bridge.create(u_kind="2", u_count="12")
    shown = bridge.get(CASE, row["sys_id"], sysparm_display_value="all").json()["result"]
    assert shown["u_kind"] == {"display_value": "Wrong meter", "value": "2"}
    assert bridge.patch(row["sys_id"], u_kind="3").status_code == 403
    assert [found["sys_id"] for found in bridge.rows(CASE, "u_count>9")] == [row["sys_id"]]


@pytest.mark.parametrize(
    "given,reason",
    [
        ({"name": "u_x", "fields": {"u_a": "colour"}}, "one of"),
        ({"name": "u_x", "fields": {"U A": "string"}}, "lower-case"),
        ({"name": "u_x; DROP", "fields": {}}, "no table name"),
        ({"name": "u_x", "extends": "sys_user", "fields": {}}, "extend task"),
        ({"name": "u_x", "fields": {}, "colour": 1}, "unknown: colour"),
        ({"name": "u_x", "fields": {}, "display": "u_a"}, "none of the fields"),
        ({"name": "task", "fields": {"u_a": "string"}}, "in common"),
        ({"name": CASE, "fields": {"state": "string"}}, "already"),
    ],
)
def test_a_declaration_that_would_not_be_understood_is_refused(admin, given, reason):
    answer = admin.call("POST", "/sandbox/tables", json=given)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["detail"]


def test_declared_again_on_kept_data_a_table_has_its_rows(tmp_path, login):
    declared = [{"name": "u_asset", "fields": {"u_name": "string"}}]
    for expected in ([], ["Meter"]):
        made = ServiceNowSandbox(identity=Identity("secret"), directory=tmp_path, tables=declared)
        with made as sandbox:
            admin = login(sandbox.url, "admin", "secret")
            assert [row["u_name"] for row in admin.rows("u_asset")] == expected
            assert len(admin.rows("sys_db_object", "name=u_asset")) == 1
            admin.create("u_asset", u_name="Meter")
