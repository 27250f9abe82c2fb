"""What a request passes before it is answered: the node's semaphore, its session, rate rules, hibernation."""

import socket
import threading
import time
from base64 import b64encode

import pytest

CASE = "sn_customerservice_case"


@pytest.fixture
def busy(sandbox, admin):
    """Make a request hang, in a session of that name; what it gives ends the request."""
    admin.admin("POST", "faults", json={"match": {"table": "problem"}, "fault": {"kind": "hang", "seconds": 60}})
    login = b64encode(b"admin:secret").decode()
    opened = []

    def hang(session="other"):
        connection = socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])))
        opened.append(connection)
        lines = ("GET /api/now/table/problem HTTP/1.1", "Host: x", f"Authorization: Basic {login}")
        connection.sendall("\r\n".join((*lines, f"Cookie: JSESSIONID={session}", "", "")).encode())
        until(lambda: admin.admin("GET", "gates")["running"] == len(opened))
        return connection.close

    yield hang
    for connection in opened:
        connection.close()


def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def in_background(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()

    def join():
        thread.join(timeout=30)
        return answers[0]

    return join


def test_the_node_lets_some_wait_and_refuses_the_next(sandbox, admin, bridge, resolver, busy):
    sandbox.instance.settings.semaphore_threads, sandbox.instance.settings.semaphore_queue = 1, 1
    end = busy()
    waiting = in_background(lambda: bridge.get(CASE))
    until(lambda: admin.admin("GET", "gates")["waiting"] == 1)
    refused = resolver.get(CASE)
    assert refused.status_code == 429
    assert not [name for name in refused.headers if name.lower().startswith("x-ratelimit")]
    end()
    answer = waiting()
    assert answer.status_code == 200
    assert not answer.headers["Server-Timing"].startswith("sem_wait;dur=0,")
    assert resolver.get(CASE).status_code == 200
    assert admin.admin("GET", "gates") == {"running": 0, "waiting": 0, "sessions": 0}


def test_a_session_works_on_one_request_at_a_time(sandbox, admin, bridge, busy):
    bridge.session.cookies.set("JSESSIONID", "shared")
    end = busy("shared")
    waiting = in_background(lambda: bridge.create(short_description="waited"))
    until(lambda: admin.admin("GET", "gates")["waiting"] == 1)
    assert admin.rows(CASE) == []
    end()
    assert waiting()["short_description"] == "waited"


@pytest.mark.parametrize("setting,value", [("session_queue", 0), ("session_patience", 0.01)])
def test_a_session_that_is_overrun_drops_requests_with_202(sandbox, bridge, resolver, busy, setting, value):
    setattr(sandbox.instance.settings, setting, value)
    bridge.session.cookies.set("JSESSIONID", "shared")
    end = busy("shared")
    dropped = bridge.call("POST", f"/api/now/table/{CASE}", json={"short_description": "dropped"})
    assert (dropped.status_code, dropped.content) == (202, b"")
    assert resolver.rows(CASE) == []
    end()
    until(lambda: bridge.get(CASE).status_code == 200)


def limited(client):
    answer = client.get(CASE)
    return answer.status_code, {name: value for name, value in answer.headers.items() if "RateLimit" in name}


def test_a_rate_rule_counts_by_user_and_hour(admin, bridge, resolver):
    admin.admin("POST", "clock", json={"now": "2026-06-01T10:59:00"})
    admin.admin("POST", "rate_limits", json={"limit": 2, "user": "cpsd.bridge", "path_regex": "/table/"})
    assert [limited(bridge)[0] for _ in range(2)] == [200, 200]
    answer = bridge.get(CASE)
    assert answer.json()["error"] == {
        "message": "Rate limit exceeded",
        "detail": "Rate limit of 2 requests per hour for Table API exceeded",
    }
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert limited(bridge)[1] == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Reset": "1780311600",
        "X-RateLimit-Rule": "Table API",
    }
    assert bridge.call("GET", f"/api/now/stats/{CASE}").status_code == 200
    assert limited(resolver)[0] == 200
    admin.admin("POST", "clock", json={"now": "2026-06-01T11:00:01"})
    assert limited(bridge)[0] == 200


def test_a_rate_rule_may_keep_its_headers_to_itself(admin, bridge):
    rule = admin.admin("POST", "rate_limits", json={"limit": 0, "headers": False})
    assert limited(bridge) == (429, {})
    assert admin.admin("DELETE", f"rate_limits?id={rule['id']}") == []
    assert limited(bridge)[0] == 200


@pytest.mark.parametrize("given", [{}, {"limit": -1}, {"limit": "many"}, {"limit": 1, "colour": 2}])
def test_a_rate_rule_that_says_something_else_is_refused(admin, given):
    assert admin.call("POST", "/sandbox/rate_limits", json=given).status_code == 400


def test_a_hibernating_instance_answers_everything_with_its_page(admin, bridge):
    admin.admin("POST", "settings", json={"hibernating": True})
    for answer in (bridge.get(CASE), bridge.call("POST", f"/api/now/table/{CASE}", json={})):
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
        assert "hibernating" in answer.text
    admin.admin("POST", "settings", json={"hibernating": False})
    assert bridge.rows(CASE) == []


def test_a_data_policy_demands_fields_under_its_condition(admin, bridge):
    policy = {"name": "P1 needs impact", "table": CASE, "condition": "priority=1", "mandatory": ["business_impact"]}
    admin.admin("POST", "data_policies", json=policy)
    record = bridge.create(priority="2")
    refused = bridge.patch(record["sys_id"], priority="1")
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        403,
        "Data Policy Exception: The following fields are mandatory: Business impact",
    )
    assert bridge.rows(CASE, "priority=1") == []
    assert bridge.patch(record["sys_id"], priority="1", business_impact="All readings").status_code == 200
    wrong = admin.call("POST", "/sandbox/data_policies", json=policy | {"mandatory": ["no_such"]})
    assert wrong.status_code == 400
