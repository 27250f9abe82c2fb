"""Text whose lines were broken softly, put together as it was written (RFC 3676)."""

from __future__ import annotations

_SEPARATOR = "-- "
#: so long a paragraph is no longer put together: what reads it sees no more of a line
_LONGEST = 3_000


def unflowed(text: str, *, delsp: bool) -> str:
    """The text in whole paragraphs: a line that ends with a space goes on in the next that is quoted as deeply.

    `delsp` tells that this space was put in to break the line. The separator before a signature never goes on.
    """
    written: list[str] = []
    pieces: list[str] = []
    depth = length = 0
    for line in text.replace("\r\n", "\n").split("\n"):
        quoted, said = _parted(line)
        if pieces and (quoted != depth or said in {"", _SEPARATOR}):
            written.append(_paragraph(depth, pieces))
            pieces, length = [], 0
        goes_on = said.endswith(" ") and said != _SEPARATOR and length + len(said) < _LONGEST
        pieces.append(said[:-1] if goes_on and delsp else said)
        depth, length = quoted, length + len(said)
        if not goes_on:
            written.append(_paragraph(depth, pieces))
            pieces, length = [], 0
    if pieces:
        written.append(_paragraph(depth, pieces))
    return "\n".join(written)


def _parted(line: str) -> tuple[int, str]:
    """How deeply a line is quoted, and what it says without the space that was stuffed before that."""
    said = line.lstrip(">")
    return len(line) - len(said), said.removeprefix(" ")


def _paragraph(depth: int, pieces: list[str]) -> str:
    said = "".join(pieces)
    return f"{'>' * depth} {said}" if depth else said
