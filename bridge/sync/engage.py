"""Engage: landed revisions are decided upon - routes for new cases, facts for those the bridge deals with."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import structlog

from bridge.domain.agreement import Mode
from bridge.domain.case import Case
from bridge.domain.changes import Changes, compare, is_older
from bridge.domain.delivery import DeliveryKind
from bridge.domain.engagement import Engagement, State
from bridge.domain.errors import BridgeError, StoreUnavailable
from bridge.domain.facts import (
    CaseCancelled,
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
from bridge.sync.authors import Authors, tell_who, who_changed
from bridge.sync.casework import Casework, Cause
from bridge.sync.deciding import park, until_settled
from bridge.sync.merged import proposed
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

ENGAGING_PAUSED = "pause/engaging"
BATCH = 500
_NOWHERE: Mapping[str, datetime] = MappingProxyType({})


@dataclass
class EngageReport:
    """What one pass did."""

    decided: int = 0
    engaged: int = 0
    held_back: int = 0
    waiting: int = 0
    parked: int = 0


class _Fate(StrEnum):
    """What becomes of a revision that is not decided upon now."""

    #: nobody is concerned
    IDLE = "idle"
    #: its journal has not been read so far, or not applied
    WAITS = "waits"
    #: no new engagements are made now
    HELD_BACK = "held_back"


@dataclass
class _Batch:
    """Revisions, and what is known about their cases."""

    landed: Sequence[Landed]
    known: dict[SysId, CaseRecord]
    #: records that others point at
    related: frozenset[SysId]
    paused: bool
    authors: Authors = field(default_factory=Authors)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a decision came to. A revision that is not `decided` is looked at again."""

    record: CaseRecord | None
    engaged: int = 0
    decided: bool = True


def engage(
    around: Surroundings, roster: Roster, horizon: Mapping[str, datetime] = _NOWHERE, *, held: Container[SysId] = ()
) -> EngageReport:
    """Decide on every landed revision, in order of landing; a poison one parks its own case only.

    A revision at or after `horizon`, up to which the journals of its table have been read, waits: a command written
    together with a change must be applied before the change is judged. One that has relatives waits for the journals of
    every table, for a command there may concern it; the others are not held up by a table that is behind. So do the
    revisions of `held` cases wait, which have commands that could not be applied yet.
    """
    report = EngageReport()
    after, idle = 0, list[int]()
    while True:
        batch = _next_batch(around, after, idle)
        report.decided += len(idle)
        if not batch.landed:
            return report
        after, idle = batch.landed[-1].id, []
        batch.authors = who_changed(around, _ready(batch, horizon, held), batch.known)
        for item in batch.landed:
            try:
                fate = _fate(around, item, batch, horizon, held)
            except Exception as error:  # noqa: BLE001 - a poison revision parks its case, whatever is wrong with it
                batch.known[item.case.sys_id] = _park(around, item, error, report)
                continue
            match fate:
                case _Fate.IDLE:
                    idle.append(item.id)
                case _Fate.WAITS:
                    report.waiting += 1
                case _Fate.HELD_BACK:
                    report.held_back += 1
                case _:
                    _decide(around, roster, item, fate, batch, report)


def _next_batch(around: Surroundings, after: int, idle: Sequence[int]) -> _Batch:
    with around.store.transaction() as tx:
        tx.mark_decided(idle)
        landed = tx.undecided(BATCH, after=after)
        sys_ids = list({item.case.sys_id for item in landed})
        return _Batch(landed, dict(tx.cases(sys_ids)), tx.pointed_at(sys_ids), tx.control(ENGAGING_PAUSED) is not None)


def _ready(batch: _Batch, horizon: Mapping[str, datetime], held: Container[SysId]) -> Iterator[Landed]:
    """Revisions of known cases that are decided upon now: the others are asked about when it comes to them."""
    for item in batch.landed:
        if item.case.sys_id in batch.known and item.case.sys_id not in held:
            with contextlib.suppress(KeyError, ValueError):  # without a readable time it parks its case further on
                if not _is_ahead(item.case, batch, horizon):
                    yield item


def _fate(
    around: Surroundings, item: Landed, batch: _Batch, horizon: Mapping[str, datetime], held: Container[SysId]
) -> _Fate | Routing:
    """Why a revision is not decided upon, else what the routes say about it."""
    case = item.case
    if case.sys_id in held or _is_ahead(case, batch, horizon):
        return _Fate.WAITS
    routing = around.router.route(case)
    if case.sys_id in batch.known:
        return routing
    concerned = _concerns(around, item, routing)
    if not concerned and not case.family and case.sys_id not in batch.related:
        return _Fate.IDLE
    return _Fate.HELD_BACK if concerned and batch.paused else routing


def _is_ahead(case: Case, batch: _Batch, horizon: Mapping[str, datetime]) -> bool:
    """Whether journals that may concern the case have not been read as far as the revision."""
    has_relatives = case.family or case.sys_id in batch.related
    tables = horizon if has_relatives else horizon.keys() & {case.table}
    return any(case.updated_on >= horizon[table] for table in tables)


