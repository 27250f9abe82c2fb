"""The demo as a newcomer runs it: every case ends as it should, and nothing keeps running."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "cpsd-bridge"


@pytest.mark.timeout(200)
def test_the_demo_ends_with_every_case_as_it_should_be_and_leaves_nothing_running(tmp_path):
    ended = subprocess.run(
        [COMMAND, "demo", "--exit"], capture_output=True, text=True, timeout=180, cwd=tmp_path, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["ok"] is True
    assert (told["outbox_pending"], told["quarantine"]) == (0, 0)
    ends = {
        (case["state"], engagement["desk"], engagement["state"], bool(engagement["desk_reference"]))
        for case in told["cases"]
        for engagement in case["engagements"]
    }
    assert ends == {
        ("Resolved", "dcc-service-desk", "confirmed", True),
        ("Open", "ldso-help-desk", "declined", True),
        ("Open", "ldso-help-desk", "incomplete", False),
    }
    assert not list(tmp_path.iterdir()), "the demo left files behind"
