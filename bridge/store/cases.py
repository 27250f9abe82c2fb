"""The bridge's own record of a case; its version guards every decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, text, union_all, update

from bridge.domain.case import Case
from bridge.domain.errors import StaleCase
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord
from bridge.store.prepared import Prepared
from bridge.store.tables import case_record, engagement
from bridge.store.tables.cases import IS_OPEN
from bridge.store.work import Work, parts

_BY_SYS_ID = Prepared(select(case_record).where(case_record.c.sys_id == bindparam("sys_id")))
#: The record as it was read, and nobody's since.
_SAVE = Prepared(
    update(case_record)
    .where(case_record.c.sys_id == bindparam("saved_sys_id"), case_record.c.version == bindparam("seen_version"))
    .values({column: bindparam(column.name, type_=column.type) for column in case_record.c})
)


class Cases(Work):
    """Case records."""

    def case(self, sys_id: SysId) -> CaseRecord | None:
        row = self._row(_BY_SYS_ID, {"sys_id": sys_id})
        return row and _record(row)

    def case_by_number(self, number: str) -> CaseRecord | None:
        row = self._execute(select(case_record).where(case_record.c.number == number)).first()
        return row and _record(row)

    def cases(self, sys_ids: Sequence[SysId]) -> Mapping[SysId, CaseRecord]:
        found = {}
        for some in parts(sys_ids):
            rows = self._execute(select(case_record).where(case_record.c.sys_id.in_(some)))
            found.update({SysId(row.sys_id): _record(row) for row in rows})
        return found

    def engaged_cases(self) -> tuple[CaseRecord, ...]:
        rows = self._execute(_ENGAGED_CASES)
        return tuple(_record(row) for row in rows)

    def add_case(self, record: CaseRecord) -> None:
        if not self._changes(self._insert(case_record).on_conflict_do_nothing(), _values(record)):
            raise StaleCase("the case was added by somebody else", case=record.number)

    def save_case(self, record: CaseRecord) -> CaseRecord:
        saved = replace(record, version=record.version + 1)
        if not self._put(_SAVE, {**_values(saved), "saved_sys_id": record.sys_id, "seen_version": record.version}):
            raise StaleCase("the case was decided upon by somebody else", case=record.number)
        return saved


def _engaged() -> Any:  # noqa: ANN401 - a select
    """Cases with an open engagement, or with a declined one for which the hold still waits.

    It waits until the declined engagement, or one in the chain of its successors, confirmed or was decided by a person.
    """
    waiting = (
        select(engagement.c.id.label("root"), engagement.c.id, engagement.c.state, engagement.c.successor)
        .add_columns(engagement.c.decline_accepted_by)
        .where(text("state = 'declined'"), engagement.c.required, engagement.c.decline_accepted_by == "")
        .cte("chain", recursive=True)
    )
    following = engagement.alias("following")
    chain = waiting.union(
        select(
            waiting.c.root,
            following.c.id,
            following.c.state,
            following.c.successor,
            following.c.decline_accepted_by,
        ).join_from(waiting, following, following.c.id == waiting.c.successor)
    )
    settled = select(chain.c.root).where(or_(chain.c.state == "confirmed", chain.c.decline_accepted_by != ""))
    declined = engagement.alias("declined")
    held = select(declined.c.case_id).where(declined.c.id.in_(select(chain.c.root)), declined.c.id.not_in(settled))
    still_open = select(engagement.c.case_id).where(text(IS_OPEN))
    return (
        select(case_record).where(case_record.c.sys_id.in_(union_all(still_open, held))).order_by(case_record.c.sys_id)
    )


_ENGAGED_CASES = _engaged()


def _values(record: CaseRecord) -> dict[str, Any]:
    shadow = record.shadow
    return {
        "sys_id": record.sys_id,
        "table_name": record.table,
        "number": record.number,
        "version": record.version,
        "shadow": shadow and [shadow.table, shadow.values, shadow.displays],
        "journals_from": record.journals_from,
        "parked": record.parked,
        "gone": record.gone,
        "reopens": record.reopens,
        "flagged": record.flagged,
        "offered": list(record.offered),
        "next_ordinal": record.next_ordinal,
    }


def _record(row: Row[Any]) -> CaseRecord:
    shadow = None
    if row.shadow:
        table, values, displays = row.shadow
        shadow = Case(table, SysId(row.sys_id), values, displays)
    return CaseRecord(
        sys_id=SysId(row.sys_id),
        table=row.table_name,
        number=row.number,
        version=row.version,
        shadow=shadow,
        journals_from=row.journals_from,
        parked=row.parked,
        gone=row.gone,
        reopens=row.reopens,
        flagged=row.flagged,
        offered=tuple(row.offered),
        next_ordinal=row.next_ordinal,
    )
