r"""Collecting mail so that none is lost: committed here first, flagged there afterwards.

What is new is decided by UIDVALIDITY and UID, not by the \\Seen flag, which a person who looks into the mailbox sets as
well. Where that fails (a new UIDVALIDITY, a crash between commit and flag), a mail comes twice and its identity tells.
"""

from __future__ import annotations

import imaplib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.connectors.mail.identity import identity
from bridge.connectors.mail.keeping import (
    OVERSIZE_BYTES,
    Keep,
    KeepsTogether,
    are_kept,
    believable,
    is_kept,
    marked,
    pass_over,
)
from bridge.connectors.mail.mailbox import LOST, Listed, Mailbox, opened
from bridge.connectors.mail.positions import Position, Positions, StorePositions
from bridge.connectors.mail.settings import MailSettings
from bridge.domain.errors import TryLater, UntrustedAnswer
from bridge.ports import CheckResult, CheckStatus, RawItem, Store

_BATCH = 50
#: octets of mails in one commit
_COMMITTED_AT_ONCE = 4_000_000


class MailboxCollector:
    """Collects one mailbox by IMAP.

    Args:
        settings: where it is.
        store: where positions are kept.
        positions: instead of the store.
        name: what it is called; its folder if it is left out.
        source: as what its mails are kept. Mailboxes that share one keep a mail that went to several of them once.
    """

    def __init__(
        self,
        settings: MailSettings,
        store: Store,
        *,
        positions: Positions | None = None,
        name: str = "",
        source: str = "",
    ) -> None:
        self._settings = settings
        self._positions = positions or StorePositions(store)
        self._careful = False
        self.name = f"mail:{name or settings.mailbox}"
        self.source = source or self.name

    def collect(self, keep: Keep) -> int:
        """Hand every mail that was not kept yet to `keep`, oldest first; returns how many there were.

        A mail that cannot be fetched or kept is passed over and tried again the next time; the others go on. Raises
        `TryLater` if the server is lost, and what `keep` raised if that may pass.
        """
        try:
            with opened(self._settings) as mailbox:
                kept = self._pass(mailbox, keep)
        except LOST as error:
            # Perhaps over one of the mails: the next time those before it are kept one by one.
            self._careful = True
            raise TryLater(f"the IMAP server was lost: {error}", remedy="nothing is lost, it is read again") from error
        self._careful = False
        return kept

    def peek(self) -> Iterator[RawItem]:
        """The mails that `collect` would hand over now: nothing is kept, flagged or remembered. Raises `TryLater`."""
        try:
            with opened(self._settings) as mailbox:
                round_ = _Round(mailbox, self._settings, self.source, lambda _: False, self._positions.now())
                uids = _new(mailbox, self._known(mailbox))
                for start in range(0, len(uids), _BATCH):
                    yield from round_.look(uids[start : start + _BATCH])
        except LOST as error:
            raise TryLater(f"the IMAP server was lost: {error}", remedy="nothing is lost, it is read again") from error

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        """Mails of some days that lie behind the position and never came: their Message-ID is none of `received`.

        What lies before the position is the next collecting's; a mail without a Message-ID is fetched and compared
        whole. Raises `TryLater`.
        """
        known_ids = {one.partition(" ")[0] for one in received}
        try:
            with opened(self._settings) as mailbox:
                known = self._known(mailbox)
                round_ = _Round(mailbox, self._settings, self.source, lambda _: False, self._positions.now())
                uids = [uid for uid in mailbox.since(since) if uid <= known.highest and uid not in known.missed]
                for start in range(0, len(uids), _BATCH):
                    named = mailbox.message_ids(uids[start : start + _BATCH])
                    unknown = [uid for uid, message_id in named.items() if message_id not in known_ids]
                    found = round_.look(unknown) if unknown else ()
                    yield from (one for one in found if one.identity not in received and one.received_at >= since)
        except LOST as error:
            raise TryLater(f"the IMAP server was lost: {error}", remedy="nothing is lost, it is read again") from error

    def _known(self, mailbox: Mailbox) -> Position:
        """How far the mailbox was read; a new UIDVALIDITY makes everything new."""
        known = self._positions.load(self._key)
        if known is None or known.uid_validity != mailbox.uid_validity or not mailbox.uid_validity:
            return Position(mailbox.uid_validity)
        return known

    def _pass(self, mailbox: Mailbox, keep: Keep) -> int:
        known = self._known(mailbox)
        uids = _new(mailbox, known)
        round_ = _Round(mailbox, self._settings, self.source, keep, self._positions.now(), careful=self._careful)
        for start in range(0, len(uids), _BATCH):
            batch = uids[start : start + _BATCH]
            try:
                round_.take(batch)
            finally:
                # Also of a batch that broke off: what was kept is flagged before the position passes it by.
                mailbox.mark_seen(round_.seen_now())
                known = _advanced(known, round_)
                self._positions.save(self._key, known)
        return round_.kept

    @property
    def _key(self) -> str:
        settings = self._settings
        return f"mail:{settings.user}@{settings.imap.host}/{settings.mailbox}"

    def check(self) -> Iterator[CheckResult]:
        """Connect, log in and open the mailbox."""
        settings = self._settings
        name = f"imap {self.name.removeprefix('mail:')}"
        try:
            with opened(settings) as mailbox:
                waiting = len(mailbox.uids("UNSEEN"))
        except TryLater as error:
            yield CheckResult(name, CheckStatus.FAILED, error.message, error.remedy)
        except LOST as error:
            yield CheckResult(name, CheckStatus.FAILED, str(error), "check mail.imap")
        else:
            yield CheckResult(name, CheckStatus.OK, f"{waiting} unseen")


