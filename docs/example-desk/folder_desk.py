"""A desk that is reached by a folder which both sides can see: an example of a connector of one's own.

We put each message into `PATH/to-desk/REFERENCE/DELIVERY.txt`. The desk puts what it has to say into
`PATH/from-desk/REFERENCE/NAME.txt`, complete at once (written elsewhere, then moved). Nothing of it is ever deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, DirectoryPath

from bridge.connectors.portals.reading import with_words
from bridge.connectors.portals.writing import marked
from bridge.domain.delivery import Delivery, Receipt
from bridge.domain.errors import TryLater
from bridge.domain.ids import DeskName, Reference
from bridge.ports import (
    PORTAL_SOURCE,
    Capabilities,
    CheckResult,
    CheckStatus,
    Collector,
    Correspondence,
    DeskServices,
    Frozen,
    OutboundMessage,
    RawItem,
    Reading,
)


class FolderSettings(BaseModel):
    """What stands under `method: {folder: …}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: DirectoryPath


class FolderDesk:
    """One desk and its folder."""

    capabilities = Capabilities(find=True, read_back=True)

    def __init__(self, desk: DeskName, path: Path, services: DeskServices) -> None:
        self._desk = desk
        self._path = path
        self._services = services

    def freeze(self, message: OutboundMessage, at: datetime) -> Frozen:
        """Everything that `send` needs, and nothing that it would have to ask for."""
        told = {
            "reference": message.reference,
            "text": f"{message.case_number} {message.summary}\n{at.isoformat()}\n\n{marked(message)}\n",
        }
        return Frozen(json.dumps(told).encode(), message.id, ())

    def send(self, frozen: Frozen, attempt: int) -> Receipt:
        """Written beside and moved into place: there whole or not at all, and the same again if it is there."""
        del attempt
        told = json.loads(frozen.content)
        file = self._file(told["reference"], frozen.message_id)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(".part")
            with beside.open("w", encoding="utf-8") as handle:
                handle.write(told["text"])
                handle.flush()
                os.fsync(handle.fileno())
            beside.replace(file)
        except OSError as error:
            raise TryLater(f"the folder cannot be written to ({error})", desk=self._desk) from error
        return self._receipt(told)

    def find(self, delivery: Delivery) -> Receipt | None:
        if not self._path.is_dir():
            raise TryLater("the folder is not there, so nobody knows what is in it", desk=self._desk)
        told = json.loads(delivery.frozen or b"{}")
        there = bool(told) and self._file(told["reference"], delivery.id).exists()
        return self._receipt(told) if there else None

    def collector(self) -> Collector | None:
        return FolderCollector(self._desk, self._path / "from-desk")

    def receive(self, raw: bytes, received_at: datetime, known: Correspondence) -> Reading:
        """A command sets a status, anything else is a comment; what cannot be read is for a person."""
        start = Reading("review", "quarantine", ("unreadable",), channel="portal", desk=self._desk, at=received_at)
        try:
            told = json.loads(raw)
            engagement = known.by_reference(Reference(str(told["reference"])))
            text = str(told["text"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return start
        if engagement is None:
            return Reading("review", "quarantine", ("unknown_reference",), channel="portal", at=received_at)
        read = Reading("report", "file", (), engagement, "reference", channel="portal", desk=self._desk, at=received_at)
        return with_words(read, text)

    def check(self) -> Iterator[CheckResult]:
        usable = self._path.is_dir() and os.access(self._path, os.R_OK | os.W_OK)
        status = CheckStatus.OK if usable else CheckStatus.FAILED
        yield CheckResult(f"folder {self._desk}", status, str(self._path), "" if usable else "let us read and write it")

    def close(self) -> None:
        """Nothing is kept open."""

    def _file(self, reference: str, delivery: str) -> Path:
        return self._path / "to-desk" / reference / f"{delivery}.txt"

    def _receipt(self, told: dict[str, str]) -> Receipt:
        return Receipt(told["reference"], {"reference": told["reference"]})


class FolderCollector:
    """Looks for what the desk has put down. What was taken before is told apart by the bridge, by its identity."""

    def __init__(self, desk: DeskName, path: Path) -> None:
        self._path = path
        self.name = f"{PORTAL_SOURCE}{desk}"

    def collect(self, keep: Callable[[RawItem], bool]) -> int:
        return sum(keep(item) for item in self._items())

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        return (item for item in self._items() if item.identity not in received and item.received_at >= since)

    def _items(self) -> Iterator[RawItem]:
        try:
            files = sorted(self._path.glob("*/*.txt"), key=lambda file: (file.stat().st_mtime, file.name))
            for file in files:
                at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                text = file.read_text(encoding="utf-8", errors="replace")
                told = json.dumps({"reference": file.parent.name, "text": text})
                yield RawItem(self.name, f"{file.parent.name}/{file.name}", told.encode(), at)
        except OSError as error:
            raise TryLater(f"the folder cannot be read ({error})") from error


class FolderKind:
    """What the entry point names."""

    settings = FolderSettings

    def connect(self, desk: DeskName, settings: FolderSettings, services: DeskServices) -> FolderDesk:
        """The connector of one desk."""
        return FolderDesk(desk, settings.path, services)


KIND = FolderKind()
