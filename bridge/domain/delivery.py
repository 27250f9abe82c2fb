"""Deliveries: what was decided and is to be done at a far side, and how far that has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.domain.ids import DeliveryId, DeskName, EngagementId, SysId

SERVICENOW = "servicenow"
"""The recipient of writes to the original case; every other recipient is a desk, or `alerts`."""

ALERTS = "alerts"


class DeliveryKind(StrEnum):
    """What is delivered."""

    #: a message to a desk
    MESSAGE = "message"
    #: one PATCH of the case: journal entry and fields together
    WRITE = "write"
    #: an alarm to the people named under `alerts:`
    ALERT = "alert"
    #: a file that a desk sent, to be stored at the case
    FILE = "file"


class DeliveryStatus(StrEnum):
    """How far a delivery has come. `unknown` is not `failed`: the far side may have it."""

    PENDING = "pending"
    ATTEMPTING = "attempting"
    UNKNOWN = "unknown"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself and the lane goes on (a dead letter blocks it)."""
        return self in {DeliveryStatus.DONE, DeliveryStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox, as decided. Times are aware UTC datetimes."""

    id: DeliveryId
    kind: DeliveryKind
    #: `servicenow`, a desk's name or `alerts`
    recipient: str
    #: first in, first out within a lane; a lane waits for its head
    lane: str
    #: what to deliver, as decided (JSON); rendered and frozen at the first intent
    payload: Mapping[str, Any]
    case: SysId | None = None
    engagement: EngagementId | None = None
    #: a condition that is asked again when the delivery is claimed, such as `not_acknowledged`
    valid_if: str = ""
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    #: bytes frozen at the first intent, Date included
    frozen: bytes | None = None
    message_id: str = ""
    #: to whom the frozen bytes go
    recipients: tuple[str, ...] = ()
    next_attempt_at: datetime | None = None
    last_error: str = ""
    #: grows with each claim; an outcome written under an older one is refused
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to one attempt (or one settlement) at a delivery, until `lease_until`."""

    delivery: Delivery
    worker: str
    fence: int
    lease_until: datetime
    #: the attempt's number, 1 for the first
    attempt: int
    #: the claim is to find out how an earlier attempt ended, not to make a new one
    settling: bool = False
    #: when the earliest open attempt started; absent may not be concluded before `settle_after`
    started_at: datetime | None = None
    settle_after: datetime | None = None
    #: since when the delivery was due: its place among the others, should it be given back
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the far side said when it took a delivery."""

    far_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def case_lane(case: SysId) -> str:
    """Writes to one case never overtake each other."""
    return f"case/{case}"


def engagement_lane(engagement: EngagementId) -> str:
    """Messages of one engagement are first in, first out."""
    return f"engagement/{engagement}"


def chase_lane(engagement: EngagementId) -> str:
    """Chases and escalations do not wait behind messages, nor messages behind them."""
    return f"chase/{engagement}"


def file_lane(delivery: DeliveryId) -> str:
    """A file has no order among others: one that is refused holds up neither the case's writes nor other files."""
    return f"file/{delivery}"


def alert_lane(desk: DeskName | str) -> str:
    """Alarms of one subject in order."""
    return f"alert/{desk}"
