r"""A journal field as its display value tells it: every entry under a line that names time and author, newest first.

    2026-09-04 09:12:33 - Priya Shah (Work notes)
    The text, of any number of lines.

Each entry ends with an empty line. What a person writes can look like such a line: a block counts as an entry only if
it bears the label of the first one and is not newer than the one before it. Times are in the zone of the reading user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bridge.domain.case import parse_time

_HEAD = re.compile(r"(?:\A|(?<=\n\n))(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - ([^\n]{1,300})(?:\n|\Z)")
_LIKE_A_HEAD = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: when it was written by the reader's clock on the wall, who is named, and what it says."""

    written: str
    name: str
    text: str


def parse_stream(shown: str) -> tuple[Told, ...]:
    """The entries of a display value, newest first. ValueError for a text that does not begin as a journal does."""
    text = shown.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return ()
    heads = list(_heads(text))
    if not heads or heads[0][0].start() != 0:
        raise ValueError("a journal does not begin with a time and an author")
    ends = [head.start() for head, _, _ in heads[1:]] + [len(text)]
    return tuple(
        Told(head[1], name, text[head.end() : end].strip("\n"))
        for (head, name, _), end in zip(heads, ends, strict=True)
    )


def without_heads(text: str) -> str:
    """A text no line of which could be taken for the beginning of somebody's entry."""
    return _LIKE_A_HEAD.sub("> ", text)


def _heads(text: str) -> Iterator[tuple[re.Match[str], str, str]]:
    """The lines that begin entries, each with name and label."""
    newest, wanted = "9", ""
    for head in _HEAD.finditer(text):
        name, label = _name_and_label(head[2])
        if not name or head[1] > newest or (wanted and label != wanted):
            continue
        newest, wanted = head[1], label
        yield head, name, label


def _name_and_label(line: str) -> tuple[str, str]:
    """`Priya Shah (Elexon) (Work notes)`: the last group in brackets is the label, which may hold brackets itself."""
    if not line.endswith(")"):
        return "", ""
    depth = 0
    for place in range(len(line) - 1, -1, -1):
        depth += (line[place] == ")") - (line[place] == "(")
        if depth == 0:
            return line[:place].rstrip(), line[place + 1 : -1]
    return "", ""


def instant_in(zone: ZoneInfo, written: str, at_latest: datetime) -> datetime:
    """A time on the wall as an instant, UTC. In the hour that comes twice the later one, unless that is too late."""
    naive = parse_time(written).replace(tzinfo=None)
    later = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return later if later <= at_latest else naive.replace(tzinfo=zone).astimezone(UTC)
