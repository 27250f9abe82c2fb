"""Remind: whatever waits for a person, or for a desk that says nothing, is told of again and again until it is over."""

from __future__ import annotations

import structlog

from bridge.ports import Waiting, WaitingFor
from bridge.sync.alarm import raise_alert
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

#: kind -> what it is, and where to look
_WORDS = {
    WaitingFor.QUARANTINED: ("in quarantine", "quarantine list"),
    WaitingFor.PARKED: ("cases set aside", "engagements --all"),
    WaitingFor.DEAD: ("dead letters", "outbox list --dead"),
    WaitingFor.PAUSED: ("switches that hold something back", "resume --help"),
    WaitingFor.UNAPPLIED: ("items that could not be applied", "once"),
    WaitingFor.UNDECIDED: ("revisions of cases that could not be decided upon", "once --dry-run"),
    WaitingFor.UNDELIVERED: ("deliveries that never end", "outbox list"),
    WaitingFor.SILENT: ("engagements whose desk says nothing", "engagements"),
    WaitingFor.DECLINED: ("declined engagements that nobody has decided upon", "engagements --all"),
}


def remind(around: Surroundings) -> bool:
    """Raise one alarm in each span of time about everything that waits; whether anything does."""
    every, silent_after = around.reminding.every, around.reminding.silent_after
    with around.store.reading() as tx:
        now, waiting = tx.now(), tx.waiting(every, silent_after)
    if not waiting:
        return False
    span = int(now.timestamp() // every.total_seconds())
    with around.store.transaction() as tx:
        raise_alert(tx, around.instance, "still_waiting", "; ".join(map(_told, waiting)), cause=f"reminder:{span}")
    log.warning("still_waiting", **{one.kind.value: one.count for one in waiting})
    return True


def _told(one: Waiting) -> str:
    what, command = _WORDS[one.kind]
    return f"{one.count} {what}, the oldest since {one.since:%Y-%m-%d %H:%M} UTC (cpsd-bridge {command})"
