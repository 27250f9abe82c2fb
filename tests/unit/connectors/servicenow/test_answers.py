"""What each answer means for a read and for a write."""

import json
import socket

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from bridge.connectors.servicenow import Connection
from bridge.domain.errors import (
    BridgeError,
    FarSideError,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    TryLater,
    UntrustedAnswer,
)
from tests.pulling.connecting import PASSWORD, Quiet, connected

CASE, ID = "sn_customerservice_case", "0" * 32
ROW = {"sys_id": ID, "sys_mod_count": "4", "sys_updated_on": "2026-06-01 09:00:00"}
HTML = {"body": "<html><body>Hibernating</body></html>", "Content_Type": "text/html;charset=UTF-8"}


def read(servicenow):
    return servicenow.read_many(CASE, [ID])


def write(servicenow):
    return servicenow.write(CASE, ID, {"work_notes": "note"})


def attach(servicenow):
    return servicenow.attach(CASE, ID, "a.txt", "text/plain", b"five!")


#: what each method answers when all is well
WELL = {"GET": [], "PATCH": ROW, "POST": {"sys_id": ID, "size_bytes": "5"}}
STATUS = {"GET": 200, "PATCH": 200, "POST": 201}
CANCELLED = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": None}


def malformed(result):
    return json.dumps({"result": result}).removesuffix("]}").removesuffix("}}") + ',"error":{"message":"x"}}'


LOOKS_LIKE_SUCCESS = {
    "result and error": lambda result: {"body": {"result": result, "error": CANCELLED, "status": "failure"}},
    "malformed": lambda result: {"body": malformed(result)},
    "no result": lambda result: {"body": {"status": "ok"}},
    "no object": lambda result: {"body": [result]},
    "web page": lambda result: HTML,
    "dropped": lambda result: {"body": "", "status": 202},
    "accepted": lambda result: {"body": {"result": result}, "status": 202},
    "empty": lambda result: {"body": ""},
    "moved": lambda result: {"body": {"result": result}, "status": 302, "Location": "https://elsewhere.example/"},
}


def fault(edge, method, name):
    edge.answers(method, **{"status": STATUS[method], "X_Total_Count": "0"} | LOOKS_LIKE_SUCCESS[name](WELL[method]))


@pytest.mark.parametrize("method, act", [("GET", read), ("PATCH", write), ("POST", attach)])
def test_what_is_success_is_taken_for_it(servicenow, edge, method, act):
    edge.answers(method, status=STATUS[method], body={"result": WELL[method]}, X_Total_Count="0")
    act(servicenow)


@pytest.mark.parametrize("name", LOOKS_LIKE_SUCCESS)
def test_a_read_discards_what_only_looks_like_success(servicenow, edge, name):
    fault(edge, "GET", name)
    with pytest.raises(UntrustedAnswer):
        read(servicenow)


@pytest.mark.parametrize("method, act", [("PATCH", write), ("POST", attach)])
@pytest.mark.parametrize("name", LOOKS_LIKE_SUCCESS)
def test_after_a_write_what_only_looks_like_success_proves_nothing(servicenow, edge, name, method, act):
    fault(edge, method, name)
    with pytest.raises(OutcomeUnknown):
        act(servicenow)
    assert len(edge.requests) == 1


@pytest.mark.parametrize(
    "method, status, body, act",
    [
        ("POST", 200, {"result": {"sys_id": ID, "size_bytes": "5"}}, attach),
        ("PATCH", 201, {"result": ROW}, write),
        ("PATCH", 204, "", write),
        ("PATCH", 200, {"result": {**ROW, "sys_id": "1" * 32}}, write),
        ("PATCH", 200, {"result": [ROW, ROW]}, write),
        ("PATCH", 200, {"result": []}, write),
        ("PATCH", 200, {"result": "done"}, write),
        ("PATCH", 200, {"result": None}, write),
        ("POST", 201, {"result": {"sys_id": ID, "size_bytes": "4"}}, attach),
        ("POST", 201, {"result": {"sys_id": ID, "size_bytes": ""}}, attach),
    ],
)
def test_a_success_of_the_wrong_kind_proves_nothing(servicenow, edge, method, status, body, act):
    edge.answers(method, status=status, body=body)
    with pytest.raises(OutcomeUnknown):
        act(servicenow)


def test_a_write_tells_revision_and_time(servicenow, edge):
    edge.answers("PATCH", body={"result": ROW})
    receipt = write(servicenow)
    assert receipt.far_id == ""
    assert receipt.detail == {"sys_mod_count": "4", "sys_updated_on": "2026-06-01 09:00:00"}
    assert edge.requests[0].params == {
        "sysparm_fields": "sys_id,sys_mod_count,sys_updated_on",
        "sysparm_display_value": "false",
        "sysparm_exclude_reference_link": "true",
        "sysparm_input_display_value": "false",
    }


