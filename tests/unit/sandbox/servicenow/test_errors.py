"""Refusals: the status, the body, and never an accident."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CASE = "sn_customerservice_case"


def error(answer):
    body = answer.json()
    assert body["status"] == "failure"
    return answer.status_code, body["error"]["message"], body["error"]["detail"]


def test_an_unknown_table_is_named(bridge):
    assert error(bridge.get("no_such_table")) == (400, "Invalid table no_such_table", None)


def test_an_unknown_address_represents_no_resource(bridge):
    status, message, _ = error(bridge.call("GET", "/api/now/nothing"))
    assert (status, message) == (400, "Requested URI does not represent any resource")


def test_a_record_that_does_not_exist_is_404(bridge):
    expected = (404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
    assert error(bridge.get(CASE, "0" * 32)) == expected
    assert error(bridge.patch("0" * 32, priority="1")) == expected
    assert error(bridge.call("DELETE", f"/api/now/table/{CASE}/{'0' * 32}")) == expected


def test_a_login_is_demanded_in_the_platforms_words(bridge):
    bridge.session.auth = ("cpsd.bridge", "wrong")
    answer = bridge.get(CASE)
    assert error(answer) == (401, "User Not Authenticated", "Required to provide Auth information")
    assert answer.headers["WWW-Authenticate"] == 'BASIC realm="Service-now"'


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_400(bridge, body):
    status, message, _ = error(bridge.call("POST", f"/api/now/table/{CASE}", data=body))
    assert (status, message) == (400, "Exception while reading request")


def test_a_body_over_the_limit_is_refused_with_its_length(bridge, sandbox):
    sandbox.instance.settings.max_body = 1000
    status, message, detail = error(bridge.call("POST", f"/api/now/table/{CASE}", json={"description": "x" * 2000}))
    assert (status, message) == (400, "Exception while reading request")
    assert "content-length = 2" in detail
    assert detail.endswith("Max allowed: 1000 bytes.")


def test_a_uri_over_the_limit_is_refused_with_html(bridge):
    answer = bridge.get(CASE, sysparm_query="sys_idIN" + ",".join(["0" * 32] * 1000))
    assert answer.status_code == 414
    assert answer.headers["Content-Type"].startswith("text/html")


def test_only_those_with_a_role_may_write(sandbox, bridge, admin):
    admin.admin("POST", "users", json={"user_name": "guest", "password": "g"})
    bridge.session.auth = ("guest", "g")
    assert error(bridge.call("POST", f"/api/now/table/{CASE}", json={})) == (
        403,
        "Operation Failed",
        "ACL Exception Insert Failed due to security constraints",
    )
    assert bridge.call("POST", "/api/now/table/sys_user_group", json={}).status_code == 403
    assert bridge.call("GET", "/sandbox/ledger").status_code == 403


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60), fields=st.text(max_size=20), limit=st.text(max_size=6), body=st.binary(max_size=40))
def test_no_request_makes_the_server_fail_by_accident(bridge, query, fields, limit, body):
    parameters = {"sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": limit, "sysparm_offset": limit}
    assert bridge.get(CASE, **parameters).status_code in (200, 403, 414)
    assert bridge.call("POST", "/api/now/table/incident", params=parameters, data=body).status_code < 500


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(["state", "priority", "due_date", "comments", "assignment_group", "knowledge", "order"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.text()) | st.just("\ud800"),
    )
)
def test_no_value_makes_the_server_fail_by_accident(bridge, fields):
    body = json.dumps(fields)  # with the infinities and lone surrogates that a careful client would not send
    assert bridge.call("POST", f"/api/now/table/{CASE}", data=body).status_code in (201, 403, 400)


def test_nonsense_on_the_wire_does_not_stop_the_server(sandbox, bridge):
    host, port = sandbox.url.removeprefix("http://").split(":")
    for nonsense in (b"\x00\x01\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: -4\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(nonsense)
            connection.recv(2000)
    assert bridge.get(CASE).status_code == 200
