"""A desk that runs a ServiceNow of its own: two instances, and the bridge between them."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from bridge.connectors.snow import files
from bridge.domain import contacts
from bridge.domain.errors import UntrustedAnswer
from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from tests.integration.cli.conftest import DCC, KEY
from tests.integration.cli.test_links import free_port
from tests.servers.processes import wait_until


class Theirs:
    """The desk's own instance as its people see it."""

    def __init__(self, sandbox, bench):
        self.sandbox = sandbox
        self.bench = bench

    def session(self):
        session = requests.Session()
        session.auth = ("priya.shah", self.sandbox.instance.accounts.passwords["priya.shah"])
        return session

    def _ask(self, method, path, **options):
        with self.session() as session:
            answer = session.request(method, f"{self.sandbox.url}{path}", timeout=20, **options)
        assert answer.ok, answer.text
        return answer.json()["result"]

    def rows(self, table, query):
        return self._ask("GET", f"/api/now/table/{table}", params={"sysparm_query": query})

    def incidents(self):
        return self.rows("incident", "correlation_displaySTARTSWITHCS^ORDERBYsys_created_on")

    def entries(self, element="comments"):
        (incident,) = self.incidents()
        found = self.rows(
            "sys_journal_field", f"element_id={incident['sys_id']}^element={element}^ORDERBYsys_created_on"
        )
        return [row["value"] for row in found]

    def change(self, **fields):
        (incident,) = self.incidents()
        self.sandbox.instance.clock.skew_seconds += 10
        return self._ask("PATCH", f"/api/now/table/incident/{incident['sys_id']}", json=fields)

    def attach(self, incident, name, content):
        """One of their people adds a file."""
        where = {"table_name": "incident", "table_sys_id": incident["sys_id"], "file_name": name}
        self.sandbox.instance.clock.skew_seconds += 10
        self._ask("POST", "/api/now/attachment/file", params=where, data=content, headers={"Content-Type": "text/csv"})

    def fault(self, kind, times=1, match=None, **parameters):
        self.sandbox.instance.clock.skew_seconds += 1
        body = {"match": match or {}, "times": times, "fault": {"kind": kind, **parameters}}
        admin = self.sandbox.description["admin"]
        answer = requests.post(
            f"{self.sandbox.url}/sandbox/faults", json=body, auth=(admin["user"], admin["password"]), timeout=20
        )
        assert answer.ok, answer.text


@pytest.fixture
def theirs(bench):
    with ServiceNowSandbox(
        identity=Identity(client_id="bridge", client_secret="client-secret-that-nobody-may-see")
    ) as sandbox:
        sandbox.instance.settings.time_limit = 1.0
        method = {
            "url": sandbox.url,
            "user": "cpsd.bridge",
            "auth": {"kind": "client_credentials", "client_id": "bridge", "client_secret": "${SN_SECRET}"},
            "table": "incident",
            "fields": {"category": "network"},
            "priorities": {"P3": {"impact": "2", "urgency": "2"}},
            "changes": {
                "accept": {"state": "7"},
                "reject": {"state": "2"},
            },
            "connect_timeout": "1s",
            "read_timeout": "2s",
        }
        bench.desks[DCC]["agreement"]["method"] = {"servicenow": method}
        bench.desks[DCC]["agreement"]["share"] = {"comments": True, "attachments": {"max": "1MB", "types": ["csv"]}}
        bench.bridge["servicenow"] |= {"connect_timeout": "1s", "read_timeout": "1s", "batch_read_timeout": "2s"}
        bench.bridge["delivery"] = {
            "client_timeout": "3s",
            "batch_timeout": "4s",
            "far_side_limit": "1s",
            "margin": "1s",
            "retry_first": "100ms",
            "retry_longest": "500ms",
            "lease": "30s",
        }
        bench.write()
        yield Theirs(sandbox, bench)


def once(bench, times=1):
    for _ in range(times):
        bench.later()
        bench.run("once")


def engaged(bench, **fields):
    case = bench.raise_case(**fields)
    bench.attach(case, "reads.csv", b"1,2,3\n")
    once(bench, 2)
    return case


def test_a_case_becomes_an_incident_of_the_desk_and_each_names_the_other(bench, theirs):
    case = engaged(bench)
    (incident,) = theirs.incidents()
    assert incident["correlation_display"] == case["number"]
    assert (incident["category"], incident["short_description"]) == ("network", case["short_description"])
    assert "Settlement run R1 is late for 300 customers." in incident["description"]
    once(bench)
    ours = bench.change(case)
    assert (ours["correlation_display"], ours["correlation_id"]) == (incident["number"], incident["sys_id"])
    assert any(f"sys_id={incident['sys_id']}" in note for note in bench.journal(case))
    (file,) = theirs.rows("sys_attachment", f"table_sys_id={incident['sys_id']}")
    assert (file["file_name"], file["hash"]) == ("reads.csv", hashlib.sha256(b"1,2,3\n").hexdigest())


