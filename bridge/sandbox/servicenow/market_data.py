"""Cases that read like the market's, in any number, the same for the same seed.

MPANs are 13 digits with a valid check digit; texts name DIP messages, IF and PUB flows and REP reports.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.sandbox.servicenow.base_data import ACCOUNT, PEOPLE
from bridge.sandbox.servicenow.clock import stamp
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.identifiers import named
from bridge.sandbox.servicenow.lifecycle import lifecycle_of
from bridge.sandbox.servicenow.schema import Table

_CHECK_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
_FLOWS = ("IF-001", "IF-021", "IF-031", "IF-032", "IF-036", "IF-040", "PUB-001", "PUB-021", "PUB-036", "PUB-040")
_REPORTS = ("REP-002", "REP-002A", "REP-003", "REP-006", "REP-009")
_DISTRIBUTORS = tuple(range(10, 24))

#: (category, short description, description); the placeholders are filled per case.
_STORIES: Sequence[tuple[str, str, str]] = (
    (
        "Registration",
        "MPAN {mpan}: registration status wrong after change of supplier",
        "MPAN {mpan} still shows the old supplier. {flow} for DIP message {message} was accepted on {day}.",
    ),
    (
        "DIP",
        "{flow} rejected by the DIP for MPAN {mpan}",
        "DIP message {message} ({flow}) was rejected. MPAN {mpan}, sent on {day}. Impact: {mpans} MPANs wait for it.",
    ),
    (
        "Metering",
        "No half-hourly readings from MPAN {mpan} since {day}",
        "Readings for MPAN {mpan} stopped on {day}. The meter answers, the data service gets no {flow}.",
    ),
    (
        "Reports",
        "{report} report not received for settlement day {day}",
        "The {report} report for {day} did not arrive. Last received file references DIP message {message}.",
    ),
    (
        "Settlement",
        "Consumption for MPAN {mpan} differs between {report} and {flow}",
        "Settlement day {day}: {report} and {flow} (DIP message {message}) disagree for MPAN {mpan}.",
    ),
    (
        "Industry Standing Data",
        "Standing data mismatch: distributor {distributor} not found for MPAN {mpan}",
        "Processing of {flow} fails since {day}: distributor {distributor} is missing. DIP message {message}.",
    ),
    (
        "DIP",
        "{flow} messages delayed by more than four hours",
        "Since {day} {flow} arrives late; example DIP message {message}, MPAN {mpan}. {mpans} MPANs affected.",
    ),
)
_GROUP_WEIGHTS = {"CPSD DCC": 0.5, "CPSD LDSO": 0.5}
_OTHER_GROUPS = {"CPSD Resolvers": 0.4, "Service Desk": 0.6}


#: Records that are made at a time: any number of them needs the memory of so many.
_CHUNK = 5000


@dataclass(frozen=True)
class Market:
    """What to make: how many cases, spread over how many days, what share of them lies in a desk's group."""

    cases: int
    days: float = 30.0
    routed: float = 0.5
    notes: int = 0


def mpan(source: random.Random) -> str:
    """A 13-digit MPAN core: distributor, ten digits, check digit (weighted sum modulo 11 modulo 10)."""
    core = f"{source.choice(_DISTRIBUTORS)}{source.randrange(10**10):010}"
    total = sum(int(digit) * weight for digit, weight in zip(core, _CHECK_WEIGHTS, strict=True))
    return core + str(total % 11 % 10)


