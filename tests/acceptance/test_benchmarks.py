"""The benchmarks run from one command and write down what they counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks/run.py"


@pytest.mark.timeout(240)
def test_calls_are_counted_for_changes_and_for_writes_of_a_state(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, RUN, "--only", "calls", "--changes", "6", "--json", figures]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=220, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(figures.read_text())
    assert told["machine"]["cores"]
    calls = told["calls"]
    assert (calls["changed_cases"], calls["state_writes"]) == (6, 6)
    # A whole cycle, of which a thousand would take hardly more; a slow machine asks for the time more often.
    assert calls["calls_per_1000_changed"] * 6 / 1000 <= 12
    assert calls["calls_per_1000_state_writes"] * 6 / 1000 <= 10
    assert "writes of a state with a note" in ended.stdout


@pytest.mark.timeout(240)
def test_a_mailbox_of_mixed_kinds_is_read_beside_a_script(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, RUN, "--only", "mail", "--mails", "60", "--turns", "1", "--json", figures]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=220, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    mail = json.loads(figures.read_text())["mail"]
    # Every mail has come to an end, and by far the most of them were about something.
    states = mail["states"]
    assert sum(mail["kinds"].values()) == sum(states.values()) == 60
    assert states.keys() <= {"applied", "filed", "quarantined", "dropped"}
    nobodys = sum(mail["kinds"].get(kind, 0) for kind in ("new case", "stranger", "encrypted"))
    assert states.get("quarantined", 0) == nobodys
    assert mail["mails_per_second"].keys() == mail["cpu_seconds"].keys() == mail["memory_mb"].keys()
    assert "60 mails in one mailbox" in ended.stdout
