"""The ledger: every request as it came and ended, and every committed write in order."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bridge.sandbox.servicenow.clock import Clock
from bridge.sandbox.servicenow.web import Request


@dataclass(frozen=True)
class Effect:
    """One committed write. `changes` holds field -> [old, new]; `journal` the entries that the write created."""

    table: str
    sys_id: str
    operation: str
    user: str
    committed_at: str
    changes: dict[str, list[str]] = field(default_factory=dict)
    journal: list[dict[str, str]] = field(default_factory=list)
    #: The business rule that wrote, when it was not the request itself.
    rule: str = ""


@dataclass
class Entry:
    """One request. `status` is None while it runs and when no answer was sent."""

    id: int
    time: str
    method: str
    path: str
    query: str
    body_sha256: str
    user: str = ""
    status: int | None = None
    done: bool = False
    duration_ms: int = 0
    fault: dict[str, Any] | None = None
    effect: list[Effect] = field(default_factory=list)


class Ledger:
    """Kept in memory, and appended to a file of JSON lines when a folder is given."""

    def __init__(self, clock: Clock, directory: Path | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._effects: list[dict[str, Any]] = []
        self._file = directory / "ledger.jsonl" if directory else None
        self._load()

    def open(self, request: Request) -> Entry:
        """Write down that a request came."""
        digest = hashlib.sha256(request.body).hexdigest()
        with self._lock:
            number = self._entries[-1].id + 1 if self._entries else 1
            entry = Entry(number, self._clock.stamp(), request.method, request.path, request.query, digest)
            self._entries.append(entry)
            return entry

    def commit(self, entry: Entry | None, effects: Sequence[Effect]) -> None:
        """Write down what a request, or the sandbox's own hand when there is none, has committed."""
        with self._lock:
            if entry is not None:
                entry.effect.extend(effects)
            for effect in effects:
                number = len(self._effects) + 1
                self._effects.append({"id": number, "request": entry.id if entry else None, **asdict(effect)})

    def close(self, entry: Entry, status: int | None, duration_ms: int) -> None:
        """Write down how a request ended; `status` is None when no answer was sent."""
        with self._lock:
            entry.status = status
            entry.duration_ms = duration_ms
            entry.done = True
            if self._file:
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry)) + "\n")

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests with an identifier above `since`, oldest first."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.id > since]

    def effects(self, since: int = 0) -> list[dict[str, Any]]:
        """Committed writes with an identifier above `since`, in the order of their commits."""
        with self._lock:
            return self._effects[since:]

    def _load(self) -> None:
        if self._file is None or not self._file.exists():
            return
        for line in self._file.read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            effects = [Effect(**effect) for effect in values.pop("effect")]
            entry = Entry(**values)
            self._entries.append(entry)
            self.commit(entry, effects)
