"""What arrived, until it is settled, and the binding of journal entries of ours to deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, literal_column, or_, select, update

from bridge.domain.errors import StaleCase
from bridge.domain.ids import DeliveryId, EngagementId, SysId
from bridge.ports import InboxItem, InboxState, RawItem
from bridge.store.prepared import Found, Prepared
from bridge.store.restoring import Restoring
from bridge.store.tables import case_record, inbox, journal_binding, known_mail, outbox
from bridge.store.work import inserting, parts

_PARKED = exists().where(case_record.c.sys_id == inbox.c.case_id, case_record.c.parked != "").correlate(inbox)
# Written out: a list of values makes the statement anew whenever it is executed.
_UNSETTLED = or_(
    *(inbox.c.state == literal_column(f"'{one.value}'") for one in (InboxState.NEW, InboxState.QUARANTINED))
)
# Made once: an item is asked about so often that putting these together would take longer than asking.
_ONE = Prepared(select(inbox).where(inbox.c.id == bindparam("item")))
_STATE = Prepared(select(inbox.c.state).where(inbox.c.id == bindparam("item")))
_UNREAD = Prepared(select(inbox.c.id).where(inbox.c.case_id == bindparam("case"), _UNSETTLED).limit(1))
_FIRST = Prepared(select(known_mail.c.item).where(known_mail.c.message_id == bindparam("message_id")))
_SETTLE = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("item"), _UNSETTLED)
    .values(
        state=bindparam("new_state", type_=inbox.c.state.type),
        reason=bindparam("why", type_=inbox.c.reason.type),
        settled_at=bindparam("now", type_=inbox.c.settled_at.type),
        # What is known already stays where nothing is said.
        case_id=func.coalesce(bindparam("of_case", type_=inbox.c.case_id.type), inbox.c.case_id),
        engagement=func.coalesce(bindparam("of_engagement", type_=inbox.c.engagement.type), inbox.c.engagement),
    )
)
_RECEIVE = Prepared(lambda dialect: inserting(dialect, inbox).on_conflict_do_nothing().returning(inbox.c.id))
_KNOW = Prepared(lambda dialect: inserting(dialect, known_mail).on_conflict_do_nothing())
#: of the bytes of items that are taken up together
_OCTETS_AT_ONCE = 16_000_000


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
        number: int | None = self._value(_RECEIVE, values)
        return number

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

    def unapplied(self, limit: int, *, but: Collection[int] = ()) -> tuple[InboxItem, ...]:
        wanted = _in_state(InboxState.NEW).where(~_PARKED).limit(limit + len(but))
        new: Select[Any] = wanted.with_only_columns(inbox.c.id, func.length(inbox.c.raw).label("octets"))
        if self._catching_up():
            # What came over days is read in one go then; decided in the order in which it came it comes out the same.
            # Times are of whole seconds: within one a desk speaks first, and people in ServiceNow answer.
            new = new.order_by(None).order_by(inbox.c.received_at, inbox.c.source.like("servicenow:%"), inbox.c.id)
        chosen, octets = dict[int, int](), 0
        for row in self._execute(new):
            octets += 0 if row.id in but else row.octets
            if chosen and (octets > _OCTETS_AT_ONCE or len(chosen) == limit):
                break
            if row.id not in but:
                chosen[row.id] = len(chosen)
        found = (item for some in parts(chosen) for item in self._items(select(inbox).where(inbox.c.id.in_(some))))
        return tuple(sorted(found, key=lambda item: chosen[item.id]))

    def is_unread(self, case: SysId) -> bool:
        return bool(self._rows(_UNREAD, {"case": case}))

    def items_of(self, case: SysId, *, after: int) -> tuple[InboxItem, ...]:
        return self._items(select(inbox).where(inbox.c.id > after, inbox.c.case_id == case).order_by(inbox.c.id))

    def inbox_item(self, item: int) -> InboxItem | None:
        return next((_item(row) for row in self._rows(_ONE, {"item": item})), None)

    def item_state(self, item: int) -> InboxState | None:
        state = self._value(_STATE, {"item": item})
        return state and InboxState(state)

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
        about = {"item": item, "of_case": case, "of_engagement": engagement}
        if not self._put(_SETTLE, {**about, "new_state": state.value, "why": reason, "now": self.now()}):
            raise StaleCase(f"item {item} of the inbox is settled already, or there is none")

    def know_mail(self, message_id: str, engagement: EngagementId, item: int | None = None) -> None:
        values = {"message_id": message_id, "engagement": engagement, "item": item}
        if not self._put(_KNOW, values) and item is not None:
            unnamed = known_mail.c.message_id == message_id, known_mail.c.item.is_(None)
            self._changes(update(known_mail).where(*unnamed).values(item=item))

    def first_item(self, message_id: str) -> int | None:
        first: int | None = self._value(_FIRST, {"message_id": message_id})
        return first

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


def _item(row: Found) -> InboxItem:
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
