"""The pull beside a bare loop over the same pages, alternating, each in a process of its own."""

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

from market import Market, environment, market

from bridge.demo.files import Pace

_HERE = Path(__file__).parent
#: one case in a hundred goes to a desk
_ROUTED = 0.01
_PACE = Pace(max_new_engagements=1_000_000, far_side_limit=60.0, client_timeout=60.0)

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


@dataclass(frozen=True, slots=True)
class Turn:
    """The three sides, one after the other."""

    bare: Side
    #: with one case in a hundred engaged
    bridge: Side
    #: the same, but nobody is engaged: every route is asked, and none is followed
    unengaged: Side


@dataclass(frozen=True, slots=True)
class Pull:
    """All turns over the same rows."""

    rows: int
    turns: Sequence[Turn]

    def median(self, figure: Callable[[Turn], float]) -> float:
        """The median of a figure over the turns."""
        return statistics.median(figure(turn) for turn in self.turns)


def measure(rows: int, turns: int, progress: Progress) -> Pull:
    """Seed that many changed cases and read them in turns, each time in another order."""
    with (
        tempfile.TemporaryDirectory(prefix="cpsd-benchmark-") as folder,
        market(Path(folder) / "market", _PACE) as found,
    ):
        progress(f"seeding {rows} cases")
        found.seed(rows, _ROUTED)
        sides = _Sides(found, Path(folder), rows)
        progress("warming up, and learning which pages the bridge asks for")
        sides.bridge()
        return Pull(rows, [_turn(sides, number, progress) for number in range(turns)])


def _turn(sides: _Sides, number: int, progress: Progress) -> Turn:
    """Odd turns go backwards, so that neither side always has the machine as the other left it."""
    order = ("bare", "bridge", "unengaged") if number % 2 == 0 else ("unengaged", "bridge", "bare")
    found = {}
    for name in order:
        side: Side = getattr(sides, name)()
        progress(f"turn {number + 1}: {name} {side.rate:,.0f} rows/s")
        found[name] = side
    return Turn(**found)


class _Sides:
    """Starts the processes."""

    def __init__(self, found: Market, folder: Path, rows: int) -> None:
        self._market = found
        self._folder = folder
        self._rows = rows
        self._pages: list[str] = []
        self._stores: Iterator[Path] = (folder / f"bridge-{number}.db" for number in range(10**6))

    def bare(self) -> Side:
        """`requests` alone, for exactly what the bridge asked for."""
        asked = {"url": self._market.url, "pages": self._pages, **self._market.stage.servicenow["oauth"]}
        answer = _run([str(_HERE / "bare_side.py")], given=json.dumps(asked))
        return self._checked(Side(**answer, calls=len(self._pages) + 1))

    def bridge(self) -> Side:
        """The bridge, with engagements."""
        return self._bridge()

    def unengaged(self) -> Side:
        """The bridge, without engagements."""
        return self._bridge("--engage-nobody")

    def _bridge(self, *options: str) -> Side:
        since, store = self._market.last_call(), next(self._stores)
        command = [str(_HERE / "bridge_side.py"), str(self._market.stage.config), *options]
        answer = _run(command, surroundings=environment(store))
        calls = self._market.calls(since)
        if not options:
            self._pages = [f"{call['path']}?{call['query']}" for call in calls if call["method"] == "GET"]
        for file in store.parent.glob(f"{store.name}*"):
            file.unlink()
        side = self._checked(Side(**answer, calls=len(calls)))
        if side.decided != self._rows:
            raise RuntimeError(f"{side.decided} of {self._rows} cases were decided upon")
        return side

    def _checked(self, side: Side) -> Side:
        if side.rows < self._rows:
            raise RuntimeError(f"only {side.rows} of {self._rows} rows were read")
        return side


def _run(command: Sequence[str], *, given: str = "", surroundings: Mapping[str, str] | None = None) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, *command], input=given, env=surroundings, stdout=subprocess.PIPE, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer
