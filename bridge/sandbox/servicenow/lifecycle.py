"""What the platform itself does around a task's state: mirrors, resolution, closing, reopening, and who may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.sandbox.servicenow.schema import Table
from bridge.sandbox.servicenow.web import ApiError

Record = Mapping[str, str]


@dataclass(frozen=True)
class Lifecycle:
    """The state model of one task table."""

    resolved: str
    closed: str
    #: States in which the record counts as inactive.
    inactive: frozenset[str]
    #: Mandatory while resolved or closed, by data policy.
    resolution: tuple[str, ...]
    #: A second field that always equals the state.
    mirror: str = ""
    #: Impact and urgency decide the priority when the writer gives none.
    computes_priority: bool = False
    #: A closed record refuses updates.
    locks: bool = True

    @property
    def over(self) -> frozenset[str]:
        """States in which the work on the record has ended."""
        return frozenset({self.resolved, self.closed}) if self.locks else self.inactive


LIFECYCLES: Mapping[str, Lifecycle] = {
    "sn_customerservice_case": Lifecycle("6", "3", frozenset({"3"}), ("resolution_code", "close_notes")),
    "incident": Lifecycle(
        "6",
        "7",
        frozenset({"7", "8"}),
        ("close_code", "close_notes"),
        mirror="incident_state",
        computes_priority=True,
    ),
    "problem": Lifecycle(
        "106", "107", frozenset({"107"}), ("resolution_code",), mirror="problem_state", computes_priority=True
    ),
}

#: Any other table that extends `task`: closed complete, incomplete or skipped, and free to be opened again.
_PLAIN = Lifecycle("", "3", frozenset({"3", "4", "7"}), (), locks=False)

#: (impact, urgency) -> priority, as instances ship it.
PRIORITY: Mapping[tuple[str, str], str] = {
    (str(impact), str(urgency)): str(impact + urgency - 1) for impact in (1, 2, 3) for urgency in (1, 2, 3)
}


def lifecycle_of(table: Table) -> Lifecycle | None:
    """The state model of a table; None for one that is no task."""
    return LIFECYCLES.get(table.name) or (_PLAIN if table.extends == "task" else None)


def refuse_closed(table: Table, before: Record) -> None:
    """Raises 403 when the record is closed: business rules of both tables refuse any update."""
    lifecycle = lifecycle_of(table)
    if lifecycle and lifecycle.locks and before.get("state") == lifecycle.closed:
        raise aborted(table, f"Prevent update of closed {table.label.lower()}")


def aborted(table: Table, rule: str) -> ApiError:
    """The refusal by a business rule."""
    return ApiError(
        403, "Operation Failed", f"Operation against file '{table.name}' was aborted by Business Rule '{rule}'"
    )


def derived(table: Table, before: Record, changes: Record, user: str, now: str) -> dict[str, str]:
    """Further changes that follow from these, for a record as it was (empty on insert)."""
    lifecycle = lifecycle_of(table)
    if lifecycle is None:
        return {}
    more: dict[str, str] = {}
    if lifecycle.mirror:
        more |= _mirrored(lifecycle.mirror, before, changes)
    if lifecycle.computes_priority and "priority" not in changes and {"impact", "urgency"} & changes.keys():
        after = {**before, **changes}
        more["priority"] = PRIORITY.get((after.get("impact", "3"), after.get("urgency", "3")), "4")
    state = more.get("state", changes.get("state", before.get("state", "")))
    if state != before.get("state"):
        more |= _entered(lifecycle, table, before, state, user, now)
    group = before.get("assignment_group")
    if group and changes.get("assignment_group", group) != group:
        more["reassignment_count"] = str(int(before.get("reassignment_count") or 0) + 1)
    return {name: value for name, value in more.items() if name in table.fields and name not in _given(changes, name)}


def _given(changes: Record, name: str) -> tuple[str, ...]:
    """What the writer sets explicitly is not overridden, except where fields must agree."""
    return (name,) if name in changes and name in ("resolved_by", "resolved_at", "closed_by", "closed_at") else ()


def _mirrored(mirror: str, before: Record, changes: Record) -> dict[str, str]:
    if "state" in changes and changes["state"] != before.get("state"):
        return {mirror: changes["state"]}
    if mirror in changes and changes[mirror] != before.get(mirror):
        return {"state": changes[mirror], mirror: changes[mirror]}
    return {}


def _entered(lifecycle: Lifecycle, table: Table, before: Record, state: str, user: str, now: str) -> dict[str, str]:
    more = {"active": "false" if state in lifecycle.inactive else "true"}
    was = before.get("state", "")
    if state == lifecycle.resolved:
        more |= {"resolved_by": user, "resolved_at": now}
    elif state == lifecycle.closed or state in lifecycle.over:
        more |= {"closed_by": user, "closed_at": now}
    elif was in lifecycle.over:
        more |= {"resolved_by": "", "resolved_at": "", "closed_by": "", "closed_at": ""}
        if "reopen_count" in table.fields:
            count = str(int(before.get("reopen_count") or 0) + 1)
            more |= {"reopen_count": count, "reopened_by": user, "reopened_time": now}
    return more


def check_policy(table: Table, after: Record) -> None:
    """Raises 403 when a resolved or closed record lacks what its data policy makes mandatory."""
    lifecycle = lifecycle_of(table)
    if lifecycle is None or after.get("state") not in (lifecycle.resolved, lifecycle.closed):
        return
    demand(table, after, lifecycle.resolution)


def demand(table: Table, after: Record, mandatory: Iterable[str]) -> None:
    """Raises 403 when one of those fields is empty."""
    missing = [table.fields[name].label for name in mandatory if not after.get(name)]
    if missing:
        text = f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}"
        raise ApiError(403, text)
