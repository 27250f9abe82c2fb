"""What was measured, as a table and as JSON, with the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mailing
from calls import Calls
from mailing import Mailing
from pulling import BARE, BRIDGE, PYSNC, PYSNOW, PYSNOW_BY_OFFSET, UNENGAGED, Pull
from round_trips import RoundTrips
from scale import Scale

#: how many times as many rows a second the bridge is to read as these do
AIM_RATIOS = {BARE: 0.5, PYSNOW: 1.0, PYSNOW_BY_OFFSET: 1.0, PYSNC: 1.0}
AIM_MEMORY = 256.0
#: calls for 1,000 changed cases, and for 1,000 writes of a state
AIM_READS = 10.0
AIM_WRITES = 40.0
#: how many times as many mails a second the bridge is to read as a script that only fetches and parses them
AIM_MAILS = 1 / 3

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
    return {
        "rows": pull.rows,
        "turns": len(pull.turns),
        "engaged": pull.turns[0][BRIDGE].engaged,
        "rows_per_second": {side: round(pull.median_of(side, lambda one: one.rate)) for side in pull.sides},
        "bridge_to": {side: round(pull.ratio(BRIDGE, side), 3) for side in pull.sides if side != BRIDGE},
        "unengaged_to_bare": round(pull.ratio(UNENGAGED, BARE), 3),
        "cpu_seconds": {side: round(pull.median_of(side, lambda one: one.cpu), 2) for side in pull.sides},
        "memory_mb": {side: round(max(turn[side].memory for turn in pull.turns), 1) for side in pull.sides},
        "landing_seconds": round(pull.median_of(BRIDGE, lambda one: one.landing), 2),
        "deciding_seconds": round(pull.median_of(BRIDGE, lambda one: one.deciding), 2),
        "calls_per_1000_cases": round(pull.median_of(BRIDGE, lambda one: one.calls) * 1000 / pull.rows, 2),
        "each": [{side: asdict(taken) for side, taken in turn.items()} for turn in pull.turns],
    }


def calls_figures(calls: Calls) -> dict[str, Any]:
    """Calls for a thousand."""
    return {
        "changed_cases": calls.changed,
        "calls_per_1000_changed": round(calls.reads * 1000 / calls.changed, 1),
        "calls_for_files": calls.files,
        "state_writes": calls.state_writes,
        "calls_per_1000_state_writes": round(calls.writing * 1000 / max(1, calls.state_writes), 1),
        "reading_seconds": round(calls.seconds_reading, 1),
        "writing_seconds": round(calls.seconds_writing, 1),
    }


def scale_figures(scale: Scale) -> dict[str, Any]:
    """The backfill, and the idle cycles after it."""
    return {
        "backfilled": scale.cases,
        "backfill_seconds": round(scale.seconds, 1),
        "backfill_rows_per_second": round(scale.rate),
        "backfill_calls": scale.calls,
        "backfill_memory_mb": round(scale.memory, 1),
        "idle": [
            {"known": idle.known, "seconds": round(idle.seconds, 3), "calls": round(idle.calls, 1)}
            for idle in (scale.few, scale.many)
        ],
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


def mail_figures(mails: Mailing) -> dict[str, Any]:
    """Medians over the turns; a ratio is taken within its turn, and each turn is there in full."""
    sides, first = tuple(mails.turns[0]), mails.turns[0][mailing.BRIDGE]
    return {
        "mails": first.mails,
        "octets": mails.size,
        "turns": len(mails.turns),
        "kinds": dict(mails.kinds),
        "states": dict(first.states),
        "mails_per_second": {side: round(mails.median_of(side, lambda one: one.rate)) for side in sides},
        "bridge_to": {side: round(mails.ratio(side), 3) for side in sides if side != mailing.BRIDGE},
        "cpu_seconds": {side: round(mails.median_of(side, lambda one: one.cpu), 2) for side in sides},
        "memory_mb": {side: round(max(turn[side].memory for turn in mails.turns), 1) for side in sides},
        "collecting_seconds": round(mails.median_of(mailing.BRIDGE, lambda one: one.collecting), 2),
        "applying_seconds": round(mails.median_of(mailing.BRIDGE, lambda one: one.applying), 2),
        "reading_seconds": round(mails.median_of(mailing.BRIDGE, lambda one: one.reading), 2),
        "read_to": {side: round(mails.read_ratio(side), 3) for side in sides if side != mailing.BRIDGE},
        "each": [{side: asdict(taken) for side, taken in turn.items()} for turn in mails.turns],
    }


def table(figures: dict[str, Any]) -> str:
    """What people read."""
    rows = list(_rows(figures))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    about = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    lines = [f"{name:<{widths[0]}}  {value:>{widths[1]}}  {remark}".rstrip() for name, value, remark in rows]
    return "\n".join([about, "", *lines])


def _rows(figures: dict[str, Any]) -> Iterator[Row]:
    parts = [rows(figures[name]) for name, rows in _PARTS.items() if name in figures]
    for number, part in enumerate(parts):
        if number:
            yield "", "", ""
        yield from part


def _pull_rows(pull: dict[str, Any]) -> Iterator[Row]:
    yield f"pull of {pull['rows']:,} changed cases", "", f"medians of {pull['turns']} alternating turns"
    for side, rate in pull["rows_per_second"].items():
        engaged = f", {pull['engaged']:,} cases engaged" if side == BRIDGE else ""
        yield f"  {side}", f"{rate:,}", f"rows/s{engaged}"
    for side, ratio in pull["bridge_to"].items():
        if side != UNENGAGED:
            yield f"  bridge : {side}", f"{ratio:.2f}", _aim(ratio, AIM_RATIOS.get(side))
    yield f"  nobody engaged : {BARE}", f"{pull['unengaged_to_bare']:.2f}", ""
    yield "  ServiceNow calls of the bridge", f"{pull['calls_per_1000_cases']:.1f}", "per 1,000 cases"
    for side, memory in pull["memory_mb"].items():
        yield f"  peak memory: {side}", f"{memory:.0f}", _memory(memory) if side == BRIDGE else "MB"


def _call_rows(calls: dict[str, Any]) -> Sequence[Row]:
    changed, writes = calls["calls_per_1000_changed"], calls["calls_per_1000_state_writes"]
    return (
        (f"{calls['changed_cases']:,} engaged cases, each changed, with three notes and a file", "", ""),
        ("  ServiceNow calls", f"{changed:.1f}", f"per 1,000 cases, {_at_most(changed, AIM_READS)}"),
        ("  calls for files", f"{calls['calls_for_files']:,}", "not counted above"),
        (f"{calls['state_writes']:,} writes of a state with a note", "", ""),
        ("  ServiceNow calls", f"{writes:.1f}", f"per 1,000 writes, {_at_most(writes, AIM_WRITES)}"),
    )


def _scale_rows(scale: dict[str, Any]) -> Iterator[Row]:
    yield f"backfill of {scale['backfilled']:,} cases", "", ""
    yield "  rows", f"{scale['backfill_rows_per_second']:,}", f"per second, {scale['backfill_seconds']:.0f} s in all"
    yield "  peak memory", f"{scale['backfill_memory_mb']:.0f}", _memory(scale["backfill_memory_mb"])
    for idle in scale["idle"]:
        yield (
            f"  idle cycle, {idle['known']:,} cases known",
            f"{idle['seconds'] * 1000:.0f}",
            f"ms, {idle['calls']:.1f} ServiceNow calls",
        )


def _trip_rows(trips: dict[str, Any]) -> Sequence[Row]:
    return (
        (f"{trips['cases']:,} full round trips", "", "raised at once"),
        ("  round trips", f"{trips['per_second']:.1f}", f"per second, {trips['seconds']:.0f} s in all"),
        ("  ServiceNow calls", f"{trips['calls_per_1000_cases']:,}", "per 1,000 cases"),
        ("  mails out", f"{trips['mails_out']:,}", ""),
        ("  mails in", f"{trips['mails_in']:,}", ""),
        ("  peak memory of the bridge", f"{trips['bridge_memory_mb']:.0f}", _memory(trips["bridge_memory_mb"])),
        ("  processor time of the bridge", f"{trips['bridge_cpu_seconds']:.0f}", "s, start included"),
    )


def _mail_rows(mails: dict[str, Any]) -> Iterator[Row]:
    size = mails["octets"] / 1_000_000
    yield (
        f"{mails['mails']:,} mails in one mailbox",
        "",
        f"{size:.0f} MB, medians of {mails['turns']} alternating turns",
    )
    became = ", ".join(f"{amount:,} {state}" for state, amount in sorted(mails["states"].items()))
    for side, rate in mails["mails_per_second"].items():
        yield f"  {side}", f"{rate:,}", f"mails/s{f', {became}' if side == mailing.BRIDGE else ''}"
    for side, ratio in mails["bridge_to"].items():
        yield f"  bridge : {side}", f"{ratio:.2f}", _aim(ratio, round(AIM_MAILS, 2)) if side == mailing.BARE else ""
    read = mails["read_to"][mailing.BARE]
    yield f"  bridge, not yet deciding : {mailing.BARE}", f"{read:.2f}", _aim(read, round(AIM_MAILS, 2))
    for side, memory in mails["memory_mb"].items():
        yield f"  peak memory: {side}", f"{memory:.0f}", _memory(memory) if side == mailing.BRIDGE else "MB"


_PARTS: Mapping[str, Callable[[dict[str, Any]], Iterable[Row]]] = {
    "pull": _pull_rows,
    "calls": _call_rows,
    "scale": _scale_rows,
    "round_trips": _trip_rows,
    "mail": _mail_rows,
}


def _memory(used: float) -> str:
    return f"MB, {_at_most(used, AIM_MEMORY, 'MB')}"


def _aim(ratio: float, least: float | None) -> str:
    return "" if least is None else f"aim: at least {least:g}, {_met(ratio >= least)}"


def _at_most(figure: float, most: float, unit: str = "") -> str:
    return f"aim: at most {most:g} {unit}".rstrip() + f", {_met(figure <= most)}"


def _met(met: bool) -> str:  # noqa: FBT001 - read beside the aim it is about
    return "met" if met else "missed"
