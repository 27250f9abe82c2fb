"""A Maildir as a mailbox (maildir(5)), for a site whose own mail server delivers to this machine.

Each mail is a file: delivered into `new/`, moved to `cur/` by whoever has noticed it, with its flags behind a colon. A
mail is committed here first and moved afterwards; where that breaks off it comes again, and its identity tells.

Whoever opens the mailbox before us moves mails to `cur/`, so that is read as well: what was moved there since the last
pass, by the time at which its file changed, which nobody can set back.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from bridge.connectors.mail.identity import identity, message_id
from bridge.connectors.mail.keeping import OVERSIZE_BYTES, Keep, believable, is_kept, marked, pass_over
from bridge.connectors.mail.positions import FolderPosition, FolderPositions
from bridge.domain.errors import TryLater
from bridge.ports import CheckResult, CheckStatus, RawItem, Store

#: how far back of the newest change files are looked at again, should a file system's clock step back
_OVERLAP = timedelta(minutes=10)
_LONE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_HEADER_BYTES = 65_536
_GLANCE = 1.0
_REMEDY = "let the bridge's user read and write the Maildir; nothing is lost, mails wait in it"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail's file. Its name before the colon is never given twice."""

    name: str
    path: Path
    size: int
    received_at: datetime
    changed_at: datetime

    @property
    def is_new(self) -> bool:
        """Whether nobody has moved it yet."""
        return self.path.parent.name == "new"


