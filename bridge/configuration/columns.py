"""Which columns of a table must be read so that routes, messages, rules and the hold find what they look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from bridge.domain.agreement import Agreement
from bridge.domain.case import PROFILES, profile_of
from bridge.mapping.attributes import CaseAttributes
from bridge.mapping.completeness import REQUIREMENTS

_EVERY_TABLE = (
    "sys_id",
    "number",
    "sys_class_name",
    "sys_created_on",
    "sys_updated_on",
    "sys_updated_by",
    "sys_mod_count",
    "state",
    "priority",
    "impact",
    "urgency",
    "short_description",
    "description",
    "assignment_group",
    "assigned_to",
    "opened_at",
    "work_start",
    "close_notes",
    "correlation_id",
    "correlation_display",
    "closed_by",
)
#: not every table that extends `task` has them
_HANDLED = ("category", "subcategory", "business_impact", "resolved_by")

_ONE_TABLE: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "sn_customerservice_case": (
            *_HANDLED,
            "account",
            "contact",
            "consumer",
            "probable_cause",
            "cause",
            "major_case_state",
        ),
        "incident": (*_HANDLED, "caller_id", "cause", "hold_reason", "major_incident_state"),
        "problem": _HANDLED,
    }
)
# Columns that only some tables have; asked of another table they would look like a mistake in the configuration.
_SOME_TABLES = frozenset(column for columns in _ONE_TABLE.values() for column in columns) | frozenset(
    column for profile in PROFILES.values() for column in (*profile.raisers, *profile.relatives)
)


def needed(
    table: str, attributes: CaseAttributes, reads: Iterable[str], agreements: Iterable[Agreement], extra: Iterable[str]
) -> tuple[str, ...]:
    """The columns of one table, in order."""
    profile = profile_of(table)
    own = {*_EVERY_TABLE, *_ONE_TABLE.get(table, ()), *profile.raisers, *profile.relatives}
    own |= {profile.resolution_code} - {""}
    # Their user names tell whether a comment is the raiser's own word.
    own |= {f"{column}.user_name" for column in profile.raisers}
    own |= set(extra)
    wanted = {column for name in reads for column in attributes.columns_of(name)}
    for agreement in agreements:
        wanted.update(agreement.update_on)
        wanted.update(column for name in agreement.needs for column in REQUIREMENTS[name].columns)
    return tuple(sorted(own | (wanted - _SOME_TABLES)))
