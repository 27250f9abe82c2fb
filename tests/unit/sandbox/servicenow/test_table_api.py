"""Reading and writing records over the Table API."""

import re

import pytest
import requests

CASE = "sn_customerservice_case"


def group(client, name):
    return client.rows("sys_user_group", f"name={name}")[0]["sys_id"]


def test_an_insert_answers_201_with_the_record_its_number_and_its_address(bridge):
    answer = bridge.call("POST", f"/api/now/table/{CASE}", json={"short_description": "No readings"})
    record = answer.json()["result"]
    assert answer.status_code == 201
    assert record["number"] == "CS0001001"
    assert record["sys_mod_count"] == "0"
    assert record["sys_created_by"] == "cpsd.bridge"
    assert answer.headers["Location"] == f"{bridge.url}/api/now/table/{CASE}/{record['sys_id']}"


def test_a_sys_id_given_on_insert_is_kept_and_cannot_be_given_twice(bridge):
    wanted = "0123456789abcdef0123456789abcdef"
    assert bridge.create("incident", sys_id=wanted)["sys_id"] == wanted
    assert bridge.call("POST", "/api/now/table/incident", json={"sys_id": wanted}).status_code == 403


def test_every_value_is_text_and_empty_fields_are_empty_text(bridge):
    record = bridge.create(priority=2, knowledge=True, description=None)
    assert (record["priority"], record["knowledge"], record["description"]) == ("2", "true", "")
    plain = {name: value for name, value in record.items() if not isinstance(value, dict)}
    assert all(isinstance(value, str) for value in plain.values())


def test_an_update_is_stamped_by_the_server(bridge, resolver):
    record = bridge.create(short_description="a")
    changed = resolver.patch(record["sys_id"], short_description="b", sys_updated_by="me", sys_mod_count="90").json()
    assert changed["result"]["sys_mod_count"] == "1"
    assert changed["result"]["sys_updated_by"] == "priya.shah"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", changed["result"]["sys_updated_on"])


def test_an_update_that_changes_nothing_leaves_the_modification_count(bridge):
    record = bridge.create(short_description="a")
    assert bridge.patch(record["sys_id"], short_description="a", unknown="x").json()["result"]["sys_mod_count"] == "0"


def test_unknown_fields_are_ignored_and_long_texts_are_cut_to_the_length_of_the_field(bridge):
    record = bridge.create(no_such_field="x", correlation_display="y" * 150)
    assert "no_such_field" not in record
    assert len(record["correlation_display"]) == 100


def test_an_unknown_choice_is_refused(bridge):
    answer = bridge.call("POST", f"/api/now/table/{CASE}", json={"state": "99"})
    assert answer.status_code == 403
    assert bridge.rows(CASE) == []


def test_a_deleted_record_is_gone_and_leaves_its_trace_in_the_audit_tables(bridge, admin):
    record = bridge.create(short_description="a")
    assert bridge.call("DELETE", f"/api/now/table/{CASE}/{record['sys_id']}").status_code == 204
    assert bridge.get(CASE, record["sys_id"]).status_code == 404
    (audit,) = admin.rows("sys_audit", f"documentkey={record['sys_id']}")
    assert (audit["fieldname"], audit["newvalue"]) == ("DELETED", "DELETED")
    assert admin.rows("sys_audit_delete", f"documentkey={record['sys_id']}")[0]["display_value"] == record["number"]


def test_the_audit_tells_who_changed_which_field(bridge, resolver, admin):
    record = bridge.create(priority="4")
    resolver.patch(record["sys_id"], priority="1")
    (row,) = admin.rows("sys_audit", f"documentkey={record['sys_id']}")
    assert (row["fieldname"], row["oldvalue"], row["newvalue"], row["user"]) == ("priority", "4", "1", "priya.shah")


