"""Desks, the mailbox they answer to, and the people who are alarmed: all in memory, all telling what they got."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from bridge.domain.delivery import Delivery, Receipt
from bridge.domain.errors import BridgeError
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName, Reference
from bridge.ports import (
    PORTAL_SOURCE,
    Authenticity,
    Capabilities,
    CheckResult,
    Clock,
    Correspondence,
    Frozen,
    OutboundMessage,
    RawItem,
    ReadAttachment,
    Reading,
)


@dataclass(frozen=True)
class Mail:
    """One mail as a desk got it."""

    content: bytes
    message_id: str
    attempt: int
    at: datetime

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.content))

    @property
    def kind(self) -> str:
        return str(self.told["kind"])


@dataclass
class FakeDesk:
    """Implements `ports.DeskConnector` for one desk."""

    name: DeskName
    clock: Clock
    #: whether it can be asked for a delivery: a portal can, mail cannot
    can_find: bool = False
    #: whether it has a record of its own, which names it in its receipts
    reads_back: bool = False
    received: list[Mail] = field(default_factory=list)
    #: what happens to the next sendings: an error, and whether the desk got the mail all the same
    faults: list[tuple[BridgeError, bool]] = field(default_factory=list)
    #: recipients that its server refuses while it takes the mail for the others
    refused: tuple[str, ...] = ()
    #: whom its agreement names now; empty takes `desk@NAME.example`
    addresses: tuple[str, ...] = ()
    #: called while a mail is on its way
    on_the_way: Callable[[Frozen], None] | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def fail(self, error: BridgeError, *, arrives: bool = False, times: int = 1) -> None:
        """Let the next sendings fail."""
        self.faults.extend([(error, arrives)] * times)

    def kinds(self, case_number: str = "") -> list[str]:
        """The kinds of message that it got, each delivery once, in order of first arrival."""
        seen: dict[str, str] = {}
        for mail in self.received:
            if case_number in {"", mail.told["case_number"]}:
                seen.setdefault(mail.message_id, mail.kind)
        return list(seen.values())

    def texts(self) -> str:
        """Everything it was ever told."""
        return "\n".join(mail.content.decode() for mail in self.received)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(find=self.can_find, read_back=self.reads_back)

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        told = {
            "kind": message.kind.value,
            "reference": message.reference,
            "case_number": message.case_number,
            "round": message.round,
            "ordinal": message.ordinal,
            "text": message.text,
            "facts": [asdict(fact) for fact in message.facts],
            "thread": list(message.thread),
            "notes": [{"author": note.author, "at": note.at.isoformat(), "text": note.text} for note in message.notes],
            "notes_left_out": message.notes_left_out,
            "files": [[file.name, hashlib.sha256(file.content).hexdigest()] for file in message.files],
            "date": at.isoformat(),
        }
        return Frozen(
            json.dumps(told).encode(),
            f"<{message.id}@bridge.example>",
            self.addresses or (f"desk@{self.name}.example",),
        )

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        if self.on_the_way is not None:
            self.on_the_way(frozen)
        error, arrives = self.faults.pop(0) if self.faults else (None, True)
        if arrives:
            with self._lock:
                self.received.append(Mail(frozen.content, frozen.message_id, attempt, self.clock.now()))
        if error is not None:
            raise error
        return Receipt("queued", {"refused": list(self.refused)})

    def find(self, delivery: Delivery) -> Receipt | None:
        found = any(mail.message_id == f"<{delivery.id}@bridge.example>" for mail in self.received)
        return Receipt("found") if found else None

    def collector(self) -> None:
        return None

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        raise AssertionError("mail is read by the reader that all desks share")

    def check(self) -> Iterator[CheckResult]:
        yield from ()


@dataclass
class FakeMailbox:
    """Implements `ports.Collector`: what desks have written, in the order of arrival."""

    clock: Clock
    name: str = "mail:INBOX"
    items: list[RawItem] = field(default_factory=list)
    _numbers: int = 0

    def put(self, told: Mapping[str, Any]) -> None:
        """A mail arrives."""
        self._numbers += 1
        identity = f"<{self._numbers}@desk.example>"
        raw = json.dumps({"message_id": identity, **told}).encode()
        self.items.append(RawItem(self.name, identity, raw, self.clock.now()))

    def collect(self, keep: Callable[[RawItem], bool]) -> int:
        """Everything is offered every time, as after a change of UIDVALIDITY."""
        return sum(keep(item) for item in self.items)

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        return (item for item in self.items if item.identity not in received and item.received_at >= since)


class FakeReader:
    """Implements `ports.Reader` for the mails of `FakeMailbox`; matches by our reference alone."""

    def receive(
        self, raw: bytes, received_at: datetime, known: Correspondence, found: Authenticity | None = None
    ) -> Reading:
        told = json.loads(raw)
        if told.get("poison"):
            raise ValueError("a mail that no reader survives")
        engagement = known.by_reference(Reference(told.get("reference", "")))
        if engagement is None:
            return Reading("review", "quarantine", ("matches no engagement",), message_id=told["message_id"])
        if "bounced" in told:
            return Reading(
                "bounce",
                "apply",
                ("a delivery status notification",),
                engagement=engagement,
                message_id=told["message_id"],
                bounced_message_id=told["bounced"],
                bounced_recipients=tuple(told["recipients"]),
                permanent=told.get("permanent", True),
            )
        if told["report"] == "blank":
            return Reading("report", "file", ("blank",), engagement=engagement, desk=DeskName(told["desk"]))
        at = datetime.fromisoformat(told["at"]) if told.get("at") else received_at
        return Reading(
            "report",
            "apply",
            (f"{'command_' if told.get('commanded') else 'says '}{told['report']}",),
            engagement=engagement,
            matched_by="reference",
            report=ReportKind(told["report"]),
            desk_reference=told.get("desk_reference", ""),
            text=told.get("text", ""),
            desk=DeskName(told["desk"]),
            at=at,
            ordered=told.get("ordered", True),
            automatic=told.get("automatic", False),
            until=datetime.fromisoformat(told["until"]) if told.get("until") else None,
            direction=DeskName(told["direction"]) if told.get("direction") else None,
            message_id=told["message_id"],
            attachments=tuple(
                ReadAttachment(name, kind, len(content), hashlib.sha256(content).hexdigest(), incidental)
                for name, kind, content, incidental in _files(told)
            ),
        )

    def file_content(self, raw: bytes, file: ReadAttachment) -> bytes | None:
        contents = (content for _, _, content, _ in _files(json.loads(raw)))
        return next((one for one in contents if hashlib.sha256(one).hexdigest() == file.sha256), None)


def sent(name: str, content: bytes, kind: str = "application/pdf", incidental: str = "") -> list[str]:
    """A file of a mail, as `World.report` takes it in `files`."""
    return [name, kind, base64.b64encode(content).decode(), incidental]


def _files(told: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes, str]]:
    for name, kind, content, incidental in told.get("files", ()):
        yield name, kind, base64.b64decode(content), incidental


@dataclass
class FakeAlerts:
    """Implements `ports.Alerts`."""

    sent: list[Mapping[str, Any]] = field(default_factory=list)
    faults: list[BridgeError] = field(default_factory=list)

    def send(self, payload: Mapping[str, Any]) -> Receipt:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(dict(payload))
        return Receipt()

    def codes(self) -> list[str]:
        return [str(payload["code"]) for payload in self.sent]


@dataclass
class Ticket:
    """A record in a portal."""

    record: str
    reference: str
    status: str = "new"
    comments: list[str] = field(default_factory=list)


@dataclass
class FakePortal(FakeDesk):
    """A desk with a system of its own, which makes a record of each case and can be read back."""

    can_find: bool = True
    reads_back: bool = True
    tickets: dict[str, Ticket] = field(default_factory=dict)
    items: list[RawItem] = field(default_factory=list)

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        return replace(super().freeze(message, at), recipients=())

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        told = json.loads(frozen.content)
        ticket = self.tickets.setdefault(told["reference"], Ticket(str(len(self.tickets) + 1), told["reference"]))
        super().send(frozen, attempt)
        receipt = self._receipt(ticket)
        if refused := {name: self.files_refused[name] for name, _ in told["files"] if name in self.files_refused}:
            return replace(receipt, detail={**receipt.detail, "files_refused": refused})
        return receipt

    def find(self, delivery: Delivery) -> Receipt | None:
        if super().find(delivery) is None:
            return None
        assert delivery.frozen is not None
        return self._receipt(self.tickets[json.loads(delivery.frozen)["reference"]])

    def says(self, kind: str, text: str = "", *, status: str = "", at: datetime | None = None, ticket: int = 1) -> None:
        """Something happens to a ticket, and is there to be collected."""
        at = at or self.clock.now()
        told = {"record": str(ticket), "report": kind, "text": text, "status": status, "at": at.isoformat()}
        self._put(told)

    def adds(self, name: str, content: bytes, *, missing: str = "") -> None:
        """A file is added to the first ticket; `missing` says why its bytes do not come with it."""
        about = {"name": name, "type": "application/pdf", "size": len(content)}
        brought = {"missing": missing} if missing else {"content": base64.b64encode(content).decode()}
        said = {"report": "", "text": ""} if missing else {"report": "comment", "text": f"{name} was added"}
        at = self.clock.now().isoformat()
        self._put({"record": "1", "status": "", "at": at, "file": {**about, **brought}, **said})

    def _put(self, told: Mapping[str, Any]) -> None:
        source = f"{PORTAL_SOURCE}{self.name}"
        self.items.append(RawItem(source, str(len(self.items) + 1), json.dumps(told).encode(), self.clock.now()))

    def collector(self) -> "PortalCollector":
        return PortalCollector(self)

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        told = json.loads(raw)
        files = [told["file"]] if "file" in told else []
        return Reading(
            "report",
            "apply" if told["report"] or told["status"] or files else "file",
            (),
            engagement=known.by_desk_record(self.name, told["record"]),
            matched_by="desk_record",
            report=ReportKind(told["report"]) if told["report"] else None,
            channel="portal",
            desk_status=told["status"],
            text=told["text"],
            desk=self.name,
            at=datetime.fromisoformat(told["at"]),
            attachments=tuple(
                ReadAttachment(file["name"], file["type"], file["size"], "", missing=file.get("missing", ""))
                for file in files
            ),
        )

    def _receipt(self, ticket: Ticket) -> Receipt:
        link = f"https://{self.name}.example/tickets/{ticket.record}"
        return Receipt(ticket.record, {"reference": f"REQ-{ticket.record}", "link": link})


@dataclass
class PortalCollector:
    """Implements `ports.Collector` for a portal: everything is offered every time."""

    portal: FakePortal

    @property
    def name(self) -> str:
        return f"{PORTAL_SOURCE}{self.portal.name}"

    def collect(self, keep: Callable[[RawItem], bool]) -> int:
        return sum(keep(item) for item in self.portal.items)

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        return iter(())
