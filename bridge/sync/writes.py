"""Writes to the original case: one PATCH, the verdict asked in the transaction that intends it.

The Table API has no conditional write. What is promised is this: the verdict is computed on a record read just before,
together with the intent, under the case's version; a state write is never repeated blindly but decided again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from bridge.domain.case import Case, Phase, parse_time
from bridge.domain.delivery import Claim, Delivery, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.errors import BridgeError, NotFound, StoreError, UntrustedAnswer
from bridge.domain.hold import Answer
from bridge.domain.ids import DeliveryId, Reference, SysId, reference
from bridge.mapping.marks import mark_in
from bridge.ports import CaseRecord, Frozen, JournalEntry, RecordWrite, Transaction
from bridge.sync.casework import REOPENS, RESOLVES, Casework, Cause
from bridge.sync.deciding import until_settled
from bridge.sync.outcomes import Prepared
from bridge.sync.restored import said_before
from bridge.sync.surroundings import EVER, Surroundings

#: a record: its table and sys_id
Target: TypeAlias = tuple[str, SysId]

_CLOCKS_APART = timedelta(days=1)
"""How far ServiceNow's clock and the store's may differ before a journal entry of ours could be overlooked."""


class WritePerformer:
    """Delivers notes, comments and states to ServiceNow, as many together as are due."""

    #: half the records that one query names, so that one read and two batches deal with them
    most = 100

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def prepare(self, claim: Claim) -> Prepared:
        """Read the record as it is now."""
        table, sys_id = _target(claim.delivery)
        fresh = self._around.source.read(table, sys_id)
        if fresh is None:
            raise NotFound(
                "the case cannot be read", case=sys_id, remedy="look at it in ServiceNow, then retry or cancel"
            )
        return _prepared(claim.delivery, fresh)

    def prepare_all(self, claims: Sequence[Claim]) -> Sequence[Prepared | Exception]:
        """Read the records as they are now, those of a table together."""
        found = self._read([_target(claim.delivery) for claim in claims])
        return [self._prepared_from(found[_target(claim.delivery)], claim) for claim in claims]

    def _prepared_from(self, found: Case | Exception | None, claim: Claim) -> Prepared | Exception:
        if isinstance(found, Exception):
            return found
        if found is not None:
            return _prepared(claim.delivery, found)
        # A query leaves out what is not there and what is not shown; asked for by itself the record says which.
        try:
            return self.prepare(claim)
        except BridgeError as error:
            return error

    def _read(self, targets: Sequence[Target]) -> Mapping[Target, Case | Exception | None]:
        """Records as they are now; None for one that a query does not find."""
        found: dict[Target, Case | Exception | None] = dict.fromkeys(targets)
        for table in {table for table, _ in targets}:
            asked = [sys_id for of, sys_id in targets if of == table]
            try:
                cases = self._around.source.read_many(table, asked)
            except UntrustedAnswer:
                # One row may be what spoils the answer: each is asked for by itself.
                continue
            except BridgeError as error:
                found.update(((table, sys_id), error) for sys_id in asked)
            else:
                found.update(((table, case.sys_id), case) for case in cases)
        return found

    def intend(self, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        """Take the verdict and write the intent down together, or settle the delivery without an attempt."""
        return until_settled(self._around, lambda tx: self._intend_once(tx, claim, prepared, settle_within))

    def _intend_once(self, tx: Transaction, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        delivery, fresh = claim.delivery, prepared.fresh
        if fresh is None:
            raise StoreError("a write is intended on a record read just before", remedy="report this as a defect")
        work = Casework(tx, self._around, _record(tx, delivery), _cause(delivery))
        refusal = _refusal(work, delivery, fresh)
        if refusal:
            tx.finish(claim, DeliveryStatus.CANCELLED, error=refusal)
            work.event("write_withheld", {"delivery": delivery.id, "purpose": _purpose(delivery), "why": refusal})
            if _still_worth_saying(delivery, fresh):
                _say_without_state(work, delivery)
            if fresh.phase is Phase.CLOSED:
                work.alert("closed_case", f"{work.record.number} is closed and takes no more notes; open a child case")
            work.close()
            return None
        # The version moves with the intent: a decision taken meanwhile comes before it, or after it, never beside it.
        work.close()
        return tx.intend(claim, prepared.frozen, settle_within)

    def perform(self, claim: Claim, frozen: Frozen) -> Receipt:
        """The PATCH."""
        table, sys_id = _target(claim.delivery)
        return self._around.source.write(table, sys_id, json.loads(frozen.content))

    def perform_all(self, attempts: Sequence[tuple[Claim, Frozen]]) -> Sequence[Receipt | Exception]:
        """The PATCHes, in as few calls as possible."""
        timing = self._around.timing
        writes = [RecordWrite(*_target(claim.delivery), json.loads(frozen.content)) for claim, frozen in attempts]
        return self._around.source.write_many(writes, timing.batch_timeout - timing.batch_call)

    def ask(self, claim: Claim) -> Receipt | None:
        """Look for our journal entry: it was written by the same PATCH as the fields."""
        entry = self._entries([claim]).get(claim.delivery.id)
        return Receipt(entry.sys_id, _stamps(self._around.source.read(*_target(claim.delivery)))) if entry else None

    def ask_all(self, claims: Sequence[Claim]) -> Sequence[Receipt | Exception | None]:
        """Look for our journal entries, all in one call."""
        try:
            entries = self._entries(claims)
        except BridgeError as error:
            return [error] * len(claims)
        found = self._read([_target(claim.delivery) for claim in claims if claim.delivery.id in entries])
        return [self._receipt(entries.get(claim.delivery.id), found.get(_target(claim.delivery))) for claim in claims]

    def _entries(self, claims: Sequence[Claim]) -> Mapping[DeliveryId, JournalEntry]:
        """The entries by which some claims' deliveries were written."""
        since = min((claim.started_at or EVER) for claim in claims) - _CLOCKS_APART
        cases = [_target(claim.delivery)[1] for claim in claims]
        entries = self._around.source.journals(cases, since)
        ours = [entry for entry in entries if entry.author == self._around.integration_user]
        marked = {(entry.case, mark): entry for entry in ours if (mark := mark_in(entry.text))}
        return {
            claim.delivery.id: entry
            for claim in claims
            if (entry := marked.get(_mark(claim)) or said_before(self._around, claim, ours))
        }

    @staticmethod
    def _receipt(entry: JournalEntry | None, now: Case | Exception | None) -> Receipt | Exception | None:
        if entry is None:
            return None
        return now if isinstance(now, Exception) else Receipt(entry.sys_id, _stamps(now))

    def done(self, tx: Transaction, claim: Claim, receipt: Receipt) -> None:
        """What we wrote is known from now on, so that it is not taken for somebody else's change."""
        delivery = claim.delivery
        work = Casework(tx, self._around, _record(tx, delivery), _cause(delivery))
        if receipt.far_id:
            tx.bind_journal(SysId(receipt.far_id), delivery.id)
        fields = {name: str(value) for name, value in delivery.payload["fields"].items()}
        if work.record.shadow is not None:
            work.record = replace(work.record, shadow=_with(work.record.shadow, fields, receipt.detail))
        for engagement in work.engagements:
            if engagement.resolution_note == delivery.id:
                tx.save_engagement(_noted(engagement, receipt, tx.now()))
        work.event(
            "case_written",
            {
                "delivery": delivery.id,
                "purpose": _purpose(delivery),
                "fields": sorted(fields),
                "state": fields.get("state", ""),
                "element": delivery.payload["element"],
                "attempt": claim.attempt,
            },
            {"text": delivery.payload["text"]},
        )
        _follow_what_was_decided_meanwhile(work, _purpose(delivery))
        work.close()

    def absent(self, tx: Transaction, claim: Claim) -> None:
        """ServiceNow never carried it out: it is decided again at the next claim."""
        work = Casework(tx, self._around, _record(tx, claim.delivery), _cause(claim.delivery))
        work.event("write_absent", {"delivery": claim.delivery.id})
        work.close()

    def failed(self, tx: Transaction, claim: Claim, error: str) -> None:
        """ServiceNow refuses it: a matter for people."""
        work = Casework(tx, self._around, _record(tx, claim.delivery), _cause(claim.delivery))
        work.event(
            "write_refused", {"delivery": claim.delivery.id, "purpose": _purpose(claim.delivery), "error": error}
        )
        work.alert("write_refused", f"{work.record.number}: ServiceNow refused a write: {error}")
        work.close()


