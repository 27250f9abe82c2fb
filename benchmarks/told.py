"""A bridge in a process of its own that does its steps when it is told to, and what it asks of ServiceNow meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from market import Market, environment

_SIDE = Path(__file__).parent / "cycle_side.py"


@dataclass(frozen=True, slots=True)
class Done:
    """Some steps, one after the other."""

    seconds: float
    #: what the last of them reports
    report: Any
    #: the ledger's entries
    calls: Sequence[dict[str, Any]]


class Told:
    """The bridge that waits."""

    def __init__(self, found: Market, process: subprocess.Popen[str]) -> None:
        self._market = found
        self._process = process

    def do(self, *steps: str) -> Done:
        """Let it do those steps."""
        since = self._market.last_call()
        answers = [self._do(step) for step in steps]
        return Done(sum(answer["seconds"] for answer in answers), answers[-1]["done"], tuple(self._market.calls(since)))

    def _do(self, step: str) -> dict[str, Any]:
        asked, told = self._process.stdin, self._process.stdout
        if asked is None or told is None:
            raise RuntimeError("the bridge cannot be spoken to")
        asked.write(f"{step}\n")
        asked.flush()
        line = told.readline()
        if not line:
            raise RuntimeError(f"the bridge ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def told(found: Market, store: Path) -> Iterator[Told]:
    """A bridge on that store; it ends when nobody tells it anything any more."""
    command = [sys.executable, str(_SIDE), str(found.stage.config)]
    with subprocess.Popen(
        command, env=environment(found, store), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Told(found, process)
