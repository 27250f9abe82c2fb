"""The commands that a desk may write at the start of a line: `#acknowledge`, `#progress`, `#question` and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from bridge.connectors.mail.wording import EXAMPLES
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName

_LINE = re.compile(r"^\s{0,3}#([A-Za-z]{2,20})\b[ \t]{0,3}(:?)[ \t]{0,10}(.*)$")
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
_DIRECTION = re.compile(r"\bto @([A-Za-z0-9][A-Za-z0-9._-]{0,100})", re.IGNORECASE)
_REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/#-]{2,40}$")
_NEGATED = re.compile(r"^\W{0,3}(no|not|nothing|never|isn't|is not|false)\b", re.IGNORECASE)

_KINDS = {
    "ack": ReportKind.ACKNOWLEDGED,
    "acknowledge": ReportKind.ACKNOWLEDGED,
    "acknowledged": ReportKind.ACKNOWLEDGED,
    "progress": ReportKind.PROGRESS,
    "question": ReportKind.QUESTION,
    "workaround": ReportKind.WORKAROUND,
    "resolved": ReportKind.RESOLVED,
    "decline": ReportKind.DECLINED,
    "declined": ReportKind.DECLINED,
}
#: a word after these without a colon makes a sentence, not a command: "#resolved tickets are listed below"
_NEED_COLON = frozenset({ReportKind.QUESTION, ReportKind.WORKAROUND, ReportKind.RESOLVED, ReportKind.DECLINED})
_EXAMPLES = frozenset(example.command.lower() for example in EXAMPLES)


@dataclass(frozen=True, slots=True)
class Command:
    """One command with what it says."""

    kind: ReportKind
    text: str = ""
    #: what stands behind `#acknowledge`
    reference: str = ""
    until: date | None = None
    direction: DeskName | None = None

    @property
    def contradicts_itself(self) -> bool:
        """Whether a resolution begins by denying itself: "#resolved: not yet"."""
        return self.kind is ReportKind.RESOLVED and bool(_NEGATED.match(self.text))


def commands(text: str) -> tuple[Command, ...]:
    """The commands in a new text, in order. Each takes the lines down to the next command with it."""
    found: list[tuple[ReportKind, list[str]]] = []
    for line in text.split("\n"):
        kind, rest = _command(line)
        if kind is not None:
            found.append((kind, [rest]))
        elif found:
            found[-1][1].append(line)
    return tuple(_made(kind, "\n".join(lines).strip()) for kind, lines in found)


def looks_like_command(text: str) -> bool:
    """Whether a line begins like a command, known or not; such a mail deserves a look."""
    return any(_LINE.match(line) for line in text.split("\n"))


def _command(line: str) -> tuple[ReportKind | None, str]:
    match = _LINE.match(line)
    if match is None or line.strip().lower() in _EXAMPLES:
        return None, ""
    word, colon, rest = match.groups()
    kind = _KINDS.get(word.lower())
    if kind is None or (kind in _NEED_COLON and not colon and rest.strip() and not _begins_direction(kind, rest)):
        return None, ""
    return kind, rest.strip()


def _begins_direction(kind: ReportKind, rest: str) -> bool:
    return kind is ReportKind.DECLINED and _DIRECTION.match(rest.strip()) is not None


def _made(kind: ReportKind, text: str) -> Command:
    if kind is ReportKind.ACKNOWLEDGED:
        reference, text = _split_reference(text)
        return Command(kind, text, reference=reference)
    if kind is ReportKind.PROGRESS:
        return Command(kind, text, until=_day(text))
    if kind is ReportKind.DECLINED:
        direction = _DIRECTION.search(text)
        return Command(kind, text, direction=DeskName(direction[1].rstrip(".-_").lower()) if direction else None)
    return Command(kind, text)


def _split_reference(text: str) -> tuple[str, str]:
    """A first word with a digit in it is the desk's number, the rest is said."""
    first, _, rest = text.partition("\n")
    word, _, remainder = first.strip().partition(" ")
    word = word.rstrip(".,;:")
    if not (_REFERENCE.match(word) and any(character.isdigit() for character in word)):
        return "", text
    return word, f"{remainder.strip()}\n{rest}".strip()


def _day(text: str) -> date | None:
    match = _UNTIL.search(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
