"""Processes of their own that work on a store, and what they do: started, killed, stopped and woken by the tests."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bridge.domain.delivery import DeliveryStatus, Receipt
from bridge.domain.engagement import State
from bridge.domain.errors import StaleCase, StaleWorker
from bridge.ports import RawItem, TrailEvent
from bridge.store import SqlStore, open_store
from tests.stores.samples import LEASE, SETTLE, START, engagement, record, revision, sys_id, write

#: A new interpreter each: nothing of the test's connections goes along.
_SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def running(function: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """A process that runs a function; killed at the end of the block if it still lives."""
    process = _SPAWN.Process(target=function, args=arguments)
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def send(process: BaseProcess, signal_: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal_)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Whatever the condition yields once it holds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return found


def say(file: Path, line: str) -> None:
    """Add a line to a file that several processes write, in one piece."""
    with file.open("ab", buffering=0) as log:
        log.write(f"{line}\n".encode())


def said(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def deliver_everything(url: str, name: str, log: Path) -> None:
    """Claims, attempts and finishes until nothing is left, and writes down when it entered and left which lane."""
    store = open_store(url)
    while claim := store.claim(name, LEASE):
        say(log, f"enter {claim.delivery.lane} {claim.delivery.id} {name}")
        with store.transaction() as work:
            claim = work.intend(claim, None, SETTLE)
        time.sleep(0.001)
        say(log, f"leave {claim.delivery.lane} {claim.delivery.id} {name}")
        with store.transaction() as work:
            work.finish(claim, DeliveryStatus.DONE)
    store.close()


def confirm_when_told(url: str, name: str, start: Path) -> None:
    """Decides once on the case, beginning at the same instant as others, until the decision holds."""
    store = open_store(url)
    say(start.with_suffix(".ready"), name)
    wait_for(start.exists, "the start")
    for _ in range(50):
        try:
            with store.transaction() as work:
                case = work.case(sys_id(1))
                assert case is not None
                others = [one for one in work.engagements(sys_id(1)) if one.state is State.CONFIRMED]
                time.sleep(0.01)
                work.save_case(case)
                work.save_engagement(engagement(1, name, state=State.CONFIRMED))
                work.record(TrailEvent("confirmed", name, case=sys_id(1), facts={"others": len(others)}))
            break
        except StaleCase:
            continue
    store.close()


def change_everything_for_ever(url: str, progress: Path) -> None:
    """One transaction after the other, each with a case, a delivery and an event, until it is killed."""
    store = open_store(url)
    with store.reading() as work:
        number = len(work.deliveries()) + 1
    while True:
        with store.transaction() as work:
            work.add_case(record(number))
            work.enqueue(write(number))
            work.record(TrailEvent("case_added", "worker", case=sys_id(number), personal={"text": f"case {number}"}))
        say(progress, str(number))
        number += 1


def begin_and_hang(url: str, log: Path) -> None:
    """Begins an attempt and never ends it."""
    store = open_store(url)
    claim = _begin(store, "hanging", LEASE)
    say(log, f"begun {claim.delivery.id}")
    time.sleep(600)


def begin_sleep_and_finish(url: str, lease: timedelta, log: Path, go_on: Path) -> None:
    """Begins an attempt, waits for a sign, and writes the outcome down, however late it is."""
    store = open_store(url)
    claim = _begin(store, "sleeper", lease)
    say(log, "begun")
    wait_for(go_on.exists, "the sign to go on", 60)
    try:
        with store.transaction() as work:
            work.finish(claim, DeliveryStatus.DONE, receipt=Receipt("queued as 4F2"))
        say(log, "finished")
    except StaleWorker:
        say(log, "refused")
    store.close()


def _begin(store: SqlStore, name: str, lease: timedelta) -> Any:
    claim = store.claim(name, lease)
    assert claim is not None
    with store.transaction() as work:
        return work.intend(claim, None, SETTLE)


def receive_and_wait(url: str, log: Path, go_on: Path) -> None:
    """Puts an item, a revision and a delivery into the store and commits only when it is told to."""
    store = open_store(url)
    with store.transaction() as work:
        store_one_of_each(work, 1)
        say(log, "written")
        wait_for(go_on.exists, "the sign to commit", 60)
    say(log, "committed")
    store.close()


def store_one_of_each(work: Any, number: int) -> None:
    """An inbox item, a revision, a delivery and an event with one number."""
    work.receive(RawItem("mail:INBOX", f"<{number}@dcc.example>", b"", START))
    work.land([revision(number)])
    work.enqueue(write(number))
    work.record(TrailEvent("stored", "worker", case=sys_id(1), facts={"number": number}))
