"""What people at a desk write into their own system.

The rule is that of mail: a command sets a status, free text never does; it is filed as a comment and may suggest one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from bridge.connectors.mail.commands import commands, looks_like_command
from bridge.connectors.mail.suggesting import suggestion
from bridge.domain.facts import ReportKind
from bridge.domain.hours import ZONE
from bridge.ports import Reading


def with_words(reading: Reading, text: str) -> Reading:
    """A reading to which somebody's words are added, and what they report."""
    given = commands(text)
    if len({command.kind for command in given}) > 1:
        return _doubtful(reading, text, "commands_disagree")
    if not given:
        return _free(reading, text)
    command = given[0]
    if command.contradicts_itself:
        return _doubtful(reading, text, "command_contradicts_itself")
    until = datetime.combine(command.until, time(23, 59, 59), ZONE).astimezone(UTC) if command.until else None
    return replace(
        reading,
        kind="report",
        verdict="apply",
        report=command.kind,
        reasons=(*reading.reasons, f"command_{command.kind.value}"),
        text="\n".join(one.text for one in given if one.text) or text,
        desk_reference=command.reference or reading.desk_reference,
        until=until,
        direction=command.direction,
    )


def _free(reading: Reading, text: str) -> Reading:
    if not text.strip():
        return replace(reading, kind="report", verdict="file", text=text, reasons=(*reading.reasons, "blank"))
    why = ("free_text", "unknown_command") if looks_like_command(text) else ("free_text",)
    return replace(
        reading,
        kind="report",
        verdict="apply",
        report=ReportKind.COMMENT,
        suggests=suggestion(text),
        reasons=(*reading.reasons, *why),
        text=text,
    )


def _doubtful(reading: Reading, text: str, why: str) -> Reading:
    return replace(reading, kind="review", verdict="quarantine", reasons=(*reading.reasons, why), text=text)
