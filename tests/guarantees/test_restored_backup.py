"""Guarantee 25: a backup taken in the middle of life replaces the store, and `run --after-restore` finds its way back.

Real processes, a real ServiceNow sandbox, real mail; the desks and the ledger forget nothing.
"""

import collections
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.store import open_store
from tests.killing.bridges import Bridges
from tests.killing.market import Market, assert_all_ended, assert_written_once, market
from tests.stores.processes import wait_for


def acknowledged(found: Market) -> int:
    with found.store.reading() as tx:
        return sum(one.state.value != "open" for one in tx.all_engagements())


def back_up(database: Path, to: Path) -> None:
    """As `sqlite3 bridge.db '.backup older.db'` does, while the bridge runs."""
    source, target = sqlite3.connect(database), sqlite3.connect(to)
    source.backup(target)
    source.close()
    target.close()


def put_back(found: Market, database: Path, backup: Path) -> None:
    """As the operator does it: the bridge is stopped, the newer files make room."""
    found.store.close()
    for name in (database.name, f"{database.name}-wal", f"{database.name}-shm"):
        database.with_name(name).unlink(missing_ok=True)
    shutil.copy(backup, database)
    found.store = open_store(f"sqlite:///{database}")


def not_caught_up(found: Market) -> list[str]:
    """What is not yet as it must end; a case that was raised and resolved after the backup is rightly forgotten."""
    with found.store.reading() as tx:
        told = tx.restored()
        left = [f"{one.kind} {one.status} {one.last_error}" for one in tx.deliveries(pending=True)]
        for case in found.cases:
            states = [one.state.value for one in tx.engagements(case.sys_id)]
            if states != [case.engagement] and (states or case.case_state == "open"):
                left.append(f"{case.number}: {states}")
    return left + ([] if told and told.caught_up else ["not caught up"])


def wait_until_caught_up(found: Market, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while left := not_caught_up(found):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def own_entries(found: Market) -> collections.Counter[tuple[str, str]]:
    return collections.Counter(
        (effect["sys_id"], entry["value"])
        for effect in found.effects()
        if effect["user"] == "cpsd.bridge"
        for entry in effect["journal"]
    )


def assert_repeats_are_marked(found: Market) -> None:
    """One Message-ID for each delivery; whatever came again says that it may be a repeat."""
    for desk in found.desks.values():
        mails = collections.defaultdict(list)
        for mail in desk.received:
            mails[mail.delivery].append(mail)
        for delivery, copies in mails.items():
            assert len({mail.message_id for mail in copies}) == 1, f"{delivery} has several Message-IDs"
            assert all(mail.attempt > 1 for mail in copies[1:]), f"{delivery}: a repeat is not marked"


@pytest.mark.timeout(180)
def test_a_store_that_was_restored_from_an_older_backup_does_nothing_twice(tmp_path):
    database, backup = tmp_path / "bridge.db", tmp_path / "older.db"
    with (
        market(tmp_path, f"sqlite:///{database}") as found,
        Bridges(found.stage.config, tmp_path / "bridge.log") as bridges,
    ):
        found.raise_cases(4)
        process = bridges.start()
        wait_for(lambda: acknowledged(found) >= 2, "the first answers")
        back_up(database, backup)
        found.raise_cases(2)
        found.play(60)
        bridges.terminate(process)
        before = own_entries(found)

        put_back(found, database, backup)
        command = [sys.executable, "-m", "bridge.cli", "--config", str(found.stage.config), "--operator", "ines"]
        with (tmp_path / "restored.log").open("wb") as log:
            restored = subprocess.Popen([*command, "run", "--after-restore"], stdout=log, stderr=log, env=os.environ)
        try:
            wait_until_caught_up(found)
            restored.send_signal(signal.SIGTERM)
            assert restored.wait(20) == 0
        finally:
            restored.kill()
            restored.wait()

        assert own_entries(found) == before, "nothing was written again"
        assert_written_once(found)
        assert_all_ended(found)
        assert_repeats_are_marked(found)
        assert restored_by(database) == "ines"


def restored_by(database: Path) -> str:
    """Who restored it, as the trail has it."""
    connection = sqlite3.connect(database)
    row = connection.execute(
        "SELECT value FROM event JOIN event_value ON event_value.event = event.id"
        " WHERE kind = 'restored' AND name = 'who'"
    ).fetchone()
    connection.close()
    return str(row[0].decode())
