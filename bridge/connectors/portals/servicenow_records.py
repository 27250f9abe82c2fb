"""What happens to our records in a desk's ServiceNow: collected as items, and read as what the desk says.

A record is looked at as it stands: its state when it differs from the last one that was taken in, its journal entries
and its files, each once by its sys_id, and that it is there no more. Entries are looked for a day back each time, and
from the beginning for a record of which nobody knew two days ago.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bridge.connectors.portals.patience import patience_with
from bridge.connectors.portals.reading import beside_commands, sets_status, with_words
from bridge.connectors.portals.statuses import is_resolved_already, set_by_us
from bridge.domain.case import Case, format_time, parse_time
from bridge.domain.contacts import ServiceNowContact
from bridge.domain.engagement import Engagement
from bridge.domain.errors import BridgeError
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.ids import DeskName, Reference, SysId
from bridge.mapping.marks import mark_in
from bridge.ports import (
    PORTAL_SOURCE,
    AttachmentEntry,
    CaseSource,
    Correspondence,
    Cursor,
    JournalEntry,
    RawItem,
    ReadAttachment,
    Reading,
    Store,
)

Keep = Callable[[RawItem], bool]

_log = structlog.get_logger(__name__)

_FOLLOWED_FOR = timedelta(days=30)
_BACK = timedelta(days=1)
_BATCH = 100
#: people at the desk write as themselves; these are the platform's own
_MACHINES = frozenset({"system", "guest"})


@dataclass(frozen=True, slots=True)
class RecordCollector:
    """Collects from the records that the desk has of our cases, for a month after they ended too."""

    desk: DeskName
    contact: ServiceNowContact
    client: CaseSource
    store: Store

    @property
    def name(self) -> str:
        """As which its items and its position are known."""
        return f"{PORTAL_SOURCE}{self.desk}"

    def collect(self, keep: Keep) -> int:
        """Hand over what is new. Raises what reading raises; what was handed over stays.

        A file that cannot be fetched holds up nothing else: the first such error is raised when all was looked at.
        """
        with self.store.reading() as tx:
            now, cursor = tx.now(), tx.cursor(self.name)
            followed = tx.followed(self.desk, now - _FOLLOWED_FOR)
        if not followed:
            return 0
        read_to = self.client.server_time()
        since = min(read_to, cursor.watermark if cursor else read_to) - _BACK
        count = 0
        trouble: list[BridgeError] = []
        for first in range(0, len(followed), _BATCH):
            batch = followed[first : first + _BATCH]
            looked = cursor.watermark if cursor else None
            count += sum(keep(item) for item in self._of(batch, _since(batch, since, now), now, looked, trouble))
        with self.store.transaction() as tx:
            tx.save_cursor(self.name, Cursor(read_to))
        if trouble:
            raise trouble[0]
        return count

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        """What lies there since an instant and never came: the day that each pass looks back makes this rare."""
        with self.store.reading() as tx:
            now, followed = tx.now(), tx.followed(self.desk, since)
        trouble: list[BridgeError] = []
        for first in range(0, len(followed), _BATCH):
            batch = followed[first : first + _BATCH]
            found = itertools.chain(
                self._entries(self._journal(batch, since), now), self._files(batch, since, now, trouble)
            )
            yield from (item for item in found if item.identity not in received)
        if trouble:
            raise trouble[0]

    def _of(
        self,
        engagements: Sequence[Engagement],
        since: datetime,
        now: datetime,
        looked: datetime | None,
        trouble: list[BridgeError],
    ) -> Iterator[RawItem]:
        """Entries before states, so that a comment that goes with a resolution is taken in before it.

        `looked` is when the last whole pass began, by their clock.
        """
        entries = self._journal(engagements, since)
        commanded = {entry.case for entry in entries if self._commands(entry, looked)}
        yield from self._entries(entries, now)
        yield from self._files(engagements, since, now, trouble)
        by_record = _by_record(engagements)
        records = {case.sys_id: case for case in self.client.read_many(self.contact.table, list(by_record))}
        for sys_id, engagement in by_record.items():
            record = records.get(sys_id)
            if record is None:
                yield from self._gone(sys_id, engagement, now)
            elif _status(record) != engagement.desk_status:
                told = {**_state(record), "ordered": sys_id not in commanded}
                yield self._state(record, engagement, told, now)

    def _state(self, record: Case, engagement: Engagement, told: Mapping[str, Any], now: datetime) -> RawItem:
        changes = self.contact.changes
        with self.store.reading() as tx:
            ours = set_by_us(tx, engagement, lambda kind: "state" in changes.get(kind, {}))
        if ours and _shows(record, changes[MessageKind(ours.payload["kind"])]):
            return self._item(f"{record.sys_id}/by/{ours.id}", "state", {**told, "ours": True}, now)
        status = _status(record)
        # Nobody said what it means: a person is asked once, not at every change of the record.
        when = f"{record.mod_count}/" if _is_agreed(record, self.contact) else ""
        return self._item(f"{record.sys_id}/{when}{status}", "state", told, now)

    def _journal(self, engagements: Sequence[Engagement], since: datetime) -> list[JournalEntry]:
        entries = self.client.journals(list(_by_record(engagements)), since)
        return [entry for entry in entries if entry.element in self.contact.reads]

    def _entries(self, entries: Sequence[JournalEntry], now: datetime) -> Iterator[RawItem]:
        # The platform counts in seconds: which of two came first, nobody knows.
        at_once = Counter((entry.case, entry.created_on) for entry in entries)
        for entry in entries:
            ordered = at_once[entry.case, entry.created_on] == 1
            yield self._item(entry.sys_id, "entry", {**_entry(entry), "ordered": ordered}, now)

    def _files(
        self, engagements: Sequence[Engagement], since: datetime, now: datetime, trouble: list[BridgeError]
    ) -> Iterator[RawItem]:
        """Each file once; those that could not be fetched now leave their errors in `trouble`."""
        files = self.client.attachments(list(_by_record(engagements)), since)
        with self.store.reading() as tx:
            known = tx.received(self.name, [file.sys_id for file in files])
        for file in files:
            # Ours came from here; each other is fetched once.
            if file.author == self.contact.user or file.sys_id in known:
                continue
            try:
                told = self._file(file, now)
            except BridgeError as error:
                _log.warning("file_unread", collector=self.name, file=file.sys_id, error=error.message)
                trouble.append(error)
                continue
            yield self._item(file.sys_id, "file", told, now)

    def _commands(self, entry: JournalEntry, looked: datetime | None) -> bool:
        """Whether somebody there has given a command since the last look."""
        is_new = looked is None or entry.created_on >= looked.replace(microsecond=0)
        return is_new and entry.author != self.contact.user and sets_status(entry.text)

    def _file(self, file: AttachmentEntry, now: datetime) -> dict[str, Any]:
        """A file with its bytes, or why they are left out. Raises what may pass, until the file is old enough."""
        told = {"record": file.case, "author": file.author, "at": format_time(file.created_on)}
        about = {"name": file.file_name, "type": file.content_type, "size": file.size, "sha256": file.sha256}
        if file.size > self.contact.largest_file:
            return {**told, "file": about, "left_out": f"more than {self.contact.largest_file} bytes"}
        try:
            content = self.client.download(file, self.contact.largest_file)
        except BridgeError as error:
            # Left out before it is older than what is looked back for.
            if error.retryable and now - file.created_on < patience_with(error):
                raise
            return {**told, "file": about, "left_out": error.message}
        return {**told, "file": {**about, "content": base64.b64encode(content).decode()}}

    def _gone(self, sys_id: SysId, engagement: Engagement, now: datetime) -> Iterator[RawItem]:
        if not engagement.is_open:
            return
        why, seen = self.client.why_gone(self.contact.table, sys_id)
        yield self._item(f"{sys_id}/gone/{why.value}", "gone", {"record": sys_id, "why": why.value, "seen": seen}, now)

    def _item(self, identity: str, kind: str, told: Mapping[str, Any], now: datetime) -> RawItem:
        raw = json.dumps({"kind": kind, **told}, ensure_ascii=False, sort_keys=True).encode()
        return RawItem(self.name, identity, raw, now)


def read_item(
    raw: bytes, received_at: datetime, known: Correspondence, desk: DeskName, contact: ServiceNowContact
) -> Reading:
    """What one item says; never raises on its contents."""
    try:
        told = json.loads(raw)
        start = _start(told, received_at, known, desk)
        if start.engagement is None:
            return replace(start, kind="review", verdict="quarantine", reasons=("unknown_record",))
        return _READERS[told["kind"]](start, told, known, contact)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reasons = ("unreadable", type(error).__name__)
        return Reading("review", "quarantine", reasons, channel="portal", desk=desk, at=received_at)


def _start(told: Mapping[str, Any], received_at: datetime, known: Correspondence, desk: DeskName) -> Reading:
    engagement = known.by_desk_record(desk, told["record"])
    if engagement is None and told.get("correlation_id"):
        engagement = known.by_reference(Reference(told["correlation_id"]))
    return Reading(
        "report",
        "file",
        (),
        engagement=engagement,
        matched_by="desk_record" if engagement else "",
        channel="portal",
        desk=desk,
        sender=told.get("author", ""),
        authenticated=True,
        at=min(parse_time(told["at"]), received_at) if "at" in told else received_at,
        ordered=bool(told.get("ordered", True)),
    )


def _read_state(start: Reading, told: Mapping[str, Any], known: Correspondence, contact: ServiceNowContact) -> Reading:
    status = told["status"]
    reading = replace(start, verdict="apply", desk_status=status, desk_reference=told["number"], text=told["text"])
    if told.get("ours"):
        return replace(reading, reasons=("state_set_by_us",))
    try:
        report = contact.reports(told["state"], told["hold_reason"])
    except KeyError:
        return replace(reading, kind="review", verdict="quarantine", reasons=("state_not_agreed", status))
    if is_resolved_already(report, start.engagement, known):
        # Resolved becomes closed after some days by itself.
        return replace(reading, reasons=("resolved_already",))
    automatic = report is ReportKind.RECEIVED
    reading = replace(reading, report=report, automatic=automatic, reasons=(f"state_{told['state']}",))
    return reading if reading.ordered else beside_commands(reading)


def _read_entry(start: Reading, told: Mapping[str, Any], known: Correspondence, contact: ServiceNowContact) -> Reading:
    del known
    if told["author"] == contact.user:
        if mark_in(told["text"]) is not None:
            return replace(start, kind="own", verdict="drop", reasons=("own_entry",))
        return replace(start, kind="review", verdict="quarantine", reasons=("written_as_us",), text=told["text"])
    reading = with_words(start, told["text"])
    if told["author"] in _MACHINES and reading.report is ReportKind.COMMENT:
        return replace(reading, kind="automatic", automatic=True)
    return reading


def _read_file(start: Reading, told: Mapping[str, Any], known: Correspondence, contact: ServiceNowContact) -> Reading:
    del known, contact
    file = told["file"]
    attachment = ReadAttachment(file["name"], file["type"], int(file["size"]), file["sha256"])
    if "left_out" in told:
        missing = (replace(attachment, missing=told["left_out"]),)
        return replace(start, verdict="apply", reasons=("file_left_out", told["left_out"]), attachments=missing)
    text = f"A file was added: {file['name']}"
    return replace(
        start,
        verdict="apply",
        report=ReportKind.COMMENT,
        reasons=("file_added",),
        attachments=(attachment,),
        text=text,
    )


def _read_gone(start: Reading, told: Mapping[str, Any], known: Correspondence, contact: ServiceNowContact) -> Reading:
    del known, contact
    reasons = ("record_gone", told["why"], told["seen"])
    return replace(start, kind="review", verdict="quarantine", reasons=reasons)


_READERS: Mapping[str, Callable[[Reading, Mapping[str, Any], Correspondence, ServiceNowContact], Reading]] = {
    "state": _read_state,
    "entry": _read_entry,
    "file": _read_file,
    "gone": _read_gone,
}


def _by_record(engagements: Sequence[Engagement]) -> dict[SysId, Engagement]:
    """The newest engagement of each record."""
    rounds: dict[SysId, list[Engagement]] = defaultdict(list)
    for one in engagements:
        rounds[SysId(one.desk_record)].append(one)
    return {record: max(ours, key=lambda one: one.round) for record, ours in rounds.items()}


def _since(engagements: Sequence[Engagement], since: datetime, now: datetime) -> datetime:
    """From when entries are looked for: from its beginning for a record that is new to us."""
    new = (one.opened_at for one in engagements if one.received_at is None or one.received_at > now - 2 * _BACK)
    return min(since, *new, since)


def _status(record: Case) -> str:
    """The state in their own words, with the reason for which it is on hold."""
    shown = record.shown("state")
    reason = record.shown("hold_reason")
    return f"{shown}: {reason}" if reason else shown


def _shows(record: Case, change: Mapping[str, str]) -> bool:
    """Whether a record stands as a change of ours has put it."""
    return all(record.values.get(name, "") == change[name] for name in ("state", "hold_reason") if name in change)


def _is_agreed(record: Case, contact: ServiceNowContact) -> bool:
    try:
        contact.reports(record.values.get("state", ""), record.values.get("hold_reason", ""))
    except KeyError:
        return False
    return True


def _state(record: Case) -> dict[str, Any]:
    values, profile = record.values, record.profile
    notes = (record.shown(name) for name in (profile.resolution_code, profile.resolution_notes) if name)
    return {
        "record": record.sys_id,
        "number": record.number,
        "correlation_id": values.get("correlation_id", ""),
        "state": values.get("state", ""),
        "hold_reason": values.get("hold_reason", ""),
        "status": _status(record),
        "text": "\n".join(note for note in notes if note),
        "at": values["sys_updated_on"],
    }


def _entry(entry: JournalEntry) -> dict[str, Any]:
    return {
        "record": entry.case,
        "element": entry.element,
        "author": entry.author,
        "text": entry.text,
        "at": format_time(entry.created_on),
    }
