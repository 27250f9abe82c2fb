"""What people at a desk write into their own system.

The rule is that of mail: a command sets a status, free text never does; it is filed as a comment and may suggest one.
Who answers a system's notification by mail leaves what it quotes in the record: nothing counts that a mail would only
quote, and all of it is kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from bridge.connectors.mail.commands import commands, doubt_about, looks_grave, looks_like_command
from bridge.connectors.mail.suggesting import suggestion
from bridge.connectors.mail.text import command_text, new_text
from bridge.domain.facts import GRAVE, ReportKind
from bridge.domain.hours import ZONE
from bridge.ports import Reading


def sets_status(text: str) -> bool:
    """Whether somebody's words hold a command."""
    return bool(commands(command_text(new_text(text))))


def beside_commands(reading: Reading) -> Reading:
    """What a record's status says if people gave commands since it was looked at last.

    The record tells when it was changed last, not when it got its status: which of them came first, nobody knows. A
    false "resolved" is the worst error there is, so a grave one is for a person.
    """
    if reading.report in GRAVE:
        return replace(
            reading, kind="review", verdict="quarantine", ordered=False, reasons=(*reading.reasons, "order_unknown")
        )
    return replace(reading, ordered=False)


def with_words(reading: Reading, text: str) -> Reading:
    """A reading to which somebody's words are added, and what they report."""
    new = new_text(text)
    commanding = command_text(new)
    given = commands(commanding)
    if doubt := "unknown_command" if looks_grave(commanding) else doubt_about(given):
        return _doubtful(reading, text, doubt)
    if not given:
        return _free(reading, text, new)
    command = given[0]
    until = datetime.combine(command.until, time(23, 59, 59), ZONE).astimezone(UTC) if command.until else None
    return replace(
        reading,
        kind="report",
        verdict="apply",
        report=command.kind,
        reasons=(*reading.reasons, f"command_{command.kind.value}"),
        text="\n".join(one.text for one in given if one.text) or new,
        desk_reference=command.reference or reading.desk_reference,
        until=until,
        direction=command.direction,
    )


def _free(reading: Reading, text: str, new: str) -> Reading:
    if not new.strip():
        return replace(reading, kind="report", verdict="file", text=text, reasons=(*reading.reasons, "blank"))
    why = ("free_text", "unknown_command") if looks_like_command(new) else ("free_text",)
    return replace(
        reading,
        kind="report",
        verdict="apply",
        report=ReportKind.COMMENT,
        suggests=suggestion(new),
        reasons=(*reading.reasons, *why),
        text=new,
    )


def _doubtful(reading: Reading, text: str, why: str) -> Reading:
    return replace(reading, kind="review", verdict="quarantine", reasons=(*reading.reasons, why), text=text)
