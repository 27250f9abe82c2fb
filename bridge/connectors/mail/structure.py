"""The parts of a mail as a tree, taken apart in time and memory that grow with its size, and only so.

The standard library's parser follows whatever it is given. Its cost explodes with the number of lines, parts, fields
and parameters, and of what it is handed at once it makes five copies; so it is fed in pieces here, and stopped where a
mail has more of these than an honest one.
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32, Policy, compat32

MOST_PARTS = 500
_MOST_MULTIPARTS = 300
_MULTIPART = re.compile(rb"^Content-Type:\s*multipart/", re.IGNORECASE | re.MULTILINE)
DEEPEST = 40
#: every line is compared with the boundaries of all parts that it stands in
_MOST_COMPARED = 10_000_000
#: 34 MB of base64 have half of it; a longer file of short lines is sent encoded
_MOST_LINES = 1_000_000
_MOST_FIELDS = 2_000
_MOST_HEADER = 1_000_000
_LONGEST_FIELD = 65_536
#: its parameters are looked for again and again at the square of its length, and a boundary in every line
_LONGEST_CONTENT_FIELD = 2_048
_PIECE = 65_536
#: the end of these is what counts: the mail that was answered last
_NEWEST_LAST = frozenset({"references", "in-reply-to"})


class Unreadable(ValueError):
    """A mail whose structure cannot be read in bounded time."""


def structure_of(raw: bytes) -> Message:
    """The tree of a mail; raises `Unreadable`, or `RecursionError`, where nobody honest would have written it.

    Of a field that is longer than any needs to be, the part that counts is kept.
    """
    if len(raw) > _MOST_LINES and raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n") > _MOST_LINES:
        raise Unreadable("more lines than an honest mail has")
    # Almost no mail has so many even of the word, which is found in a tenth of the time.
    if raw.lower().count(b"multipart/") > _MOST_MULTIPARTS and len(_MULTIPART.findall(raw)) > _MOST_MULTIPARTS:
        raise Unreadable("more multiparts than an honest mail has")
    parts, compared = _Parts(), 0
    parser = BytesFeedParser(parts, policy=compat32)
    for start in range(0, len(raw), _PIECE):
        piece = raw[start : start + _PIECE]
        parser.feed(piece)
        compared += (piece.count(b"\n") + piece.count(b"\r")) * parts.deepest
        if compared > _MOST_COMPARED:
            raise Unreadable("more lines, nested deeper, than an honest mail has")
    return parser.close()


class _Part(Message):
    """A part whose header is counted together with those of all others of its mail. `depth` is 0 for the mail."""

    def __init__(self, policy: Policy, parts: _Parts) -> None:
        super().__init__(policy)
        self._parts = parts
        self.depth = 0

    def set_raw(self, name: str, value: str) -> None:
        """Keep a field as the parser has found it."""
        lower = name.lower()
        longest = _LONGEST_CONTENT_FIELD if lower.startswith("content-") else _LONGEST_FIELD
        kept = value[-longest:] if lower in _NEWEST_LAST else value[:longest]
        self._parts.count_field(len(name) + len(kept))
        super().set_raw(name, kept)

    def attach(self, payload: Message | str) -> None:
        """Take a part in, before the parser has read more of it than where it begins."""
        if isinstance(payload, _Part):
            payload.depth = self.depth + 1
            self._parts.go_down_to(payload.depth)
        super().attach(payload)


class _Parts:
    """Makes the parts of one mail, and counts them and their fields."""

    def __init__(self) -> None:
        self.deepest = 1
        self._made = 0
        self._fields = 0
        self._header = 0

    def __call__(self, *, policy: Policy | None = None) -> _Part:
        # The parser makes one more to begin with, to see how parts are made.
        self._made += 1
        if self._made > MOST_PARTS + 1:
            raise Unreadable("more parts than an honest mail has")
        return _Part(policy or Compat32(), self)

    def go_down_to(self, depth: int) -> None:
        """A part stands so deep in others."""
        self.deepest = max(self.deepest, depth)
        if depth > DEEPEST:
            raise Unreadable("parts nested deeper than in an honest mail")

    def count_field(self, length: int) -> None:
        """One more field, so many characters long."""
        self._fields += 1
        self._header += length
        if self._fields > _MOST_FIELDS or self._header > _MOST_HEADER:
            raise Unreadable("more header than an honest mail has")
