"""A new round of a desk: its identity, whether the hold waits for it, and whose successor it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.agreement import Agreement
from bridge.domain.engagement import Engagement, State
from bridge.domain.ids import DeskName, engagement_id, reference
from bridge.ports import CaseRecord
from bridge.sync.surroundings import HoldPolicy


def opened(
    record: CaseRecord,
    earlier: Sequence[Engagement],
    desk: DeskName,
    *,
    instance: str,
    agreement: Agreement,
    hold: HoldPolicy,
    complete: bool,
    now: datetime,
) -> Engagement:
    """The next round of a desk in a case, where `earlier` are all engagements so far."""
    number = 1 + max((one.round for one in earlier if one.desk == desk), default=0)
    identity = engagement_id(instance, record.sys_id, desk, number)
    first = not any(engagement.lead for engagement in earlier)
    return Engagement(
        id=identity,
        reference=reference(identity),
        case=record.sys_id,
        case_number=record.number,
        desk=desk,
        round=number,
        agreement_version=agreement.version,
        opened_at=now,
        state=State.OPEN if complete else State.INCOMPLETE,
        required=_must_confirm(hold, desk, first=first),
        lead=first,
        next_chase_at=now + agreement.chase_every if agreement.chase_every else None,
    )


def _must_confirm(hold: HoldPolicy, desk: DeskName, *, first: bool) -> bool:
    if hold.confirm == "all":
        return True
    return first if hold.confirm == "lead" else desk in hold.confirm


def declined_without_successor(engagements: Sequence[Engagement], desk: DeskName) -> Engagement | None:
    """The declined engagement that a round with this desk succeeds: the newest that pointed to it, else the newest."""
    waiting = [
        engagement
        for engagement in engagements
        if engagement.state is State.DECLINED
        and engagement.desk != desk
        and engagement.successor is None
        and not engagement.decline_accepted_by
    ]
    named = [engagement for engagement in waiting if engagement.direction == desk]
    return next(reversed(named or waiting), None)
