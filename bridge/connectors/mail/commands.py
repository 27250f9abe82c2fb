"""The commands that a desk may write at the start of a line: `#acknowledge`, `#progress`, `#question` and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from itertools import islice

from bridge.connectors.mail.doubting import denies_itself
from bridge.connectors.mail.wording import EXAMPLES
from bridge.domain.facts import GRAVE, ReportKind
from bridge.domain.ids import DeskName

#: marks that set the direction of writing, or nothing at all
_UNSEEN = "\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_BULLET = r"(?:[-*+\u2013\u2022\u2023\u25aa\u25e6\u00b7]|\d{1,2}[.)])\s{1,4}"
_OPENING, _CLOSING = '"\u201c\u201d\u201e\u00ab', '"\u201c\u201d\u00bb'
#: a command, perhaps in a list, in mark-up, between quotation marks or with the broad signs of East Asia
_LINE = re.compile(
    rf"^[{_UNSEEN}]{{0,4}}(?:\s{{0,8}}{_BULLET}|\s{{0,3}})[{_UNSEEN}]{{0,4}}(?P<quote>[{_OPENING}]?)(?P<marks>[*_`\\]{{0,4}})"
    rf"[{_UNSEEN}]{{0,4}}[#\uff03](?P<apart>[ \t]?)[*_`]{{0,4}}(?P<word>[A-Za-z]{{2,20}})(?![A-Za-z0-9])"
    r"(?P<closed>(?:[*_`]{1,4}(?=[\s:\uff1a.,!;]|$))?)(?!\w)[ \t]{0,3}"
    r"(?P<sign>[:\uff1a]|(?<=[ \t])[-\u2013\u2014](?=[ \t])|)(?P<after>(?:[*_`]{1,4}(?=\s|$))?)[ \t]{0,10}(?P<rest>.*)$"
)
#: what begins like a command in whatever dress; quoted lines and tables do not
_ALIKE = re.compile(
    r"^(?:\s{0,8}\d{1,2}[.)])?[^\w>|#\uff03]{0,12}[#\uff03]{1,3}[^\w#\uff03]{0,6}([A-Za-z]{2,20})(?![A-Za-z0-9])"
)
_RULE = re.compile(r"^\s{0,3}(?:[-_=*~\u2014\u2500\u2550] ?){5,400}\s{0,3}$")
_STOPS = re.compile(r"[.,!;\s]{1,10}$")
_UNSEEN_END = re.compile(rf"[{_UNSEEN}\s]{{1,20}}$")
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
_DIRECTION = re.compile(r"\bto @([A-Za-z0-9][A-Za-z0-9._-]{0,100})", re.IGNORECASE)
_REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/#-]{2,40}$")
#: `22/07/2026`, `2026-07-22`, `22-Jul-26`, `24x7`, `10.30am`, `2nd`, `P1`: in places of a number, and none
_NO_REFERENCE = re.compile(
    r"(\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,4}[./-]?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[./-]?\d{0,4}|"
    r"\d{1,2}x\d{1,3}|[\d.]{1,5}(am|pm|st|nd|rd|th|h|hrs?|mins?|days?|bd)|P\d)",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 5
_WORD = re.compile(r"[^\W_]{1,40}")

_KINDS = {
    "ack": ReportKind.ACKNOWLEDGED,
    "acknowledge": ReportKind.ACKNOWLEDGED,
    "acknowledged": ReportKind.ACKNOWLEDGED,
    "progress": ReportKind.PROGRESS,
    "question": ReportKind.QUESTION,
    "workaround": ReportKind.WORKAROUND,
    "resolve": ReportKind.RESOLVED,
    "resolved": ReportKind.RESOLVED,
    "decline": ReportKind.DECLINED,
    "declined": ReportKind.DECLINED,
}
#: a word after these without a colon makes a sentence, not a command: "#resolved tickets are listed below"
_NEED_COLON = frozenset({ReportKind.QUESTION, ReportKind.WORKAROUND, ReportKind.RESOLVED, ReportKind.DECLINED})
#: these ask for it where they stand alone
_NEED_SIGN = frozenset({"resolve"})
_GRAVE_WORDS = tuple(word for word, kind in _KINDS.items() if kind in GRAVE)
#: so alike are a word and the command that was meant
_ALIKENESS = 0.8
_MOST_ALIKE = 100
#: a line of this length may have been broken by the mail program, if it ends without one of these
_BREAKABLE = 50
_LINE_ENDS = tuple(".!?:;)]}>\"'\u201d\u2019\u00bb\u3002\uff01\uff1f\uff1a\uff1b")
_EXAMPLE_WORDS = tuple(tuple(_WORD.findall(example.command)) for example in EXAMPLES)
_EXAMPLE_LINES = 4


@dataclass(frozen=True, slots=True)
class Command:
    """One command with what it says."""

    kind: ReportKind
    text: str = ""
    #: what stands behind `#acknowledge`
    reference: str = ""
    until: date | None = None
    direction: DeskName | None = None

    #: another direction is named as well
    directions_disagree: bool = False
    #: why the place where it stands makes it doubtful
    doubtful_place: str = ""

    @property
    def contradicts_itself(self) -> bool:
        """Whether a grave command denies itself: "#resolved: not yet"."""
        return denies_itself(self.kind, self.text)

    @property
    def doubt(self) -> str:
        """Why only a person may decide upon it; empty if nothing speaks against it."""
        if self.contradicts_itself:
            return "command_contradicts_itself"
        return "directions_disagree" if self.directions_disagree else self.doubtful_place


def commands(text: str) -> tuple[Command, ...]:
    """The commands in a new text, in order. Each takes the lines down to the next command with it."""
    found: list[tuple[ReportKind, list[str], str]] = []
    lines = text.split("\n")
    ruled = _first_rule(lines)
    for number, line in enumerate(lines):
        kind, rest = _command(lines, number)
        if kind is not None:
            found.append((kind, [rest], _doubtful_place(lines, number, ruled) if kind in GRAVE else ""))
        elif found:
            found[-1][1].append(line)
    return tuple(_made(kind, "\n".join(said).strip(), place) for kind, said, place in found)


def doubt_about(given: tuple[Command, ...]) -> str:
    """Why only a person may decide upon the commands of one text; empty if nothing speaks against them."""
    if len({command.kind for command in given}) > 1:
        return "commands_disagree"
    doubt = next((one.doubt for one in given if one.doubt), "")
    if not doubt and len({one.direction for one in given if one.direction}) > 1:
        return "directions_disagree"
    return doubt


def _first_rule(lines: list[str]) -> int:
    """The first line across the mail that has words above it; behind the last line if there is none."""
    words = next((number for number, line in enumerate(lines) if line.strip() and not _RULE.match(line)), len(lines))
    return next((number for number in range(words, len(lines)) if _RULE.match(lines[number])), len(lines))


def _doubtful_place(lines: list[str], number: int, ruled: int) -> str:
    """Why a grave command may not be the writer's: a broken sentence goes on in it, or it is a quote or a footer."""
    if number > 0 and _is_open(lines[number - 1]):
        return "command_within_a_sentence"
    return "command_below_a_rule" if number > ruled else ""


