"""Engage: landed revisions are decided upon - routes for new cases, facts for those the bridge deals with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bridge.domain.agreement import Mode
from bridge.domain.case import Case
from bridge.domain.changes import Changes, compare, is_older
from bridge.domain.delivery import DeliveryKind
from bridge.domain.engagement import Engagement, State
from bridge.domain.errors import BridgeError
from bridge.domain.facts import (
    CaseCancelled,
    CaseGone,
    CaseReopened,
    CaseResolvedEarly,
    Completed,
    Confirm,
    FieldsChanged,
    Gone,
)
from bridge.domain.hold import Early, judge_resolution
from bridge.domain.ids import SysId
from bridge.mapping.completeness import missing
from bridge.mapping.routing import Hit, Routing
from bridge.ports import CaseRecord, Landed, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import park, until_settled
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

ENGAGING_PAUSED = "pause/engaging"
BATCH = 500


@dataclass
class EngageReport:
    """What one pass did."""

    decided: int = 0
    engaged: int = 0
    held_back: int = 0
    waiting: int = 0
    parked: int = 0


def engage(around: Surroundings, roster: Roster, horizon: datetime | None = None) -> EngageReport:
    """Decide on every landed revision, in order of landing; a poison one parks its own case only.

    A revision at or after `horizon`, up to which the journals have been read, waits: a command written together with
    a change must be applied before the change is judged.
    """
    report = EngageReport()
    after, idle = 0, list[int]()
    while True:
        with around.store.transaction() as tx:
            tx.mark_decided(idle)
            landed = tx.undecided(BATCH, after=after)
            known = tx.cases(list({item.case.sys_id for item in landed})) if landed else {}
            paused = tx.control(ENGAGING_PAUSED) is not None
        report.decided += len(idle)
        idle = []
        if not landed:
            return report
        after = landed[-1].id
        for item, routing in _routed(around, landed):
            if horizon is not None and item.case.updated_on >= horizon:
                report.waiting += 1
                continue
            concerned = _concerns(around, item, routing)
            if item.case.sys_id not in known and not concerned and not _has_kin(item):
                idle.append(item.id)
            elif item.case.sys_id not in known and concerned and paused:
                report.held_back += 1
            else:
                known = {**known, **_decide(around, roster, item, routing, report)}


def _routed(around: Surroundings, landed: Sequence[Landed]) -> list[tuple[Landed, Routing]]:
    return [(item, around.router.route(item.case)) for item in landed]


def _concerns(around: Surroundings, item: Landed, routing: Routing) -> bool:
    return any(_is_live_for(around, item.case, hit) for hit in routing.hits)


def _has_kin(item: Landed) -> bool:
    return bool(item.case.family)


def _is_live_for(around: Surroundings, case: Case, hit: Hit) -> bool:
    """Changes from before go-live are inert."""
    start = around.go_live_of(hit.desk)
    return start is None or case.updated_on >= start


def _decide(
    around: Surroundings, roster: Roster, item: Landed, routing: Routing, report: EngageReport
) -> Mapping[SysId, CaseRecord]:
    """One revision, one transaction; gives the case's record if it has one now."""
    # Asked before the transaction: nothing in it waits for the outside world.
    resolvers = roster.resolvers()
    try:
        record = until_settled(around, lambda tx: _decide_once(tx, around, resolvers, item, routing, report))
    except BridgeError as error:
        if error.retryable:
            raise
        record = _park(around, item, error, report)
    except Exception as error:  # noqa: BLE001 - a poison revision parks its case, whatever is wrong with it
        record = _park(around, item, error, report)
    return {} if record is None else {record.sys_id: record}


def _park(around: Surroundings, item: Landed, error: Exception, report: EngageReport) -> CaseRecord:
    report.parked += 1
    log.error("case_parked", case=item.case.number, error=type(error).__name__, exc_info=error)
    return park(around, item.case, f"{type(error).__name__} while deciding on revision {item.case.mod_count}")


def _decide_once(
    tx: Transaction,
    around: Surroundings,
    resolvers: frozenset[str],
    item: Landed,
    routing: Routing,
    report: EngageReport,
) -> CaseRecord | None:
    case = item.case
    record = tx.case(case.sys_id)
    if record is None:
        if not _concerns(around, item, routing) and not _touches_engaged_family(tx, case):
            tx.mark_decided([item.id])
            report.decided += 1
            return None
        record = CaseRecord(case.sys_id, case.table, case.number, 0)
        tx.add_case(record)
    if record.shadow is not None and is_older(case, record.shadow):
        tx.mark_decided([item.id])
        report.decided += 1
        return record
    work = Casework(tx, around, record, Cause(_author(case), f"revision:{case.number}@{case.mod_count}"))
    changes = compare(record.shadow, case, _written(work))
    work.record = replace(record, shadow=case, number=case.number, gone="")
    _take_changes(work, changes, resolvers)
    # While engaging is paused the revision stays undecided: its changes are in the shadow and not taken twice.
    if _follow_routes(work, case, routing, report):
        tx.mark_decided([item.id])
        report.decided += 1
    return work.close()


def _author(case: Case) -> str:
    return f"servicenow:{case.values.get('sys_updated_by', '')}"


def _touches_engaged_family(tx: Transaction, case: Case) -> bool:
    return any(tx.case(relative) is not None for relative in tx.relatives(case))


def _written(work: Casework) -> dict[str, set[str]]:
    """The values of our own writes that are under way or not yet in the shadow."""
    values: dict[str, set[str]] = defaultdict(set)
    for delivery in work.tx.deliveries(case=work.record.sys_id, pending=True):
        if delivery.kind is DeliveryKind.WRITE and delivery.attempts:
            for name, value in delivery.payload["fields"].items():
                values[name].add(value)
    return values


