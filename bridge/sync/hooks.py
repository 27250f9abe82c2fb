"""What desks' systems tell by themselves: kept as evidence, and taken as no more than a reason to look."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bridge.ports import HOOK_SOURCE, InboxItem, InboxState, TrailEvent, Transaction
from bridge.sync.deciding import settled_already, until_settled
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

_LOOK_AGAIN = 0.5
"""Seconds after which a sleeping alarm sees that the service stops."""


class Alarm:
    """Lets collecting begin at once; implements `ports.Watch`. Calls that come meanwhile make one more pass."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """There may be something to collect."""
        self._rung.set()

    def watch(self, arrived: Callable[[], object], stopping: threading.Event) -> None:
        while not stopping.is_set():
            if self._rung.wait(_LOOK_AGAIN):
                self._rung.clear()
                arrived()


def file_hook(around: Surroundings, _: Roster, item: InboxItem) -> InboxState:
    """A call is filed: what the desk's records say is read from the desk."""

    def settle(tx: Transaction) -> InboxState:
        if (state := settled_already(tx, item)) is not None:
            return state
        desk = item.source.removeprefix(HOOK_SOURCE)
        case = tx.case(item.case) if item.case else None
        number = case.number if case else ""
        tx.record(TrailEvent("hook_received", f"desk:{desk}", item.case, number, desk=desk, cause=f"inbox:{item.id}"))
        tx.settle_item(item.id, InboxState.FILED, "the desk's records are read as they stand", case=item.case)
        return InboxState.FILED

    return until_settled(around, settle)