def looks_like_command(text: str) -> bool:
    """Whether a line begins like a command, known or not; such a mail deserves a look."""
    matches = (_LINE.match(line) for line in text.split("\n"))
    return any(match is not None and not _is_heading(match) for match in matches)


def looks_grave(text: str) -> bool:
    """Whether a line begins like a grave command and is none: `#resolved fixed`, `## resolved: fixed`, `#resovled`.

    Its writer believes the matter settled; as a comment it would be read too late, and as a command perhaps wrongly.
    """
    lines = text.split("\n")
    alike = ((number, match[1].lower()) for number, line in enumerate(lines) if (match := _ALIKE.match(line)))
    none = (
        word
        for number, word in islice(alike, _MOST_ALIKE)
        if not _is_example(lines, number) and _command(lines, number)[0] is None
    )
    return any(word in _GRAVE_WORDS or (word not in _KINDS and _is_near_grave(word)) for word in none)


def _is_near_grave(word: str) -> bool:
    return bool(get_close_matches(word, _GRAVE_WORDS, 1, _ALIKENESS))


def _command(lines: list[str], number: int) -> tuple[ReportKind | None, str]:
    match = _LINE.match(lines[number])
    if match is None or _is_heading(match):
        return None, ""
    word, kind = match["word"].lower(), _KINDS.get(match["word"].lower())
    rest = _undressed(match)
    if kind is None or rest is None:
        return None, ""
    needs_sign = word in _NEED_SIGN or (kind in _NEED_COLON and rest and not _begins_direction(kind, rest))
    if (needs_sign and not match["sign"]) or _is_example(lines, number):
        return None, ""
    return kind, rest


