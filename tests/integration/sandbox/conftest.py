"""Sandboxes as processes of their own, as people start them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Starter = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle named by the environment would win over the one that a `requests` session is told."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sandbox_command(tmp_path: Path) -> Iterator[Starter]:
    """Start `cpsd-bridge sandbox`, empty unless the options say otherwise; what its ready file says.

    All are stopped when the test ends.
    """
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> dict[str, Any]:
        ready = tmp_path / f"ready-{len(running)}.json"
        command = [sys.executable, "-m", "bridge.cli", "sandbox", "--cases", "0", "--ready-file", str(ready), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        running.append(process)
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None, "the sandbox ended before it served"
            assert time.monotonic() < deadline, "the sandbox did not serve in time"
            time.sleep(0.02)
        return {**json.loads(ready.read_text(encoding="utf-8")), "pid": process.pid}

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
