"""Collecting from a portal: what people there have done to the tickets of our engagements.

Each thing is handed over once, under an identity that does not change: a status with the time it was given, or the
status that it follows; a comment and a file by what the portal names them; a ticket that is gone. A pass ends when its
time is over; what is left is the next one's.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import orjson
import structlog

from bridge.connectors.portals.patience import WORDS_FIRST, patience_with
from bridge.connectors.portals.reading import sets_status
from bridge.connectors.portals.statuses import set_by_us
from bridge.connectors.rest.answers import text_of
from bridge.connectors.rest.description import RestSettings
from bridge.connectors.rest.lists import Item, Lists, TooManyPages, is_private
from bridge.connectors.rest.reading import is_ours
from bridge.connectors.rest.session import Session, is_login_refused
from bridge.domain.engagement import Engagement
from bridge.domain.errors import (
    BridgeError,
    ConfigurationError,
    FarSideError,
    NotBegun,
    NotFound,
    StoreError,
    TryLater,
    UntrustedAnswer,
)
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName
from bridge.ports import PORTAL_SOURCE, Cursor, RawItem, Store

Json: TypeAlias = Any
Keep: TypeAlias = Callable[[RawItem], bool]

_log = structlog.get_logger(__name__)
#: so long a ticket is looked at after its engagement has ended
_AFTERWARDS = timedelta(days=14)
#: tickets in a row that cannot be read: the portal is away
_ENOUGH = 3


class RestCollector:
    """Collects from one desk's portal."""

    def __init__(self, desk: DeskName, session: Session, lists: Lists, store: Store) -> None:
        self.name = f"{PORTAL_SOURCE}{desk}"
        self._desk = desk
        self._session = session
        self._settings: RestSettings = session.settings
        self._lists = lists
        self._store = store
        #: tickets that the last pass had no time for, and when each was looked at last
        self._left: list[str] = []
        #: those of the last pass that could not be read and may be later
        self._failed: list[str] = []
        self._looked: dict[str, float] = {}
        #: comments and files by their ticket that could not be read, and since when
        self._unread_since: dict[tuple[str, str], float] = {}

    def collect(self, keep: Keep) -> int:
        """Hand over what is new in tickets that have changed. Raises `TryLater` if the portal is lost."""
        followed = self._followed()
        if not followed:
            return 0
        try:
            due, read_to = self._due(followed)
        except (FarSideError, ConfigurationError) as error:
            raise self._refused(error) from None
        kept, trouble = self._look_at(due, followed, keep)
        if read_to is not None:
            with self._store.transaction() as tx:
                tx.save_cursor(self.name, Cursor(read_to))
        if trouble is not None:
            raise trouble
        return kept

    def _look_at(
        self, due: Iterable[str], followed: Mapping[str, Engagement], keep: Keep
    ) -> tuple[int, BridgeError | None]:
        """Take what is in tickets: how much came, and the first error that may pass.

        One that cannot be read keeps none of the others waiting, and comes after them in the next pass. Where the
        portal asks to be left alone, the pass ends.
        """
        until = self._session.monotonic() + self._settings.patience
        kept, trouble = 0, None
        refused: dict[str, BridgeError] = {}
        self._left, self._failed = [record for record in due if record in followed], []
        for record in tuple(self._left):
            if self._session.monotonic() > until:
                _log.info("portal_pass_ended", collector=self.name, left=len(self._left))
                break
            try:
                kept += sum(keep(item) for item in self._of_ticket(record, followed[record]))
            except StoreError:
                raise
            except BridgeError as error:
                _log.error("ticket_unread", collector=self.name, ticket=record, error=error.message)
                if not error.retryable:
                    refused[record] = error
                else:
                    trouble = trouble or self._unreadable(record, error)
                    self._failed.append(record)
                if isinstance(error, TryLater) and error.retry_after is not None:
                    self._left.remove(record)
                    break
            self._left.remove(record)
            self._looked[record] = self._session.monotonic()
        if refused and len(refused) == len(followed):
            # No ticket is told of: that is the portal's matter, and no person's who looks at one of them.
            self._failed = list(refused)
            return kept, self._refused(next(iter(refused.values())))
        return kept + sum(map(keep, self._unread(refused))), trouble

    def _unreadable(self, record: str, error: BridgeError) -> BridgeError:
        """The error, saying which ticket it was: nothing else may be wrong."""
        wait = error.retry_after if isinstance(error, TryLater) else None
        text = f"ticket {record} cannot be read: {error.message}"
        return TryLater(text, retry_after=wait, remedy=error.remedy, desk=self._desk)

    def _unread(self, refused: Mapping[str, BridgeError]) -> Iterator[RawItem]:
        """Tickets of which the portal will not tell: each is shown to a person once."""
        for record, error in refused.items():
            yield self._item("unread", record, {"words": error.message}, f"unread/{record}")

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:  # noqa: ARG002 - the port's signature
        """Whatever the tickets hold that never came.

        Raises the first error when all were looked at, or when so many in a row could not be read that none can.
        """
        trouble: list[BridgeError] = []
        in_a_row = 0
        for record, engagement in self._followed().items():
            try:
                yield from (one for one in self._of_ticket(record, engagement) if one.identity not in received)
            except StoreError:
                raise
            except BridgeError as error:
                trouble.append(error if error.retryable else self._refused(error))
                in_a_row += 1
                if in_a_row >= _ENOUGH:
                    break
            else:
                in_a_row = 0
        if trouble:
            raise trouble[0]

    def _refused(self, error: BridgeError) -> BridgeError:
        """A portal that refuses to be read is as away as one that is down, and as loud; the others go on."""
        return TryLater(error.message, remedy=error.remedy, desk=self._desk)

    # ── which tickets ────────────────────────────────────────────────────────────────────────────────────────────

    def _followed(self) -> dict[str, Engagement]:
        """By what the portal names each ticket: its newest engagement."""
        with self._store.reading() as tx:
            followed = tx.followed(self._desk, tx.now() - _AFTERWARDS)
        return {one.desk_record: one for one in sorted(followed, key=lambda one: one.opened_at)}

    def _due(self, followed: dict[str, Engagement]) -> tuple[list[str], datetime | None]:
        """The tickets to look at, and up to when the portal's changes are known then.

        Those left over come first, and those that could not be read last.
        """
        due, read_to = self._in_turn(followed)
        failed = [record for record in self._failed if record in followed and record not in self._left]
        return [*(record for record in due if record not in failed), *failed], read_to

    def _in_turn(self, followed: dict[str, Engagement]) -> tuple[list[str], datetime | None]:
        self._looked = {record: at for record, at in self._looked.items() if record in followed}
        self._unread_since = {part: at for part, at in self._unread_since.items() if part[0] in followed}
        left = [record for record in self._left if record in followed]
        if not self._lists.has("changes"):
            return self._in_order(left, followed), None
        with self._store.reading() as tx:
            cursor, now = tx.cursor(self.name), tx.now()
        begin = min(one.opened_at for one in followed.values())
        since = (cursor.watermark if cursor else begin) - timedelta(seconds=self._settings.overlap)
        try:
            changed, at = self._lists.changed(since)
        except TooManyPages:
            return self._in_order(left, followed), now
        records = [one.id for one in changed]
        return self._in_order([*left, *records], self._overdue(followed)), at or now

    def _overdue(self, followed: Iterable[str]) -> list[str]:
        before = self._session.monotonic() - self._settings.look_every
        return [record for record in followed if self._looked.get(record, before) <= before]

    def _in_order(self, first: Iterable[str], then: Iterable[str]) -> list[str]:
        """Each once; of the others those that were not looked at for longest come first."""
        rest = sorted(then, key=lambda record: self._looked.get(record, 0.0))
        return list(dict.fromkeys([*first, *rest]))

    # ── what is in them ──────────────────────────────────────────────────────────────────────────────────────────

    def _of_ticket(self, record: str, engagement: Engagement) -> Iterator[RawItem]:
        try:
            ticket = self._lists.ticket(record)
        except NotFound as error:
            yield self._item("gone", record, {"words": error.message}, f"gone/{record}")
            return
        if ticket.id and ticket.id != record:
            yield self._item("moved", record, {"to": ticket.id, "told": ticket.told}, f"moved/{record}/{ticket.id}")
            return
        # Words come before the status that they explain; of those that cannot be read nobody knows what they command.
        trouble: list[BridgeError] = []
        commanded = False
        for comment in self._comments(record, trouble):
            told = orjson.loads(comment.raw)
            commanded = commanded or "left_out" in told or sets_status(text_of(told.get("text")))
            yield comment
        ordered = not (commanded or trouble)
        yield from self._files(record, trouble)
        yield from self._status(record, ticket, engagement, ordered=ordered)
        if trouble:
            raise trouble[0]

    def _comments(self, record: str, trouble: list[BridgeError]) -> Iterator[RawItem]:
        """Each comment once; those that may be read later leave their errors in `trouble` and hide no others."""
        for item in self._new(self._listed_comments(record, trouble), f"comment/{record}"):
            identity = f"comment/{record}/{item.id}"
            try:
                whole = self._lists.message(record, item)
                told = _parts(whole)
            except BridgeError as error:
                why = self._why_left_out(record, identity, item, error, trouble)
                if why is None:
                    continue
                whole, told = item, {**_parts(item), "left_out": why}
            if not is_ours(whole, self._settings) and not is_private(whole):
                yield self._item("comment", record, told, identity)

    def _listed_comments(self, record: str, trouble: list[BridgeError]) -> list[Item]:
        """What is said in a ticket. A list that is refused, or stays unreadable, holds up the status no longer."""
        place = (record, "comments")
        try:
            listed = [item for item in self._lists.messages(record) if not is_private(item)]
        except BridgeError as error:
            passing = error.retryable or is_login_refused(error)
            since = self._unread_since.setdefault(place, self._session.monotonic())
            waited = timedelta(seconds=self._session.monotonic() - since)
            if passing and (waited < WORDS_FIRST or isinstance(error, NotBegun)):
                raise
            trouble.append(self._refused(error) if is_login_refused(error) else error)
            return []
        self._unread_since.pop(place, None)
        return listed

    def _files(self, record: str, trouble: list[BridgeError]) -> Iterator[RawItem]:
        """Each file once; those that may be fetched later leave their errors in `trouble` and hide no status."""
        try:
            listed = [one for one in self._lists.files(record) if one.text("name") and not is_private(one)]
        except BridgeError as error:
            trouble.append(self._refused(error) if is_login_refused(error) else error)
            return
        for item in self._new(listed, f"file/{record}"):
            identity, whole = f"file/{record}/{item.id}", item
            try:
                whole = self._lists.about_file(record, item)
                if whole.text("author") in self._settings.ours or is_private(whole):
                    continue
                told = self._file(record, whole)
            except BridgeError as error:
                why = self._why_left_out(record, identity, whole, error, trouble)
                if why is None:
                    continue
                told = {**_parts(whole), "file": _about(whole), "left_out": why}
            yield self._item("file", record, told, identity)

    def _why_left_out(
        self, record: str, identity: str, item: Item, error: BridgeError, trouble: list[BridgeError]
    ) -> str | None:
        """Why a part of a ticket is given up; None while it may be read later, with the error in `trouble`."""
        if not error.retryable and not is_login_refused(error):
            return error.message
        _log.warning("part_unread", collector=self.name, part=identity, error=error.message)
        since = self._unread_since.setdefault((record, identity), self._session.monotonic())
        age = timedelta(seconds=self._session.monotonic() - since)
        if isinstance(error, UntrustedAnswer):
            created = self._settings.times.read(item.text("created"))
            age = max(age, self._session.now() - created) if created else age
        if age >= patience_with(error) and not isinstance(error, NotBegun):
            return error.message
        trouble.append(error if error.retryable else self._refused(error))
        return None

    def _file(self, record: str, item: Item) -> dict[str, Json]:
        """A file and what it holds, or why that is left out."""
        about = _about(item)
        told = {**_parts(item), "file": about}
        if not self._lists.has("file"):
            return {**told, "left_out": "rest.requests has no file"}
        if about["size"].isdecimal() and int(about["size"]) > self._settings.largest_file:
            return {**told, "left_out": f"more than {self._settings.largest_file} bytes"}
        content = self._lists.file(record, item)
        whole = {"content": base64.b64encode(content).decode(), "sha256": hashlib.sha256(content).hexdigest()}
        return {**told, "file": {**about, **whole, "size": len(content)}}

    def _status(self, record: str, ticket: Item, engagement: Engagement, *, ordered: bool) -> Iterator[RawItem]:
        status = ticket.text("status")
        if not status or status == engagement.desk_status:
            return
        updated = ticket.text("updated")
        told = {**_parts(ticket), "ours": False, "ordered": ordered}
        ours = self._set_by_us(status, engagement)
        if ours:
            yield self._item("status", record, {**told, "ours": True}, ours)
        elif status in self._settings.statuses:
            when = updated or _after(engagement)
            yield self._item("status", record, told, f"status/{record}/{status}/{when}")
        else:
            # Nobody said what it means: a person is asked once, not at every change of the ticket.
            yield self._item("status", record, told, f"status/{record}/{status}")

    def _set_by_us(self, status: str, engagement: Engagement) -> str:
        """The identity of a status that our last message has set, until another is taken in; empty for any other."""
        on = self._settings.on
        with self._store.reading() as tx:
            ours = set_by_us(tx, engagement, lambda kind: on.get(kind) is not None)
        if ours is None or on[MessageKind(ours.payload["kind"])] != status:
            return ""
        return f"status/{engagement.desk_record}/{status}/by/{ours.id}"

    def _new(self, items: Iterable[Item], prefix: str) -> list[Item]:
        """Those that never came."""
        listed = list(items)
        with self._store.reading() as tx:
            known = tx.received(self.name, [_identity(f"{prefix}/{item.id}") for item in listed])
        return [item for item in listed if _identity(f"{prefix}/{item.id}") not in known]

    def _item(self, kind: str, record: str, parts: dict[str, Json], identity: str) -> RawItem:
        raw = {"kind": kind, "record": record, **parts}
        at = self._session.now().astimezone(UTC)
        return RawItem(self.name, _identity(identity), orjson.dumps(raw, option=orjson.OPT_SORT_KEYS), at)


_LONGEST_IDENTITY = 200


def _identity(text: str) -> str:
    if len(text) <= _LONGEST_IDENTITY:
        return text
    return f"{text[:100]}#{hashlib.sha256(text.encode()).hexdigest()}"


def _after(engagement: Engagement) -> str:
    """What tells a status that is given again from the first time, where nobody says when it was given."""
    since = engagement.desk_status_at
    return f"after/{engagement.desk_status}/{since.astimezone(UTC).isoformat() if since else ''}"


def _about(item: Item) -> dict[str, Json]:
    """What the portal says of a file."""
    return {"name": item.text("name"), "type": item.text("type"), "size": item.text("size")}


def _parts(item: Item) -> dict[str, Json]:
    """What the portal told, and what the configuration read from it; not the bytes of a file, which stand elsewhere."""
    if item.parts.get("content") is not None:
        return {name: value for name, value in item.parts.items() if value is not None and name != "content"}
    return {**{name: value for name, value in item.parts.items() if value is not None}, "told": item.told}
