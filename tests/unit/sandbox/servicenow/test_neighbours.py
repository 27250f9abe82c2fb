"""Attachments, statistics, batches, the Case API, and seeded data."""

import base64
import hashlib
import json
import re

import pytest

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox, market_data
from bridge.sandbox.servicenow.market_data import _CHECK_WEIGHTS

CASE = "sn_customerservice_case"
FILE = "/api/now/attachment/file"


def upload(client, sys_id, content=b"a,b\n1,2\n", name="readings.csv"):
    parameters = {"table_name": CASE, "table_sys_id": sys_id, "file_name": name}
    return client.call("POST", FILE, params=parameters, data=content, headers={"Content-Type": "text/csv"})


def test_a_file_goes_in_raw_and_comes_out_with_its_metadata(bridge):
    record = bridge.create()
    content = bytes(range(256)) * 40
    answer = upload(bridge, record["sys_id"], content)
    made = answer.json()["result"]
    assert (answer.status_code, made["size_bytes"]) == (201, "10240")
    assert made["hash"] == hashlib.sha256(content).hexdigest()
    assert answer.headers["Location"].endswith(f"/api/now/attachment/{made['sys_id']}")
    file = bridge.call("GET", f"/api/now/attachment/{made['sys_id']}/file")
    assert file.content == content
    assert file.headers["Content-Type"] == "text/csv"
    assert json.loads(file.headers["X-Attachment-Metadata"])["file_name"] == "readings.csv"


def test_a_file_goes_in_as_a_form_and_is_listed_and_removed(bridge):
    record = bridge.create()
    form = {"table_name": CASE, "table_sys_id": record["sys_id"]}
    files = {"uploadFile": ("bill.txt", b"text", "text/plain")}
    answer = bridge.call("POST", "/api/now/attachment/upload", data=form, files=files)
    sys_id = answer.json()["result"]["sys_id"]
    listed = bridge.call("GET", "/api/now/attachment", params={"sysparm_query": f"table_sys_id={record['sys_id']}"})
    assert [row["file_name"] for row in listed.json()["result"]] == ["bill.txt"]
    assert bridge.rows("sys_attachment", "file_nameSTARTSWITHbill")[0]["sys_id"] == sys_id
    assert bridge.call("DELETE", f"/api/now/attachment/{sys_id}").status_code == 204
    assert bridge.call("GET", f"/api/now/attachment/{sys_id}/file").status_code == 404


def test_a_file_needs_its_type_and_a_record_to_belong_to(bridge):
    assert upload(bridge, "0" * 32).status_code == 404
    record = bridge.create()
    bare = bridge.call("POST", FILE, params={"table_name": CASE, "table_sys_id": record["sys_id"]}, data=b"x")
    assert bare.status_code == 400


def test_statistics_are_texts_and_come_in_groups_when_asked(bridge):
    for priority in ("1", "1", "2"):
        bridge.create(priority=priority, reassignment_count="3")
    whole = bridge.call(
        "GET", f"/api/now/stats/{CASE}", params={"sysparm_count": "true", "sysparm_query": "priority=1"}
    )
    assert whole.json() == {"result": {"stats": {"count": "2"}}}
    parameters = {"sysparm_count": "true", "sysparm_group_by": "priority", "sysparm_sum_fields": "reassignment_count"}
    grouped = bridge.call("GET", f"/api/now/stats/{CASE}", params=parameters).json()["result"]
    assert grouped == [
        {
            "stats": {"count": "2", "sum": {"reassignment_count": "6"}},
            "groupby_fields": [{"field": "priority", "value": "1"}],
        },
        {
            "stats": {"count": "1", "sum": {"reassignment_count": "3"}},
            "groupby_fields": [{"field": "priority", "value": "2"}],
        },
    ]


def part(number, method, url, body=None):
    encoded = base64.b64encode(json.dumps(body).encode()).decode() if body else ""
    headers = [{"name": "Content-Type", "value": "application/json"}]
    return {"id": number, "method": method, "url": url, "body": encoded, "headers": headers}


def test_a_batch_answers_each_part_and_a_refused_part_leaves_nothing(bridge, admin):
    record = bridge.create()
    url = f"/api/now/table/{CASE}/{record['sys_id']}"
    parts = [
        part(1, "PATCH", url, {"work_notes": "one"}),
        part(2, "PATCH", url, {"work_notes": "two", "state": "6"}),
        part(3, "GET", url),
    ]
    answer = bridge.call("POST", "/api/now/v1/batch", json={"batch_request_id": 7, "rest_requests": parts}).json()
    assert answer["batch_request_id"] == "7"
    assert [(done["id"], done["status_code"]) for done in answer["serviced_requests"]] == [
        ("1", 200),
        ("2", 403),
        ("3", 200),
    ]
    read = json.loads(base64.b64decode(answer["serviced_requests"][2]["body"]))
    assert read["result"]["sys_mod_count"] == "1"
    assert [row["value"] for row in bridge.rows("sys_journal_field")] == ["one"]
    assert len(admin.admin("GET", "ledger?since=1")[0]["effect"]) == 1