def _follow_what_was_decided_meanwhile(work: Casework, purpose: str) -> None:
    """While a write was under way nobody knew where the case stood, so the hold is asked again now that it is known."""
    if purpose == RESOLVES:
        ruling = work.verdict()
        if ruling.answer is Answer.KEEP_OPEN:
            work.reopen(ruling.reason, foreign=False)
    elif purpose == REOPENS:
        work.follow(Answer.KEEP_OPEN)


def _refusal(work: Casework, delivery: Delivery, fresh: Case) -> str:
    """Why this write must not be attempted now; empty if it may."""
    purpose, phase = _purpose(delivery), fresh.phase
    if phase is Phase.CLOSED:
        return "the case is closed"
    if purpose == RESOLVES:
        if phase.is_over:
            return f"the case is {phase.value} already"
        ruling = work.verdict(fresh)
        return "" if ruling.answer is Answer.BRIDGE_MAY_RESOLVE else f"the hold: {ruling.reason}"
    if purpose == REOPENS:
        return _no_reopening(work, fresh)
    if "state" in delivery.payload["fields"] and phase.is_over:
        return f"the case is {phase.value}; a report does not change that"
    return ""


def _no_reopening(work: Casework, fresh: Case) -> str:
    """A resolution is undone only while it stands and the hold waits for somebody."""
    if fresh.phase is not Phase.RESOLVED:
        return f"the case is {fresh.phase.value} again"
    ruling = work.verdict(fresh)
    return "" if ruling.answer is Answer.KEEP_OPEN else f"the hold keeps the case open no longer: {ruling.reason}"


