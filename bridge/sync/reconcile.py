"""Reconcile: every open engagement compared with ServiceNow and with the desk, case by case.

It finds what pull, sweep and collect should have found and did not, and what people or rules did to what the bridge
wrote. What is safe is mended by the way that everything takes: landed, or received into the inbox. The store is read
before ServiceNow, so that whatever it holds as done must be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from bridge.domain.case import Case
from bridge.domain.delivery import Delivery, DeliveryStatus
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import BridgeError, TryLater
from bridge.domain.facts import MessageKind
from bridge.domain.hold import verdict
from bridge.domain.hours import NeverOpenError
from bridge.domain.ids import DeliveryId, DeskName, SysId
from bridge.mapping.difference import Difference, Kind
from bridge.mapping.differences import Held, ReadTo, Shown, at, compare
from bridge.mapping.entries import ATTACHMENT_SOURCE
from bridge.mapping.marks import written_by
from bridge.mapping.message import due_by
from bridge.ports import AttachmentEntry, CaseRecord, JournalEntry, Stamp, Transaction
from bridge.sync.arriving import not_yet_here
from bridge.sync.kin import engagements_of_family, shown
from bridge.sync.mending import Evidence, Found, Mender
from bridge.sync.messages import is_of_another_method
from bridge.sync.restored import catching_up
from bridge.sync.surroundings import EVER, Surroundings

_log = structlog.get_logger(__name__)

Told = Callable[[int, int | None], None]
"""Cases done, of how many."""

_BATCH = 200
_NEVER = datetime.min.replace(tzinfo=UTC)
_MARGIN = timedelta(days=3)
"""Mails are compared with what arrived a little earlier too: the server's days are not ours."""
_WATCHED = ("state", "assignment_group", "assigned_to", "priority", "correlation_display")


@dataclass
class Reconciliation:
    """What was found, and which far sides could not be asked."""

    cases: int = 0
    found: list[Found] = field(default_factory=list)
    #: (far side, why)
    unreachable: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Theirs:
    """What ServiceNow shows of a batch of cases."""

    cases: Mapping[SysId, Case]
    entries: Mapping[SysId, list[JournalEntry]]
    files: Mapping[SysId, list[AttachmentEntry]]


def reconcile(
    around: Surroundings,
    *,
    who: str = "bridge",
    mend: bool = True,
    only: SysId | None = None,
    told: Told = lambda _done, _total: None,
) -> Reconciliation:
    """Compare all open engagements, or those of one case; mend what is safe, raise alarms for the rest.

    `who` is named in the trail. Without `mend` nothing is changed, not even the trail. A far side that cannot be
    reached is named and the others go on. Raises `TryLater` while a restored store catches up: until then it knows less
    than ServiceNow of what it did itself.
    """
    around = replace(around, source=around.source.at_low_priority())
    report = Reconciliation()
    walk = _Walk(around, Mender(around, who, mend=mend), report)
    with around.store.reading() as tx:
        if catching_up(tx) is not None:
            raise TryLater(
                "the store was restored and has not caught up yet",
                remedy="let the service run, then compare",
            )
        engaged = [one for one in tx.engaged_cases() if only in {None, one.sys_id}]
        walk.begin(tx)
    told(0, len(engaged))
    for table, records in _batched(engaged):
        if not walk.batch(table, records):
            break
        report.cases += len(records)
        told(report.cases, len(engaged))
    walk.desks([record.sys_id for record in engaged])
    if only is None:
        walk.mailboxes()
    _log.info("reconciled", cases=report.cases, found=len(report.found), unreachable=len(report.unreachable))
    return report


def _batched(records: Iterable[CaseRecord]) -> Iterator[tuple[str, list[CaseRecord]]]:
    by_table: dict[str, list[CaseRecord]] = defaultdict(list)
    for record in records:
        by_table[record.table].append(record)
    for table, ours in by_table.items():
        for first in range(0, len(ours), _BATCH):
            yield table, ours[first : first + _BATCH]


