"""`cpsd-bridge sandbox`, as a team without an instance would use it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

CASES = "sn_customerservice_case"
CASE = f"/api/now/table/{CASES}"
COMMAND = [sys.executable, "-m", "bridge.cli", "sandbox"]


def session(ready):
    made = requests.Session()
    made.auth = (ready["admin"]["user"], ready["admin"]["password"])
    made.verify = ready["ca"] or True
    return made


def test_it_serves_https_under_a_certificate_that_the_ready_file_names(sandbox_command):
    ready = sandbox_command("--https", "--seed", "5", "--cases", "10")
    assert set(ready) - {"pid"} == {"url", "ca", "admin", "oauth"}
    assert (set(ready["admin"]), set(ready["oauth"])) == ({"user", "password"}, {"client_id", "client_secret"})
    assert ready["url"].startswith("https://127.0.0.1:")
    with session(ready) as client:
        answer = client.get(ready["url"] + CASE, params={"sysparm_limit": "3"}, timeout=30)
        assert (len(answer.json()["result"]), answer.headers["X-Total-Count"]) == (3, "10")
        assert answer.json()["result"][0]["opened_by"]["link"].startswith(ready["url"])
        client.verify = True
        with pytest.raises(requests.exceptions.SSLError):
            client.get(ready["url"] + CASE, timeout=30)
        again = requests.get(ready["url"].replace("127.0.0.1", "localhost") + CASE, verify=ready["ca"], timeout=30)
        assert again.status_code == 401


def amounts(ready):
    with session(ready) as client:
        asked = [client.get(f"{ready['url']}/api/now/table/{table}", timeout=30) for table in (CASES, "incident")]
        return [int(answer.headers["X-Total-Count"]) for answer in asked]


def test_it_starts_with_cases_and_incidents_and_does_not_add_more_over_a_restart(sandbox_command, tmp_path):
    kept = ("--data-dir", str(tmp_path / "kept"), "--cases", "7")
    first = sandbox_command(*kept)
    assert amounts(first) == [7, 7]
    os.kill(first["pid"], signal.SIGTERM)
    while Path(f"/proc/{first['pid']}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.02)
    assert amounts(sandbox_command(*kept)) == [7, 7]


def test_a_client_that_never_shakes_hands_holds_up_nobody(sandbox_command):
    ready = sandbox_command("--https")
    port = int(ready["url"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)), session(ready) as client:
        assert client.get(ready["url"] + CASE, timeout=30).status_code == 200


@pytest.mark.parametrize("kind", ["cut", "lost_after_commit", "half_answer"])
def test_a_fault_cuts_the_connection_over_https_too(sandbox_command, kind):
    ready = sandbox_command("--https")
    with session(ready) as client:
        fault = {"match": {"method": "POST"}, "times": 1, "fault": {"kind": kind}}
        client.post(f"{ready['url']}/sandbox/faults", json=fault, timeout=30)
        with pytest.raises(requests.RequestException):
            client.post(ready["url"] + CASE, json={"short_description": "lost?"}, timeout=30)
        kept = client.get(ready["url"] + CASE, timeout=30).json()["result"]
        assert len(kept) == (0 if kind == "cut" else 1)


def test_a_commit_waits_until_the_client_of_https_has_gone(sandbox_command):
    ready = sandbox_command("--https", "--time-limit", "30")
    with session(ready) as client:
        fault = {"match": {"method": "POST"}, "times": 1, "fault": {"kind": "commit_after_client_gone"}}
        client.post(f"{ready['url']}/sandbox/faults", json=fault, timeout=30)
        with pytest.raises(requests.ReadTimeout):
            client.post(ready["url"] + CASE, json={"short_description": "late"}, timeout=0.3)
        for _ in range(600):
            if client.get(ready["url"] + CASE, timeout=30).json()["result"]:
                break
        entries = client.get(f"{ready['url']}/sandbox/ledger", timeout=30).json()["result"]
        (struck,) = [entry for entry in entries if entry["fault"]]
        assert struck["duration_ms"] < 30_000


def test_the_certificate_is_kept_with_the_data(sandbox_command, tmp_path):
    folder = tmp_path / "data"
    first = sandbox_command("--https", "--data-dir", str(folder))
    trusted = Path(first["ca"]).read_bytes()
    assert (folder / "server.pem").stat().st_mode & 0o777 == 0o600
    second = sandbox_command("--https", "--data-dir", str(folder))
    assert Path(second["ca"]).read_bytes() == trusted
    with session(second) as client:
        assert client.get(second["url"] + CASE, timeout=30).status_code == 200


def test_tables_of_ones_own_are_declared_in_a_file(sandbox_command, tmp_path):
    file = tmp_path / "tables.json"
    declared = [
        {
            "name": "u_dip_query",
            "extends": "task",
            "number_prefix": "DIPQ",
            "fields": {"u_flow": {"choices": ["IF-031", "IF-036"]}},
        },
        {"name": "sn_customerservice_case", "fields": {"u_impact_statement": {"max_length": 4000}}},
    ]
    file.write_text(json.dumps(declared), encoding="utf-8")
    ready = sandbox_command("--tables", str(file), "--cases", "2")
    with session(ready) as client:
        made = client.post(f"{ready['url']}/api/now/table/u_dip_query", json={"u_flow": "IF-031"}, timeout=30)
        assert (made.status_code, made.json()["result"]["number"]) == (201, "DIPQ0001001")
        cases = client.get(ready["url"] + CASE, timeout=30).json()["result"]
        assert [case["u_impact_statement"] for case in cases] == ["", ""]


def test_a_file_that_declares_nothing_sensible_is_wrong_usage(tmp_path):
    file = tmp_path / "tables.json"
    for text, reason in (("[", "tables.json"), ('[{"name": "Bad Name"}]', "no table name"), ("[7]", "an object")):
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [*COMMAND, "--tables", str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 2
        assert reason in done.stderr


def test_help_shows_the_options_and_the_other_far_sides():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60, check=True)
    for word in ("--https", "--port", "--seed", "--ready-file", "Example: ", "mail", "desk"):
        assert word in done.stdout


def test_a_port_in_use_is_wrong_usage(sandbox_command):
    port = sandbox_command()["url"].rpartition(":")[2]
    done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "cannot serve" in done.stderr