class MaildirCollector:
    """Collects one Maildir.

    Args:
        path: the folder with `new`, `cur` and `tmp`.
        largest: mails above so many bytes are kept by their first ones only.
        store: where it is remembered how far `cur` was read.
        name: what it is called.
        source: as what its mails are kept.
    """

    def __init__(self, path: Path, largest: int, store: Store, *, name: str, source: str) -> None:
        self._path = path
        self._largest = largest
        self._positions = FolderPositions(store)
        self._known: set[str] = set()
        self.name = f"mail:{name}"
        self.source = source

    def collect(self, keep: Keep) -> int:
        """Hand every mail that was not kept yet to `keep`, oldest first; returns how many there were.

        A mail that cannot be read or kept is passed over and tried again the next time; the others go on. Raises
        `TryLater` if the folders cannot be read, and what `keep` raised if that may pass.
        """
        position, listed, now = self._positions.load(self._key), self._listed(), self._positions.now()
        waiting = self._waiting(listed, position)
        for one in (one for one in listed if one.is_new and one.name in self._known):
            self._move(one)
        taken, missed = set(), set()
        for one in waiting:
            item = self._item(one, now)
            if item is None or not is_kept(keep, item, one.name):
                missed.add(one.name)
                continue
            taken.add(one.name)
            self._known.add(one.name)
            self._move(one)
        self._remember(position, listed, taken, frozenset(missed))
        return len(taken)

    def peek(self) -> Iterator[RawItem]:
        """The mails that `collect` would hand over now: nothing is kept, moved or remembered. Raises `TryLater`."""
        position, now = self._positions.load(self._key), self._positions.now()
        items = (self._item(one, now) for one in self._waiting(self._listed(), position))
        yield from (item for item in items if item is not None)

    def overlooked(self, received: Collection[str], since: datetime) -> Iterator[RawItem]:
        """See `ports.Collector`; only mails whose Message-ID never came are read whole."""
        position, listed, now = self._positions.load(self._key), self._listed(), self._positions.now()
        waiting = {one.name for one in self._waiting(listed, position)}
        known_ids = {one.partition(" ")[0] for one in received}
        for one in listed:
            if (
                one.name in waiting
                or one.received_at < since
                or message_id(self._read(one, _HEADER_BYTES)) in known_ids
            ):
                continue
            item = self._item(one, now)
            if item is not None and item.identity not in received:
                yield item

    def check(self) -> Iterator[CheckResult]:
        """Whether mails can be read and moved there."""
        name = f"maildir {self.name.removeprefix('mail:')}"
        try:
            waiting = sum(one.is_new for one in self._listed())
        except TryLater as error:
            yield CheckResult(name, CheckStatus.FAILED, error.message, error.remedy)
            return
        closed = [part for part in ("new", "cur") if not os.access(self._path / part, os.R_OK | os.W_OK | os.X_OK)]
        if closed:
            detail = f"{self._path}: mails in {' and '.join(closed)} cannot be moved"
            yield CheckResult(name, CheckStatus.FAILED, detail, _REMEDY)
        else:
            yield CheckResult(name, CheckStatus.OK, f"{waiting} new")

    @property
    def _key(self) -> str:
        return f"mail:maildir:{self._path}"

    def _listed(self) -> list[Delivered]:
        """Every mail, oldest first."""
        try:
            found = [one for part in ("new", "cur") for one in _files(self._path / part)]
        except OSError as error:
            raise TryLater(f"the Maildir {self._path} cannot be read: {error.strerror}", remedy=_REMEDY) from error
        return sorted(found, key=lambda one: (one.received_at, one.name))

    def _waiting(self, listed: Sequence[Delivered], position: FolderPosition | None) -> list[Delivered]:
        """All that is new, and what came to `cur` in another way than by us."""
        if position is None:
            return [one for one in listed if one.name not in self._known]
        since = position.changed_at - _OVERLAP
        return [
            one
            for one in listed
            if one.name not in self._known and (one.is_new or one.name in position.missed or one.changed_at >= since)
        ]

    def _item(self, one: Delivered, now: datetime) -> RawItem | None:
        oversize = one.size > self._largest
        try:
            raw = _content(one.path, OVERSIZE_BYTES if oversize else one.size)
        except OSError as error:
            pass_over(self.source, one.name, error)
            return None
        raw = _LONE_LINE_FEED.sub(b"\r\n", raw)
        if oversize:
            raw = marked(one.size, raw)
        return RawItem(self.source, identity(raw), raw, believable(one.received_at, now))

    def _read(self, one: Delivered, most: int) -> bytes:
        try:
            return _content(one.path, most)
        except OSError:
            # Whoever reads it whole says so.
            return b""

    def _move(self, one: Delivered) -> None:
        """Say to others who read this Maildir that the mail was noticed, and seen if all of it was kept."""
        if not one.is_new:
            return
        target = self._path / "cur" / f"{one.name}:2,{'' if one.size > self._largest else 'S'}"
        try:
            one.path.rename(target)
        except OSError as error:
            # It is kept; left where it is, it is only looked at again after a restart.
            _log.warning("mail_not_moved", mailbox=self.name, error=error.strerror)

    def _remember(
        self, before: FolderPosition | None, listed: Sequence[Delivered], taken: set[str], missed: frozenset[str]
    ) -> None:
        changed = [one.changed_at for one in listed] + ([before.changed_at] if before else [])
        if not changed:
            return
        newest = max(changed)
        # What was moved just now has changed since it was listed; older names need not be remembered any more.
        recent = {one.name for one in listed if one.is_new or one.changed_at >= newest - _OVERLAP}
        self._known &= recent | taken
        position = FolderPosition(newest, missed)
        if position != before:
            self._positions.save(self._key, position)


class MaildirWatch:
    """Notices deliveries into a Maildir: the folder `new` changes with each. Implements `ports.Watch`."""

    def __init__(self, path: Path, *, noticed: Callable[[], object] = bool, glance: float = _GLANCE) -> None:
        self._new = path / "new"
        self._noticed = noticed
        self._glance = glance

    def watch(self, arrived: Callable[[], object], stopping: threading.Event) -> None:
        """See `ports.Watch`."""
        before = None
        while not stopping.is_set():
            now = self._changed_at()
            if now != before:
                before = now
                self._noticed()
                arrived()
            stopping.wait(self._glance)

    def _changed_at(self) -> int | None:
        try:
            return self._new.stat().st_mtime_ns
        except OSError:
            return None


def _files(folder: Path) -> Iterator[Delivered]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                # Moved by another reader in between: the next pass finds it where it is then.
                continue
            yield Delivered(
                entry.name.partition(":")[0],
                Path(entry.path),
                found.st_size,
                datetime.fromtimestamp(found.st_mtime, UTC),
                datetime.fromtimestamp(found.st_ctime, UTC),
            )


def _content(path: Path, most: int) -> bytes:
    """A file's bytes, at most so many; never through a link, and never waiting for whatever is no file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path.name} is no file")
        return file.read(most)
