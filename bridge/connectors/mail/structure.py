"""The parts of a mail as a tree, taken apart in time and memory that grow with its size, and only so.

The standard library's parser follows whatever it is given. Its cost explodes with the number of lines, parts, fields
and parameters, and of what it is handed at once it makes five copies; so it is fed in pieces here, and stopped where a
mail has more of these than an honest one.
"""

from __future__ import annotations

import base64
import binascii
import re
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32, Policy, compat32
from typing import Any

from bridge.connectors.mail.folding import Folded, folded

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
    shorter = folded(raw)
    parts, compared = _Parts(shorter), 0
    parser = BytesFeedParser(parts, policy=compat32)
    for start in range(0, len(shorter.raw), _PIECE):
        piece = shorter.raw[start : start + _PIECE]
        parser.feed(piece)
        compared += (piece.count(b"\n") + piece.count(b"\r")) * parts.deepest
        if compared > _MOST_COMPARED:
            raise Unreadable("more lines, nested deeper, than an honest mail has")
    message = parser.close()
    parts.unfolded = True
    return message


def serialised(part: Message) -> bytes:
    """A part of a tree as octets, its lines ended by LF; what is folded in it need not be looked at line by line."""
    if not isinstance(part, _Part) or any(map(_is_written_as_it_is, part.walk())):
        return _written(part)
    part.parts.unfolded = False
    try:
        return part.parts.folded.unfold_octets(_written(part), lines=True)
    finally:
        part.parts.unfolded = True


def _is_written_as_it_is(part: Message) -> bool:
    """Whether the library keeps the ends of lines: it does with what claims to have parts and has none."""
    return part.get_content_maintype() in {"multipart", "message"} and not part.is_multipart()


def _written(part: Message) -> bytes:
    try:
        return part.as_bytes()
    except (UnicodeError, LookupError):
        # The library cannot write every mail that it can read, such as one with text where it expects ASCII.
        return part.as_string().encode("utf-8", "surrogateescape")


class _Unfolded:
    """An attribute of `Message` that may hold folded text."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, part: _Part, owner: type) -> Any:  # noqa: ANN401 - text, parts or None
        held = part.held.get(self._name)
        return part.parts.folded.unfold(held) if isinstance(held, str) and part.parts.unfolded else held

    def __set__(self, part: _Part, value: Any) -> None:  # noqa: ANN401 - as above
        part.held[self._name] = value


class _Part(Message):
    """A part whose header is counted together with those of all others of its mail. `depth` is 0 for the mail.

    While the parser is at work it sees what is folded; whoever reads the part afterwards does not notice.
    """

    _payload = _Unfolded()
    preamble = _Unfolded()
    epilogue = _Unfolded()

    def __init__(self, policy: Policy, parts: _Parts) -> None:
        self.parts = parts
        #: the text of `_Unfolded` attributes as the parser has left it
        self.held: dict[str, Any] = {}
        super().__init__(policy)
        self.depth = 0

    def get_payload(self, i: int | None = None, decode: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the library's signature
        """See `email.message.Message.get_payload`; a folded file is decoded without being written out in lines."""
        found = self._decoded() if decode else None
        library: Any = super().get_payload
        return library(i, decode) if found is None else found

    def is_multipart(self) -> bool:
        """See `email.message.Message.is_multipart`; for which nothing need be unfolded."""
        return isinstance(self.held.get("_payload"), list)

    def _decoded(self) -> bytes | None:
        """The octets of a folded file; None for everything else, and where its base64 is not clean."""
        held = self.held.get("_payload")
        if not isinstance(held, str) or not self.parts.folded.holds(held):
            return None
        if str(self.get("Content-Transfer-Encoding", "")).lower() != "base64":
            return None
        try:
            whole = self.parts.folded.unfold_octets(held.encode("ascii"))
            return base64.b64decode(whole.translate(None, b"\r\n"), validate=True)
        except (UnicodeError, binascii.Error):
            return None

    def set_raw(self, name: str, value: str) -> None:
        """Keep a field as the parser has found it."""
        lower = name.lower()
        longest = _LONGEST_CONTENT_FIELD if lower.startswith("content-") else _LONGEST_FIELD
        kept = value[-longest:] if lower in _NEWEST_LAST else value[:longest]
        self.parts.count_field(len(name) + len(kept))
        super().set_raw(name, kept)

    def attach(self, payload: Message | str) -> None:
        """Take a part in, before the parser has read more of it than where it begins."""
        if isinstance(payload, _Part):
            payload.depth = self.depth + 1
            self.parts.go_down_to(payload.depth)
        super().attach(payload)


class _Parts:
    """Makes the parts of one mail, and counts them and their fields."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        #: the parser has done its work
        self.unfolded = False
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