def test_states_and_words_come_back_and_the_resolution_is_accepted_over_there(bench, theirs):
    case = engaged(bench)
    theirs.change(state="2", comments="We are looking at the head-end.")
    once(bench, 2)
    assert any("We are looking at the head-end." in note for note in bench.journal(case))
    assert [one["state"] for one in bench.json("engagements")] == ["in_progress"]
    bench.change(case, work_notes="#desk: which meter was it?")
    once(bench, 2)
    assert any("which meter was it?" in text for text in theirs.entries())
    theirs.change(state="6", close_code="Solved (Permanently)", close_notes="The job was restarted.")
    once(bench, 2)
    assert any("The job was restarted." in note for note in bench.journal(case))
    bench.change(case, work_notes="#confirm")
    once(bench, 3)
    assert bench.change(case)["state"] == "6"
    (incident,) = theirs.incidents()
    assert incident["state"] == "7"
    once(bench, 2)
    assert "late_report" not in json.dumps(bench.story(case["number"]))


def test_files_go_both_ways_with_the_same_hash_and_none_comes_back(bench, theirs):
    case = engaged(bench)
    (incident,) = theirs.incidents()
    theirs.attach(incident, "trace.csv", b"time,state\n")
    once(bench, 3)
    bench.attach(case, "more.csv", b"4,5,6\n")
    once(bench, 3)

    with bench.person() as session:
        query = {"sysparm_query": f"table_sys_id={case['sys_id']}^ORDERBYfile_name"}
        ours = session.get(f"{bench.servicenow.url}/api/now/table/sys_attachment", params=query, timeout=10)
    sent, known, made = b"time,state\n", b"1,2,3\n", b"4,5,6\n"
    expected = {"trace.csv": sent, "reads.csv": known, "more.csv": made}
    hashes = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in expected.items())
    assert sorted((row["file_name"], row["hash"]) for row in ours.json()["result"]) == hashes
    over_there = theirs.rows("sys_attachment", f"table_sys_id={incident['sys_id']}")
    assert sorted((row["file_name"], row["hash"]) for row in over_there) == hashes


def test_a_file_that_their_rules_refuse_is_told_to_those_who_work_on_the_case(bench, theirs):
    theirs.fault("status", times=None, status=400, match={"method": "POST", "path_regex": "/attachment/file"})
    case = engaged(bench)
    once(bench, 2)
    (incident,) = theirs.incidents()
    assert theirs.rows("sys_attachment", f"table_sys_id={incident['sys_id']}") == []
    assert "file_left_out" in [one["kind"] for one in bench.story(case["number"])]
    assert any("- reads.csv: ServiceNow answered 400" in note for note in bench.journal(case))


def test_a_damaged_file_over_there_hides_no_state(bench, theirs, monkeypatch):
    def damaged(attachment, body, headers):
        raise UntrustedAnswer("the bytes have another hash than what was stored")

    engaged(bench)
    (incident,) = theirs.incidents()
    theirs.attach(incident, "scan.csv", b"1,2")
    monkeypatch.setattr(files, "_checked", damaged)
    theirs.change(state="6", close_code="Solved (Permanently)", close_notes="The job was restarted.")
    once(bench, 3)
    assert [one["state"] for one in bench.json("engagements")] == ["resolution_reported"]


def test_a_state_that_our_rejection_sets_over_there_is_not_the_desks_word(bench, theirs):
    case = engaged(bench)
    theirs.change(state="6", close_code="Solved (Permanently)", close_notes="The job was restarted.")
    once(bench, 2)
    bench.change(case, work_notes="#reject: the readings are still missing")
    once(bench, 4)
    (incident,) = theirs.incidents()
    assert incident["state"] == "2"
    story = bench.story(case["number"])
    said = [one["facts"]["fact"] for one in story if one["kind"] == "decided" and one["who"] == f"desk:{DCC}"]
    assert said[-1] == "resolved"


def test_a_state_over_there_that_nobody_agreed_upon_is_asked_about_once(bench, theirs, monkeypatch):
    monkeypatch.delitem(contacts._INCIDENT, "2")
    engaged(bench)
    theirs.change(state="2")
    for number in range(3):
        theirs.change(comments=f"Word {number}")
        once(bench)
    assert len(bench.json("quarantine", "list")) == 1


def test_our_own_words_over_there_are_never_read_as_theirs(bench, theirs):
    case = engaged(bench)
    bench.change(case, work_notes="#desk: #resolved: is what you may write")
    once(bench, 3)
    assert [one["state"] for one in bench.json("engagements")] == ["open"]
    assert any("is what you may write" in text for text in theirs.entries())
    assert bench.json("quarantine", "list") == []


@pytest.mark.parametrize("kind", ["lost_after_commit", "half_answer", "result_and_error"])
def test_a_lost_answer_to_the_creation_makes_no_second_incident(bench, theirs, kind):
    theirs.fault(kind, match={"method": "POST", "path_regex": "/table/incident"})
    case = bench.raise_case()
    deadline = 20
    while not any(one["desk_reference"] for one in bench.json("engagements")) and deadline:
        once(bench)
        deadline -= 1
    assert len(theirs.incidents()) == 1
    assert case["number"] == theirs.incidents()[0]["correlation_display"]