def test_references_are_links_names_or_both_as_the_client_asks(bridge):
    sys_id = group(bridge, "CPSD DCC")
    record = bridge.create(assignment_group=sys_id)
    link = f"{bridge.url}/api/now/table/sys_user_group/{sys_id}"

    def shown(**parameters):
        answer = bridge.get(CASE, record["sys_id"], sysparm_fields="assignment_group,parent", **parameters)
        return answer.json()["result"]

    assert shown() == {"assignment_group": {"link": link, "value": sys_id}, "parent": ""}
    assert shown(sysparm_exclude_reference_link="true") == {"assignment_group": sys_id, "parent": ""}
    assert shown(sysparm_display_value="true")["assignment_group"] == {"display_value": "CPSD DCC", "link": link}
    everything = shown(sysparm_display_value="all")
    assert everything["assignment_group"] == {"display_value": "CPSD DCC", "value": sys_id, "link": link}
    assert everything["parent"] == {"display_value": "", "value": ""}
    short = shown(sysparm_display_value="all", sysparm_exclude_reference_link="true")
    assert short["assignment_group"] == {"display_value": "CPSD DCC", "value": sys_id}


@pytest.mark.parametrize(
    "table, query, sys_id",
    [
        ("sys_user", "user_name=admin", "6816f79cc0a8016401c5a33be04be441"),
        ("sys_user_role", "name=admin", "2831a114c611228501d4ea6c309d626d"),
        ("sys_user_role", "name=itil", "282bf1fac6112285017366cb5f867469"),
        ("sys_user_group", "name=Service Desk", "d625dccec0a8016700a222a0f7900d06"),
    ],
)
def test_base_records_have_the_sys_ids_that_they_have_everywhere(bridge, table, query, sys_id):
    assert [row["sys_id"] for row in bridge.rows(table, query)] == [sys_id]


def test_answers_name_their_transaction_and_whether_somebody_is_logged_in(bridge, sandbox):
    first, second = bridge.get(CASE), bridge.get(CASE)
    assert first.headers["X-Is-Logged-In"] == "true"
    assert first.headers["X-Transaction-ID"] != second.headers["X-Transaction-ID"]
    stranger = requests.get(f"{sandbox.url}/api/now/table/{CASE}", timeout=20)
    assert (stranger.status_code, stranger.headers["X-Is-Logged-In"]) == (401, "false")
    assert stranger.text == (
        '{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},'
        '"status":"failure"}'
    )


@pytest.mark.parametrize("gzip", [True, False])
def test_answers_can_come_in_chunks_whole_or_cut(bridge, admin, gzip):
    made = bridge.create(description="long " * 700, close_notes="text " * 700)
    plain = bridge.get(CASE).json()
    admin.admin("POST", "settings", json={"chunked": True, "gzip": gzip})
    answer = bridge.get(CASE)
    assert (answer.headers["Transfer-Encoding"], answer.json()) == ("chunked", plain)
    assert "Content-Length" not in answer.headers
    assert bridge.call("DELETE", f"/api/now/table/{CASE}/{'0' * 32}").status_code == 404
    admin.admin("POST", "faults", json={"match": {"table": CASE}, "times": 1, "fault": {"kind": "half_answer"}})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        bridge.get(CASE)
    assert bridge.get(CASE, made["sys_id"]).status_code == 200


def test_with_all_display_values_an_empty_choice_is_null_and_an_empty_sla_is_unknown(bridge):
    record = bridge.create(priority="2")
    names = "priority,resolution_code,sla_due,active"
    shown = bridge.get(CASE, record["sys_id"], sysparm_display_value="all", sysparm_fields=names).json()["result"]
    assert shown == {
        "priority": {"display_value": "2 - High", "value": "2"},
        "resolution_code": {"display_value": None, "value": ""},
        "sla_due": {"display_value": "UNKNOWN", "value": ""},
        "active": {"display_value": "true", "value": "true"},
    }


def test_fields_can_be_walked_through_references_and_unknown_names_are_left_out(bridge):
    bridge.create(assignment_group=group(bridge, "CPSD DCC"))
    names = "number,assignment_group.name,parent.number,nonsense,opened_by.user_name"
    assert bridge.rows(CASE, sysparm_fields=names) == [
        {
            "number": "CS0001001",
            "assignment_group.name": "CPSD DCC",
            "parent.number": "",
            "opened_by.user_name": "cpsd.bridge",
        }
    ]


def test_links_keep_the_version_segment_of_the_request(bridge):
    bridge.create(assignment_group=group(bridge, "CPSD DCC"))
    record = bridge.call("GET", f"/api/now/v2/table/{CASE}").json()["result"][0]
    assert record["assignment_group"]["link"].startswith(f"{bridge.url}/api/now/v2/table/")


