"""The sandbox as a process of its own, and pysnow, unmodified, against it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysnow
import pytest
import requests

CASE = "/table/sn_customerservice_case"


def start(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bridge.sandbox.servicenow", "--port", "0", "--ready-file", str(ready), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None, "the sandbox ended before it served"
        assert time.monotonic() < deadline, "the sandbox did not serve in time"
        time.sleep(0.02)
    return process, json.loads(ready.read_text(encoding="utf-8"))


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=10)


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[dict[str, Any]]:
    process, description = start(tmp_path, "--seed", "5", "--cases", "25")
    yield description
    stop(process)


@pytest.fixture
def client(ready: dict[str, Any]) -> Iterator[pysnow.Client]:
    host = ready["url"].removeprefix("http://")
    made = pysnow.Client(host=host, user="admin", password=ready["admin"]["password"], use_ssl=False)
    yield made
    made.session.close()


def test_the_ready_file_tells_all_that_a_client_needs_and_only_to_its_owner(tmp_path):
    process, description = start(tmp_path)
    assert set(description) == {"url", "ca", "admin", "oauth"}
    assert description["ca"] is None
    assert (tmp_path / "ready.json").stat().st_mode & 0o777 == 0o600
    auth = (description["admin"]["user"], description["admin"]["password"])
    answer = requests.get(f"{description['url']}/api/now/table/sys_user", auth=auth, timeout=5)
    assert answer.status_code == 200
    form = {"grant_type": "client_credentials", **description["oauth"]}
    assert requests.post(f"{description['url']}/oauth_token.do", data=form, timeout=5).status_code == 200
    assert stop(process) == 0


def test_it_stops_at_once_on_sigterm_also_while_a_request_hangs(tmp_path):
    process, description = start(tmp_path, "--admin-password", "known")
    session = requests.Session()
    session.auth = ("admin", "known")
    fault = {"fault": {"kind": "hang", "seconds": 60}}
    session.post(f"{description['url']}/sandbox/faults", json=fault, timeout=5)
    with pytest.raises(requests.ReadTimeout):
        session.get(f"{description['url']}/api/now/table/sys_user", timeout=0.2)
    session.close()
    before = time.monotonic()
    assert stop(process) == 0
    assert time.monotonic() - before < 5


def test_the_same_seed_makes_the_same_cases_in_another_process(tmp_path):
    seen = []
    for _ in range(2):
        process, description = start(tmp_path, "--seed", "9", "--cases", "10", "--admin-password", "known")
        url = f"{description['url']}/api/now{CASE}?sysparm_fields=sys_id,number,short_description"
        seen.append(requests.get(url, auth=("admin", "known"), timeout=5).json())
        stop(process)
    assert seen[0] == seen[1]
    assert len(seen[0]["result"]) == 10


def test_kept_data_survive_a_kill(tmp_path):
    options = ("--data-dir", str(tmp_path / "data"), "--admin-password", "known")
    process, description = start(tmp_path, *options)
    url = f"{description['url']}/api/now{CASE}"
    made = requests.post(url, json={"work_notes": "kept"}, auth=("admin", "known"), timeout=5).json()["result"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=5)
    process, description = start(tmp_path, *options)
    url = f"{description['url']}/api/now{CASE}/{made['sys_id']}"
    assert requests.get(url, auth=("admin", "known"), timeout=5).status_code == 200
    stop(process)


def test_pysnow_reads_pages_counts_and_writes(client):
    cases = client.resource(api_path=CASE)
    query = pysnow.QueryBuilder().field("state").not_equals("3").AND().field("number").order_ascending()
    rows = list(cases.get(query=query, limit=10, offset=10, fields=["number", "sys_id"]).all())
    assert [row["number"] for row in rows] == [f"CS{1011 + at:07}" for at in range(10)]
    created = cases.create(payload={"short_description": "From pysnow", "priority": "2"}).one()
    updated = cases.update(query={"sys_id": created["sys_id"]}, payload={"work_notes": "noted"}).one()
    assert (updated["sys_mod_count"], updated["short_description"]) == ("1", "From pysnow")
    notes = client.resource(api_path="/table/sys_journal_field").get(query={"element_id": created["sys_id"]})
    assert [row["value"] for row in notes.all()] == ["noted"]
    assert cases.delete(query={"sys_id": created["sys_id"]})["status"] == "record deleted"
    assert cases.get(query={"sys_id": created["sys_id"]}).one_or_none() is None


def test_pysnow_streams_and_reads_the_count(client):
    response = client.resource(api_path=CASE).get(query={}, limit=5, stream=True)
    assert len(list(response.all())) == 5
    assert response.headers["X-Total-Count"] == "25"


def test_pysnow_takes_display_values(client):
    cases = client.resource(api_path=CASE)
    cases.parameters.display_value = True
    cases.parameters.exclude_reference_link = True
    row = cases.get(query={"number": "CS0001001"}).one()
    assert row["assignment_group"] in ("CPSD DCC", "CPSD LDSO", "CPSD Resolvers", "Service Desk")
    assert row["contact"] == "Rhys Morgan"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pysnow leaves the file open
def test_pysnow_attaches_a_file(client, tmp_path):
    file = tmp_path / "readings.csv"
    file.write_bytes(b"mpan,read\n1,2\n")
    cases = client.resource(api_path=CASE)
    case = cases.get(query={"number": "CS0001001"}).one()
    cases.attachments.upload(sys_id=case["sys_id"], file_path=str(file))
    (kept,) = cases.attachments.get(sys_id=case["sys_id"], limit=10)
    assert (kept["file_name"], kept["size_bytes"]) == ("readings.csv", "14")


def test_pysnow_raises_on_a_refused_resolution(client):
    cases = client.resource(api_path=CASE)
    made = cases.create(payload={"priority": "3"}).one()
    refused = cases.update(query={"sys_id": made["sys_id"]}, payload={"state": "6"})
    with pytest.raises(requests.HTTPError, match="403"):
        refused.one()


def test_pysnow_logs_in_with_oauth(ready, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # loopback without TLS
    host = ready["url"].removeprefix("http://")
    users = requests.get(f"{ready['url']}/sandbox/users", auth=("admin", ready["admin"]["password"]), timeout=5).json()[
        "result"
    ]
    password = next(user["password"] for user in users if user["user_name"] == "cpsd.bridge")
    oauth = ready["oauth"]
    client = pysnow.OAuthClient(
        client_id=oauth["client_id"],
        client_secret=oauth["client_secret"],
        token_updater=lambda token: None,
        host=host,
        use_ssl=False,
    )
    client.set_token(client.generate_token("cpsd.bridge", password))
    assert client.resource(api_path=CASE).get(query={"number": "CS0001001"}).one()["number"] == "CS0001001"
