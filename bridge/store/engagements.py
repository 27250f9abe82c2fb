"""Engagements, each with the standing of its open message, which is read off the outbox and never stored."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Row, and_, case, exists, literal_column, or_, select, true
from sqlalchemy.exc import IntegrityError

from bridge.domain.delivery import DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import StaleCase
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, EngagementId, Reference, SysId
from bridge.store.failures import breaks
from bridge.store.tables import attempt, engagement, outbox
from bridge.store.tables.cases import IS_OPEN
from bridge.store.work import Work

#: Columns that are named like the field of `Engagement` they hold.
_PLAIN = tuple(field.name for field in fields(Engagement) if field.name not in {"case", "standing"})

#: An attempt of the delivery whose end nobody knows: the far side may have it.
UNSETTLED = exists().where(attempt.c.delivery == outbox.c.id, attempt.c.outcome.in_(["", "unknown"])).correlate(outbox)
_STANDING = case(
    (outbox.c.status == DeliveryStatus.DONE.value, Standing.SENT.value),
    (outbox.c.status == DeliveryStatus.DEAD.value, Standing.FAILED.value),
    (and_(outbox.c.status == DeliveryStatus.PENDING.value, ~UNSETTLED), Standing.PENDING.value),
    else_=Standing.UNKNOWN.value,
)
_OPEN_MESSAGES = (
    select(outbox.c.engagement, _STANDING.label("standing"))
    .join_from(outbox, engagement, engagement.c.id == outbox.c.engagement)
    .where(
        outbox.c.kind == DeliveryKind.MESSAGE.value,
        outbox.c.message_kind == MessageKind.OPEN.value,
        outbox.c.status != DeliveryStatus.CANCELLED.value,
    )
    .order_by(outbox.c.seq)
)
_IS_OPEN = literal_column(f"engagement.{IS_OPEN}", Boolean)


class Engagements(Work):
    """Engagements, and finding the one that a reference or a Message-ID speaks of."""

    def engagements(self, case: SysId) -> tuple[Engagement, ...]:
        return self._engagements(engagement.c.case_id == case)

    def open_engagements(self) -> tuple[Engagement, ...]:
        return self._engagements(_IS_OPEN)

    def all_engagements(self) -> tuple[Engagement, ...]:
        """Every round that ever was, oldest first."""
        return self._engagements(true())

    def due_engagements(self, now: datetime) -> tuple[Engagement, ...]:
        waits_for_quiet = engagement.c.state == State.RESOLUTION_REPORTED.value
        return self._engagements(and_(_IS_OPEN, or_(engagement.c.next_chase_at <= now, waits_for_quiet)))

    def engagement(self, engagement_: EngagementId) -> Engagement | None:
        return next(iter(self._engagements(engagement.c.id == engagement_)), None)

    def by_reference(self, reference: Reference) -> EngagementId | None:
        return self._engagement_id(engagement.c.reference == reference)

    def by_message_id(self, message_id: str) -> EngagementId | None:
        if not message_id:
            return None
        statement = select(outbox.c.engagement).where(outbox.c.message_id == message_id)
        return self._execute(statement.order_by(outbox.c.seq)).scalars().first()

    def by_desk_reference(self, desk: DeskName, reference: str) -> EngagementId | None:
        """The open engagement with this reference, else the latest; None where several could be meant."""
        if not reference:
            return None
        found = self._engagements(and_(engagement.c.desk == desk, engagement.c.desk_reference == reference))
        candidates = [one for one in found if one.is_open] or found[-1:]
        same_case = len({one.case for one in found}) == 1
        return candidates[0].id if len(candidates) == 1 and (candidates[0].is_open or same_case) else None

    def save_engagement(self, engagement_: Engagement) -> None:
        values = _values(engagement_)
        changes = {name: value for name, value in values.items() if name != "id"}
        statement = self._insert(engagement).values(values)
        try:
            self._execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))
        except IntegrityError as error:
            if breaks(error, "engagement_one_open_round", "engagement.case_id", "engagement.desk"):
                raise StaleCase(
                    "a round of this desk is open already", case=engagement_.case_number, desk=engagement_.desk
                ) from None
            raise

    def _engagement_id(self, condition: ColumnElement[bool]) -> EngagementId | None:
        found = self._execute(select(engagement.c.id).where(condition)).scalar_one_or_none()
        return found and EngagementId(found)

    def _engagements(self, condition: ColumnElement[bool]) -> tuple[Engagement, ...]:
        rows = self._execute(
            select(engagement).where(condition).order_by(engagement.c.opened_at, engagement.c.round, engagement.c.id)
        ).all()
        # The latest open message counts: after a corrected address a new one supersedes the old.
        messages = self._execute(_OPEN_MESSAGES.where(condition)) if rows else ()
        standings = {message.engagement: Standing(message.standing) for message in messages}
        return tuple(_engagement(row, standings.get(row.id, Standing.NONE)) for row in rows)


def _values(engagement_: Engagement) -> dict[str, Any]:
    values = {name: getattr(engagement_, name) for name in _PLAIN}
    return {**values, "case_id": engagement_.case, "state": engagement_.state.value}


def _engagement(row: Row[Any], standing: Standing) -> Engagement:
    values = {name: getattr(row, name) for name in _PLAIN}
    values |= {"state": State(row.state), "refused_by": tuple(row.refused_by)}
    return Engagement(case=SysId(row.case_id), standing=standing, **values)