class MarketData:
    """Writes market-like records straight into the storage."""

    def __init__(self, database: Database, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    def write(self, table: Table, journal: Table, market: Market, source: random.Random, until: datetime) -> list[str]:
        """Make the records, the last one updated at `until`, and give their sys_ids in the order of their updates."""
        first = self._database.next_number(table.number_prefix, market.cases)
        seconds = int(market.days * 86400)
        ages = sorted((source.randrange(seconds) if seconds else 0 for _ in range(market.cases)), reverse=True)
        # Of their own, so that the records are the same with and without notes.
        notes = random.Random()  # noqa: S311 - repeatable by seed, no secret
        notes.setstate(source.getstate())
        made: list[str] = []
        with self._database.transaction():
            for start in range(0, market.cases, _CHUNK):
                rows = [
                    self._row(
                        table, f"{table.number_prefix}{first + at:07}", until - timedelta(seconds=age), market, source
                    )
                    for at, age in enumerate(ages[start : start + _CHUNK], start=start)
                ]
                self._database.insert_many(table, list(rows[0]), (tuple(row.values()) for row in rows))
                self._notes(table, journal, rows, market.notes, notes)
                made.extend(row["sys_id"] for row in rows)
        return made

    def _row(
        self, table: Table, number: str, updated: datetime, market: Market, source: random.Random
    ) -> dict[str, str]:
        created = stamp(updated - timedelta(seconds=source.randrange(60, 864000)))
        category, short, long = source.choice(_STORIES)
        facts = {
            "mpan": mpan(source),
            "flow": source.choice(_FLOWS),
            "report": source.choice(_REPORTS),
            "message": _message_id(source),
            "day": created[:10],
            "mpans": source.randrange(2, 4000),
            "distributor": source.choice(_DISTRIBUTORS),
        }
        row = {
            "sys_id": self._new_id(),
            "number": number,
            "sys_updated_on": stamp(updated),
            "sys_created_on": created,
            "opened_at": created,
            "sys_mod_count": str(source.randrange(1, 12)),
            "short_description": short.format_map(facts),
            "description": long.format_map(facts),
            "category": category,
            "priority": source.choices("1234", (1, 6, 40, 53))[0],
            "assignment_group": _group(market.routed, source),
            "contact_type": source.choice(("web", "email", "phone")),
        }
        if "category" not in table.fields:
            del row["category"]
        return row | _fixed(table) | _state(table, source)

    def _notes(
        self, table: Table, journal: Table, rows: list[dict[str, str]], count: int, source: random.Random
    ) -> None:
        if not count:
            return
        names = ("sys_id", "name", "element_id", "element", "value", "sys_created_on", "sys_created_by")
        self._database.insert_many(
            journal,
            names,
            (
                (
                    self._new_id(),
                    table.name,
                    row["sys_id"],
                    source.choice(("comments", "work_notes")),
                    f"Checked {row['number']} ({at + 1}): {row['description']}",
                    row["sys_updated_on"],
                    source.choice(_AGENTS),
                )
                for row in rows
                for at in range(count)
            ),
        )


_AGENTS = tuple(person.user_name for person in PEOPLE if "CPSD Resolvers" in person.groups)
_RAISER = next(person for person in PEOPLE if person.contact)


def _message_id(source: random.Random) -> str:
    text = f"{source.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _group(routed: float, source: random.Random) -> str:
    weights = _GROUP_WEIGHTS if source.random() < routed else _OTHER_GROUPS
    return named("group", source.choices(list(weights), list(weights.values()))[0])


def _fixed(table: Table) -> dict[str, str]:
    """Columns that are alike in all rows of a table."""
    people = {"account": named("account", ACCOUNT), "contact": _RAISER.sys_id, "caller_id": _RAISER.sys_id}
    common = {
        "sys_class_name": table.name,
        "sys_created_by": _RAISER.user_name,
        "sys_updated_by": _AGENTS[0],
        "opened_by": _RAISER.sys_id,
    }
    return common | {name: value for name, value in people.items() if name in table.fields}


_CODES = {
    "sn_customerservice_case": {"resolution_code": "4"},
    "incident": {"close_code": "Solved (Permanently)"},
    "problem": {"resolution_code": "fix_applied"},
}


def _state(table: Table, source: random.Random) -> dict[str, str]:
    lifecycle = lifecycle_of(table)
    if lifecycle is None:
        raise ValueError(f"{table.name} is no table of tasks")
    over = lifecycle.resolved or lifecycle.closed
    working = {
        "sn_customerservice_case": ("1", "10", "10", "18"),
        "incident": ("1", "2", "2"),
        "problem": ("101", "102"),
    }
    state = source.choice(working.get(table.name, ("1", "2")))
    if source.random() < 0.1:
        state = over
    resolved = state == over
    row = {"state": state, **{name: code if resolved else "" for name, code in _CODES.get(table.name, {}).items()}}
    row["close_notes"] = "Corrected by the other party." if resolved else ""
    return row | ({lifecycle.mirror: state} if lifecycle.mirror else {})
