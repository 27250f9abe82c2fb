"""The Batch API's limits and the form of its answers."""

import base64
import json

import pytest

CASE = "sn_customerservice_case"
TABLE = f"/api/now/table/{CASE}"


def part(number, method, url, body=None, **more):
    encoded = base64.b64encode(json.dumps(body).encode()).decode() if body else ""
    headers = [{"name": "Content-Type", "value": "application/json"}]
    return {"id": str(number), "method": method, "url": url, "body": encoded, "headers": headers, **more}


def send(client, *parts, **options):
    body = {"batch_request_id": "1", "rest_requests": list(parts)}
    answer = client.call("POST", "/api/now/v1/batch", json=body, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def notes(number, text):
    return part(number, "POST", TABLE, {"short_description": text})


def test_a_part_is_answered_in_the_platforms_form(bridge):
    answered, bare, gone = send(
        bridge,
        notes(1, "one"),
        part(2, "GET", f"{TABLE}?sysparm_limit=1", exclude_response_headers=True),
        part(3, "DELETE", f"{TABLE}/{'0' * 32}"),
    )["serviced_requests"]
    assert set(answered) == {"id", "body", "status_code", "status_text", "headers", "execution_time"}
    assert (answered["status_code"], answered["status_text"]) == (201, "Created")
    assert {"name": "Content-Type", "value": "application/json;charset=UTF-8"} in answered["headers"]
    assert bare["headers"] == []
    assert (gone["status_code"], gone["status_text"]) == (404, "Not Found")


@pytest.mark.parametrize("keep", [0, 2, 9])
def test_a_fault_ends_a_batch_after_some_of_its_parts_and_nothing_of_the_rest_is_done(admin, bridge, keep):
    admin.admin("POST", "faults", json={"times": 1, "fault": {"kind": "unserviced", "keep": keep}})
    parts = [notes(number, f"part {number}") for number in range(4)]
    answer = send(bridge, *parts)
    assert [done["id"] for done in answer["serviced_requests"]] == ["0", "1", "2", "3"][:keep]
    assert answer["unserviced_requests"] == ["0", "1", "2", "3"][keep:]
    assert len(bridge.rows(CASE)) == min(keep, 4)
    assert send(bridge, *parts)["unserviced_requests"] == []


def test_a_part_that_sends_too_much_ends_the_batch(sandbox, bridge):
    sandbox.instance.settings.batch_max_input = 400
    answer = send(bridge, notes(1, "small"), notes(2, "x" * 600), notes(3, "small"))
    assert [done["id"] for done in answer["serviced_requests"]] == ["1"]
    assert answer["unserviced_requests"] == ["2", "3"]
    assert len(bridge.rows(CASE)) == 1


def test_a_part_that_gets_too_much_ends_the_batch_and_is_undone(sandbox, bridge):
    sandbox.instance.settings.batch_max_output = 500
    lean = f"{TABLE}?sysparm_fields=sys_id"
    answer = send(bridge, part(1, "POST", lean, {"priority": "1"}), notes(2, "large"), part(3, "GET", lean))
    assert ([done["id"] for done in answer["serviced_requests"]], answer["unserviced_requests"]) == (["1"], ["2", "3"])
    assert [row["priority"] for row in bridge.rows(CASE)] == ["1"]


def test_a_client_may_ask_for_smaller_answers_but_not_for_larger_ones(sandbox, bridge):
    bridge.create()
    asked = part(1, "GET", TABLE)
    small = {"X-BATCHREQUEST-MAX-OUTPUT-SIZE": "100"}
    assert send(bridge, asked, headers=small)["unserviced_requests"] == ["1"]
    sandbox.instance.settings.batch_max_output = 100
    large = {"X-BATCHREQUEST-MAX-OUTPUT-SIZE": "1000000"}
    assert send(bridge, asked, headers=large)["unserviced_requests"] == ["1"]
