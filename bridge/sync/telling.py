"""How facts are told in the trail: what may be kept in clear, and what is personal or free text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields

from bridge.domain.engagement import Engagement
from bridge.domain.facts import Fact, Report
from bridge.mapping.completeness import Missing
from bridge.ports import TrailEvent

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_PERSONAL = frozenset({"text", "reason", "by", "recipients", "seen", "changes"})


def fact_name(fact: Fact) -> str:
    """A fact's name: a report by what it says, another by its type."""
    return fact.kind.value if isinstance(fact, Report) else _WORD.sub("_", type(fact).__name__).lower()


def personal_values(fact: Fact) -> dict[str, str]:
    """The values of a fact that the trail keeps apart, so that retention may erase them."""
    found = {field.name: getattr(fact, field.name) for field in fields(fact) if field.name in _PERSONAL}
    return {name: str(value) for name, value in found.items() if value}


def engagement_event(
    engagement: Engagement,
    kind: str,
    facts: Mapping[str, object],
    personal: Mapping[str, str] | None = None,
    *,
    cause: str,
    who: str = "bridge",
) -> TrailEvent:
    """A trail event about one round of a desk, under the version of the agreement that it is pinned to."""
    return TrailEvent(
        kind,
        who,
        engagement.case,
        engagement.case_number,
        engagement.id,
        engagement.round,
        engagement.desk,
        cause,
        engagement.agreement_version,
        facts,
        personal or {},
    )


def listed(lacking: Sequence[Missing]) -> str:
    """Missing contents as a list for a work note."""
    return "\n".join(f"- {item.sentence}" for item in lacking)
