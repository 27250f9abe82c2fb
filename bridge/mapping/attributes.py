"""The named fields of a case that routes and rules may read, whatever the table calls them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.domain.case import Case
from bridge.mapping.expressions import FieldKind, Value

Read = Callable[[Case], Value]

_DIGIT = re.compile(r"\s*P?([1-5])(?!\d)", re.IGNORECASE)
_TRUE = frozenset({"true", "1", "yes"})


def level(text: str) -> str:
    """The digit of a choice such as "2 - High", "P2" or "2"; empty if it has none."""
    found = _DIGIT.match(text)
    return found[1] if found else ""


def priority(case: Case) -> str:
    """The priority as the agreements name it, P1 to P4 (P5 where a table has it); empty if there is none."""
    digit = level(case.values.get("priority", "")) or level(case.shown("priority"))
    return f"P{digit}" if digit else ""


def is_major(case: Case) -> bool:
    """Whether a major incident manager accepted the record as a major incident or major case."""
    return "accepted" in {case.values.get("major_case_state", ""), case.values.get("major_incident_state", "")}


def raiser(case: Case) -> str:
    """Who raised the case, as people see it: the first filled field of those that name it in the case's table."""
    return next((case.shown(name) for name in case.profile.raisers if case.values.get(name)), "")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One named field: its kind, how it is read, and the columns that it needs."""

    kind: FieldKind
    read: Read
    columns: tuple[str, ...]


def _shown(column: str) -> Attribute:
    return Attribute(FieldKind.TEXT, lambda case: case.shown(column), (column,))


def _raw(column: str) -> Attribute:
    return Attribute(FieldKind.TEXT, lambda case: case.values.get(column, ""), (column,))


def _level(column: str) -> Attribute:
    return Attribute(FieldKind.TEXT, lambda case: level(case.shown(column)), (column,))


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "") or 0)
    except ValueError:
        return 0.0


BUILT_IN: Mapping[str, Attribute] = MappingProxyType(
    {
        "number": _raw("number"),
        "table": Attribute(FieldKind.TEXT, lambda case: case.table, ()),
        "priority": Attribute(FieldKind.TEXT, priority, ("priority",)),
        "impact": _level("impact"),
        "urgency": _level("urgency"),
        "short_description": _raw("short_description"),
        "description": _raw("description"),
        "business_impact": _raw("business_impact"),
        "raised_by": Attribute(FieldKind.TEXT, raiser, ()),
        "major_incident": Attribute(FieldKind.BOOLEAN, is_major, ("major_case_state", "major_incident_state")),
        **{
            column: _shown(column)
            for column in (
                "state",
                "category",
                "subcategory",
                "assignment_group",
                "assigned_to",
                "account",
                "contact",
                "consumer",
                "company",
                "caller_id",
                "opened_by",
                "contact_type",
                "business_service",
                "cmdb_ci",
                "location",
            )
        },
    }
)
"""Read from every case. State and references are what people see; priority, impact and urgency are normalised."""


def configured(column: str, kind: FieldKind) -> Attribute:
    """An attribute that the configuration adds, read from a column (dot-walked ones included)."""
    match kind:
        case FieldKind.TEXT:
            return _shown(column)
        case FieldKind.BOOLEAN:
            return Attribute(kind, lambda case: case.values.get(column, "").lower() in _TRUE, (column,))
        case FieldKind.NUMBER:
            return Attribute(kind, lambda case: _number(case.values.get(column, "")), (column,))


class CaseAttributes:
    """All attributes: the built-in ones and those of the configuration."""

    def __init__(self, extra: Mapping[str, Attribute] = MappingProxyType({})) -> None:
        self._all = {**BUILT_IN, **extra}

    @property
    def kinds(self) -> Mapping[str, FieldKind]:
        """Name -> kind, the context in which conditions are checked."""
        return {name: attribute.kind for name, attribute in self._all.items()}

    def reader(self, name: str) -> Read:
        """How one attribute is read from a case."""
        return self._all[name].read

    def values(self, case: Case, names: Iterable[str] | None = None) -> dict[str, Value]:
        """Some attributes of a case, all if none are named."""
        wanted = self._all if names is None else names
        return {name: self._all[name].read(case) for name in wanted}

    def columns_of(self, name: str) -> tuple[str, ...]:
        """The columns that one attribute is read from."""
        return self._all[name].columns
