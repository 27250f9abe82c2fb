"""What arrived, until it is settled, and the binding of journal entries of ours to deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, literal_column, select, update

from bridge.domain.errors import StaleCase
from bridge.domain.ids import DeliveryId, EngagementId, SysId
from bridge.ports import InboxItem, InboxState, RawItem
from bridge.store.restoring import Restoring
from bridge.store.tables import case_record, inbox, journal_binding, known_mail, outbox
from bridge.store.work import parts

_PARKED = exists().where(case_record.c.sys_id == inbox.c.case_id, case_record.c.parked != "").correlate(inbox)


class Inbox(Restoring):
    """The inbox."""

    def receive(self, item: RawItem) -> int | None:
        values = {
            "source": item.source,
            "identity": item.identity,
            "raw": item.raw,
            "received_at": item.received_at,
            "stored_at": self.now(),
            "state": InboxState.NEW.value,
            "case_id": item.case,
        }
        statement = self._insert(inbox).on_conflict_do_nothing().returning(inbox.c.id)
        return self._execute(statement, values).scalar_one_or_none()

    def received(self, source: str, identities: Sequence[str]) -> frozenset[str]:
        named = select(inbox.c.identity).where(inbox.c.source == source)
        return frozenset(
            identity
            for some in parts(identities)
            for identity in self._execute(named.where(inbox.c.identity.in_(some))).scalars()
        )

    def received_since(self, source: str, since: datetime) -> frozenset[str]:
        meant = inbox.c.source == source, inbox.c.received_at >= since
        return frozenset(self._execute(select(inbox.c.identity).where(*meant)).scalars())

    def unapplied(self, limit: int) -> tuple[InboxItem, ...]:
        new = _in_state(InboxState.NEW).where(~_PARKED).limit(limit)
        if self._catching_up():
            # What came over days is read in one go then; decided in the order in which it came it comes out the same.
            # Times are of whole seconds: within one a desk speaks first, and people in ServiceNow answer.
            new = new.order_by(None).order_by(inbox.c.received_at, inbox.c.source.like("servicenow:%"), inbox.c.id)
        return self._items(new)

    def items_of(self, case: SysId, *, after: int) -> tuple[InboxItem, ...]:
        return self._items(select(inbox).where(inbox.c.id > after, inbox.c.case_id == case).order_by(inbox.c.id))

    def inbox_item(self, item: int) -> InboxItem | None:
        return next(iter(self._items(select(inbox).where(inbox.c.id == item))), None)

    def identities(self, case: SysId, source: str) -> frozenset[str]:
        of_case = (inbox.c.case_id == case, inbox.c.source == source)
        return frozenset(self._execute(select(inbox.c.identity).where(*of_case)).scalars())

    def quarantined(self) -> tuple[InboxItem, ...]:
        return self._items(_in_state(InboxState.QUARANTINED))

    def settle_item(
        self,
        item: int,
        state: InboxState,
        reason: str,
        *,
        case: SysId | None = None,
        engagement: EngagementId | None = None,
    ) -> None:
        """Raises `StaleCase` if it is settled already: somebody else applied it in between."""
        changes: dict[str, Any] = {"state": state.value, "reason": reason, "settled_at": self.now()}
        changes |= {name: value for name, value in (("case_id", case), ("engagement", engagement)) if value is not None}
        unsettled = inbox.c.state.in_([InboxState.NEW.value, InboxState.QUARANTINED.value])
        if not self._changes(update(inbox).where(inbox.c.id == item, unsettled).values(changes)):
            raise StaleCase(f"item {item} of the inbox is settled already, or there is none")

    def know_mail(self, message_id: str, engagement: EngagementId, item: int | None = None) -> None:
        values = {"message_id": message_id, "engagement": engagement, "item": item}
        if not self._changes(self._insert(known_mail).on_conflict_do_nothing(), values) and item is not None:
            unnamed = known_mail.c.message_id == message_id, known_mail.c.item.is_(None)
            self._changes(update(known_mail).where(*unnamed).values(item=item))

    def first_item(self, message_id: str) -> int | None:
        named = select(known_mail.c.item).where(known_mail.c.message_id == message_id)
        return self._execute(named).scalar_one_or_none()

    def bind_journal(self, entry: SysId, delivery: DeliveryId) -> bool:
        values = {"entry": entry, "delivery": delivery, "bound_at": self.now()}
        if self._changes(self._insert(journal_binding).on_conflict_do_nothing(), values):
            return True
        return self.bound_to(entry) == delivery

    def bound_to(self, entry: SysId) -> DeliveryId | None:
        bound = select(journal_binding.c.delivery).where(journal_binding.c.entry == entry)
        return self._execute(bound).scalar_one_or_none()

    def bound_entries(self, case: SysId) -> Mapping[SysId, DeliveryId]:
        joined = select(journal_binding.c.entry, journal_binding.c.delivery).join(
            outbox, outbox.c.id == journal_binding.c.delivery
        )
        rows = self._execute(joined.where(outbox.c.case_id == case))
        return {SysId(row.entry): DeliveryId(row.delivery) for row in rows}

    def _items(self, statement: Select[Any]) -> tuple[InboxItem, ...]:
        return tuple(_item(row) for row in self._execute(statement))


def _in_state(state: InboxState) -> Select[Any]:
    # Written out, not bound: only so can SQLite see that the partial index fits.
    return select(inbox).where(inbox.c.state == literal_column(f"'{state.value}'")).order_by(inbox.c.id)


def _item(row: Row[Any]) -> InboxItem:
    return InboxItem(
        id=row.id,
        source=row.source,
        identity=row.identity,
        raw=row.raw,
        received_at=row.received_at,
        state=InboxState(row.state),
        reason=row.reason,
        case=row.case_id,
        engagement=row.engagement,
    )