@dataclass(slots=True)
class _Round:
    """One pass over a mailbox: which mails were handled, kept, and passed over."""

    mailbox: Mailbox
    settings: MailSettings
    source: str
    keep: Keep
    now: datetime
    #: every mail is fetched and kept by itself
    careful: bool = False
    kept: int = 0
    handled: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)
    _to_flag: list[int] = field(default_factory=list)

    def take(self, uids: Sequence[int]) -> None:
        """Fetch and keep some mails."""
        listed = self.mailbox.listed(uids)
        at_once = isinstance(self.keep, KeepsTogether) and not self.careful
        for entries in _together(listed) if at_once else ([entry] for entry in listed):
            self._take_some(entries)
        self.handled.update(set(uids) - {entry.uid for entry in listed})

    def look(self, uids: Sequence[int]) -> Iterator[RawItem]:
        """Fetch some mails and keep none."""
        for entry in self.mailbox.listed(uids):
            raw = self._fetch(entry)
            if raw is not None:
                yield self._item(entry, raw)

    def seen_now(self) -> list[int]:
        """The mails that were kept since this was asked last, and may be flagged."""
        uids, self._to_flag = self._to_flag, []
        return uids

    def _take_some(self, entries: Sequence[Listed]) -> None:
        fetched = [(entry, self._item(entry, raw)) for entry, raw in self._fetched(entries)]
        all_kept = are_kept(self.keep, [item for _, item in fetched])
        for entry, item in fetched:
            self._note(entry, kept=all_kept or is_kept(self.keep, item, entry.uid))

    def _note(self, entry: Listed, *, kept: bool) -> None:
        # Only now: what `keep` raises must not let the position pass this mail by.
        self.handled.add(entry.uid)
        if not kept:
            self.missed.add(entry.uid)
        else:
            self.kept += 1
            if not self._is_oversize(entry):
                # Guarantee 13: flagged only after all of its bytes are committed here.
                self._to_flag.append(entry.uid)

    def _fetched(self, entries: Sequence[Listed]) -> Iterator[tuple[Listed, bytes]]:
        """The bytes of mails, in one answer; those that are too large, or not in it, each by itself."""
        whole = [entry.uid for entry in entries if not self._is_oversize(entry)]
        try:
            found = self.mailbox.fetch_together(whole) if len(whole) > 1 else {}
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            found = {}
        for entry in entries:
            raw = found.pop(entry.uid, None)
            if raw is None:
                raw = self._fetch(entry)
            if raw is not None:
                yield entry, raw

    def _is_oversize(self, entry: Listed) -> bool:
        return entry.size > self.settings.largest_mail

    def _fetch(self, entry: Listed) -> bytes | None:
        oversize = self._is_oversize(entry)
        try:
            raw = self.mailbox.fetch(entry.uid, first=OVERSIZE_BYTES if oversize else None)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            pass_over(self.source, entry.uid, error)
            self.handled.add(entry.uid)
            self.missed.add(entry.uid)
            return None
        if raw is None:
            self.handled.add(entry.uid)
            if self.mailbox.uids(f"UID {entry.uid}"):
                # It is not gone: the server gives nothing instead of it.
                pass_over(self.source, entry.uid, UntrustedAnswer("a mail without bytes"))
                self.missed.add(entry.uid)
        elif oversize:
            raw = marked(entry.size, raw)
        return raw

    def _item(self, entry: Listed, raw: bytes) -> RawItem:
        return RawItem(self.source, identity(raw), raw, believable(entry.received_at, self.now))


def _together(listed: Sequence[Listed]) -> Iterator[list[Listed]]:
    """Mails that are fetched and committed together: some MB of them, a larger one alone."""
    some, size = list[Listed](), 0
    for entry in listed:
        if some and size + entry.size > _COMMITTED_AT_ONCE:
            yield some
            some, size = [], 0
        some.append(entry)
        size += entry.size
    if some:
        yield some


def _new(mailbox: Mailbox, known: Position) -> list[int]:
    # `n:*` always names the last mail, also where its UID is below n (RFC 9051, 9, seq-range).
    later = [uid for uid in mailbox.uids(f"UID {known.highest + 1}:*") if uid > known.highest]
    return sorted({*known.missed, *later})


def _advanced(known: Position, round_: _Round) -> Position:
    """Everything handled so far is behind us, but for what was passed over."""
    done = round_.handled
    missed = (known.missed - done) | round_.missed
    return Position(known.uid_validity, max(known.highest, *done, 0), frozenset(missed))
