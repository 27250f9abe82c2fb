"""What an opening message takes from ServiceNow, read for many cases that wait for theirs in one call each.

One by one the journal and the files of each case would cost two calls. What was read ahead is used once, and not if it
is old; an entry that comes meanwhile is noticed when the message is intended, which is then written anew.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from bridge.domain.delivery import DeliveryKind
from bridge.domain.facts import MessageKind
from bridge.domain.ids import SysId
from bridge.mapping.entries import JOURNAL_SOURCE
from bridge.ports import AttachmentEntry, CaseSource, JournalEntry
from bridge.sync.surroundings import Surroundings

EVER = datetime(2000, 1, 1, tzinfo=UTC)
#: cases in one go: half of what one query names
MOST = 100
FRESH = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Papers:
    """What a case holds: its journal and its files, oldest first."""

    journal: tuple[JournalEntry, ...]
    #: None where nobody asked for them
    files: tuple[AttachmentEntry, ...] | None
    #: identities of the entries that had come before the journal was read
    had_come: frozenset[str]
    read_at: datetime


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
            had_come = {one: tx.identities(one, JOURNAL_SOURCE) for one in cases}
        journals = _by_case(self._around.source.journals(cases, EVER))
        held = _by_case(self._around.source.attachments(cases, EVER)) if files else None
        return {
            one: Papers(tuple(journals[one]), None if held is None else tuple(held[one]), had_come[one], now)
            for one in cases
        }


def read_papers(source: CaseSource, case: SysId, now: datetime, *, files: bool) -> Papers:
    """The papers of one case, for whoever only looks."""
    held = source.attachments([case], EVER) if files else None
    return Papers(source.journals([case], EVER), held, frozenset(), now)


def _by_case(entries: Iterable[_E]) -> dict[SysId, list[_E]]:
    found: dict[SysId, list[_E]] = defaultdict(list)
    for entry in entries:
        found[entry.case].append(entry)
    return found
