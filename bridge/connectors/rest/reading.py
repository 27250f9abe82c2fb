"""What an item that was collected from a portal says. Pure; nothing that an item contains raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import orjson
import structlog

from bridge.connectors.portals.reading import beside_commands, with_words
from bridge.connectors.portals.statuses import is_resolved_already
from bridge.connectors.rest.answers import text_of
from bridge.connectors.rest.description import RestSettings
from bridge.connectors.rest.lists import Item
from bridge.domain.errors import BridgeError
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName
from bridge.mapping.marks import mark_in
from bridge.ports import Correspondence, ReadAttachment, Reading

Json: TypeAlias = Any

_LOST = {
    "gone": "The ticket is gone.",
    "moved": "The ticket was merged or moved.",
    "unread": "The ticket cannot be read, and nothing that happens to it is seen.",
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RestReader:
    """Reads what `RestCollector` has collected."""

    desk: DeskName
    settings: RestSettings

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """Read one item. Errors of the store pass through; whatever the item itself does becomes a reason."""
        try:
            told = orjson.loads(raw)
            return self._read(told, received_at, known)
        except BridgeError:
            raise
        except (Exception, RecursionError) as error:  # noqa: BLE001 - hostile or broken, never lost
            _log.warning("item_unreadable", desk=self.desk, error=type(error).__name__)
            return self._review("unreadable", type(error).__name__)

    def _read(self, told: Mapping[str, Json], received_at: datetime, known: Correspondence) -> Reading:
        record = text_of(told.get("record"))
        start = Reading(
            kind="report",
            verdict="file",
            reasons=(),
            engagement=known.by_desk_record(self.desk, record),
            matched_by="desk_record",
            channel="portal",
            desk_record=record,
            sender=text_of(told.get("author")),
            authenticated=True,
            desk=self.desk,
            at=received_at,
        )
        if start.engagement is None:
            return replace(start, kind="review", verdict="quarantine", matched_by="", reasons=("unknown_ticket",))
        match told.get("kind"):
            case "comment":
                return self._comment(start, told)
            case "status":
                return self._status(start, told, known)
            case "file":
                return _file(replace(start, at=self._at(told, "created", received_at)), told)
            case "gone" | "moved" | "unread" as kind:
                return _lost(start, kind, told)
            case _:
                return replace(start, kind="review", verdict="quarantine", reasons=("unknown_kind",))

    def _comment(self, start: Reading, told: Mapping[str, Json]) -> Reading:
        at = self._at(told, "created", start.at)
        if "left_out" in told:
            why, who = text_of(told.get("left_out")), start.sender or "Somebody"
            text = f"{who} has written something in the ticket that cannot be read ({why}). Look at it there."
            reasons = ("comment_left_out", why)
            return replace(start, kind="review", verdict="quarantine", at=at, reasons=reasons, text=text)
        return with_words(replace(start, at=at, reasons=("portal_comment",)), _words(told.get("text")))

    def _status(self, start: Reading, told: Mapping[str, Json], known: Correspondence) -> Reading:
        status = text_of(told.get("status"))
        start = replace(start, at=self._at(told, "updated", start.at), verdict="apply", desk_status=status)
        if told.get("ours"):
            return replace(start, reasons=("status_set_by_us",))
        if status not in self.settings.statuses:
            text = f"The ticket has the status {status!r}, of which nobody said what it means."
            return replace(start, kind="review", verdict="quarantine", reasons=("unknown_status",), text=text)
        report = self.settings.statuses[status]
        if is_resolved_already(report, start.engagement, known):
            return replace(start, reasons=("resolved_already",))
        text = _words(told.get("resolution")) or f"The status is now {status!r}."
        automatic = report is ReportKind.RECEIVED
        reasons = (f"status_{status}",)
        reading = replace(start, report=report, reasons=reasons, text=text if report else "", automatic=automatic)
        return reading if told.get("ordered", True) else beside_commands(reading)

    def _at(self, told: Mapping[str, Json], name: str, otherwise: datetime | None) -> datetime | None:
        """The portal's own time; one that lies in the future counts as ours."""
        at = self.settings.times.read(told.get(name))
        if at is None or otherwise is None:
            return otherwise
        return min(at, otherwise)

    def _review(self, *reasons: str) -> Reading:
        return Reading("review", "quarantine", reasons, channel="portal", desk=self.desk)


def is_ours(item: Item, settings: RestSettings) -> bool:
    """Whether the bridge wrote this: by its author, else by the mark with which each of our texts ends.

    Where authors are known the mark does not count: people send our text back whole, below words of their own.
    """
    author = item.text("author")
    if author and settings.ours:
        return author in settings.ours
    return mark_in(_words(item.parts.get("text"))) is not None


def _file(start: Reading, told: Mapping[str, Json]) -> Reading:
    file = told["file"]
    size, name = text_of(file.get("size")), text_of(file.get("name"))
    kind = text_of(file.get("type")) or "application/octet-stream"
    found = ReadAttachment(name, kind, int(size) if size.isdecimal() else 0, text_of(file.get("sha256")))
    if "content" not in file:
        why = text_of(told.get("left_out"))
        missing = (replace(found, missing=why or "it could not be fetched"),)
        return replace(start, verdict="apply", reasons=("file_left_out", why), attachments=missing)
    return replace(
        start,
        verdict="apply",
        report=ReportKind.COMMENT,
        reasons=("file_added",),
        attachments=(found,),
        text=f"A file was added: {name}",
    )


def _lost(start: Reading, kind: str, told: Mapping[str, Json]) -> Reading:
    """The ticket is not where it was, or cannot be read: a matter for a person."""
    words = f"It is now {text_of(told.get('to'))!r}." if kind == "moved" else text_of(told.get("words"))
    text = f"{_LOST[kind]} {words}"
    return replace(start, kind="review", verdict="quarantine", reasons=(f"ticket_{kind}",), text=text)


def _words(value: Json) -> str:
    return text_of(value).replace("\r\n", "\n").replace("\r", "\n")
