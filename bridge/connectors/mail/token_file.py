"""The file in which delegated tokens are kept: readable by its owner only, replaced whole, one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.domain.errors import TryLater

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
LOGIN_REMEDY = "run cpsd-bridge mail login"


class TokenFile:
    """What msal keeps, at one place; every method raises `TryLater` if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or writes it meanwhile: a refresh token may be good once only."""
        try:
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> str:
        """What was written; refused if anybody but the owner could have read it."""
        try:
            with self.path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise TryLater(
                        f"{self.path} can be read or written by others", remedy=f"chmod 600 {self.path}; mails wait"
                    )
                content = file.read()
        except FileNotFoundError:
            raise TryLater(f"there are no tokens for mail in {self.path}", remedy=LOGIN_REMEDY) from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(error) from error
        if not _holds_tokens(content):
            raise TryLater(f"{self.path} holds no tokens", remedy=LOGIN_REMEDY)
        return content

    def write(self, content: str) -> None:
        """Replace it: whatever happens, the old or the new content is there, whole."""
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            beside.unlink(missing_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            beside.replace(self.path)
            self._settle()
        except OSError as error:
            raise self._unusable(error) from error

    def version(self) -> object:
        """Another value whenever it was replaced."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _settle(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unusable(self, error: Exception) -> TryLater:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return TryLater(f"{self.path} cannot be used: {why}", remedy="let the bridge's user read and write its folder")


def _holds_tokens(content: str) -> bool:
    """Whether it has the outer form that msal gives it: kinds of credentials, each with entries by key."""
    try:
        told = json.loads(content)
    except ValueError:
        return False
    return isinstance(told, dict) and all(isinstance(entries, dict) for entries in told.values())
