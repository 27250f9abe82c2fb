"""Which columns are asked for.

A record reads the same whichever way it is read, or one revision would look like two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.domain.case import profile_of

JOURNAL = "sys_journal_field"
ATTACHMENT = "sys_attachment"
MEMBER = "sys_user_grmember"

_RECORD = (
    "sys_id",
    "number",
    "sys_class_name",
    "sys_created_on",
    "sys_created_by",
    "sys_updated_on",
    "sys_updated_by",
    "sys_mod_count",
    "state",
    "active",
    "priority",
    "short_description",
    "description",
    "assignment_group",
    "assigned_to",
    "opened_at",
    "resolved_at",
    "resolved_by",
    "closed_at",
    "correlation_id",
    "correlation_display",
)

#: tables that are read without display values: nobody is shown their raw references
PLAIN: Mapping[str, tuple[str, ...]] = {
    JOURNAL: ("sys_id", "sys_created_on", "sys_created_by", "name", "element_id", "element", "value"),
    ATTACHMENT: (
        "sys_id",
        "sys_created_on",
        "sys_created_by",
        "table_name",
        "table_sys_id",
        "file_name",
        "content_type",
        "size_bytes",
        "hash",
    ),
    MEMBER: ("sys_id", "user.user_name"),
}

#: older releases store attachments without one
_OPTIONAL = {"hash"}

REQUIRED: Mapping[str, frozenset[str]] = {table: frozenset(names) - _OPTIONAL for table, names in PLAIN.items()}
"""Columns without which a row of such a table says nothing."""


def needed(table: str) -> tuple[str, ...]:
    """What the bridge itself reads from a row of a table."""
    if table in PLAIN:
        return PLAIN[table]
    if table.startswith("sys_"):
        return _RECORD
    profile = profile_of(table)
    written = (name for target in profile.targets.values() for name in target)
    # The raiser's word counts only from the raiser: a journal entry names its author by user name.
    authors = (f"{name}.user_name" for name in profile.raisers)
    own = (profile.resolution_code, profile.resolution_notes, *profile.raisers, *authors, *profile.relatives, *written)
    return tuple(dict.fromkeys((*_RECORD, *filter(None, own))))


def asked(table: str, *wanted: Sequence[str]) -> str:
    """The value of `sysparm_fields`: what the bridge needs and what the configuration wants."""
    return ",".join(dict.fromkeys((*needed(table), *(name for names in wanted for name in names))))
