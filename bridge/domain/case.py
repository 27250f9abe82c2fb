"""The original case: a record of Elexon's ServiceNow, as it was read.

State values per table are the platform's own (`sn_customerservice_case`, `incident`, `problem`, `sc_req_item`, and
those of `task` for every other table that extends it); what they mean for the hold is said once here, as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from bridge.domain.ids import SysId

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
"""ServiceNow's date-times: UTC, one second granularity."""


class Phase(StrEnum):
    """What a table's state value means for the hold."""

    NEW = "new"
    OPEN = "open"
    AWAITING = "awaiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        """Whether people regard the record as finished."""
        return self in {Phase.RESOLVED, Phase.CLOSED, Phase.CANCELLED}


@dataclass(frozen=True, slots=True)
class TableProfile:
    """How one kind of record says where it stands and how it is resolved."""

    table: str
    #: state value -> what it means
    phases: Mapping[str, Phase]
    #: names used by `push:` in an agreement -> the field values that put the record into that state
    targets: Mapping[str, Mapping[str, str]]
    #: empty where the table has none
    resolution_code: str
    resolution_notes: str
    #: fields that name who raised the record, the first filled one counts
    raisers: tuple[str, ...]
    #: fields that name records of the same family
    relatives: tuple[str, ...]


def _profile(
    table: str,
    phases: Mapping[str, Phase],
    targets: Mapping[str, Mapping[str, str]],
    resolution_code: str,
    raisers: tuple[str, ...],
    relatives: tuple[str, ...],
) -> TableProfile:
    return TableProfile(
        table,
        MappingProxyType(dict(phases)),
        MappingProxyType(dict(targets)),
        resolution_code,
        "close_notes",
        raisers,
        relatives,
    )


def _task(table: str, relatives: tuple[str, ...]) -> TableProfile:
    """A record with the states of the platform's base table: pending, open, in progress, closed in one of three ways.

    Complete stands for resolved, since such a record can be put back to work; incomplete and skipped end it without.
    """
    return _profile(
        table,
        {
            "-5": Phase.AWAITING,
            "1": Phase.NEW,
            "2": Phase.OPEN,
            "3": Phase.RESOLVED,
            "4": Phase.CANCELLED,
            "7": Phase.CANCELLED,
        },
        {
            "open": {"state": "2"},
            "in_progress": {"state": "2"},
            "awaiting_information": {"state": "-5"},
            "awaiting_confirmation": {"state": "-5"},
            "resolved": {"state": "3"},
        },
        "",
        ("opened_by",),
        relatives,
    )


PROFILES: Mapping[str, TableProfile] = MappingProxyType(
    {
        "sn_customerservice_case": _profile(
            "sn_customerservice_case",
            {
                "1": Phase.NEW,
                "10": Phase.OPEN,
                "18": Phase.AWAITING,
                "6": Phase.RESOLVED,
                "3": Phase.CLOSED,
                "7": Phase.CANCELLED,
            },
            {
                "open": {"state": "10"},
                "in_progress": {"state": "10"},
                "awaiting_information": {"state": "18"},
                "awaiting_confirmation": {"state": "18"},
                "resolved": {"state": "6"},
            },
            "resolution_code",
            ("contact", "consumer", "opened_by"),
            ("parent", "incident", "problem"),
        ),
        "incident": _profile(
            "incident",
            {
                "1": Phase.NEW,
                "2": Phase.OPEN,
                "3": Phase.AWAITING,
                "6": Phase.RESOLVED,
                "7": Phase.CLOSED,
                "8": Phase.CANCELLED,
            },
            {
                "open": {"state": "2"},
                "in_progress": {"state": "2"},
                "awaiting_information": {"state": "3", "hold_reason": "1"},
                "awaiting_confirmation": {"state": "3", "hold_reason": "4"},
                "resolved": {"state": "6"},
            },
            "close_code",
            ("caller_id", "opened_by"),
            ("parent", "parent_incident", "problem_id"),
        ),
        "problem": _profile(
            "problem",
            {
                "101": Phase.NEW,
                "102": Phase.OPEN,
                "103": Phase.OPEN,
                "104": Phase.OPEN,
                "106": Phase.RESOLVED,
                "107": Phase.CLOSED,
            },
            {"open": {"state": "102"}, "in_progress": {"state": "104"}, "resolved": {"state": "106"}},
            "resolution_code",
            ("opened_by",),
            ("parent", "duplicate_of"),
        ),
        "sc_req_item": _task("sc_req_item", ("parent", "request")),
    }
)


def profile_of(table: str) -> TableProfile:
    """The rules of a table; one that is not known by name has those of `task`."""
    return PROFILES.get(table) or _task(table, ("parent",))


@dataclass(frozen=True, slots=True)
class Case:
    """One revision of a record. `values` are raw (references as sys_ids), `displays` only where they differ."""

    table: str
    sys_id: SysId
    values: Mapping[str, str]
    displays: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The number people use, such as CS0000871."""
        return self.values.get("number", "") or self.sys_id

    @property
    def mod_count(self) -> int:
        """How often the platform has updated the record."""
        return int(self.values.get("sys_mod_count") or 0)

    @property
    def updated_on(self) -> datetime:
        """When the record was last updated, UTC."""
        return parse_time(self.values["sys_updated_on"])

    @property
    def profile(self) -> TableProfile:
        """The rules of the record's table."""
        return profile_of(self.table)

    @property
    def phase(self) -> Phase:
        """Where the record stands."""
        return self.profile.phases.get(self.values.get("state", ""), Phase.UNKNOWN)

    @property
    def family(self) -> tuple[SysId, ...]:
        """The records this one points at: parent, linked incident, problem."""
        values = self.values
        named = [value for name in self.profile.relatives if (value := values.get(name))]
        # Every row that is read passes here, and hardly any points anywhere.
        return tuple(dict.fromkeys(map(SysId, named))) if named else ()

    def shown(self, name: str) -> str:
        """A field as people see it: display value where there is one, else the raw value."""
        return self.displays.get(name) or self.values.get(name, "")


def parse_time(text: str) -> datetime:
    """A ServiceNow date-time as an aware UTC datetime; ValueError if it is not one."""
    # Every row that is read passes here, and `strptime` takes many times as long.
    if len(text) != 19 or text[4::3] != "-- ::":
        raise ValueError(f"not a ServiceNow date-time: {text!r}")
    return datetime.fromisoformat(text + "+00:00")


def format_time(when: datetime) -> str:
    """An aware datetime as ServiceNow writes it: UTC, seconds."""
    return when.astimezone(UTC).strftime(TIME_FORMAT)
