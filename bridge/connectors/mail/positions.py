"""How far each mailbox has been read, kept where the bridge keeps everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.ports import Cursor, Store, Window


@dataclass(frozen=True, slots=True)
class Position:
    """The UIDs of a mailbox up to `highest` were read, but for those of `missed` (RFC 9051, 2.3.1.1)."""

    uid_validity: int
    highest: int = 0
    missed: frozenset[int] = frozenset()


class Positions(Protocol):
    """Remembers positions by mailbox."""

    def load(self, mailbox: str) -> Position | None:
        """The position; None where nothing was read yet."""
        ...

    def save(self, mailbox: str, position: Position) -> None:
        """Remember a position."""
        ...

    def now(self) -> datetime:
        """The store's clock."""
        ...


class StorePositions:
    """Positions as cursors of the store.

    A UID range is a window without an extent in time: the first holds UIDVALIDITY and the highest UID, each further
    one a UID still to be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, mailbox: str) -> Position | None:
        with self._store.transaction() as tx:
            cursor = tx.cursor(mailbox)
        if cursor is None or not cursor.pending:
            return None
        known, *missed = cursor.pending
        return Position(int(known.low_id), int(known.high_id), frozenset(int(window.low_id) for window in missed))

    def save(self, mailbox: str, position: Position) -> None:
        with self._store.transaction() as tx:
            now = tx.now()
            tx.save_cursor(mailbox, Cursor(now, pending=tuple(_windows(position, now))))

    def now(self) -> datetime:
        with self._store.transaction() as tx:
            return tx.now()


@dataclass(frozen=True, slots=True)
class FolderPosition:
    """Files that changed up to an instant were read, but for those that are named in `missed`."""

    changed_at: datetime
    missed: frozenset[str] = frozenset()


class FolderPositions:
    """Positions of folders as cursors of the store: the instant is the watermark, each name a window without extent."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, folder: str) -> FolderPosition | None:
        """The position; None where nothing was read yet."""
        with self._store.transaction() as tx:
            cursor = tx.cursor(folder)
        if cursor is None:
            return None
        return FolderPosition(cursor.watermark, frozenset(window.low_id for window in cursor.pending))

    def save(self, folder: str, position: FolderPosition) -> None:
        """Remember a position."""
        at = position.changed_at
        pending = tuple(Window(at, at, name, name) for name in sorted(position.missed))
        with self._store.transaction() as tx:
            tx.save_cursor(folder, Cursor(at, pending=pending))

    def now(self) -> datetime:
        """The store's clock."""
        with self._store.transaction() as tx:
            return tx.now()


def _windows(position: Position, now: datetime) -> Iterable[Window]:
    yield Window(now, now, str(position.uid_validity), str(position.highest))
    for uid in sorted(position.missed):
        yield Window(now, now, str(uid), str(uid))