def _concerns(around: Surroundings, item: Landed, routing: Routing) -> bool:
    return any(_is_live_for(around, item.case, hit) for hit in routing.hits)


def _is_live_for(around: Surroundings, case: Case, hit: Hit) -> bool:
    """Changes from before go-live are inert."""
    start = around.go_live_of(hit.desk)
    return start is None or case.updated_on >= start


def _decide(
    around: Surroundings, roster: Roster, item: Landed, routing: Routing, batch: _Batch, report: EngageReport
) -> None:
    """One revision, one transaction."""
    try:
        # Asked before the transaction: nothing in it waits for the outside world.
        resolvers = roster.resolvers()
        room = around.max_new_engagements - report.engaged
        outcome = until_settled(
            around, lambda tx: _decide_once(tx, around, resolvers, item, routing, room, batch.authors)
        )
    except StoreUnavailable:
        raise
    except BridgeError as error:
        if error.retryable:
            log.warning("revision_waits", case=item.case.number, error=error.code)
            report.waiting += 1
            return
        batch.known[item.case.sys_id] = _park(around, item, error, report)
        return
    except Exception as error:  # noqa: BLE001 - a poison revision parks its case, whatever is wrong with it
        batch.known[item.case.sys_id] = _park(around, item, error, report)
        return
    report.decided += outcome.decided
    report.engaged += outcome.engaged
    report.held_back += not outcome.decided
    if outcome.record is not None:
        batch.known[item.case.sys_id] = outcome.record


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
    room: int,
    authors: Authors,
) -> _Outcome:
    case = item.case
    record = tx.case(case.sys_id)
    if record is None:
        concerned = _concerns(around, item, routing)
        if not concerned and not _touches_engaged_family(tx, case):
            tx.mark_decided([item.id])
            return _Outcome(None)
        # For the family's sake it matters how the record stood before; a case that is engaged now begins with now.
        record = CaseRecord(
            case.sys_id, case.table, case.number, 0, shadow=None if concerned else tx.landed_before(item)
        )
        tx.add_case(record)
    if record.shadow is not None and is_older(case, record.shadow):
        tx.mark_decided([item.id])
        return _Outcome(record)
    work = Casework(tx, around, record, Cause("servicenow", f"revision:{case.number}@{case.mod_count}"))
    changes, named_by = authors.name(compare(record.shadow, case, _written(work)), case)
    work.cause = replace(work.cause, who=f"servicenow:{changes.by}")
    tell_who(work, changes, named_by)
    work.record = replace(record, shadow=case, number=case.number, gone=_still_gone(record))
    _take_changes(work, changes, resolvers)
    before = len(work.engagements)
    # While engaging is paused the revision stays undecided: its changes are in the shadow and not taken twice.
    decided = _follow_routes(work, case, routing, room)
    if decided:
        tx.mark_decided([item.id])
    return _Outcome(work.close(), len(work.engagements) - before, decided)


def _still_gone(record: CaseRecord) -> str:
    """A case that is read again is not gone; whether a source finds it is asked elsewhere."""
    return record.gone if record.gone == Gone.OUTSIDE else ""


def _touches_engaged_family(tx: Transaction, case: Case) -> bool:
    return any(tx.engagements(relative) for relative in tx.relatives(case))


def _written(work: Casework) -> dict[str, set[str]]:
    """The values of our own writes that are under way or not yet in the shadow."""
    values: dict[str, set[str]] = defaultdict(set)
    for delivery in work.tx.deliveries(case=work.record.sys_id, pending=True):
        if delivery.kind is DeliveryKind.WRITE and delivery.attempts:
            for name, value in delivery.payload["fields"].items():
                values[name].add(value)
    return values


def _take_changes(work: Casework, changes: Changes, resolvers: frozenset[str]) -> None:
    if not proposed(work, changes):
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


def _apply_to_open(work: Casework, fact: CaseCancelled | CaseResolvedEarly) -> None:
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


def _follow_routes(work: Casework, case: Case, routing: Routing, room: int) -> bool:
    """Engage, propose or observe what the routes name; False if engaging is paused and the revision must wait."""
    if case.phase.is_over:
        return True
    before = len(work.engagements)
    for hit in routing.hits:
        if not _is_live_for(work.around, case, hit) or work.newest(hit.desk) is not None:
            continue
        desk = work.around.desks.by_name[hit.desk]
        agreement = desk.agreement_on(work.now.date())
        if agreement is None:
            continue
        if desk.mode is Mode.LIVE and hit.automatic:
            if not _may_engage(work, room - (len(work.engagements) - before)):
                return False
            work.engage(hit.desk, "route", agreement=agreement)
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


def _may_engage(work: Casework, room: int) -> bool:
    """The ceiling on new engagements: a flood is more likely a wrong route than a bad day."""
    if work.tx.control(ENGAGING_PAUSED) is not None:
        return False
    if room > 0:
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
