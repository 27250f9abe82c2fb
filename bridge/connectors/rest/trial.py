"""A walk over everything that a described API must be able to do, on a ticket made for it, with every request shown."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from bridge.connectors.rest.plan import Request
from bridge.connectors.rest.reading import is_ours
from bridge.connectors.rest_desk import RestDesk
from bridge.domain.errors import BridgeError, FarSideError
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, reference
from bridge.mapping.marks import mark_in
from bridge.ports import File, OutboundMessage

Json: TypeAlias = Any

_FILE = File("cpsd-bridge-test.txt", "text/plain", b"A file of the bridge's trial. \xc3\xa4\xc3\xb6\xc3\xbc\n")
_SHOWN = 1500


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, without anything secret: what signs a request is never among it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json
    #: None if there was no answer
    status: int | None
    answer: str


@dataclass(slots=True)
class Step:
    """One thing that was tried."""

    name: str
    ok: bool = True
    detail: str = ""
    remedy: str = ""
    exchanges: list[Exchange] = field(default_factory=list)


class Trial:
    """One walk at one desk. `token` are random bytes: no two walks share a reference."""

    def __init__(self, desk: RestDesk, name: DeskName, token: bytes, at: datetime) -> None:
        self._desk = desk
        self._name = name
        self._seed = uuid.uuid5(uuid.NAMESPACE_OID, token.hex())
        self._at = at
        self._record = ""
        self._count = 0
        self._step = Step("")

    def walk(self) -> Iterator[Step]:
        """Each step as it ends. After one without which nothing else can be tried, nothing else is."""
        self._desk.session.seen = self._saw
        try:
            for name, do, needed in self._steps():
                self._step = Step(name)
                try:
                    self._step.detail = do()
                except BridgeError as error:
                    self._step.ok = False
                    self._step.detail, self._step.remedy = error.message, error.remedy
                yield self._step
                if needed and not self._step.ok:
                    return
        finally:
            self._desk.session.seen = None

    def _steps(self) -> Iterator[tuple[str, Callable[[], str], bool]]:
        yield "log in and search", self._search, True
        yield "open a ticket with a file", self._open, True
        yield "find it instead of opening another", self._again, False
        yield "say something", self._say, False
        yield "read the ticket back", self._read, False
        if self._desk.lists.has("files"):
            yield "read the file back", self._read_file, False
        if self._desk.lists.has("changes"):
            yield "see it among the changes", self._changes, False
        yield "withdraw it", self._withdraw, False

    def _search(self) -> str:
        found = self._desk.lists.found({"reference": self._reference, "mark": "[cpsd:0000000000]", "delivery": "0"})
        if found:
            raise FarSideError(
                "the search finds tickets that are not ours", remedy="let find search for {{ reference }} or {{ mark }}"
            )
        return "nothing is there under a new reference"

    def _open(self) -> str:
        self._opening = self._message(MessageKind.OPEN, "This is a trial of the CPSD bridge. Please ignore it.")
        receipt = self._desk.send(self._desk.freeze(self._opening, self._at), 1)
        self._record = receipt.far_id
        named, link = receipt.detail.get("reference", ""), receipt.detail.get("link", "")
        return " ".join(word for word in (f"ticket {self._record}", f"({named})" if named else "", link) if word)

    def _again(self) -> str:
        receipt = self._desk.send(self._desk.freeze(self._opening, self._at), 2)
        if receipt.far_id != self._record:
            raise FarSideError(
                f"a second attempt made ticket {receipt.far_id}",
                remedy="let find search for {{ reference }} or {{ mark }}; where searches lag, set find_lag",
            )
        return "the second attempt found the ticket and the file"

    def _say(self) -> str:
        message = self._message(MessageKind.TEXT, "A message of the trial: quotes ' \" and < & > and ä.")
        self._desk.send(self._desk.freeze(message, self._at), 1)
        self._desk.send(self._desk.freeze(message, self._at), 2)
        return "said once in two attempts"

    def _read(self) -> str:
        lists = self._desk.lists
        ticket = lists.ticket(self._record)
        status = ticket.text("status")
        said = [lists.message(self._record, item) for item in lists.messages(self._record)]
        ours = [item for item in said if mark_in(item.text("text")) is not None]
        if not ours:
            raise FarSideError("none of what was said can be read", remedy="correct messages: answer.text")
        strange = sorted({item.text("author") for item in ours if not is_ours(item, self._desk.settings)})
        if strange:
            raise FarSideError(
                f"what the bridge has said counts as the desk's, by {', '.join(strange)}", remedy="add them to ours:"
            )
        if not status or status not in self._desk.settings.statuses:
            raise FarSideError(f"the status {status!r} has no meaning", remedy="add it to statuses:")
        return f"status {status!r}, {len(ours)} texts of ours"

    def _read_file(self) -> str:
        lists = self._desk.lists
        found = [one for one in lists.files(self._record) if one.text("name") == _FILE.name]
        if not found:
            raise FarSideError("the file is not listed", remedy="correct attachment: and files:")
        if not lists.has("file"):
            return "listed; its contents are not fetched, for there is no request for that"
        if lists.file(self._record, found[0]) != _FILE.content:
            raise FarSideError("the file does not hold what was sent", remedy="correct attachment: and file:")
        return "it holds what was sent"

    def _changes(self) -> str:
        changed, at = self._desk.lists.changed(self._at - timedelta(minutes=10))
        if self._record not in {one.id for one in changed}:
            raise FarSideError(
                "the ticket is not among the changes of ten minutes",
                remedy="correct changes: and the form of times:; some systems leave the newest minutes out",
            )
        clock = f"; its clock is {abs((at - self._desk.session.now()).total_seconds()):.0f} s from ours" if at else ""
        return f"{len(changed)} tickets have changed{clock}"

    def _withdraw(self) -> str:
        message = self._message(MessageKind.WITHDRAW, "The trial is over.")
        self._desk.send(self._desk.freeze(message, self._at), 1)
        return f"status {self._desk.lists.ticket(self._record).text('status')!r}"

    @property
    def _reference(self) -> str:
        return reference(str(self._seed))

    def _message(self, kind: MessageKind, text: str) -> OutboundMessage:
        self._count += 1
        has_files = kind is MessageKind.OPEN and "attachment" in self._desk.settings.requests
        return OutboundMessage(
            id=DeliveryId(str(uuid.uuid5(self._seed, str(self._count)))),
            kind=kind,
            engagement=EngagementId(str(self._seed)),
            reference=reference(str(self._seed)),
            round=1,
            ordinal=self._count,
            case_number="TRIAL",
            priority="P4",
            summary="Trial of the CPSD bridge, please ignore",
            ask="Nothing is to be done.",
            due=None,
            text=text,
            facts=(),
            desk=self._name,
            desk_reference="",
            desk_record=self._record,
            files=(_FILE,) if has_files else (),
        )

    def _saw(self, request: Request, status: int | None, answer: str) -> None:
        self._step.exchanges.append(
            Exchange(request.method, request.path, dict(request.query), _short(request.body), status, answer[:_SHOWN])
        )


def _short(content: Json) -> Json:
    """A body without the length of its texts."""
    match content:
        case str():
            return content if len(content) <= _SHOWN else f"{content[:_SHOWN]}…"
        case Mapping():
            return {key: _short(one) for key, one in content.items()}
        case list():
            return [_short(one) for one in content]
        case _:
            return content
