"""Commands in ServiceNow's work notes: what a resolver tells the bridge, at the start of a line.

`#engage @desk`, `#desk @desk: text`, `#confirm @desk`, `#reject @desk: reason`, `#withdraw @desk: reason`,
`#override @desk: reason`, `#heard @desk from NAME: what was said`. The desk may be left out where only one can be
meant. Words after a colon go on to the next line that starts with a command. What looks like a command and is none is
told apart, so that its author gets an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName
from bridge.domain.spelling import nearest
from bridge.mapping.waiting import waiting_until


@dataclass(frozen=True, slots=True)
class EngageCommand:
    """`#engage @desk`."""

    desk: DeskName | None


@dataclass(frozen=True, slots=True)
class TellCommand:
    """`#desk @desk: text`."""

    desk: DeskName | None
    text: str


@dataclass(frozen=True, slots=True)
class ConfirmCommand:
    """`#confirm @desk`."""

    desk: DeskName | None


@dataclass(frozen=True, slots=True)
class RejectCommand:
    """`#reject @desk: reason`."""

    desk: DeskName | None
    reason: str


@dataclass(frozen=True, slots=True)
class WithdrawCommand:
    """`#withdraw @desk: reason`."""

    desk: DeskName | None
    reason: str


@dataclass(frozen=True, slots=True)
class OverrideCommand:
    """`#override @desk: reason`."""

    desk: DeskName | None
    reason: str


@dataclass(frozen=True, slots=True)
class HeardCommand:
    """`#heard @desk from NAME: …`: a report by telephone, written down by a resolver."""

    desk: DeskName | None
    name: str
    report: ReportKind
    text: str = ""
    #: acknowledged: the desk's own reference
    desk_reference: str = ""
    #: declined: the desk that is meant to have it instead
    direction: DeskName | None = None
    #: progress: the end of the day until which the desk waits
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """A line that was meant as a command and is none, and why."""

    line: str
    why: str


Command: TypeAlias = (
    EngageCommand | TellCommand | ConfirmCommand | RejectCommand | WithdrawCommand | OverrideCommand | HeardCommand
)
Parsed: TypeAlias = Command | Misunderstood

_Build: TypeAlias = Callable[[DeskName | None, str], Command]

_BUILD_BARE: Mapping[str, Callable[[DeskName | None], Command]] = MappingProxyType(
    {"engage": EngageCommand, "confirm": ConfirmCommand}
)
_BUILD_WITH_WORDS: Mapping[str, _Build] = MappingProxyType(
    {"desk": TellCommand, "reject": RejectCommand, "withdraw": WithdrawCommand, "override": OverrideCommand}
)
COMMANDS = (*_BUILD_BARE, *_BUILD_WITH_WORDS, "heard")
"""The words after `#`."""

_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "engage": "#engage @desk",
        "confirm": "#confirm @desk",
        "desk": "#desk @desk: text",
        "reject": "#reject @desk: reason",
        "withdraw": "#withdraw @desk: reason",
        "override": "#override @desk: reason",
        "heard": "#heard @desk from NAME: resolved, what was said",
    }
)
_REPORTS: Mapping[str, ReportKind] = MappingProxyType(
    {
        **{kind.value: kind for kind in ReportKind if kind is not ReportKind.RECEIVED},
        "acknowledge": ReportKind.ACKNOWLEDGED,
        "resolve": ReportKind.RESOLVED,
        "decline": ReportKind.DECLINED,
    }
)
_LINE = re.compile(r"#([A-Za-z]{2,30})(?![\w-])[ \t]*(.*)", re.DOTALL)
_MENTION = re.compile(r"@([A-Za-z0-9][A-Za-z0-9_-]{0,62})(?![\w@])[ \t]*", re.ASCII)
_FROM = re.compile(r"from[ \t]+([^:\n]{1,100}?)[ \t]*:", re.IGNORECASE)
_REPORT = re.compile(r"#?([A-Za-z]+)[ \t]*[,:;.-]?\s*", re.ASCII)
_LONGEST_QUOTE = 120


def parse(text: str, desks: Collection[DeskName] | None = None) -> tuple[Parsed, ...]:
    """The commands of a work note, in order. Never raises.

    `desks` are the known ones, None where names are not checked.
    """
    return tuple(_understand(word, rest, block, desks) for word, rest, block in _blocks(text))


def looks_like_command(text: str) -> bool:
    """Whether a work note has a line that is a command, or was meant as one."""
    return "#" in text and next(_blocks(text), None) is not None


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Each command line with the lines that belong to it: (word, what follows, as written)."""
    word, lines = "", list[str]()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        found = _command_word(line)
        if found:
            if word:
                yield _block(word, lines)
            word, lines = found, [line]
        elif word:
            lines.append(line)
    if word:
        yield _block(word, lines)


def _block(word: str, lines: list[str]) -> tuple[str, str, str]:
    whole = "\n".join(lines)
    found = _LINE.match(whole)
    return word, found[2].rstrip() if found else "", lines[0]


