"""The comments that were written before a desk was engaged go with the opening message, and are not told again.

Every comment that a desk may read comes to it once: with the opening message, whose trail event names the comments that
it rests on, or else as a message of its own. One that has come before the opening message is frozen goes with it. Work
notes from before never go, also where all were agreed: who wrote them did not know who would read them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.agreement import Share
from bridge.domain.case import format_time, parse_time
from bridge.domain.engagement import Engagement
from bridge.domain.ids import EngagementId
from bridge.mapping.sharing import WORK_NOTES, WrittenSoFar, is_shared, written_so_far
from bridge.ports import AttachmentEntry, JournalEntry, ToldEvent, TrailEvent, Transaction
from bridge.sync.lookahead import Papers, come_so_far
from bridge.sync.surroundings import EVER

OPENING_WRITTEN = "opening_written"
#: entries that the event names, and those of the same second; whatever was created before them is known too
_NAMED = 200


@dataclass(frozen=True, slots=True)
class Opening:
    """What an opening message tells of a case's journal."""

    so_far: WrittenSoFar
    #: every entry that was seen when it was written, told or not, oldest first
    seen: tuple[JournalEntry, ...]
    #: identities of the entries and files that it rests on, or that had come by then
    known: frozenset[str]
    #: every file that was seen, sent or left out, oldest first
    files: tuple[AttachmentEntry, ...] = ()

    def facts(self) -> dict[str, object]:
        """What the trail keeps of it."""
        comments = [entry for entry in self.seen if entry.element != WORK_NOTES]
        since = comments[-_NAMED:][0].created_on if comments else EVER
        named = [entry for entry in comments if entry.created_on >= since]
        earlier = format_time(named[0].created_on) if len(named) < len(comments) else ""
        told = len(self.so_far.notes)
        return {
            "entries": [entry.sys_id for entry in named],
            "and_before": earlier,
            "told": told,
            "files": [file.sys_id for file in self.files],
        }

    def misses(self, tx: Transaction, engagement: Engagement) -> bool:
        """Whether an entry or a file has come meanwhile that it does not know of."""
        return bool(come_so_far(tx, engagement.case) - self.known)


def opening(papers: Papers, share: Share, ours: str, known: Known) -> Opening:
    """What of a case's journal a desk is told; what it knows is not told again."""
    comments = [one for one in papers.journal if one.element != WORK_NOTES and one.author != ours]
    new = [one for one in comments if is_shared(one, share) and not known.has(one)]
    return Opening(written_so_far(new), papers.journal, papers.known, papers.files or ())


def _tells(event: TrailEvent) -> bool:
    return event.kind == "message_decided" and event.cause.startswith("journal:")


def _void(events: Iterable[TrailEvent]) -> frozenset[str]:
    """Messages that were cancelled and that nothing replaced: no desk will ever see them."""
    events = tuple(events)
    cancelled = {str(event.facts["delivery"]) for event in events if event.kind == "message_cancelled"}
    return frozenset(cancelled - {str(event.facts.get("replaces")) for event in events})


class Known:
    """The journal entries that a desk has been told of, by the case's story."""

    def __init__(
        self,
        story: Iterable[ToldEvent],
        rounds: Collection[EngagementId],
        *,
        but_openings_of: EngagementId | None = None,
    ) -> None:
        """`rounds` are the desk's; an opening message of `but_openings_of` did not reach it."""
        self._entries: set[str] = set()
        self._before: datetime | None = None
        self._files: set[str] = set()
        self._files_before: datetime | None = None
        #: whether the opening message of the given rounds has been written
        self.opened: set[EngagementId] = set()
        told = tuple(story)
        void = _void(one.event for one in told)
        for at, event in ((one.at, one.event) for one in told):
            if event.engagement is None or event.engagement not in rounds:
                continue
            if event.kind == OPENING_WRITTEN:
                self.opened.add(event.engagement)
                if event.engagement != but_openings_of and event.cause.removeprefix("delivery:") not in void:
                    self._learn(event.facts["entries"], event.facts["and_before"])
                    self._learn_files(event.facts.get("files"), at)
            elif _tells(event) and event.facts["delivery"] not in void:
                self._entries.add(event.cause.removeprefix("journal:"))

    def _learn(self, entries: Iterable[str], before: str) -> None:
        self._entries.update(entries)
        if before:
            self._before = max(filter(None, (self._before, parse_time(before))))

    def _learn_files(self, files: Iterable[str] | None, at: datetime) -> None:
        """An opening message of an older release does not say which files it knew of: all that were there."""
        if files is None:
            self._files_before = max(filter(None, (self._files_before, at)))
        self._files.update(files or ())

    def has_file(self, entry: AttachmentEntry) -> bool:
        """Whether an opening message knew of a file."""
        old = self._files_before is not None and entry.created_on < self._files_before
        return entry.sys_id in self._files or old

    def has(self, entry: JournalEntry) -> bool:
        """Whether the desk has been told of it."""
        old = self._before is not None and entry.created_on < self._before
        return entry.sys_id in self._entries or (old and entry.element != WORK_NOTES)
