"""A desk whose own system is a ServiceNow: our case is a record of theirs, under a correlation_id of ours.

What is created there carries our reference as `correlation_id`, so that a lost answer never makes a second record. What
is written carries its delivery's reference in the last line, as our notes at home do.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from bridge.connectors.portals.servicenow_records import RecordCollector, read_item
from bridge.connectors.portals.writing import marked
from bridge.domain.case import Case
from bridge.domain.contacts import ServiceNowContact
from bridge.domain.delivery import Delivery, DeliveryStatus, Receipt
from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater, UntrustedAnswer
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeliveryId, DeskName, SysId, reference
from bridge.mapping.marks import mark_in
from bridge.ports import (
    AttachmentEntry,
    Capabilities,
    CaseSource,
    CheckResult,
    Collector,
    Correspondence,
    Frozen,
    OutboundMessage,
    Reading,
    Store,
    Stream,
)

_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_SUMMARY_LENGTH = 160
"""Of `short_description`, in characters, as the platform ships it."""


class TheirServiceNow(CaseSource, Protocol):
    """The client of their instance: what is read and written at home, and what is created."""

    def correlated(self, table: str, correlation_id: str) -> tuple[Case, ...]:
        """The records under an identity of ours, the oldest first."""
        ...

    def create(self, table: str, correlation_id: str, body: Mapping[str, str]) -> Case:
        """The record under an identity of ours, made now if it is not there."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class ServiceNowDesk:
    """One desk in one table of its instance."""

    capabilities = Capabilities(find=True, read_back=True)

    def __init__(
        self, desk: DeskName, contact: ServiceNowContact, client: TheirServiceNow, store: Store, *, address: str
    ) -> None:
        """`address` is the instance's, for the links that people follow."""
        self._desk = desk
        self._contact = contact
        self._client = client
        self._store = store
        self._address = address.rstrip("/")

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """The record or the change as it will be written, with the files; `at` is not used: the platform dates it."""
        del at
        told = {
            "delivery": message.id,
            "kind": message.kind.value,
            "correlation_id": message.reference,
            "record": message.desk_record,
            "body": self._new(message) if message.kind is MessageKind.OPEN else self._change(message),
            "files": [
                {"name": file.name, "type": file.content_type, "content": base64.b64encode(file.content).decode()}
                for file in message.files
            ],
        }
        return Frozen(json.dumps(told, ensure_ascii=False, sort_keys=True).encode(), message.id, ())

    def _new(self, message: OutboundMessage) -> dict[str, str]:
        contact = self._contact
        return {
            "short_description": message.summary[:_SUMMARY_LENGTH],
            "description": marked(message),
            "correlation_display": message.case_number,
            **contact.priorities.get(message.priority, {}),
            **contact.fields,
        }

    def _change(self, message: OutboundMessage) -> dict[str, str]:
        return {self._contact.element: marked(message), **self._contact.changes.get(message.kind, {})}

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Create the record, or write into it; then store the files that are not there yet."""
        told = json.loads(frozen.content)
        try:
            receipt = self._open(told) if told["kind"] == MessageKind.OPEN.value else self._say(told, attempt)
        except UntrustedAnswer as error:
            # Only reads are answered so: what stands before the write.
            raise TryLater(error.message, remedy=error.remedy, desk=self._desk) from error
        return self._with_files(receipt, SysId(receipt.far_id), told["files"])

    def _open(self, told: Mapping[str, Any]) -> Receipt:
        return self._receipt(self._client.create(self._contact.table, told["correlation_id"], told["body"]))

    def _say(self, told: Mapping[str, Any], attempt: int) -> Receipt:
        sys_id = self._record(told)
        if attempt == 1 or not self._is_written(sys_id, told["delivery"]):
            self._client.write(self._contact.table, sys_id, told["body"])
        return Receipt(sys_id)

    def _with_files(self, receipt: Receipt, sys_id: SysId, files: Sequence[Mapping[str, str]]) -> Receipt:
        """The files are stored one by one; one that their rules refuse is named, and stops none of the others.

        Whatever else goes wrong leaves the message begun: nobody may say that nothing was done.
        """
        refused: dict[str, str] = {}
        try:
            stored = self._client.attachments([sys_id], _EVER) if files else ()
            for file in files:
                content = base64.b64decode(file["content"])
                if not _is_there(file["name"], content, stored):
                    try:
                        self._client.attach(self._contact.table, sys_id, file["name"], file["type"], content)
                    except FarSideError as error:
                        refused[file["name"]] = error.message
        except (TryLater, UntrustedAnswer) as error:
            raise OutcomeUnknown(f"a file is not stored yet: {error.message}", desk=self._desk) from error
        return replace(receipt, detail={**receipt.detail, "files_refused": refused}) if refused else receipt

    def find(self, delivery: Delivery) -> Receipt | None:
        """The receipt of a message that is there with all its files; None if any of it is missing now."""
        if delivery.frozen is None:
            return None
        told = json.loads(delivery.frozen)
        opening = told["kind"] == MessageKind.OPEN.value
        records = self._client.correlated(self._contact.table, told["correlation_id"])
        if not records:
            return None
        record = records[0]
        if not opening and not self._is_written(record.sys_id, told["delivery"]):
            return None
        receipt = self._receipt(record) if opening else Receipt(record.sys_id)
        if delivery.status is DeliveryStatus.DONE:
            # A file that was refused is not there, and was said not to be.
            return receipt
        stored = self._client.attachments([record.sys_id], _EVER) if told["files"] else ()
        there = (_is_there(file["name"], base64.b64decode(file["content"]), stored) for file in told["files"])
        return receipt if all(there) else None

    def _record(self, told: Mapping[str, Any]) -> SysId:
        """Which record a message belongs to: as known when it was rendered, else the one under our reference."""
        if told["record"]:
            return SysId(told["record"])
        records = self._client.correlated(self._contact.table, told["correlation_id"])
        if not records:
            raise FarSideError(
                "the desk's ServiceNow has no record under our reference",
                desk=self._desk,
                remedy="ask the desk what became of it, then retry or skip the delivery",
            )
        return records[0].sys_id

    def _is_written(self, sys_id: SysId, delivery: str) -> bool:
        """Whether a journal entry of ours ends with the delivery's reference."""
        mark = reference(DeliveryId(delivery))
        entries = self._client.journals([sys_id], _EVER)
        return any(entry.author == self._contact.user and mark_in(entry.text) == mark for entry in entries)

    def _receipt(self, record: Case) -> Receipt:
        return Receipt(record.sys_id, {"reference": record.number, "link": self._link(record)})

    def _link(self, record: Case) -> str:
        return f"{self._address}/nav_to.do?uri={record.table}.do?sys_id={record.sys_id}"

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def collector(self) -> Collector | None:
        return RecordCollector(self._desk, self._contact, self._client, self._store)

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        return read_item(raw, received_at, known, self._desk, self._contact)

    def check(self) -> Iterator[CheckResult]:
        """What `check` proves of our own instance, of theirs: login, time zone, roles, the table and its columns."""
        stream = Stream(f"desk {self._desk}", self._contact.table)
        columns = {self._contact.table: tuple(self._contact.fields)}
        for result in self._client.check([stream], columns):
            yield replace(result, name=f"{self._desk}: {result.name}")

    def close(self) -> None:
        self._client.close()


def _is_there(name: str, content: bytes, stored: Sequence[AttachmentEntry]) -> bool:
    digest = hashlib.sha256(content).hexdigest()
    return any(
        entry.file_name == name and entry.size == len(content) and entry.sha256.lower() in {"", digest}
        for entry in stored
    )