def test_an_empty_answer_is_404_in_version_one_and_an_empty_list_otherwise(bridge):
    assert bridge.call("GET", "/api/now/v1/table/incident").status_code == 404
    for path in ("/api/now/v2/table/incident", "/api/now/table/incident"):
        answer = bridge.call("GET", path)
        assert (answer.status_code, answer.json()) == (200, {"result": []})


def test_the_total_counts_what_the_limit_cut_and_can_be_left_out(bridge):
    for _ in range(3):
        bridge.create()
    answer = bridge.get(CASE, sysparm_limit=2)
    assert (len(answer.json()["result"]), answer.headers["X-Total-Count"]) == (2, "3")
    assert "X-Total-Count" not in bridge.get(CASE, sysparm_no_count="true").headers


def test_the_pages_are_linked_in_the_order_first_prev_next_last(bridge):
    for _ in range(5):
        bridge.create()
    header = bridge.get(CASE, sysparm_query="active=true", sysparm_limit=2, sysparm_offset=2).headers["Link"]
    address = f"{bridge.url}/api/now/table/{CASE}?sysparm_query=active%3Dtrue&sysparm_limit=2&sysparm_offset="
    expected = [("0", "first"), ("0", "prev"), ("4", "next"), ("4", "last")]
    assert header == ",".join(f'<{address}{at}>;rel="{rel}"' for at, rel in expected)


def test_a_single_page_has_no_link_and_a_limit_of_one_links_before_the_start(bridge):
    bridge.create()
    assert "Link" not in bridge.get(CASE).headers
    bridge.create()
    assert 'sysparm_offset=-1>;rel="prev"' in bridge.get(CASE, sysparm_limit=1).headers["Link"]


def test_bare_parameters_filter_beside_the_encoded_query(bridge):
    bridge.create(priority="1")
    bridge.create(priority="2")
    assert len(bridge.rows(CASE, priority="1")) == 1
    assert len(bridge.rows(CASE, "active=true", priority="1", nonsense="x")) == 1


def test_display_input_resolves_names_and_reads_times_in_the_zone_of_the_user(admin, sandbox):
    admin.admin("POST", "users", json={"user_name": "admin", "time_zone": "US/Pacific"})
    body = {"assignment_group": "CPSD LDSO", "priority": "2 - High", "due_date": "2026-01-15 01:00:00"}
    answer = admin.call("POST", f"/api/now/table/{CASE}?sysparm_input_display_value=true", json=body)
    record = answer.json()["result"]
    assert record["assignment_group"]["value"] == group(admin, "CPSD LDSO")
    assert (record["priority"], record["due_date"]) == ("2", "2026-01-15 09:00:00")
    shown = admin.get(CASE, record["sys_id"], sysparm_display_value="true").json()["result"]
    assert shown["due_date"] == "2026-01-15 01:00:00"


def test_contacts_are_users_and_tasks_are_one_table_over_all_kinds(bridge):
    bridge.create()
    bridge.create("incident")
    assert {row["number"] for row in bridge.rows("task")} == {"CS0001001", "INC0001001"}
    contact = bridge.rows("customer_contact")[0]
    assert bridge.rows("sys_user", f"sys_id={contact['sys_id']}")[0]["sys_class_name"] == "customer_contact"


def test_a_declared_table_works_like_any_other(admin):
    fields = {"u_desk": "string", "u_open": "boolean", "u_case": {"kind": "reference", "reference": CASE}}
    admin.admin("POST", "tables", json={"name": "u_engagement", "fields": fields})
    case = admin.create(short_description="x")
    admin.create("u_engagement", u_desk="dcc", u_open=True, u_case=case["sys_id"])
    assert admin.rows("u_engagement", "u_case.short_description=x")[0]["u_open"] == "true"
    assert len(admin.rows("sys_dictionary", "name=u_engagement^elementSTARTSWITHu_")) == 3


def test_the_field_sets_are_those_of_real_records(bridge, recordings):
    case, incident = recordings
    assert set(bridge.create()) == set(case)
    assert set(bridge.create("incident")) == set(incident)
