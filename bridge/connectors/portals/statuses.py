"""Which statuses of a desk's record are our own doing, and which say nothing new."""

from __future__ import annotations

from collections.abc import Callable

from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.ids import EngagementId
from bridge.ports import Correspondence, Transaction

_RESOLVED_ALREADY = frozenset({State.RESOLUTION_REPORTED, State.CONFIRMED, State.WITHDRAWN, State.DECLINED})


def is_resolved_already(report: ReportKind | None, engagement: EngagementId | None, known: Correspondence) -> bool:
    """Whether a resolution that a status reports is known: resolved becomes closed by itself after some days."""
    found = known.engagement(engagement) if report is ReportKind.RESOLVED and engagement else None
    return found is not None and found.state in _RESOLVED_ALREADY


def set_by_us(tx: Transaction, engagement: Engagement, sets: Callable[[MessageKind], bool]) -> Delivery | None:
    """The last message of ours that gave the record a status, as long as no status was taken in since it was there.

    `sets` tells whether messages of a kind give it one. What the record shows after another status is the desk's word,
    also where it is what we had set.
    """
    messages = (one for one in tx.deliveries(engagement=engagement.id) if one.kind is DeliveryKind.MESSAGE)
    done = [one for one in messages if one.status is DeliveryStatus.DONE]
    setting = [one for one in done if sets(MessageKind(one.payload["kind"]))]
    if not setting:
        return None
    for told in reversed(tx.story(engagement.case)):
        event = told.event
        if event.engagement != engagement.id:
            continue
        if event.kind == "desk_status_seen":
            return None
        if (event.kind, event.cause) == ("message_delivered", f"delivery:{setting[-1].id}"):
            return setting[-1]
    return None
