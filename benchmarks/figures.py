"""What was measured, as a table and as JSON, with the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulling import Pull
from round_trips import RoundTrips

#: of the bare loop's rate
AIM_RATIO = 1 / 3
AIM_MEMORY = 256.0

Row = tuple[str, str, str]


def machine() -> dict[str, Any]:
    """The machine, its load when this is asked, and the versions that matter."""
    processor = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor[1] if processor else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def pull_figures(pull: Pull) -> dict[str, Any]:
    """Medians over the turns; a ratio is taken within its turn, and each turn is there in full."""
    calls = pull.median(lambda turn: turn.bridge.calls)
    return {
        "rows": pull.rows,
        "turns": len(pull.turns),
        "engaged": pull.turns[0].bridge.engaged,
        "bare_rows_per_second": round(pull.median(lambda turn: turn.bare.rate)),
        "bridge_rows_per_second": round(pull.median(lambda turn: turn.bridge.rate)),
        "unengaged_rows_per_second": round(pull.median(lambda turn: turn.unengaged.rate)),
        "ratio": round(pull.median(lambda turn: turn.bridge.rate / turn.bare.rate), 3),
        "unengaged_ratio": round(pull.median(lambda turn: turn.unengaged.rate / turn.bare.rate), 3),
        "landing_seconds": round(pull.median(lambda turn: turn.bridge.landing), 2),
        "deciding_seconds": round(pull.median(lambda turn: turn.bridge.deciding), 2),
        "bare_cpu_seconds": round(pull.median(lambda turn: turn.bare.cpu), 2),
        "bridge_cpu_seconds": round(pull.median(lambda turn: turn.bridge.cpu), 2),
        "calls_per_1000_cases": round(calls * 1000 / pull.rows, 2),
        "bare_memory_mb": round(pull.median(lambda turn: turn.bare.memory), 1),
        "bridge_memory_mb": round(max(turn.bridge.memory for turn in pull.turns), 1),
        "each": [asdict(turn) for turn in pull.turns],
    }


def round_trip_figures(trips: RoundTrips) -> dict[str, Any]:
    """What all of them took together."""
    return {
        "cases": trips.cases,
        "seconds": round(trips.seconds, 1),
        "per_second": round(trips.per_second, 2),
        "calls_per_1000_cases": round(trips.calls * 1000 / trips.cases),
        "mails_out": trips.mails_out,
        "mails_in": trips.mails_in,
        "bridge_memory_mb": round(trips.memory, 1),
        "bridge_cpu_seconds": round(trips.cpu, 1),
    }


def table(figures: dict[str, Any]) -> str:
    """What people read."""
    rows = list(_rows(figures))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    about = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    lines = [f"{name:<{widths[0]}}  {value:>{widths[1]}}  {remark}".rstrip() for name, value, remark in rows]
    return "\n".join([about, "", *lines])


def _rows(figures: dict[str, Any]) -> Iterator[Row]:
    if "pull" in figures:
        yield from _pull_rows(figures["pull"])
    if "pull" in figures and "round_trips" in figures:
        yield "", "", ""
    if "round_trips" in figures:
        yield from _trip_rows(figures["round_trips"])


def _pull_rows(pull: dict[str, Any]) -> Sequence[Row]:
    return (
        (f"pull of {pull['rows']:,} changed cases", "", f"medians of {pull['turns']} alternating turns"),
        ("  bare loop", f"{pull['bare_rows_per_second']:,}", "rows/s"),
        ("  bridge", f"{pull['bridge_rows_per_second']:,}", f"rows/s, {pull['engaged']:,} cases engaged"),
        ("  bridge, nobody engaged", f"{pull['unengaged_rows_per_second']:,}", "rows/s"),
        ("  bridge : bare loop", f"{pull['ratio']:.2f}", _verdict(pull["ratio"] >= AIM_RATIO, "at least 0.33")),
        ("  nobody engaged : bare loop", f"{pull['unengaged_ratio']:.2f}", ""),
        ("  ServiceNow calls", f"{pull['calls_per_1000_cases']:.1f}", "per 1,000 cases"),
        ("  peak memory of the bridge", f"{pull['bridge_memory_mb']:.0f}", _memory(pull)),
        ("  peak memory of the bare loop", f"{pull['bare_memory_mb']:.0f}", "MB"),
    )


def _trip_rows(trips: dict[str, Any]) -> Sequence[Row]:
    return (
        (f"{trips['cases']:,} full round trips", "", "raised at once"),
        ("  round trips", f"{trips['per_second']:.1f}", f"per second, {trips['seconds']:.0f} s in all"),
        ("  ServiceNow calls", f"{trips['calls_per_1000_cases']:,}", "per 1,000 cases"),
        ("  mails out", f"{trips['mails_out']:,}", ""),
        ("  mails in", f"{trips['mails_in']:,}", ""),
        ("  peak memory of the bridge", f"{trips['bridge_memory_mb']:.0f}", _memory(trips)),
        ("  processor time of the bridge", f"{trips['bridge_cpu_seconds']:.0f}", "s, start included"),
    )


def _memory(part: dict[str, Any]) -> str:
    return "MB, " + _verdict(part["bridge_memory_mb"] < AIM_MEMORY, "under 256 MB")


def _verdict(met: bool, aim: str) -> str:  # noqa: FBT001 - read beside the aim it is about
    return f"aim: {aim}, {'met' if met else 'missed'}"
