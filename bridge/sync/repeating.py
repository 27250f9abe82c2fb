"""A desk that says the very same again: at once it is a machine, which nothing answers twice; later perhaps a quote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import ReportKind
from bridge.ports import Reading, ToldEvent, Transaction

SAID_AGAIN = "said_again"
"""Why a mail was taken for a machine's; the wording of the note that shows its words."""
SAID_BEFORE = "said_before"
"""Why a command is for a person to decide upon."""
_ENDING = frozenset({ReportKind.RESOLVED, ReportKind.DECLINED})
_STANDING = frozenset({State.RESOLUTION_REPORTED, State.DECLINED})


def is_said_again(tx: Transaction, reading: Reading, engagement: Engagement, within: timedelta) -> bool:
    """Whether a desk's free text is, word for word, what it said about the engagement a short time ago.

    Commands are excepted: a status may be set twice. So are files, of which the logo of a signature is none, and other
    figures are other words: no mail that tells anything new is taken for a repetition.
    """
    brings_files = any(not one.incidental for one in reading.attachments)
    if reading.report is not ReportKind.COMMENT or brings_files or not (said := _words(reading.text)):
        return False
    who, since = f"desk:{engagement.desk}", tx.now() - within
    if not tx.count_events(engagement.case, "item_received", who, since):
        return False
    received = _received(tx, engagement)
    return any(one.at >= since and _words(one.event.personal.get("text", "")) == said for one in received)


def is_said_before(tx: Transaction, reading: Reading, engagement: Engagement) -> bool:
    """Whether an explicit command that ends something says, in the same words, what the desk has commanded before.

    It may be a quotation of that mail, in a program's way of quoting that nobody knows yet. Where what was commanded
    stands as it is, the same again changes nothing.
    """
    words = _first_words(reading.text)
    commanded = any(reason.startswith("command_") for reason in reading.reasons)
    if reading.report not in _ENDING or not (commanded and words) or engagement.state in _STANDING:
        return False
    return any(
        one.event.facts.get("report") == reading.report.value
        and _first_words(one.event.personal.get("text", "")) == words
        for one in _received(tx, engagement)
    )


def by_machine(reading: Reading) -> Reading:
    """The reading as that of an automatic acknowledgement, which no other machine gets to see."""
    return replace(
        reading,
        kind="automatic",
        report=ReportKind.RECEIVED,
        automatic=True,
        suggests=None,
        reasons=(*reading.reasons, SAID_AGAIN),
    )


def _received(tx: Transaction, engagement: Engagement) -> Iterator[ToldEvent]:
    """What the desk has said about the case so far."""
    who = f"desk:{engagement.desk}"
    return (one for one in tx.story(engagement.case) if one.event.kind == "item_received" and one.event.who == who)


def _first_words(text: str) -> list[str]:
    """The words of the first line: what follows a quoted command is not the same twice."""
    return _words(text.strip().partition("\n")[0])


def _words(text: str) -> list[str]:
    return text.casefold().split()
