"""What happened to a case between two revisions, told apart from what the bridge itself wrote."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bridge.domain.case import Case, Phase

_ENDED = frozenset({Phase.RESOLVED, Phase.CLOSED})
_GOING_ON = frozenset({Phase.NEW, Phase.OPEN, Phase.AWAITING})


@dataclass(frozen=True, slots=True)
class Changes:
    """Facts about a revision. `by` is the platform's last writer, who need not have made every change."""

    by: str = ""
    resolved: bool = False
    closed: bool = False
    cancelled: bool = False
    #: an end was taken back
    reopened: bool = False
    #: from awaiting to being worked on
    put_to_work: bool = False
    #: (field, before, after) as people see them, without what the bridge wrote
    fields: tuple[tuple[str, str, str], ...] = ()


def is_older(revision: Case, known: Case) -> bool:
    """Whether a revision was superseded by what is known already."""
    return (revision.mod_count, revision.updated_on) < (known.mod_count, known.updated_on)


def compare(before: Case | None, after: Case, written: Mapping[str, AbstractSet[str]]) -> Changes:
    """What others did between two revisions.

    `written` holds, by field, the values of writes of ours that are under way: a field that took such a value is our
    own echo. Values of settled writes are in `before` already.
    """
    if before is None:
        return Changes(by=after.values.get("sys_updated_by", ""))
    changed = {
        name
        for name, value in after.values.items()
        if value != before.values.get(name, value) and value not in written.get(name, ())
    }
    was, now = before.phase, after.phase
    moved = "state" in changed
    return Changes(
        by=after.values.get("sys_updated_by", ""),
        resolved=moved and now is Phase.RESOLVED and was is not Phase.CLOSED,
        closed=moved and now is Phase.CLOSED,
        cancelled=moved and now is Phase.CANCELLED,
        reopened=moved and was in _ENDED and now in _GOING_ON,
        put_to_work=moved and was is Phase.AWAITING and now in {Phase.NEW, Phase.OPEN},
        fields=tuple(sorted((name, before.shown(name), after.shown(name)) for name in changed)),
    )
