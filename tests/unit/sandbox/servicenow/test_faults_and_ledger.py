"""Each fault as a client meets it, and what the ledger says about it afterwards."""

import hashlib
import threading
import time

import pytest
import requests

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox

CASE = "sn_customerservice_case"


def fault(admin, kind, match=None, times=1, **parameters):
    body = {"match": match or {"method": "PATCH"}, "times": times, "fault": {"kind": kind, **parameters}}
    return admin.admin("POST", "faults", json=body)


def committed(admin, sys_id):
    return [effect for effect in admin.admin("GET", "effects") if effect["sys_id"] == sys_id and effect["journal"]]


@pytest.fixture
def case(bridge):
    return bridge.create()["sys_id"]


def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_ledger_holds_request_answer_and_effect(bridge, admin, case):
    body = b'{"work_notes": "x", "priority": "1"}'
    bridge.call("PATCH", f"/api/now/table/{CASE}/{case}?sysparm_fields=number", data=body)
    entry = admin.admin("GET", "ledger?since=1")[0]
    assert entry["id"] == 2
    assert (entry["method"], entry["path"]) == ("PATCH", f"/api/now/table/{CASE}/{case}")
    assert (entry["query"], entry["user"], entry["status"]) == ("sysparm_fields=number", "cpsd.bridge", 200)
    assert entry["body_sha256"] == hashlib.sha256(body).hexdigest()
    (effect,) = entry["effect"]
    assert effect["changes"] == {"priority": ["4", "1"]}
    assert [note["value"] for note in effect["journal"]] == ["x"]
    assert (entry["done"], entry["fault"]) == (True, None)
    assert admin.admin("GET", "effects?since=1")[0]["request"] == 2


def test_a_refused_write_has_no_effect_in_the_ledger(bridge, admin, case):
    bridge.patch(case, state="6", work_notes="x")
    assert admin.admin("GET", "ledger?since=1")[0]["effect"] == []
    assert len(admin.admin("GET", "effects")) == 1


def test_lost_after_commit_writes_and_cuts(bridge, admin, case):
    fault(admin, "lost_after_commit")
    with pytest.raises(requests.ConnectionError):
        bridge.patch(case, work_notes="x")
    assert len(committed(admin, case)) == 1
    entry = admin.admin("GET", "ledger?since=1")[0]
    assert (entry["status"], entry["fault"]["kind"]) == (None, "lost_after_commit")
    assert bridge.patch(case, work_notes="y").status_code == 200


def test_commit_after_client_gone_writes_once_the_client_has_closed(bridge, admin, sandbox, case):
    sandbox.instance.settings.time_limit = 30
    fault(admin, "commit_after_client_gone")
    with pytest.raises(requests.ReadTimeout):
        bridge.session.patch(f"{bridge.url}/api/now/table/{CASE}/{case}", json={"work_notes": "x"}, timeout=0.3)
    until(lambda: len(committed(admin, case)) == 1)


def test_commit_after_client_gone_writes_at_the_time_limit_of_the_server(bridge, admin, sandbox, case):
    sandbox.instance.settings.time_limit = 0.3
    fault(admin, "commit_after_client_gone")
    before = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        bridge.patch(case, work_notes="x")
    assert 0.25 < time.monotonic() - before < 3
    assert len(committed(admin, case)) == 1


def test_a_late_commit_carries_the_stamp_of_its_arrival(bridge, admin, sandbox, case):
    fault(admin, "late_commit", seconds=0.3)
    answers = []
    writer = threading.Thread(target=lambda: answers.append(bridge.patch(case, work_notes="x")))
    arrival = sandbox.instance.clock.stamp()
    writer.start()
    until(lambda: len(sandbox.instance.ledger.entries()) == 2)
    sandbox.instance.clock.skew_seconds = 100
    assert committed(admin, case) == []
    writer.join()
    assert arrival <= answers[0].json()["result"]["sys_updated_on"] < sandbox.instance.clock.stamp()


@pytest.mark.parametrize("when, notes", [("before_commit", 0), ("after_commit", 1)])
def test_a_status_can_strike_before_or_after_the_commit(bridge, admin, case, when, notes):
    fault(admin, "status", status=503, when=when)
    assert bridge.patch(case, work_notes="x").status_code == 503
    assert len(committed(admin, case)) == notes


def test_429_comes_with_and_without_rate_headers(bridge, admin):
    fault(admin, "status", {"table": CASE}, status=429, retry_after=7, rate_limit=True)
    fault(admin, "status", {"table": CASE}, status=429)
    first, second = bridge.get(CASE), bridge.get(CASE)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert {"X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Rule"} <= set(first.headers)
    assert second.status_code == 429
    assert not [name for name in second.headers if name.startswith(("X-RateLimit", "Retry"))]
    assert bridge.get(CASE).status_code == 200


def test_a_cancelled_transaction_is_200_with_some_rows_and_an_error(bridge, admin):
    for _ in range(4):
        bridge.create()
    fault(admin, "result_and_error", {"method": "GET"})
    fault(admin, "result_and_error", {"method": "GET"}, malformed=True)
    whole, broken = bridge.get(CASE), bridge.get(CASE)
    assert (whole.status_code, len(whole.json()["result"])) == (200, 2)
    assert "maximum execution time" in whole.json()["error"]["message"]
    assert broken.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        broken.json()


def test_a_transaction_can_be_cancelled_after_some_time(bridge, admin):
    bridge.create()
    fault(admin, "result_and_error", {"method": "GET"}, seconds=0.3)
    answer = bridge.get(CASE)
    assert (answer.status_code, "error" in answer.json()) == (200, True)
    assert answer.elapsed.total_seconds() > 0.25


