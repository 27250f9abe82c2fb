"""A backfill of many cases, and what an idle cycle costs beside a store that knows few and one that knows all."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from market import Market, environment, market
from told import Done, Told, told

from bridge.demo.files import Pace

_HERE = Path(__file__).parent
_PACE = Pace(lag=1.0, far_side_limit=60.0, client_timeout=60.0)
FEW = 1_000
_CYCLES = 3

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Idle:
    """Cycles in which nothing happens."""

    known: int
    #: the median of them
    seconds: float
    calls: float


@dataclass(frozen=True, slots=True)
class Scale:
    """What many cases cost."""

    cases: int
    #: of the command `backfill`, from its start to its end
    seconds: float
    calls: int
    #: MB of a million bytes
    memory: float
    few: Idle
    many: Idle

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.cases / self.seconds


def measure(cases: int, progress: Progress) -> Scale:
    """Backfill a few cases into one store and all of them into another, and let both do nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="cpsd-benchmark-") as folder,
        market(Path(folder) / "market", _PACE, live_for=timedelta(minutes=1)) as found,
    ):
        few, many = Path(folder) / "few.db", Path(folder) / "many.db"
        found.seed(min(FEW, cases), 0.0)
        _backfill(found, few)
        progress(f"seeding {cases} cases")
        found.seed(cases - min(FEW, cases), 0.0)
        progress("backfill")
        since = found.last_call()
        seconds, memory, rows = _backfill(found, many)
        calls = len(found.calls(since))
        if rows < cases:
            raise RuntimeError(f"only {rows} of {cases} cases were landed")
        progress(f"{rows / seconds:,.0f} rows/s; idle cycles")
        return Scale(
            cases=cases,
            seconds=seconds,
            calls=calls,
            memory=memory,
            few=_idle(found, few, min(FEW, cases)),
            many=_idle(found, many, cases),
        )


def _backfill(found: Market, store: Path) -> tuple[float, float, int]:
    """Seconds, peak memory in MB, and rows of the command as anybody runs it."""
    command = [sys.executable, "-m", "bridge.cli", "--config", str(found.stage.config), "--operator", "benchmark"]
    surroundings = environment(found, store)
    subprocess.run([*command, "migrate"], check=True, stdout=subprocess.DEVNULL, env=surroundings, timeout=60)
    measuring = [sys.executable, str(_HERE / "measured_command.py"), *command, "backfill", "--json"]
    ended = subprocess.run(measuring, env=surroundings, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    rows = sum(source["cases"] for source in json.loads(told["output"]))
    return told["seconds"], told["memory"], rows


def _idle(found: Market, store: Path, known: int) -> Idle:
    """After one cycle that logs in and catches up with the clock."""
    with told(found, store) as bridge:
        bridge.do("once")
        cycles = [_later(bridge) for _ in range(_CYCLES)]
    return Idle(
        known,
        statistics.median(cycle.seconds for cycle in cycles),
        statistics.mean(len(cycle.calls) for cycle in cycles),
    )


def _later(bridge: Told) -> Done:
    """A cycle when time has passed by ServiceNow's clock, so that there is a window to read."""
    time.sleep(_PACE.lag + 1.1)
    return bridge.do("once")
