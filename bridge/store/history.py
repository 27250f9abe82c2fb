"""The trail's rows: written in the transaction of what they tell, never changed, their personal values erasable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select

import bridge
from bridge.domain.ids import SysId
from bridge.ports import ToldEvent, TrailEvent
from bridge.store.prepared import Found, Prepared
from bridge.store.tables import event, event_value
from bridge.store.work import Work, inserting
from bridge.trail.events import SealedValue, seal, with_name, without_name

_RECORD = Prepared(lambda dialect: inserting(dialect, event).returning(event.c.id))
_RECORD_VALUE = Prepared(lambda dialect: inserting(dialect, event_value))
_STORY = Prepared(select(event).where(event.c.case_id == bindparam("case")).order_by(event.c.id))
_VALUES = Prepared(
    select(event_value.c.event, event_value.c.name, event_value.c.value)
    .join_from(event_value, event, event.c.id == event_value.c.event)
    .where(event.c.case_id == bindparam("case"))
)
_HOW_OFTEN = Prepared(
    select(func.count())
    .select_from(event)
    .where(
        event.c.case_id == bindparam("case"),
        event.c.kind == bindparam("kind"),
        event.c.who == bindparam("who"),
        event.c.at >= bindparam("since"),
    )
)


class History(Work):
    """Recording and reading the trail."""

    def record(self, event_: TrailEvent) -> int:
        who, name = without_name(event_.who)
        event_ = replace(event_, who=who)
        sealed = seal({**event_.personal, **name}, self._token)
        number: int = self._value(_RECORD, {**_values(event_, sealed), "at": self.now()})
        for one in sealed:
            self._put(_RECORD_VALUE, {"event": number, "name": one.name, "salt": one.salt, "value": one.value})
        return number

    def story(self, case: SysId) -> tuple[ToldEvent, ...]:
        """Every event of a case in the order in which they were recorded."""
        values: dict[int, dict[str, str]] = defaultdict(dict)
        for row in self._rows(_VALUES, {"case": case}):
            values[row.event][row.name] = row.value.decode()
        rows = self._rows(_STORY, {"case": case})
        return tuple(_told(row, values.get(row.id, {})) for row in rows)

    def count_events(self, case: SysId, kind: str, who: str, since: datetime) -> int:
        """How often something of a kind happened to a case through somebody since then."""
        meant = {"case": case, "kind": kind, "who": who, "since": since}
        count: int = self._value(_HOW_OFTEN, meant)
        return count

    def erase_values(self, *, case: SysId | None = None, before: datetime | None = None) -> int:
        """Delete the personal values of a case's events, or of events older than an instant; how many there were."""
        events = select(event.c.id)
        if case is not None:
            events = events.where(event.c.case_id == case)
        if before is not None:
            events = events.where(event.c.at < before)
        return self._execute(delete(event_value).where(event_value.c.event.in_(events))).rowcount


def _values(event_: TrailEvent, sealed: tuple[SealedValue, ...]) -> dict[str, Any]:
    return {
        "software_version": bridge.__version__,
        "kind": event_.kind,
        "who": event_.who,
        "case_id": event_.case,
        "case_number": event_.case_number,
        "engagement": event_.engagement,
        "round": event_.round,
        "desk": event_.desk,
        "cause": event_.cause,
        "agreement_version": event_.agreement_version,
        "facts": event_.facts,
        "hashes": {one.name: one.digest for one in sealed},
    }


def _told(row: Found, personal: Mapping[str, str]) -> ToldEvent:
    told = TrailEvent(
        kind=row.kind,
        who=with_name(row.who, personal, row.hashes),
        case=row.case_id,
        case_number=row.case_number,
        engagement=row.engagement,
        round=row.round,
        desk=row.desk,
        cause=row.cause,
        agreement_version=row.agreement_version,
        facts=row.facts,
        personal=personal,
    )
    return ToldEvent(row.id, row.at, row.software_version, told, row.hashes)