@dataclass
class _Walk:
    """One run."""

    around: Surroundings
    mender: Mender
    report: Reconciliation
    read_to: dict[str, ReadTo] = field(default_factory=dict)
    late: frozenset[DeliveryId] = frozenset()

    def begin(self, tx: Transaction) -> None:
        """How far each table was read, and what waits for long."""
        self.late = tx.unfinished_since(tx.now() - self.around.reconciling.late)
        for table in {source.cases.table for source in self.around.sources}:
            of_table = [source for source in self.around.sources if source.cases.table == table]
            streams = zip(*((one.cases.name, one.journals.name, one.attachments.name) for one in of_table), strict=True)
            self.read_to[table] = ReadTo(*(_watermark(tx, names) for names in streams))

    def batch(self, table: str, records: Sequence[CaseRecord]) -> bool:
        """Compare some cases of a table; False if ServiceNow cannot be asked now."""
        with self.around.store.reading() as tx:
            held = {record.sys_id: self._held(tx, record) for record in records}
        try:
            theirs = self._ask(table, records)
            found = self._compared(table, held, theirs)
            again = {one.case: held[one.case] for one in found if one.kind is Kind.ENTRY_GONE and one.case}
            if again:
                # What we wrote before the case was engaged lies before what was asked for.
                found = [one for one in found if one.case not in again]
                found += self._compared(table, again, self._ask(table, [one.record for one in again.values()], EVER))
        except BridgeError as error:
            if not error.retryable:
                raise
            self.report.unreachable.append(("servicenow", error.message))
            return False
        self._take(found, theirs)
        return True

    def _ask(self, table: str, records: Sequence[CaseRecord], since: datetime | None = None) -> _Theirs:
        source, sys_ids = self.around.source, [record.sys_id for record in records]
        if since is None:
            since = min((record.journals_from for record in records if record.journals_from), default=EVER)
        cases = {case.sys_id: case for case in source.read_many(table, sys_ids)}
        entries: dict[SysId, list[JournalEntry]] = defaultdict(list)
        files: dict[SysId, list[AttachmentEntry]] = defaultdict(list)
        for entry in source.journals(sys_ids, since):
            entries[entry.case].append(entry)
        for file in source.attachments(sys_ids, since):
            files[file.case].append(file)
        return _Theirs(cases, entries, files)

    def _held(self, tx: Transaction, record: CaseRecord) -> Held:
        family = engagements_of_family(tx, shown(record))
        engagements = tx.engagements(record.sys_id)
        return Held(
            record=record,
            engagements=engagements,
            deliveries=tx.deliveries(case=record.sys_id),
            ruling=verdict(family, self.around.desks.agreement),
            late=self.late,
            owing=dict(self._owing(record, engagements, tx.now())),
        )

    def _owing(
        self, record: CaseRecord, engagements: Iterable[Engagement], now: datetime
    ) -> Iterator[tuple[DeskName, datetime]]:
        """Desks whose agreed time for a first answer is over, and when it was."""
        for one in engagements:
            if one.state is not State.OPEN or one.standing is not Standing.SENT or record.shadow is None:
                continue
            agreement = self.around.desks.agreement(one)
            try:
                due = due_by(MessageKind.OPEN, record.shadow, one, agreement, one.opened_at)
            except NeverOpenError:
                continue
            if due is not None and due <= now:
                yield one.desk, due

    def _compared(self, table: str, held: Mapping[SysId, Held], theirs: _Theirs) -> list[Difference]:
        read_to = self.read_to.get(table, ReadTo(_NEVER, _NEVER, _NEVER))
        found: list[Difference] = []
        with self.around.store.reading() as tx:
            for sys_id, ours in held.items():
                entries, files, case = theirs.entries[sys_id], theirs.files[sys_id], theirs.cases.get(sys_id)
                new = {one.sys_id for one in not_yet_here(tx, entries)}
                received = frozenset[str](one.sys_id for one in entries if one.sys_id not in new)
                received |= tx.received(ATTACHMENT_SOURCE, [one.sys_id for one in files])
                known = replace(
                    ours,
                    received=received,
                    bound=tx.bound_entries(sys_id),
                    landed=case is not None and _is_landed(tx, case, ours.record.shadow),
                )
                writers = {entry.sys_id: written_by(entry, ours.deliveries) for entry in entries}
                there = Shown(case, entries, files, writers)
                found += compare(known, there, read_to, self.around.integration_user, self.around.desks.agreement)
        return found

    def _take(self, found: Sequence[Difference], theirs: _Theirs) -> None:
        for one in found:
            self._found(one, _evidence(one, theirs))

    def _found(self, difference: Difference, evidence: Evidence = None) -> None:
        found = self.mender.take(difference, evidence)
        if found is not None:
            self.report.found.append(found)

    # ── desks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def desks(self, cases: Sequence[SysId]) -> None:
        """Ask the desks that can be asked for the opening messages of their open engagements."""
        away: set[DeskName] = set()
        for engagement, delivery in self._opened(cases):
            if engagement.desk in away:
                continue
            try:
                there = self.around.connectors[engagement.desk].find(delivery) is not None
            except BridgeError as error:
                if not error.retryable:
                    raise
                away.add(engagement.desk)
                self.report.unreachable.append((engagement.desk, error.message))
                continue
            kind = _of_message(delivery, there=there)
            if kind is not None:
                said = "a message whose answer was lost is there" if there else "the opening message is there no more"
                difference = Difference(
                    kind, said, delivery.id, engagement.case, engagement.case_number, engagement.desk
                )
                self._found(difference)

    def _opened(self, cases: Sequence[SysId]) -> Iterator[tuple[Engagement, Delivery]]:
        """Open engagements with desks that can be asked, and their opening messages as far as they were attempted."""
        askable = {name for name, connector in self.around.connectors.items() if connector.capabilities.find}
        if not askable:
            return
        with self.around.store.reading() as tx:
            found = [
                (engagement, delivery)
                for case in cases
                for engagement in tx.engagements(case)
                if engagement.is_open and engagement.desk in askable
                for delivery in tx.deliveries(engagement=engagement.id)
                if delivery.payload.get("kind") == MessageKind.OPEN.value and delivery.attempts
                if not is_of_another_method(self.around, delivery)
            ]
        yield from found

    def mailboxes(self) -> None:
        """Look for what lies in a mailbox, was passed by, and never came."""
        for collector in self.around.collectors:
            with self.around.store.reading() as tx:
                since = tx.now() - self.around.reconciling.back
                received = tx.received_since(collector.name, since - _MARGIN)
            try:
                for item in collector.overlooked(received, since):
                    seen = f"a mail of {at(item.received_at)} lies in {collector.name} and never came"
                    self._found(Difference(Kind.MISSED_MAIL, seen, item.identity), item)
            except BridgeError as error:
                if not error.retryable:
                    raise
                self.report.unreachable.append((collector.name, error.message))


