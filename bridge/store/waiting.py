"""What waits and does not go on by itself: counted, with the time since when the longest of it has waited."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Boolean, ColumnElement, Select, func, literal_column, or_, select

from bridge.domain.delivery import DeliveryKind, DeliveryStatus
from bridge.ports import InboxState, Waiting, WaitingFor
from bridge.store.tables import case_record, control, engagement, inbox, outbox, revision
from bridge.store.tables.cases import IS_OPEN
from bridge.store.work import Work

#: how many, and since when the longest
_Counted = Select[int, datetime]
_COUNT = func.count().label("amount")


class WaitingRooms(Work):
    """Everything that waits."""

    def waiting(self, after: timedelta, silent_after: timedelta) -> tuple[Waiting, ...]:
        """What has waited longer than `after` for a person, or longer than `silent_after` for a desk or a far side."""
        now = self.now()
        told = ((kind, self._execute(asked).one()) for kind, asked in _questions(now, now - after, now - silent_after))
        return tuple(Waiting(kind, row.amount, row.since) for kind, row in told if row.amount)


def _questions(now: datetime, before: datetime, silent_before: datetime) -> list[tuple[WaitingFor, _Counted]]:
    dead = outbox.c.status == DeliveryStatus.DEAD.value
    live = outbox.c.next_attempt_at.is_not(None)
    return [
        (WaitingFor.QUARANTINED, _in_state(InboxState.QUARANTINED, before)),
        (WaitingFor.PARKED, _parked(before)),
        (WaitingFor.DEAD, _oldest(outbox.c.created_at, outbox.c.finished_at.is_(None), dead, before=before)),
        (WaitingFor.PAUSED, _oldest(control.c.at, control.c.name.like("pause/%"), before=before)),
        (WaitingFor.UNAPPLIED, _in_state(InboxState.NEW, before)),
        (WaitingFor.UNDECIDED, _oldest(revision.c.seen_at, revision.c.decided_at.is_(None), before=before)),
        (
            WaitingFor.UNDELIVERED,
            _oldest(outbox.c.created_at, live, before=silent_before),
        ),
        (WaitingFor.SILENT, _silent(now, silent_before)),
        (WaitingFor.DECLINED, _declined(before)),
    ]


def _oldest(since: ColumnElement[datetime], *conditions: ColumnElement[bool], before: datetime) -> _Counted:
    return select(_COUNT, func.min(since, type_=since.type).label("since")).where(*conditions, since < before)


def _in_state(state: InboxState, before: datetime) -> _Counted:
    # Written out, not bound: only so can SQLite see that the partial index fits.
    return _oldest(inbox.c.stored_at, inbox.c.state == literal_column(f"'{state.value}'"), before=before)


def _parked(before: datetime) -> _Counted:
    """A case does not say since when it is parked; the alarm about it does."""
    alarmed = (
        select(func.max(outbox.c.created_at, type_=outbox.c.created_at.type))
        .where(outbox.c.case_id == case_record.c.sys_id, outbox.c.kind == DeliveryKind.ALERT.value)
        .scalar_subquery()
    )
    return _oldest(alarmed, case_record.c.parked != literal_column("''"), before=before)


def _silent(now: datetime, before: datetime) -> _Counted:
    """Open engagements about which the desk has said nothing, and for which it has named no later date."""
    heard = func.coalesce(engagement.c.last_report_at, engagement.c.opened_at, type_=engagement.c.opened_at.type)
    named = engagement.c.waiting_until
    return _oldest(heard, literal_column(IS_OPEN, Boolean), or_(named.is_(None), named < now), before=before)


def _declined(before: datetime) -> _Counted:
    """Declined by its desk, and nobody has engaged another or said what is to become of the case."""
    undecided = engagement.c.successor.is_(None), engagement.c.decline_accepted_by == ""
    return _oldest(engagement.c.ended_at, literal_column("state = 'declined'", Boolean), *undecided, before=before)
