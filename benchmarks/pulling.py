"""The pull beside clients that people use, over the same rows, alternating, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from market import TABLE, Market, environment, market

from bridge.demo.files import Pace

_HERE = Path(__file__).parent
#: where `scripts/setup --benchmarks` puts dlt
_DLT = _HERE / ".venv/bin/python"
#: one case in a hundred goes to a desk
_ROUTED = 0.01
_PACE = Pace(max_new_engagements=1_000_000, far_side_limit=60.0, client_timeout=60.0)

BRIDGE = "bridge"
UNENGAGED = "bridge, nobody engaged"
BARE = "bare requests"
PYSNOW = "pysnow"
PYSNOW_BY_OFFSET = "pysnow, by offset"
PYSNC = "pysnc"
DLT = "dlt"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Side:
    """One run of one side."""

    rows: int
    seconds: float
    #: processor seconds
    cpu: float
    #: MB of a million bytes
    memory: float
    #: ServiceNow calls
    calls: int = 0
    #: seconds of reading and landing, and of deciding; the bridge's alone
    landing: float = 0.0
    deciding: float = 0.0
    decided: int = 0
    engaged: int = 0

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


Turn = Mapping[str, Side]
"""All sides, one after the other."""


@dataclass(frozen=True, slots=True)
class Pull:
    """All turns over the same rows."""

    rows: int
    turns: Sequence[Turn]

    @property
    def sides(self) -> tuple[str, ...]:
        """Who took part."""
        return tuple(self.turns[0])

    def median(self, figure: Callable[[Turn], float]) -> float:
        """The median of a figure over the turns."""
        return statistics.median(figure(turn) for turn in self.turns)

    def median_of(self, side: str, figure: Callable[[Side], float]) -> float:
        """The median of one side's figure over the turns."""
        return self.median(lambda turn: figure(turn[side]))

    def ratio(self, side: str, other: str) -> float:
        """How many times as many rows a second a side reads as another; taken within each turn."""
        return self.median(lambda turn: turn[side].rate / turn[other].rate)


def measure(rows: int, turns: int, progress: Progress, *, clients: bool = True) -> Pull:
    """Seed that many changed cases and read them in turns, each time in another order."""
    with (
        tempfile.TemporaryDirectory(prefix="cpsd-benchmark-") as folder,
        market(Path(folder) / "market", _PACE) as found,
    ):
        progress(f"seeding {rows} cases")
        found.seed(rows, _ROUTED)
        sides = _Sides(found, Path(folder), rows, clients=clients)
        progress("warming up, and learning which pages the bridge asks for")
        sides.run(BRIDGE)
        return Pull(rows, [_turn(sides, number, progress) for number in range(turns)])


def _turn(sides: _Sides, number: int, progress: Progress) -> Turn:
    """Odd turns go backwards, so that no side always has the machine as another left it."""
    found = {}
    for name in sides.names if number % 2 == 0 else sides.names[::-1]:
        found[name] = sides.run(name)
        progress(f"turn {number + 1}: {name} {found[name].rate:,.0f} rows/s")
    return {name: found[name] for name in sides.names}


class _Sides:
    """Starts the processes."""

    def __init__(self, found: Market, folder: Path, rows: int, *, clients: bool) -> None:
        self._market = found
        self._rows = rows
        self._pages: list[str] = []
        self._stores: Iterator[Path] = (folder / f"bridge-{number}.db" for number in range(10**6))
        self._started: Mapping[str, Callable[[], Side]] = {
            BARE: lambda: self._client("bare"),
            BRIDGE: self._bridge,
            UNENGAGED: lambda: self._bridge("--engage-nobody"),
        }
        if clients:
            self._started |= {
                PYSNOW: lambda: self._client("pysnow"),
                PYSNOW_BY_OFFSET: lambda: self._client("pysnow_offset"),
                PYSNC: lambda: self._client("pysnc"),
            }
        if clients and _DLT.exists():
            self._started |= {DLT: lambda: self._client("dlt", str(_DLT))}

    @property
    def names(self) -> tuple[str, ...]:
        """Who takes part; dlt only where it is installed."""
        return tuple(self._started)

    def run(self, name: str) -> Side:
        """One side, from a new process's start to its end; RuntimeError if it did not read everything."""
        side = self._started[name]()
        if side.rows < self._rows:
            raise RuntimeError(f"{name} read only {side.rows} of {self._rows} rows")
        return side

    def _client(self, name: str, python: str = sys.executable) -> Side:
        since = self._market.last_call()
        asked = self._asked() | self._market.stage.servicenow["oauth"]
        answer = _run([python, str(_HERE / f"{name}_side.py")], self._market.surroundings, given=json.dumps(asked))
        return Side(**answer, calls=len(self._market.calls(since)))

    def _asked(self) -> dict[str, Any]:
        """What the bridge asked for: its pages, and as one query what they cover together, in their order."""
        first = parse_qs(self._pages[0].partition("?")[2])
        return {
            "url": self._market.url,
            "pages": self._pages,
            "table": TABLE,
            "query": first["sysparm_query"][0],
            "fields": first["sysparm_fields"][0].split(","),
            "limit": int(first["sysparm_limit"][0]),
        }

    def _bridge(self, *options: str) -> Side:
        since, store = self._market.last_call(), next(self._stores)
        command = [sys.executable, str(_HERE / "bridge_side.py"), str(self._market.stage.config), *options]
        answer = _run(command, environment(self._market, store))
        calls = self._market.calls(since)
        if not options:
            pages = (f"{call['path']}?{call['query']}" for call in calls if call["path"].endswith(f"/{TABLE}"))
            self._pages = list(pages)
        for file in store.parent.glob(f"{store.name}*"):
            file.unlink()
        side = Side(**answer, calls=len(calls))
        if side.decided != self._rows:
            raise RuntimeError(f"{side.decided} of {self._rows} cases were decided upon")
        return side


def _run(command: Sequence[str], surroundings: Mapping[str, str], *, given: str = "") -> dict[str, Any]:
    ended = subprocess.run(command, input=given, env=surroundings, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer
