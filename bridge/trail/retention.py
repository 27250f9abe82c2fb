"""Erasing personal values when their time is over. The events stay, with their hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bridge.domain.errors import UsageError
from bridge.domain.ids import SysId
from bridge.ports import TrailEvent


class ErasableTrail(Protocol):
    """The part of a transaction that erasing needs."""

    def erase_values(self, *, case: SysId | None = None, before: datetime | None = None) -> int:
        """Delete the personal values of a case's events, or of events older than an instant; how many there were."""
        ...

    def record(self, event: TrailEvent) -> int:
        """Add an event to the trail."""
        ...


def erase(trail: ErasableTrail, *, by: str, case: SysId | None = None, before: datetime | None = None) -> int:
    """Erase personal values of one case, of everything before an instant, or of both together, and write that down.

    Returns how many values were erased. Raises `UsageError` if neither is given: nobody erases everything by accident.
    """
    if case is None and before is None:
        raise UsageError("nothing says what to erase", remedy="name a case or an instant")
    erased = trail.erase_values(case=case, before=before)
    facts = {"values": erased, "before": before.isoformat() if before else None}
    trail.record(TrailEvent(kind="values_erased", who=by, case=case, cause="command", facts=facts))
    return erased