def _evidence(difference: Difference, theirs: _Theirs) -> Evidence:
    """What ServiceNow shows of a difference: the entry, the file, else the record."""
    if difference.case is None:
        return None
    listed: list[JournalEntry | AttachmentEntry] = [*theirs.entries[difference.case], *theirs.files[difference.case]]
    named = (one for one in listed if one.sys_id == difference.about)
    return next(named, theirs.cases.get(difference.case))


def _watermark(tx: Transaction, streams: Iterable[str]) -> datetime:
    """Up to where all of some streams have been read."""
    cursors = [tx.cursor(name) for name in streams]
    return min((cursor.watermark if cursor else _NEVER for cursor in cursors), default=_NEVER)


def _is_landed(tx: Transaction, case: Case, shadow: Case | None) -> bool:
    """Whether this revision came, and says the same as when it came: a rule may change a record without a stamp."""
    if shadow is not None and (case.mod_count, case.updated_on) == (shadow.mod_count, shadow.updated_on):
        return _same_values(case, shadow)
    return not tx.not_landed([Stamp(case.sys_id, case.updated_on, case.mod_count)])


def _same_values(case: Case, shadow: Case) -> bool:
    return all(case.values.get(name, "") == shadow.values.get(name, "") for name in _WATCHED)


def _of_message(delivery: Delivery, *, there: bool) -> Kind | None:
    """What a portal's answer about a message means; None if it is as it should be, or as the outbox will find out."""
    if there and delivery.status is DeliveryStatus.UNKNOWN:
        return Kind.MESSAGE_ARRIVED
    if not there and delivery.status is DeliveryStatus.DONE and not delivery.last_error:
        return Kind.MESSAGE_GONE
    return None