def lost(cause):
    return requests.ConnectionError(cause)


@pytest.mark.parametrize(
    "failure",
    [
        requests.ReadTimeout("read timed out"),
        requests.exceptions.ChunkedEncodingError("incomplete"),
        lost(ProtocolError("Connection aborted.", ConnectionResetError(104))),
        requests.exceptions.SSLError("unexpected end"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_an_answer_that_is_lost_leaves_a_write_unknown_and_a_read_untrusted(servicenow, edge, failure):
    edge.answers("PATCH", body=failure)
    edge.answers(body=failure)
    with pytest.raises(OutcomeUnknown):
        write(servicenow)
    with pytest.raises(UntrustedAnswer):
        read(servicenow)


@pytest.mark.parametrize(
    "failure",
    [
        requests.ConnectTimeout(MaxRetryError(None, "/", NewConnectionError(None, "timed out"))),
        lost(MaxRetryError(None, "/", NewConnectionError(None, "refused"))),
    ],
    ids=["timeout", "refused"],
)
@pytest.mark.parametrize("method, act", [("GET", read), ("PATCH", write)])
def test_without_a_connection_certainly_nothing_was_done(servicenow, edge, method, act, failure):
    edge.answers(method, body=failure)
    with pytest.raises(TryLater):
        act(servicenow)


def test_where_nobody_listens_certainly_nothing_was_done():
    unreachable = connected(Connection("http://127.0.0.1:1", connect_timeout=2), Quiet())
    for act in (read, write):
        with pytest.raises(TryLater):
            act(unreachable)
    unreachable.close()


def test_where_no_name_is_known_certainly_nothing_was_done(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    unreachable = connected(Connection("http://sandbox.example"), Quiet())
    for act in (read, write):
        with pytest.raises(TryLater):
            act(unreachable)
    unreachable.close()


def error(message, detail=None):
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (400, error("Invalid table nonsense"), FarSideError),
        (401, error("User Not Authenticated", "Required to provide Auth information"), NotPermitted),
        (403, error("Operation Failed", "ACL Exception Update Failed due to security constraints"), NotPermitted),
        (404, error("No Record found", "Record doesn't exist or ACL restricts the record retrieval"), NotFound),
        (409, error("Conflict", "Unique Key violation"), FarSideError),
        (414, "<html><body>too long</body></html>", FarSideError),
    ],
)
def test_a_refusal_is_a_definite_no_in_servicenows_own_words(servicenow, edge, status, body, kind):
    edge.answers("PATCH", status=status, body=body)
    with pytest.raises(kind) as raised:
        write(servicenow)
    assert raised.value.status == status
    if isinstance(body, dict):
        assert body["error"]["message"] in str(raised.value)
        assert raised.value.detail == (body["error"]["detail"] or "")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_error_leaves_a_write_unknown_and_lets_a_read_be_tried_later(servicenow, edge, status):
    edge.answers("PATCH", status=status, body=error("Transaction aborted"))
    edge.answers(status=status, body=error("Transaction aborted"))
    with pytest.raises(OutcomeUnknown):
        write(servicenow)
    with pytest.raises(TryLater):
        read(servicenow)


def test_a_post_that_is_forbidden_may_have_been_carried_out(servicenow, edge):
    edge.answers("POST", status=403, body=error("Operation Failed", "ACL Exception Insert Failed"))
    with pytest.raises(OutcomeUnknown):
        attach(servicenow)


@pytest.mark.parametrize("told, seconds", [("7", 7.0), ("Mon, 01 Jun 2026 09:00:30 GMT", 30.0), ("soon", None)])
def test_too_many_requests_is_nothing_done_and_says_how_long_to_wait(servicenow, edge, told, seconds):
    edge.answers("PATCH", status=429, body=error("Rate limit exceeded"), Retry_After=told)
    with pytest.raises(TryLater) as raised:
        write(servicenow)
    assert raised.value.retry_after == seconds


def test_an_answer_without_servicenows_clock_is_not_trusted(servicenow, edge):
    edge.answers(body={"result": []}, Date="", X_Total_Count="0")
    with pytest.raises(UntrustedAnswer, match="Date"):
        read(servicenow)


@pytest.mark.parametrize("failure", [requests.ReadTimeout("x"), lost(ProtocolError("reset"))], ids=["slow", "cut"])
def test_no_error_leads_to_the_request_and_its_authorization(servicenow, edge, failure):
    edge.answers("PATCH", body=failure)
    with pytest.raises(BridgeError) as raised:
        write(servicenow)
    assert PASSWORD not in f"{raised.value!r} {raised.value} {vars(raised.value)}"
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
