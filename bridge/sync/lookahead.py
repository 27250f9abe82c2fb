"""What an opening message takes from ServiceNow, read for many cases that wait for theirs in one call each.

One by one the journal and the files of each case would cost two calls. What was read ahead is used once, and not if it
is old; an entry that comes meanwhile is noticed when the message is intended, which is then written anew.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from bridge.domain.delivery import DeliveryKind
from bridge.domain.facts import MessageKind
from bridge.domain.ids import SysId
from bridge.mapping.entries import ATTACHMENT_SOURCE, JOURNAL_SOURCE
from bridge.ports import AttachmentEntry, CaseSource, JournalEntry, Transaction
from bridge.sync.surroundings import EVER, Surroundings

log = structlog.get_logger()

#: cases in one go: half of what one query names
MOST = 100
FRESH = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Papers:
    """What a case holds: its journal and its files, oldest first."""

    journal: tuple[JournalEntry, ...]
    #: None where nobody asked for them
    files: tuple[AttachmentEntry, ...] | None
    #: identities of the entries and files that had come before these were read
    had_come: frozenset[str]
    read_at: datetime

    @property
    def known(self) -> frozenset[str]:
        """The identities of everything that has come, as far as these papers go."""
        read = {one.sys_id for one in self.journal} | {one.sys_id for one in self.files or ()}
        return self.had_come | read


def come_so_far(tx: Transaction, case: SysId) -> frozenset[str]:
    """The entries and files of a case that have come so far."""
    return tx.identities(case, JOURNAL_SOURCE) | tx.identities(case, ATTACHMENT_SOURCE)


class _Entry(Protocol):
    @property
    def case(self) -> SysId: ...


_E = TypeVar("_E", bound=_Entry)


class Lookahead:
    """Safe for several threads; what it knows ends with the process."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._lock = threading.Lock()
        self._papers: dict[SysId, Papers] = {}

    def of(self, case: SysId, *, files: bool) -> Papers:
        """The papers of a case; not within a transaction, as the store is read. Raises what `CaseSource` does."""
        with self._lock:
            found = self._papers.pop(case, None)
            if found is None or found.read_at + FRESH < self._now() or (files and found.files is None):
                self._papers = self._read(case, files=files)
                found = self._papers.pop(case)
            return found

    def _now(self) -> datetime:
        with self._around.store.reading() as tx:
            return tx.now()

    def _read(self, case: SysId, *, files: bool) -> dict[SysId, Papers]:
        with self._around.store.reading() as tx:
            now = tx.now()
            waiting = tx.unattempted(DeliveryKind.MESSAGE, MOST)
            due = (one.case for one in waiting if one.payload["kind"] == MessageKind.OPEN.value and one.case)
            cases = [*dict.fromkeys([case, *due])][:MOST]
            had_come = {one: come_so_far(tx, one) for one in cases}
        try:
            journals, held = self._ask(cases, files=files)
        except Exception as error:
            if len(cases) == 1:
                raise
            # What one of the others holds may be what cannot be read; that is for its own message to find out.
            log.warning("not_read_ahead", error=type(error).__name__)
            cases = [case]
            journals, held = self._ask(cases, files=files)
        return {
            one: Papers(tuple(journals[one]), None if held is None else tuple(held[one]), had_come[one], now)
            for one in cases
        }

    def _ask(
        self, cases: Sequence[SysId], *, files: bool
    ) -> tuple[dict[SysId, list[JournalEntry]], dict[SysId, list[AttachmentEntry]] | None]:
        source = self._around.source
        journals = _by_case(source.journals(cases, EVER))
        return journals, _by_case(source.attachments(cases, EVER)) if files else None


def read_papers(source: CaseSource, case: SysId, now: datetime, *, files: bool) -> Papers:
    """The papers of one case, for whoever only looks."""
    held = source.attachments([case], EVER) if files else None
    return Papers(source.journals([case], EVER), held, frozenset(), now)


def _by_case(entries: Iterable[_E]) -> dict[SysId, list[_E]]:
    found: dict[SysId, list[_E]] = defaultdict(list)
    for entry in entries:
        found[entry.case].append(entry)
    return found
