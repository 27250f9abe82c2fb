"""Engaged cases that are not where they were: deleted, hidden, in another table, or out of every source's filter.

What was seen is recorded once and shown to people. Only a deletion that the audit proves ends an engagement by itself,
and only where the agreement says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.domain.agreement import OnCaseDeleted
from bridge.domain.case import Case
from bridge.domain.delivery import DeliveryKind, DeliveryStatus
from bridge.domain.facts import CaseGone, Gone, Withdraw
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord, Transaction
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import until_settled
from bridge.sync.surroundings import Surroundings

_UNREADABLE = frozenset({Gone.DELETED, Gone.HIDDEN, Gone.RECLASSIFIED, Gone.MERGED})


def look_for(around: Surroundings, missing: Iterable[CaseRecord], *, again: bool = False) -> int:
    """Ask why engaged cases did not come back, of those known as gone only `again`; for how many it was asked."""
    asked = [record for record in missing if again or record.gone not in _UNREADABLE]
    for record in asked:
        why, seen = around.source.why_gone(record.table, record.sys_id)
        case_gone(around, record.sys_id, why, seen)
    return len(asked)


def case_gone(around: Surroundings, sys_id: SysId, why: Gone, seen: str) -> None:
    """A case can no longer be read: recorded and shown once for each reason."""

    def decide_once(tx: Transaction) -> None:
        record = tx.case(sys_id)
        if record is None or record.gone == why:
            return
        work = _work(tx, around, record, why.value)
        work.event("case_gone", {"why": why.value}, {"seen": seen})
        for engagement in work.open():
            work.apply(engagement, CaseGone(why, seen))
        if why is Gone.DELETED:
            _end_where_agreed(work)
            _drop_writes(work)
        work.close()

    until_settled(around, decide_once)


def _end_where_agreed(work: Casework) -> None:
    for engagement in work.open():
        if work.agreement(engagement).on_case_deleted is OnCaseDeleted.WITHDRAW:
            work.apply(engagement, Withdraw("bridge", "the case was deleted in ServiceNow"))


def _drop_writes(work: Casework) -> None:
    """What still waits to be written has no record to be written to. An attempt under way is settled by asking."""
    for delivery in work.tx.deliveries(case=work.record.sys_id, pending=True):
        if delivery.kind is DeliveryKind.WRITE and not delivery.attempts:
            work.tx.set_delivery(delivery.id, DeliveryStatus.CANCELLED, error="the record was deleted")


def look_where(around: Surroundings, found: Sequence[CaseRecord], changed: Sequence[Case]) -> None:
    """Of engaged cases that came back: which can be read again, and of those that changed, which left the filters."""
    for record in found:
        if record.gone in _UNREADABLE:
            _back(around, record.sys_id)
    left = {record.sys_id for record in found if record.gone == Gone.OUTSIDE}
    by_table: dict[str, list[SysId]] = defaultdict(list)
    for case in changed:
        by_table[case.table].append(case.sys_id)
    for table, sys_ids in by_table.items():
        inside = _inside(around, table, sys_ids)
        for sys_id in sys_ids:
            if sys_id not in inside:
                _outside(around, sys_id)
            elif sys_id in left:
                _back(around, sys_id)


def _inside(around: Surroundings, table: str, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
    """Those that a source finds; all of them where no source narrows the table, or none reads it any more."""
    streams = [source.cases for source in around.sources if source.cases.table == table]
    if not all(stream.query for stream in streams) or not streams:
        return frozenset(sys_ids)
    return frozenset(one for stream in streams for one in around.source.matching(stream, sys_ids))


def _outside(around: Surroundings, sys_id: SysId) -> None:
    """The case was given to somebody else: the work with the desks goes on, and the resolver is told."""

    def decide_once(tx: Transaction) -> None:
        record = tx.case(sys_id)
        if record is None or record.gone == Gone.OUTSIDE:
            return
        work = _work(tx, around, record, Gone.OUTSIDE.value)
        work.event("case_outside", {"table": record.table})
        for engagement in work.open():
            work.say("case_outside", {"desk": engagement.desk})
        work.close()

    until_settled(around, decide_once)


def _back(around: Surroundings, sys_id: SysId) -> None:
    def decide_once(tx: Transaction) -> None:
        record = tx.case(sys_id)
        if record is None or not record.gone:
            return
        work = _work(tx, around, record, "")
        work.event("case_back", {"was": record.gone})
        work.close()

    until_settled(around, decide_once)


def _work(tx: Transaction, around: Surroundings, record: CaseRecord, gone: str) -> Casework:
    cause = Cause("servicenow", f"gone:{record.number} (version {record.version})")
    return Casework(tx, around, replace(record, gone=gone), cause)