def _still_worth_saying(delivery: Delivery, fresh: Case) -> bool:
    return _purpose(delivery) == "" and fresh.phase is not Phase.CLOSED


def _say_without_state(work: Casework, delivery: Delivery) -> None:
    """The report is told although the state is not changed, under an identity of its own.

    Where it told of a resolution, the resolver can read of it in this note from then on.
    """
    fields = {name: value for name, value in delivery.payload["fields"].items() if name.startswith("correlation")}
    text = delivery.payload["text"].rpartition("\n")[0]
    if delivery.payload["element"] == "comments":
        again = work.write(fields=fields, comment=text)
    else:
        again = work.write(fields=fields, note=text)
    for engagement in work.engagements:
        if engagement.resolution_note == delivery.id:
            work.tx.save_engagement(replace(engagement, resolution_note=again))


def _prepared(delivery: Delivery, fresh: Case) -> Prepared:
    return Prepared(Frozen(delivery.frozen or _body(delivery.payload), "", ()), fresh)


def _mark(claim: Claim) -> tuple[SysId, Reference]:
    """How our entry of a delivery is known: its record and the reference that it ends with."""
    return _target(claim.delivery)[1], reference(claim.delivery.id)


def _target(delivery: Delivery) -> Target:
    if delivery.case is None:
        raise StoreError(f"delivery {delivery.id} belongs to no case", remedy="restore the backup whole")
    return delivery.payload["table"], delivery.case


def _record(tx: Transaction, delivery: Delivery) -> CaseRecord:
    record = tx.case(_target(delivery)[1])
    if record is None:
        raise StoreError(f"the case of delivery {delivery.id} is not in the store", remedy="restore the backup whole")
    return record


def _cause(delivery: Delivery) -> Cause:
    return Cause("bridge", f"delivery:{delivery.id}")


def _purpose(delivery: Delivery) -> str:
    return str(delivery.payload["purpose"])


def _body(payload: Mapping[str, object]) -> bytes:
    fields = payload["fields"]
    body = {**(fields if isinstance(fields, Mapping) else {}), str(payload["element"]): payload["text"]}
    return json.dumps(body, sort_keys=True, ensure_ascii=False).encode()


def _stamps(case: Case | None) -> dict[str, str]:
    names = ("sys_mod_count", "sys_updated_on")
    return {name: case.values[name] for name in names if case is not None and name in case.values}


def _with(shadow: Case, fields: Mapping[str, str], detail: Mapping[str, object]) -> Case:
    """The shadow with what we wrote; the display values of those fields are no longer known."""
    stamps = {name: str(detail[name]) for name in ("sys_mod_count", "sys_updated_on") if name in detail}
    displays = {name: text for name, text in shadow.displays.items() if name not in fields}
    return replace(shadow, values={**shadow.values, **fields, **stamps}, displays=displays)


def _noted(engagement: Engagement, receipt: Receipt, now: datetime) -> Engagement:
    """Remember when the resolver could read of the reported resolution."""
    on = str(receipt.detail.get("sys_updated_on", ""))
    return replace(
        engagement,
        resolution_note_on=parse_time(on) if on else now,
        resolution_note_mod=int(str(receipt.detail.get("sys_mod_count") or 0)),
    )
