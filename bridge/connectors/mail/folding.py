"""Files in a mail, folded away before it is taken apart line by line, and unfolded where they are read.

Nine tenths of most large mails are base64 (RFC 2045, 6.8). A parser that looks at each line of it for the end of a
part takes a second for 30 MB, although no such line can be a boundary, which begins with two hyphens, or a field,
which has a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: a run of fewer octets is not worth it
SHORTEST = 8_192
#: the end of a header in which the word stood; longer ones are not folded, nor are more runs
_HEADER_WITHIN = 4_096
_MOST_LOOKED_AT = 500
_NAMED = b"base64"
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_BLANK = (b"\n\n", b"\n\r", b"\r\r")
_LINE_ENDS = (b"\r", b"\n")
_OTHER = re.compile(rb"[^A-Za-z0-9+/\r\n]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A mail, or a mail within one, with runs of base64 each replaced by a word that it does not hold."""

    raw: bytes
    #: the word of a run -> its octets; in the order of their places
    runs: dict[str, bytes] = field(default_factory=dict)
    #: what all the words begin with
    sign: str = ""

    def holds(self, text: str) -> bool:
        """Whether something is folded in some text of the mail."""
        return bool(self.runs) and self.sign in text

    def unfold(self, text: str) -> str:
        """Some text of the mail as it was."""
        if self.holds(text):
            for word, run in self.runs.items():
                text = text.replace(word, run.decode("ascii"))
        return text

    def unfold_octets(self, octets: bytes, *, lines: bool = False) -> bytes:
        """The same of octets; with `lines` each line of what was folded ends with LF, as a generator writes them."""
        for word, run in self.runs.items():
            if word.encode() in octets:
                octets = octets.replace(word.encode(), _with_lf(run) if lines else run)
        return octets


def _with_lf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def folded(raw: bytes) -> Folded:
    """Fold what is long enough, in one pass over the octets."""
    places = list(_runs(raw))
    if not places:
        return Folded(raw)
    sign = _unused(raw)
    kept, runs, end = list[bytes](), dict[str, bytes](), 0
    for number, (start, stop) in enumerate(places):
        # With an end of its own, so that no word is the beginning of another.
        word = f"{sign}{number}x"
        kept += (raw[end:start], word.encode())
        runs[word] = raw[start:stop]
        end = stop
    return Folded(b"".join([*kept, raw[end:]]), runs, sign)


def _runs(raw: bytes) -> Iterator[tuple[int, int]]:
    """Beginning and end of each run that is long enough, looked for behind each header that names base64."""
    named, at = raw.lower() if len(raw) >= SHORTEST else b"", 0
    for _ in range(_MOST_LOOKED_AT):
        at = named.find(_NAMED, at)
        if at < 0:
            return
        at += len(_NAMED)
        header = _HEADER_END.search(raw, at, at + _HEADER_WITHIN)
        if header is None:
            continue
        stop = _end(raw, header.end())
        if stop - header.end() >= SHORTEST:
            yield header.end(), stop
            at = stop


def _end(raw: bytes, start: int) -> int:
    """Where the last whole line of base64 from some place on ends; what ends the line is left there, as are blank ones.

    Blank lines tell a parser that it stands in a header where the other ones are.
    """
    other = _OTHER.search(raw, start)
    stop = other.start() if other else len(raw)
    for blank in _BLANK:
        stop = raw.find(blank, start, stop) + 1 or stop
    stop = raw.rfind(b"\n", start, stop)
    if stop < 0 or raw[start : start + 1] in _LINE_ENDS:
        return start
    return stop - (raw[stop - 1 : stop] == b"\r")


def _unused(raw: bytes) -> str:
    """The beginning of words that a mail does not hold, made of letters and figures only."""
    number = 0
    while (sign := f"folded{number}x") and sign.encode() in raw:
        number += 1
    return sign
