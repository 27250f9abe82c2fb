"""What an agreement needs to be in a case before anything is sent (Approach 0.7, 2(b), 7.1.2; Strategy 1.0, 8(4))."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.domain.agreement import Agreement
from bridge.domain.case import Case
from bridge.mapping.attributes import priority, raiser
from bridge.mapping.references import ReferenceKind, find_references, has_evidence

_TEXTS = ("short_description", "description", "business_impact")
# A few words; less is a title.
_SHORTEST_DESCRIPTION = 20


@dataclass(frozen=True, slots=True)
class Missing:
    """Contents that are not there: the requirement, and a sentence that says what to fill in."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One kind of contents."""

    met: Callable[[Case], bool]
    #: said to the resolver: what is missing, and the ServiceNow field it belongs in
    sentence: str
    #: the columns it reads
    columns: tuple[str, ...]


def texts(case: Case) -> str:
    """What people wrote into the case's own text fields."""
    return "\n".join(case.values.get(name, "") for name in _TEXTS)


def _filled(*columns: str) -> Callable[[Case], bool]:
    return lambda case: any(case.values.get(column, "").strip() for column in columns)


def _described(case: Case) -> bool:
    return len(case.values.get("description", "").strip()) >= _SHORTEST_DESCRIPTION


def _has_references(case: Case) -> bool:
    return bool(find_references(texts(case)))


def _has_mpan(case: Case) -> bool:
    return any(found.kind is ReferenceKind.MPAN for found in find_references(texts(case)))


REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {
        "short_description": Requirement(
            _filled("short_description"), "A summary is missing: fill in Short description.", ("short_description",)
        ),
        "description": Requirement(
            _described,
            "A description of the issue is missing: say in Description what happened, where and since when.",
            ("description",),
        ),
        "impact_statement": Requirement(
            _filled("business_impact"),
            "The impact statement is missing: say in Business impact who is affected and how.",
            ("business_impact",),
        ),
        "references": Requirement(
            _has_references,
            "References are missing: put the MPANs, DIP message or transaction identifiers, flow names (IF-…, PUB-…) "
            "or times concerned into Description.",
            _TEXTS,
        ),
        "mpan": Requirement(
            _has_mpan, "An MPAN is missing: put the 13 digits of each MPAN concerned into Description.", _TEXTS
        ),
        "evidence": Requirement(
            lambda case: has_evidence(texts(case)),
            "Evidence is missing: quote in Description the error code that came back, or the status in the DIP Portal.",
            _TEXTS,
        ),
        "suspected_cause": Requirement(
            _filled("probable_cause", "cause"),
            "A suspected root cause is missing: fill in Probable cause with what the investigation points to.",
            ("probable_cause", "cause"),
        ),
        "priority": Requirement(
            lambda case: bool(priority(case)), "The priority is missing: fill in Impact and Urgency.", ("priority",)
        ),
        "category": Requirement(_filled("category"), "The category is missing: fill in Category.", ("category",)),
        "contact": Requirement(
            lambda case: bool(raiser(case)), "It is not said who raised the case: fill in Contact.", ("contact",)
        ),
        "start_time": Requirement(
            _filled("work_start", "opened_at"), "The time of the start is missing: fill in Opened.", ("opened_at",)
        ),
    }
)
"""The names that `needs:` may list."""


def missing(case: Case, agreement: Agreement) -> tuple[Missing, ...]:
    """What the agreement needs and the case does not have, in the agreement's order."""
    return tuple(
        Missing(name, REQUIREMENTS[name].sentence) for name in agreement.needs if not REQUIREMENTS[name].met(case)
    )