def _is_heading(match: re.Match[str]) -> bool:
    """Whether a space stands behind `#` as in a heading, and no colon says otherwise."""
    return bool(match["apart"]) and match["sign"] not in {":", "\uff1a"}


def _undressed(match: re.Match[str]) -> str | None:
    """What stands behind a command, without its dress; None if a quotation mark is opened and not closed."""
    rest = _UNSEEN_END.sub("", match["rest"])
    if match["quote"]:
        inner = rest.rstrip(".,")
        if not inner.endswith(tuple(_CLOSING)):
            return None
        rest = inner[:-1]
    if match["marks"] and not match["closed"] and not match["after"]:
        rest = rest.rstrip("*_`")
    return "" if _STOPS.fullmatch(rest) else rest.strip()


def _is_example(lines: list[str], number: int) -> bool:
    """Whether a line is one of our examples as we wrote it, in any dress, broken, or with words behind it."""
    first = _WORD.findall(lines[number][:200])
    begins = next((at for at, word in enumerate(first) if not word.isdigit()), 0)
    line = first[begins:]
    beginning = [word.lower() for word in line[:2]]
    alike = [one for one in _EXAMPLE_WORDS if [word.lower() for word in one[: len(beginning)]] == beginning]
    if not line or not alike:
        return False
    said = _WORD.findall(" ".join(one[:200] for one in lines[number : number + _EXAMPLE_LINES]))[begins:]
    return any(_is_said(line, said, example) for example in alike)


def _is_said(line: list[str], said: list[str], example: tuple[str, ...]) -> bool:
    """Whether a line says what an example does, begins it in our capitals, or goes on behind a grave one."""
    whole, rest = [word.lower() for word in example], example[1:]
    if [word.lower() for word in line] == whole or (len(line) > 2 and tuple(line[1:]) == rest[: len(line) - 1]):
        return True
    return tuple(said[1 : len(example)]) == rest and (example[0] in _GRAVE_WORDS or len(line) < len(example))


def _is_open(line: str) -> bool:
    """Whether a sentence may go on below a line: it is long enough to be broken, and ends with no sign of an end."""
    plain = line.rstrip(" \t*_`")
    return len(plain) >= _BREAKABLE and not plain.endswith(_LINE_ENDS)


def _begins_direction(kind: ReportKind, rest: str) -> bool:
    return kind is ReportKind.DECLINED and _DIRECTION.match(rest.strip()) is not None


def _made(kind: ReportKind, text: str, place: str) -> Command:
    if kind is ReportKind.ACKNOWLEDGED:
        reference, text = _split_reference(text)
        return Command(kind, text, reference=reference)
    if kind is ReportKind.PROGRESS:
        return Command(kind, text, until=_day(text))
    if kind is ReportKind.DECLINED:
        named = list(dict.fromkeys(one.rstrip(".-_").lower() for one in _DIRECTION.findall(text)))
        direction = DeskName(named[0]) if named else None
        return Command(kind, text, direction=direction, directions_disagree=len(named) > 1, doubtful_place=place)
    return Command(kind, text, doubtful_place=place)


def _split_reference(text: str) -> tuple[str, str]:
    """A first word with a digit in it is the desk's number, the rest is said."""
    first, _, rest = text.partition("\n")
    word, _, remainder = first.strip().partition(" ")
    word = word.lstrip("#").rstrip(".,;:")
    if not _is_reference(word):
        return "", text
    return word, f"{remainder.strip()}\n{rest}".strip()


def _is_reference(word: str) -> bool:
    """Whether a word may be a desk's number: `INC0042` or `00042`, and neither `24/7` nor a date."""
    digits = sum(character.isdigit() for character in word)
    if not _REFERENCE.match(word) or not digits or _NO_REFERENCE.fullmatch(word):
        return False
    return digits >= _FEWEST_DIGITS or any(character.isalpha() for character in word)


def _day(text: str) -> date | None:
    match = _UNTIL.search(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