def test_a_batch_over_its_time_gives_the_rest_back_unserviced(bridge, sandbox):
    sandbox.instance.settings.batch_limit = 0
    body = {"batch_request_id": "x", "rest_requests": [part("1", "GET", "/api/now/table/incident")]}
    answer = bridge.call("POST", "/api/now/v1/batch", json=body).json()
    assert (answer["serviced_requests"], answer["unserviced_requests"]) == ([], ["1"])


def test_the_case_api_answers_an_insert_with_sys_id_and_number_only(bridge):
    answer = bridge.call("POST", "/api/sn_customerservice/case?sysparm_fields=state", json={"short_description": "x"})
    assert (answer.status_code, set(answer.json()["result"])) == (201, {"sys_id", "number"})
    one = bridge.call("GET", f"/api/sn_customerservice/case/{answer.json()['result']['sys_id']}")
    assert one.json()["result"]["short_description"] == "x"


def test_seeded_cases_read_like_the_markets_and_are_the_same_for_the_same_seed(admin, login):
    admin.admin("POST", "seed", json={"cases": 300, "until": "2026-06-01T00:00:00", "days": 10, "notes": 1})
    rows = admin.rows(CASE, "ORDERBYsys_updated_on", sysparm_exclude_reference_link="true")
    assert len(rows) == len({row["number"] for row in rows}) == 300
    assert "2026-05-21" < rows[0]["sys_updated_on"] < rows[-1]["sys_updated_on"] <= "2026-06-01 00:00:00"
    text = " ".join(row["short_description"] + row["description"] for row in rows)
    assert {"IF-036", "PUB-036", "REP-003"} <= set(re.findall(r"(?:IF|PUB|REP)-\d{3}", text))
    for mpan in re.findall(r"\b\d{13}\b", text):
        assert sum(int(d) * w for d, w in zip(mpan[:12], _CHECK_WEIGHTS, strict=True)) % 11 % 10 == int(mpan[12])
    assert len(admin.rows("sys_journal_field")) == 300
    with ServiceNowSandbox(seed=1) as other:
        accounts = other.instance.accounts
        second = login(other.url, "admin", accounts.passwords["admin"])
        second.admin("POST", "seed", json={"cases": 300, "until": "2026-06-01T00:00:00", "days": 10, "notes": 1})
        again = second.rows(CASE, "ORDERBYsys_updated_on", sysparm_exclude_reference_link="true")
    assert again == rows


def test_seeded_cases_are_the_same_with_and_without_notes(login):
    texts = []
    for notes in (0, 2):
        with ServiceNowSandbox(identity=Identity("secret")) as other:
            client = login(other.url, "admin", "secret")
            client.admin("POST", "seed", json={"cases": 30, "notes": notes, "until": "2026-06-01T00:00:00"})
            texts.append([row["short_description"] for row in client.rows(CASE, "ORDERBYnumber")])
            assert len(client.rows("sys_journal_field")) == 30 * notes
    assert texts[0] == texts[1]


def test_cases_in_any_number_are_seeded_in_portions(admin, monkeypatch):
    monkeypatch.setattr(market_data, "_CHUNK", 7)
    admin.admin("POST", "seed", json={"cases": 30, "until": "2026-06-01T00:00:00"})
    rows = admin.rows(CASE, "ORDERBYsys_updated_on^ORDERBYnumber")
    assert [row["number"] for row in rows] == [f"CS{1001 + at:07}" for at in range(30)]


def test_seeded_resolved_cases_satisfy_the_data_policy(admin):
    admin.admin("POST", "seed", json={"cases": 200})
    assert admin.rows(CASE, "state=6")
    assert admin.rows(CASE, "state=6^resolution_codeISEMPTY^NQstate=6^close_notesISEMPTY") == []


@pytest.mark.parametrize("table", ["incident", "problem"])
def test_other_tasks_can_be_seeded_too(admin, table):
    admin.admin("POST", "seed", json={"cases": 20, "table": table})
    assert len(admin.rows(table)) == 20


def test_kept_data_survive_a_restart(tmp_path, login):
    with ServiceNowSandbox(directory=tmp_path, cases=5) as first:
        client = login(first.url, "admin", first.instance.accounts.passwords["admin"])
        record = client.create(work_notes="kept")
    with ServiceNowSandbox(directory=tmp_path) as second:
        client = login(second.url, "admin", second.instance.accounts.passwords["admin"])
        assert len(client.rows(CASE)) == 6
        assert client.create()["sys_id"] != record["sys_id"]
        assert client.admin("GET", "effects")[0]["journal"][0]["value"] == "kept"
