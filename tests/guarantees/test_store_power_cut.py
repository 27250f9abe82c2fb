"""Guarantee 2: an acknowledged commit survives a power cut.

The store's own settings are tried on a file system that forgets what was never synced. That every connection of the
store has these settings is shown in `tests/integration/store/test_opening.py`.
"""

import shutil
import uuid
from pathlib import Path

import apsw
import pytest

from bridge.store import engine, open_store
from tests.stores.samples import write

COMMITS = 12


class ForgetfulFile(apsw.VFSFile):
    """A file of which only what was synced outlives the cut."""

    def __init__(self, disk: dict[Path, bytes], name, flags):
        super().__init__("", name, flags)
        self._disk = disk
        self._path = Path(name.filename() if hasattr(name, "filename") else name)

    def xSync(self, flags):  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._disk[self._path] = self._path.read_bytes()


class ForgetfulDisk(apsw.VFS):
    """A file system for SQLite whose cache is lost with the power."""

    def __init__(self):
        self.name = f"forgetful-{uuid.uuid4()}"
        self.synced: dict[Path, bytes] = {}
        super().__init__(self.name, base="")

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        return ForgetfulFile(self.synced, name, flags)

    def cut_power(self, to: Path) -> Path:
        """What is left, as files of the same names in another folder; the database's."""
        to.mkdir()
        for path, content in self.synced.items():
            (to / path.name).write_bytes(content)
        return to / "bridge.db"


def commit_and_cut(template: Path, folder: Path, synchronous: str, commits: int) -> Path:
    """Make acknowledged commits with the store's settings, then cut the power; the file that is left."""
    file = Path(shutil.copy(template, folder / "bridge.db"))
    disk = ForgetfulDisk()
    disk.synced[file] = file.read_bytes()
    connection = apsw.Connection(str(file), vfs=disk.name)
    # Without it SQLite wants shared memory, which a file system written in Python does not offer.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    for setting in engine._SQLITE_SETTINGS:
        connection.execute(setting.replace("synchronous = FULL", f"synchronous = {synchronous}"))
    assert connection.pragma("journal_mode") == "wal"
    for number in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO outbox (id, kind, recipient, lane, payload, status, next_attempt_at, created_at)"
            " VALUES (?, 'write', 'servicenow', ?, '{}', 'pending', 0, 0)",
            (write(number).id, str(number)),
        )
        connection.execute("COMMIT")
    left = disk.cut_power(folder / "after the cut")
    connection.close()
    return left


def survivors(file: Path) -> int:
    store = open_store(f"sqlite:///{file}")
    with store.reading() as work:
        found = len(work.deliveries())
    store.close()
    return found


@pytest.mark.parametrize("commits", [1, COMMITS])
def test_every_acknowledged_commit_survives_a_power_cut(sqlite_template, tmp_path, commits):
    assert survivors(commit_and_cut(sqlite_template, tmp_path, "FULL", commits)) == commits


def test_the_weaker_setting_would_lose_commits_on_the_same_disk(sqlite_template, tmp_path):
    assert survivors(commit_and_cut(sqlite_template, tmp_path, "NORMAL", COMMITS)) < COMMITS