def test_an_incident_that_is_deleted_over_there_is_work_for_a_person(bench, theirs):
    engaged(bench)
    (incident,) = theirs.incidents()
    with theirs.session() as session:
        admin = theirs.sandbox.description["admin"]
        session.auth = (admin["user"], admin["password"])
        assert session.delete(f"{theirs.sandbox.url}/api/now/table/incident/{incident['sys_id']}", timeout=20).ok
    once(bench, 2)
    (item,) = bench.json("quarantine", "list")
    assert "record_gone" in item["reason"]


def test_their_instance_may_be_away_without_holding_up_others(bench, theirs):
    case = engaged(bench)
    theirs.fault("status", times=None, status=503)
    bench.change(case, work_notes="a note of nobody's business")
    told = bench.run("once")
    assert '"collector": "portal:dcc-service-desk"' in told.stderr
    assert "a note of nobody's business" in bench.journal(case)


def test_a_desk_that_takes_our_rights_away_stops_none_of_the_other_work(bench, theirs):
    case = engaged(bench)
    theirs.fault("status", times=None, status=403, match={"method": "GET"})
    bench.change(case, work_notes="#engage @ldso-help-desk")
    once(bench, 3)
    assert bench.sent_to("ldso-help-desk")


def test_an_operator_applies_what_their_people_wrote(bench, theirs):
    case = engaged(bench)
    theirs.change(comments="#progress: begun\n#resolved: The concentrator was replaced.")
    once(bench)
    (item,) = bench.json("quarantine", "list")
    assert bench.json("quarantine", "show", item["item"])["reading"]["text"].startswith("#progress: begun")
    what = ("--case", case["number"], "--desk", DCC, "--as-report", "resolved", "--reason", "spoke to them")
    bench.run("quarantine", "apply", item["item"], *what)
    once(bench, 2)
    assert any("concentrator was replaced" in note for note in bench.journal(case))


def test_of_what_was_seen_at_once_no_state_overrules_a_command(bench, theirs):
    """The record tells when it was changed last, not since when it has its state."""
    theirs.sandbox.instance.clock.skew_seconds = -3600
    engaged(bench)
    theirs.change(state="2")
    theirs.change(comments="#resolved: The job was restarted.")
    theirs.change(impact="1", urgency="1")
    once(bench, 2)
    assert [one["state"] for one in bench.json("engagements")] == ["resolution_reported"]


def test_a_resolution_from_before_a_question_does_not_resolve_our_case(bench, theirs):
    bench.desks[DCC]["agreement"]["confirmation"] = "desk"
    bench.write()
    theirs.sandbox.instance.clock.skew_seconds = -3600
    case = engaged(bench)
    theirs.change(state="6", close_code="Solved (Permanently)", close_notes="The job was restarted.")
    theirs.change(comments="#question: it failed again. Which meter was it?")
    once(bench, 4)
    assert bench.change(case)["state"] not in {"6", "3"}
    assert [one["state"] for one in bench.json("engagements")] == ["awaiting_information"]
    (item,) = bench.json("quarantine", "list")
    assert "order_unknown" in item["reason"]


def test_check_proves_the_desks_instance_too(bench, theirs):
    result = bench.attempt("check")
    assert f"{DCC}: " in result.stdout


def test_a_method_that_is_two_or_none_is_refused_with_its_line(bench, theirs):
    bench.desks[DCC]["agreement"]["method"]["email"] = {"to": ["desk@dcc.example"]}
    bench.write()
    assert "two methods of contact are agreed, email and servicenow" in bench.run("check", exits=2).stdout
    bench.desks[DCC]["agreement"]["method"] = {}
    bench.write()
    assert "no method of contact is agreed" in bench.run("check", exits=2).stdout


def test_a_call_of_their_system_makes_the_running_bridge_look_at_once(bench, theirs):
    port = free_port()
    bench.bridge["web"] = {"public": f"127.0.0.1:{port}", "public_address": f"http://127.0.0.1:{port}"}
    bench.bridge["mail"]["every"] = "1h"
    bench.desks[DCC]["hooks"] = {"check": "token", "secrets": ["${CPSD_KEY}"], "header": "X-Token"}
    bench.write()
    case = engaged(bench)
    with running(bench):
        wait_until(lambda: _answers(port), "the listener", seconds=60)
        # The pass at the start is over once this one, which came after it, is.
        theirs.change(comments="Before the call.")
        _call(port)
        wait_until(lambda: _is_told(bench, case, "Before the call."), "the first word", seconds=60)
        theirs.change(comments="We have found it.")
        _call(port)
        wait_until(lambda: _is_told(bench, case, "We have found it."), "the second word", seconds=60)


def _answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def _call(port):
    answer = requests.post(f"http://127.0.0.1:{port}/hooks/{DCC}", data=b"{}", headers={"X-Token": KEY}, timeout=20)
    assert answer.ok


def _is_told(bench, case, text):
    bench.later()
    return any(text in note for note in bench.journal(case))


@contextmanager
def running(bench):
    """The service in a process of its own."""
    command = [sys.executable, "-m", "bridge.cli", "--config", str(bench.config), "run"]
    with (bench.folder / "run.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=dict(os.environ))
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