def _command_word(line: str) -> str:
    """The command that a line starts with, or something so near that it was meant as one; empty for other text."""
    found = _LINE.match(line)
    if not found:
        return ""
    word = found[1].lower()
    reports_of = word in _REPORTS and found[2].startswith("@")
    return word if word in COMMANDS or reports_of or nearest(word, COMMANDS) else ""


def _understand(word: str, rest: str, line: str, desks: Collection[DeskName] | None) -> Parsed:
    shown = line.strip()[:_LONGEST_QUOTE]
    if word not in COMMANDS:
        form = _FORMS["heard"] if word in _REPORTS else _FORMS[nearest(word, COMMANDS)]
        return Misunderstood(shown, f"there is no command #{word}; write {form}")
    mention = _MENTION.match(rest)
    if rest.startswith("@") and not mention:
        return Misunderstood(shown, f"the name of the desk cannot be read; write {_FORMS[word]}")
    desk = DeskName(mention[1].lower()) if mention else None
    if desk is not None and desks is not None and desk not in desks:
        return Misunderstood(shown, _unknown_desk(desk, desks))
    after = rest[mention.end() :] if mention else rest
    if word == "heard":
        return _heard(desk, after, shown, desks)
    return _bare(word, desk, after, shown) if word in _BUILD_BARE else _with_words(word, desk, after, shown)


def _with_words(word: str, desk: DeskName | None, after: str, shown: str) -> Parsed:
    words = _words(after)
    if not words:
        return Misunderstood(shown, f"the words after the colon are missing; write {_FORMS[word]}")
    return _BUILD_WITH_WORDS[word](desk, words)


def _bare(word: str, desk: DeskName | None, after: str, shown: str) -> Parsed:
    """A command without words: text on its own line is a mistake, lines below it are an ordinary note."""
    trailing = after.split("\n", 1)[0].strip(" \t.:,;")
    if desk is None and trailing:
        return Misunderstood(shown, f"the desk is named with @; write {_FORMS[word]}")
    if trailing.startswith("@"):
        return Misunderstood(shown, f"one command names one desk; write {_FORMS[word]} once for each")
    return _BUILD_BARE[word](desk)


def _words(after: str) -> str:
    return after.removeprefix(":").strip()


def _heard(desk: DeskName | None, after: str, shown: str, desks: Collection[DeskName] | None) -> Parsed:
    speaker = _FROM.match(after)
    if not speaker:
        return Misunderstood(shown, f"it is not said who told it; write {_FORMS['heard']}")
    said = after[speaker.end() :].strip()
    found = _REPORT.match(said)
    kind = _REPORTS.get(found[1].lower()) if found else None
    if found is None or kind is None:
        first = said.split(None, 1)[0] if said else ""
        close = nearest(first, _REPORTS)
        hint = f"{first} is not possible; did you mean {close}?" if close else "it is not said what was reported;"
        return Misunderstood(shown, f"{hint} After the colon write one of: {', '.join(_kinds())}")
    return _report(desk, speaker[1].strip(), kind, said[found.end() :].strip(), shown, desks)


def _kinds() -> list[str]:
    return [kind.value for kind in ReportKind if kind is not ReportKind.RECEIVED]


def _report(
    desk: DeskName | None, name: str, kind: ReportKind, text: str, shown: str, desks: Collection[DeskName] | None
) -> Parsed:
    """The rest of a report, in the same forms as by mail."""
    match kind:
        case ReportKind.ACKNOWLEDGED:
            reference, words = _reference_first(text)
            return HeardCommand(desk, name, kind, words, desk_reference=reference)
        case ReportKind.DECLINED:
            towards = _MENTION.match(text)
            direction = DeskName(towards[1].lower()) if towards else None
            if direction is not None and desks is not None and direction not in desks:
                return Misunderstood(shown, _unknown_desk(direction, desks))
            words = _words(text[towards.end() :]) if towards else text
            return HeardCommand(desk, name, kind, words, direction=direction)
        case ReportKind.QUESTION | ReportKind.PROGRESS | ReportKind.COMMENT | ReportKind.WORKAROUND if not text:
            return Misunderstood(shown, f"what was said is missing; write #heard @desk from NAME: {kind.value} and it")
        case ReportKind.PROGRESS:
            return HeardCommand(desk, name, kind, text, until=waiting_until(text))
        case _:
            return HeardCommand(desk, name, kind, text)


def _reference_first(text: str) -> tuple[str, str]:
    """The desk's own reference, if the text starts with something that has a digit in it, and the rest."""
    first, *rest = text.split(None, 1) or [""]
    if not any(character.isdigit() for character in first):
        return "", text
    return first.rstrip(".,;:"), rest[0].strip() if rest else ""


def _unknown_desk(desk: str, desks: Collection[DeskName]) -> str:
    close = nearest(desk, desks)
    hint = f"did you mean @{close}?" if close else f"known: {', '.join(sorted(desks)) or 'none'}"
    return f"there is no desk @{desk}; {hint}"
