"""One transaction: everything the core may do to the store, put together."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from bridge.ports import Clock, TrailEvent
from bridge.store.cases import Cases
from bridge.store.claims import Claims
from bridge.store.engagements import Engagements
from bridge.store.inbox import Inbox
from bridge.store.landing import Landing
from bridge.store.operation import Operation
from bridge.store.pacing import Pacing
from bridge.store.waiting import WaitingRooms


class SqlTransaction(Landing, Cases, Engagements, Claims, Inbox, Operation, Pacing, WaitingRooms):
    """Implements `ports.Transaction`. Once it raised, its block must end: nothing of it is committed."""

    def __init__(self, connection: Connection, clock: Clock | None, token: Callable[[int], bytes]) -> None:
        super().__init__(connection, clock, token)
        self.late: list[TrailEvent] = []
