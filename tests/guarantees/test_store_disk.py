"""Guarantee 3: a full disk or an I/O error stops cleanly, loses nothing, and the restart drains."""

import random
import resource
import signal
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
from imap_tools import MailBoxUnencrypted
from sqlalchemy.exc import OperationalError

from bridge.domain.errors import StoreNotWritable
from bridge.ports import TrailEvent
from bridge.store import open_store
from bridge.store.failures import named
from tests.killing.bridges import Bridges, is_alive
from tests.killing.market import (
    Market,
    assert_all_ended,
    assert_each_message_under_one_identity,
    assert_written_once,
    market,
)
from tests.stores.processes import running, said, say
from tests.stores.samples import record, sys_id, write

CASES = 5
FULL = 4


def pages(database: Path) -> int:
    connection = sqlite3.connect(database)
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    return int(count)


def wait_for_its_end(process: int, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(process):
        assert time.monotonic() < deadline, "a bridge without a disk goes on"
        time.sleep(0.02)


@pytest.mark.timeout(180)
def test_a_bridge_whose_disk_is_full_again_and_again_ends_by_itself_and_loses_nothing(tmp_path):
    chance = random.Random(3)
    database = tmp_path / "bridge.db"
    with (
        market(tmp_path, f"sqlite:///{database}") as found,
        Bridges(found.stage.config, tmp_path / "bridge.log") as bridges,
    ):
        found.raise_cases(CASES)
        for _ in range(FULL):
            process = bridges.start(pages(database) + chance.randrange(1, 12))
            found.confirm_what_is_reported()
            wait_for_its_end(process)
        log = bridges.log()
        assert log.count("bridge ended: StoreNotWritable") == FULL
        assert "make room on its disk" in log
        assert "case_parked" not in log, "a full disk is nobody's fault"
        assert told_people(found)
        bridges.start()
        found.play(90)
        assert_all_ended(found)
        assert_written_once(found)
        assert_each_message_under_one_identity(found)
        assert not [case for case in found.cases if parked(found, case.sys_id)]
        with found.store.reading() as tx:
            assert tx.quarantined() == ()


def told_people(found: Market) -> list[str]:
    """The alarms about it, which cannot go through the outbox, in the mailbox of whoever is on call."""
    with MailBoxUnencrypted("127.0.0.1", found.stage.mail["imap_port"]).login(
        "oncall@elexon.demo.example", "demo"
    ) as box:
        return [mail.subject for mail in box.fetch() if "store_not_writable" in mail.subject]


def parked(found: Market, case) -> str:
    with found.store.reading() as tx:
        known = tx.case(case)
    return known.parked if known else ""


def commit_until_refused(url: str, log: Path, room: int) -> None:
    """Transactions of three parts each until the disk fails; then, with the disk repaired, a few more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store(url)
    number = 1
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    while number < 5000:
        try:
            commit(store, number)
        except StoreNotWritable as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            say(log, f"refused {error.retryable}")
            break
        say(log, f"committed {number}")
        number += 1
    for again in range(number, number + 3):
        commit(store, again)
        say(log, f"committed {again}")
    store.close()


def commit(store, number: int) -> None:
    with store.transaction() as work:
        work.add_case(record(number))
        work.enqueue(write(number))
        work.record(TrailEvent("case_added", "worker", case=sys_id(number), personal={"text": "x" * 900}))


@pytest.mark.parametrize("room", [80_000, 300_000])
def test_an_io_error_in_the_middle_of_a_commit_leaves_no_half_and_no_acknowledged_one_is_lost(
    sqlite_store_url, tmp_path, room
):
    log = tmp_path / "commits.log"
    with running(commit_until_refused, sqlite_store_url, log, room) as process:
        process.join(60)
    assert process.exitcode == 0
    lines = said(log)
    assert lines.count(["refused", "True"]) == 1
    committed = [int(line[1]) for line in lines if line[0] == "committed"]
    store = open_store(sqlite_store_url)
    with store.reading() as work:
        kept = [number for number in range(1, max(committed) + 2) if work.case(sys_id(number))]
        assert kept == committed
        assert {one.id for one in work.deliveries()} == {write(number).id for number in committed}
        assert all(len(work.story(sys_id(number))) == 1 for number in committed)
    store.close()


@pytest.mark.parametrize("error", [psycopg.errors.DiskFull, psycopg.errors.IoError])
def test_postgresqls_own_words_for_a_full_or_failing_disk_are_known(error):
    name = named(OperationalError(None, None, error("could not extend file")))
    assert isinstance(name, StoreNotWritable)
    assert "make room on its disk" in str(name)