def _take_changes(work: Casework, changes: Changes, resolvers: frozenset[str]) -> None:
    if changes.resolved or changes.closed:
        _judge(work, changes)
    if changes.cancelled:
        _apply_to_open(work, CaseCancelled(changes.by))
    if changes.reopened or (changes.put_to_work and changes.by in resolvers):
        for engagement in work.engagements:
            if work.newest(engagement.desk) == engagement:
                work.apply(engagement, CaseReopened(changes.by))
    for engagement in work.open():
        _tell_of_changes(work, engagement, changes)


def _apply_to_open(work: Casework, fact: CaseCancelled | CaseResolvedEarly | CaseGone) -> None:
    for engagement in work.open():
        work.apply(engagement, fact)


def _tell_of_changes(work: Casework, engagement: Engagement, changes: Changes) -> None:
    agreement = work.agreement(engagement)
    if engagement.state is State.INCOMPLETE:
        if not missing(work.case, agreement):
            work.apply(engagement, Completed())
        return
    wanted = tuple(change for change in changes.fields if change[0] in agreement.update_on)
    if wanted:
        work.apply(engagement, FieldsChanged(wanted, changes.by))


def _judge(work: Casework, changes: Changes) -> None:
    """Somebody resolved or closed the case: does it confirm, is it allowed, or did it come too early?"""
    judged = judge_resolution(
        work.family(),
        work.agreement,
        closed=changes.closed,
        reopens=work.record.reopens,
        note_was_there=lambda engagement: _note_was_there(work, engagement),
    )
    work.event(
        "resolution_judged",
        {"what": judged.what.value, "reason": judged.reason, "closed": changes.closed},
        {"by": changes.by},
    )
    match judged.what:
        case Early.ALLOWED:
            return
        case Early.CONFIRMS:
            for engagement in work.open():
                if engagement.required:
                    work.apply(engagement, Confirm(changes.by, "resolve"))
            return
        case Early.REOPEN:
            work.reopen(judged.reason)
        case Early.FLAG:
            work.record = replace(work.record, flagged=f"resolved early: {judged.reason}")
            work.say("early_resolution_flagged", {"reason": judged.reason, "by": changes.by})
            work.alert("early_resolution", f"{work.record.number} was resolved too early: {judged.reason}")
        case Early.CLOSED:
            work.record = replace(work.record, flagged=f"closed early: {judged.reason}")
            work.alert(
                "closed_early",
                f"{work.record.number} was closed and can no longer be updated ({judged.reason}): open a child case",
            )
    _apply_to_open(work, CaseResolvedEarly(changes.by, changes.closed))


def _note_was_there(work: Casework, engagement: Engagement) -> bool:
    """Our note with the reported resolution was in the case before it was resolved, so the resolver could read it."""
    noted, case = engagement.resolution_note_on, work.case
    if noted is None or engagement.case != work.record.sys_id:
        return False
    return case.updated_on >= noted and case.mod_count > engagement.resolution_note_mod


def _follow_routes(work: Casework, case: Case, routing: Routing, report: EngageReport) -> bool:
    """Engage, propose or observe what the routes name; False if engaging is paused and the revision must wait."""
    if case.phase.is_over:
        return True
    for hit in routing.hits:
        if not _is_live_for(work.around, case, hit) or work.newest(hit.desk) is not None:
            continue
        desk = work.around.desks.by_name[hit.desk]
        agreement = desk.agreement_on(work.now.date())
        if agreement is None:
            continue
        if desk.mode is Mode.LIVE and hit.automatic:
            if not _may_engage(work, report):
                report.held_back += 1
                return False
            work.engage(hit.desk, "route", agreement=agreement)
            report.engaged += 1
        elif hit.desk not in work.record.offered:
            _offer(work, hit, desk.mode)
    return True


def _offer(work: Casework, hit: Hit, mode: Mode) -> None:
    """Say once that a desk seems concerned: in the trail only while it is observed, else in a work note too."""
    work.record = replace(work.record, offered=(*work.record.offered, hit.desk))
    kind = "observed" if mode is Mode.OBSERVE else "proposed"
    work.event(kind, {"desk": hit.desk, "route": hit.rule, "automatic": hit.automatic})
    if mode is not Mode.OBSERVE:
        work.say("proposed_engagement", {"desk": hit.desk, "reason": hit.text})


def _may_engage(work: Casework, report: EngageReport) -> bool:
    """The ceiling on new engagements: a flood is more likely a wrong route than a bad day."""
    if work.tx.control(ENGAGING_PAUSED) is not None:
        return False
    if report.engaged < work.around.max_new_engagements:
        return True
    reason = f"more than {work.around.max_new_engagements} new engagements in one cycle"
    work.tx.set_control(ENGAGING_PAUSED, reason, "bridge")
    raise_alert(
        work.tx,
        work.around.instance,
        "engaging_paused",
        f"{reason}: look at the routes, then `cpsd-bridge resume --engaging`",
        cause=work.now.isoformat(),
    )
    log.error("engaging_paused", ceiling=work.around.max_new_engagements)
    return False


def case_gone(around: Surroundings, sys_id: SysId, why: Gone, seen: str) -> None:
    """An engaged case can no longer be read: recorded once, shown to people, never acted upon automatically."""

    def decide_once(tx: Transaction) -> None:
        record = tx.case(sys_id)
        if record is None or record.gone == why.value:
            return
        work = Casework(tx, around, replace(record, gone=why.value), Cause("servicenow", f"gone:{record.number}"))
        work.event("case_gone", {"why": why.value, "seen": seen})
        _apply_to_open(work, CaseGone(why, seen))
        work.close()

    until_settled(around, decide_once)