def test_an_html_page_and_a_202_do_nothing(bridge, admin, case):
    fault(admin, "html_200")
    fault(admin, "accepted_202")
    page, dropped = bridge.patch(case, work_notes="x"), bridge.patch(case, work_notes="x")
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert (dropped.status_code, dropped.content) == (202, b"")
    assert committed(admin, case) == []


def test_cut_and_hang_do_nothing_and_never_answer(bridge, admin, sandbox, case):
    sandbox.instance.settings.time_limit = 0.2
    fault(admin, "cut")
    fault(admin, "hang")
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            bridge.patch(case, work_notes="x")
    assert committed(admin, case) == []


def test_half_an_answer_is_sent_under_its_full_length(bridge, admin, case):
    fault(admin, "half_answer")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        bridge.patch(case, work_notes="x")
    assert len(committed(admin, case)) == 1


def test_slow_takes_its_time_and_then_answers(bridge, admin, case):
    fault(admin, "slow", seconds=0.3)
    before = time.monotonic()
    assert bridge.patch(case, work_notes="x").status_code == 200
    assert time.monotonic() - before >= 0.3


def test_faults_strike_the_nth_or_every_or_a_seeded_share_and_can_be_cleared(bridge, admin, sandbox):
    fault(admin, "status", {"method": "GET", "nth": 2}, times=None, status=500)
    assert [bridge.get(CASE).status_code for _ in range(3)] == [200, 500, 200]
    admin.admin("DELETE", "faults")
    fault(admin, "status", {"path_regex": "incident$", "every": 2}, times=None, status=500)
    assert [bridge.get("incident").status_code for _ in range(4)] == [200, 500, 200, 500]
    assert bridge.get(CASE).status_code == 200
    admin.admin("DELETE", "faults")
    fault(admin, "status", {"rate": 0.5}, times=None, status=500)
    struck = sum(bridge.get(CASE).status_code == 500 for _ in range(40))
    assert 5 < struck < 35
    assert admin.admin("GET", "faults")[0]["struck"] == struck
    assert admin.admin("DELETE", "faults") == []


@pytest.mark.parametrize(
    "body",
    [
        {"fault": {"kind": "nonsense"}},
        {"fault": {"kind": "cut", "typo": 1}},
        {"fault": {"kind": "cut"}, "match": {"typo": 1}},
        {"fault": {"kind": "cut"}, "match": {"path_regex": "("}},
        {"fault": {"kind": "cut"}, "times": 0},
        {"fault": {"kind": "cut"}, "match": {"every": 0}},
    ],
)
def test_a_fault_that_says_nothing_sensible_is_refused(admin, body):
    assert admin.call("POST", "/sandbox/faults", json=body).status_code == 400


def test_the_date_header_and_the_stamps_follow_the_skewed_clock(bridge, admin):
    admin.admin("POST", "clock", json={"now": "2031-05-06T07:08:09"})
    record = bridge.create()
    assert record["sys_updated_on"].startswith("2031-05-06 07:08:")
    assert "06 May 2031 07:08" in bridge.get(CASE).headers["Date"]
    admin.admin("POST", "clock", json={"skew_seconds": 0})


def test_a_row_can_commit_late_with_an_old_stamp(bridge, admin):
    row = {"short_description": "late", "sys_updated_on": "2026-01-01 00:00:00"}
    held = admin.admin("POST", "records", json={"table": CASE, "records": [row], "visible_after": None})
    assert bridge.rows(CASE) == []
    admin.admin("POST", "records/release")
    (seen,) = bridge.rows(CASE)
    assert (seen["sys_id"], seen["sys_updated_on"]) == (held["sys_ids"][0], "2026-01-01 00:00:00")
    admin.admin("POST", "records", json={"table": CASE, "records": [row], "visible_after": 0.2})
    assert len(bridge.rows(CASE)) == 1
    until(lambda: len(bridge.rows(CASE)) == 2)


def test_a_script_says_what_happens_to_one_request_after_the_other(bridge, admin):
    script = [{"kind": "status", "status": 503}, None, {"kind": "accepted_202"}]
    made = admin.admin("POST", "faults", json={"match": {"table": CASE}, "script": script})
    assert made[0]["script"] == script
    assert [bridge.get("incident").status_code, *(bridge.get(CASE).status_code for _ in range(5))] == [
        *(200, 503, 200, 202, 200, 200)
    ]
    (rule,) = admin.admin("GET", "faults")
    assert (rule["seen"], rule["struck"]) == (3, 2)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"script": []},
        {"script": {"kind": "cut"}},
        {"script": [{"kind": "unknown"}]},
        {"script": ["cut"]},
        {"fault": None},
        {"fault": {"kind": "cut"}, "script": [None]},
    ],
)
def test_a_script_that_says_nothing_sensible_is_refused(admin, given):
    assert admin.call("POST", "/sandbox/faults", json=given).status_code == 400
    assert admin.admin("GET", "faults") == []


def test_a_rate_strikes_by_the_seed_alone(login):
    struck = []
    for seed in (3, 3, 4):
        with ServiceNowSandbox(seed=seed, identity=Identity("secret")) as sandbox:
            client = login(sandbox.url, "admin", "secret")
            client.admin("POST", "faults", json={"match": {"rate": 0.5}, "fault": {"kind": "accepted_202"}})
            struck.append([client.get("incident").status_code for _ in range(40)])
    assert struck[0] == struck[1] != struck[2]
    assert 5 < struck[0].count(202) < 35
