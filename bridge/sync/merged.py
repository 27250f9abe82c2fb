"""Engaged cases that somebody closed as duplicates, or merged into others: shown to a person, never undone or ended."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.case import Phase
from bridge.domain.changes import Changes
from bridge.domain.facts import CaseGone, Gone
from bridge.domain.hold import Answer
from bridge.domain.merging import merge_of
from bridge.sync.casework import Casework

_GOING_ON = frozenset({Phase.NEW, Phase.OPEN, Phase.AWAITING})
"""A case that was put back to work may keep the code under which it was closed."""


def proposed(work: Casework, changes: Changes) -> bool:
    """Whether a change of state put the case together with another one while the hold waits; then a person decides.

    It is no early resolution: putting a duplicate back to work helps nobody. Nor does it say that the desk is done.
    """
    merge = merge_of(work.case) if any(name == "state" for name, _, _ in changes.fields) else None
    if merge is None or work.case.phase in _GOING_ON or work.verdict().answer is not Answer.KEEP_OPEN:
        return False
    work.record = replace(work.record, flagged=f"merged: {merge.seen}")
    work.event("case_merged", {"field": merge.field, "into": merge.original_id}, {"by": changes.by, "seen": merge.seen})
    engaged = work.open()
    for engagement in engaged:
        work.apply(engagement, CaseGone(Gone.MERGED, merge.seen))
        work.say("case_merged", {"desk": engagement.desk, "original": merge.original, "by": changes.by})
    if not engaged:
        work.alert("case_merged", f"{work.record.number} was merged while the hold waits: {merge.seen}")
    return True
