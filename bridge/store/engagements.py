"""Engagements, each with the standing of its open message, which is read off the outbox and never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from bridge.domain.delivery import DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import StaleCase
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, EngagementId, Reference, SysId
from bridge.store.failures import breaks
from bridge.store.prepared import Found, Prepared
from bridge.store.tables import attempt, engagement, known_mail, outbox
from bridge.store.tables.cases import IS_OPEN
from bridge.store.work import NO_VALUES, Work, inserting

#: Columns that are named like the field of `Engagement` they hold.
_PLAIN = tuple(field.name for field in fields(Engagement) if field.name not in {"case", "standing"})


def _saving(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    changes = {column.name: insert.excluded[column.name] for column in engagement.columns if column.name != "id"}
    return insert.on_conflict_do_update(index_elements=["id"], set_=changes)


_SAVE = Prepared(lambda dialect: _saving(inserting(dialect, engagement)))

# Written out: a list of values makes the statement anew whenever it is executed.
NOT_SETTLED = or_(attempt.c.outcome == literal_column("''"), attempt.c.outcome == literal_column("'unknown'"))
#: An attempt of the delivery whose end nobody knows: the far side may have it.
UNSETTLED = exists().where(attempt.c.delivery == outbox.c.id, NOT_SETTLED).correlate(outbox)
_STANDING = case(
    (outbox.c.status == DeliveryStatus.DONE.value, Standing.SENT.value),
    (and_(outbox.c.status == DeliveryStatus.DEAD.value, ~UNSETTLED), Standing.FAILED.value),
    (and_(outbox.c.status == DeliveryStatus.PENDING.value, ~UNSETTLED), Standing.PENDING.value),
    else_=Standing.UNKNOWN.value,
)
#: The latest open message counts: after a corrected address a new one supersedes the old.
_LATEST_STANDING = (
    select(_STANDING)
    .where(
        outbox.c.engagement == engagement.c.id,
        outbox.c.kind == literal_column(f"'{DeliveryKind.MESSAGE.value}'"),
        outbox.c.message_kind == literal_column(f"'{MessageKind.OPEN.value}'"),
        outbox.c.status != literal_column(f"'{DeliveryStatus.CANCELLED.value}'"),
    )
    .order_by(outbox.c.seq.desc())
    .limit(literal_column("1"))
    .correlate(engagement)
    .scalar_subquery()
    .label("standing")
)
_IS_OPEN = literal_column(f"engagement.{IS_OPEN}", Boolean)


def _question(condition: ColumnElement[bool]) -> Prepared:
    """The engagements that meet a condition."""
    ordered = select(engagement, _LATEST_STANDING).order_by(engagement.c.opened_at, engagement.c.round, engagement.c.id)
    return Prepared(ordered.where(condition))


_OF_CASE = _question(engagement.c.case_id == bindparam("case"))
_BY_ID = _question(engagement.c.id == bindparam("id"))
_BY_DESK_REFERENCE = _question(
    and_(
        engagement.c.desk == bindparam("desk"),
        engagement.c.desk_reference == bindparam("reference"),
        # SQLite uses a partial index only where the query says the index's own condition.
        engagement.c.desk_reference != literal_column("''"),
    )
)
_OPEN = _question(_IS_OPEN)
_DUE = _question(
    and_(
        _IS_OPEN,
        or_(
            engagement.c.next_chase_at <= bindparam("now"),
            engagement.c.state == State.RESOLUTION_REPORTED.value,
            engagement.c.undeliverable,
        ),
    )
)
_ALL = _question(true())
_HAS_RECORD = engagement.c.desk_record != literal_column("''")
_FOLLOWED = _question(
    and_(
        engagement.c.desk == bindparam("desk"),
        _HAS_RECORD,
        or_(_IS_OPEN, engagement.c.ended_at >= bindparam("since")),
    )
)

_NAMED = Prepared(select(engagement.c.id).where(engagement.c.reference == bindparam("reference")))
_SENT_AS = Prepared(
    select(outbox.c.engagement)
    # The second condition is that of the index: without it SQLite looks through everything that was ever sent.
    .where(outbox.c.message_id == bindparam("message_id"), outbox.c.message_id != literal_column("''"))
    .order_by(outbox.c.seq)
)
_KNOWN_AS = Prepared(select(known_mail.c.engagement).where(known_mail.c.message_id == bindparam("message_id")))


class Engagements(Work):
    """Engagements, and finding the one that a reference or a Message-ID speaks of."""

    def engagements(self, case: SysId) -> tuple[Engagement, ...]:
        return self._engagements(_OF_CASE, {"case": case})

    def open_engagements(self) -> tuple[Engagement, ...]:
        return self._engagements(_OPEN)

    def all_engagements(self) -> tuple[Engagement, ...]:
        """Every round that ever was, oldest first."""
        return self._engagements(_ALL)

    def followed(self, desk: DeskName, since: datetime) -> tuple[Engagement, ...]:
        return self._engagements(_FOLLOWED, {"desk": desk, "since": since})

    def due_engagements(self, now: datetime) -> tuple[Engagement, ...]:
        return self._engagements(_DUE, {"now": now})

    def engagement(self, engagement_: EngagementId) -> Engagement | None:
        return next(iter(self._engagements(_BY_ID, {"id": engagement_})), None)

    def by_reference(self, reference: Reference) -> EngagementId | None:
        found = self._value(_NAMED, {"reference": reference})
        return found and EngagementId(found)

    def by_message_id(self, message_id: str) -> EngagementId | None:
        if not message_id:
            return None
        asked = {"message_id": message_id}
        sent = self._rows(_SENT_AS, asked)
        found = (sent[0].engagement if sent else None) or self._value(_KNOWN_AS, asked)
        return found and EngagementId(found)

    def by_desk_reference(self, desk: DeskName, reference: str) -> EngagementId | None:
        """The open engagement with this reference, else the latest; None where several could be meant."""
        if not reference:
            return None
        found = self._engagements(_BY_DESK_REFERENCE, {"desk": desk, "reference": reference})
        candidates = [one for one in found if one.is_open] or found[-1:]
        same_case = len({one.case for one in found}) == 1
        return candidates[0].id if len(candidates) == 1 and (candidates[0].is_open or same_case) else None

    def by_desk_record(self, desk: DeskName, record: str) -> EngagementId | None:
        if not record:
            return None
        theirs = and_(engagement.c.desk == desk, engagement.c.desk_record == record, _HAS_RECORD)
        newest = select(engagement.c.id).where(theirs).order_by(engagement.c.opened_at.desc()).limit(1)
        found = self._execute(newest).scalar_one_or_none()
        return found and EngagementId(found)

    def save_engagement(self, engagement_: Engagement) -> None:
        try:
            self._put(_SAVE, _values(engagement_))
        except IntegrityError as error:
            if breaks(error, "engagement_one_open_round", "engagement.case_id", "engagement.desk"):
                raise StaleCase(
                    "a round of this desk is open already", case=engagement_.case_number, desk=engagement_.desk
                ) from None
            raise

    def _engagements(self, question: Prepared, values: Mapping[str, object] = NO_VALUES) -> tuple[Engagement, ...]:
        return tuple(_engagement(row) for row in self._rows(question, values))


def _values(engagement_: Engagement) -> dict[str, Any]:
    values = {name: getattr(engagement_, name) for name in _PLAIN}
    return {**values, "case_id": engagement_.case, "state": engagement_.state.value}


def _engagement(row: Found) -> Engagement:
    values = {name: getattr(row, name) for name in _PLAIN}
    values |= {"state": State(row.state), "refused_by": tuple(row.refused_by)}
    return Engagement(case=SysId(row.case_id), standing=Standing(row.standing or Standing.NONE), **values)
