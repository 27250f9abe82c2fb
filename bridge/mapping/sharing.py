"""What desks may read of what people wrote into a case, and how it is told with the opening message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.agreement import Share, ShareNotes
from bridge.mapping.notecommands import looks_like_command
from bridge.ports import JournalEntry, Note

WORK_NOTES = "work_notes"
#: so many entries, and characters in all, go with an opening message: who needs more asks for it
MOST_NOTES = 50
MOST_CHARACTERS = 20_000


def is_shared(entry: JournalEntry, share: Share) -> bool:
    """Whether an entry may go to a desk: comments unless agreed otherwise, work notes only where all were agreed.

    A work note that is a command is for the bridge, whoever wrote it.
    """
    if entry.element == WORK_NOTES:
        return share.work_notes is ShareNotes.ALL and not looks_like_command(entry.text)
    return share.comments


@dataclass(frozen=True, slots=True)
class WrittenSoFar:
    """The comments that go with an opening message, oldest first, and how many earlier entries it leaves out."""

    notes: tuple[Note, ...] = ()
    left_out: int = 0


NOTHING_SO_FAR = WrittenSoFar()


def written_so_far(entries: Sequence[JournalEntry]) -> WrittenSoFar:
    """The newest of some entries that a message has room for; author and time are kept."""
    room, notes = MOST_CHARACTERS, []
    for entry in reversed(entries[-MOST_NOTES:]):
        room -= len(entry.text)
        if room < 0:
            break
        notes.append(Note(entry.author, entry.created_on, entry.text.strip()))
    return WrittenSoFar(tuple(reversed(notes)), len(entries) - len(notes))
