"""Who made a change: the audit where it can be read, else the platform's last writer, and which of the two was asked.

A record names only who wrote to it last, so a person's change that is read after our next note looks like ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from bridge.domain.case import Case
from bridge.domain.changes import Changes
from bridge.domain.errors import BridgeError
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord, Landed
from bridge.sync.casework import Casework
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

TELLING = ("state", "assignment_group", "assigned_to")
"""Where it matters who made a change, the most telling first. Nobody is asked about the others: it costs calls."""
BY_AUDIT, BY_RECORD = "sys_audit", "sys_updated_by"


@dataclass(frozen=True, slots=True)
class Authors:
    """Who gave which field of which record its value, as far as the audit tells."""

    found: Mapping[tuple[SysId, str, str], str] = field(default_factory=dict)

    def of(self, case: Case, name: str) -> str:
        """Who gave a field the value that a revision has; empty if the audit does not tell."""
        return self.found.get((case.sys_id, name, case.values.get(name, "")), "")

    def name(self, changes: Changes, case: Case) -> tuple[Changes, str]:
        """The changes with whoever moved the case, else assigned it; and how that is known."""
        changed = {name for name, _, _ in changes.fields}
        for telling in TELLING:
            if telling in changed and (author := self.of(case, telling)):
                return replace(changes, by=author), BY_AUDIT
        return changes, BY_RECORD


def who_changed(around: Surroundings, landed: Iterable[Landed], known: Mapping[SysId, CaseRecord]) -> Authors:
    """Ask the audit about revisions in which something differs that somebody is answerable for."""
    asked: dict[str, set[SysId]] = defaultdict(set)
    fields: set[str] = set()
    for item in landed:
        record = known.get(item.case.sys_id)
        differing = {name for name in TELLING if _differs(record, item.case, name)}
        if differing:
            asked[item.case.table].add(item.case.sys_id)
            fields |= differing
    found: dict[tuple[SysId, str, str], str] = {}
    for table, sys_ids in asked.items():
        since = min(shadow.updated_on for one in sys_ids if (shadow := known[one].shadow) is not None)
        try:
            found.update(around.source.authors(table, sorted(sys_ids), sorted(fields), since))
        except BridgeError as error:
            # Then the record's last writer stands for them; nothing else depends on the audit.
            log.warning("authors_unknown", table=table, error=error.code)
    return Authors(found)


def _differs(record: CaseRecord | None, case: Case, name: str) -> bool:
    if record is None or record.shadow is None or name not in case.values:
        return False
    return case.values[name] != record.shadow.values.get(name, "")


def tell_who(work: Casework, changes: Changes, named_by: str) -> None:
    """Where a case that desks are engaged for was moved or assigned, the trail says by whom, and how that is known."""
    moved = sorted({name for name, _, _ in changes.fields} & set(TELLING))
    if moved and work.engagements:
        work.event("case_changed", {"fields": moved, "named_by": named_by}, {"by": changes.by})
