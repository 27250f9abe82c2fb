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
