"""Guarantee 25: a backup of any age is restored, and everything comes out as it was, with nothing done twice.

The same life is lived to its end each time; a backup of the store is taken after one of its cycles, and put in place of
the store at the end. Far sides forget nothing. The restored store runs on until it has caught up.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from bridge.domain.errors import TryLater
from bridge.domain.ids import DeliveryId, SysId
from bridge.mapping.marks import unsigned
from bridge.ports import RESTORED
from bridge.store import SqlStore, open_store
from bridge.sync import restored
from bridge.sync.dispatch import PAUSED_ALL
from tests.syncing.fixtures import hurry
from tests.syncing.servicenow import OURS
from tests.syncing.world import DCC, LDSO, REC, World, build

CYCLES = 22


def live(market: World, after_cycle: Callable[[int], None]) -> None:
    """Three cases: one resolved and confirmed, one declined and passed on, one that stays open."""
    first = market.raise_case(DCC)
    done = 0

    def cycles(amount: int) -> None:
        nonlocal done
        for _ in range(amount):
            market.cycle()
            after_cycle(done)
            done += 1

    cycles(2)
    market.report("acknowledged", "We look into it.")
    cycles(2)
    second = market.raise_case(LDSO)
    market.report("question", "Which meter?")
    cycles(2)
    market.note("#desk: the second one", case=first)
    cycles(2)
    market.report("declined", "not ours", desk=LDSO, case=second, direction="rec")
    market.report("resolved", "The job was restarted.", case=first)
    cycles(3)
    market.note("#engage @rec", case=second)
    third = market.raise_case(DCC)
    cycles(2)
    market.note("#confirm", case=first)
    cycles(2)
    market.report("acknowledged", "Ours.", desk=REC, case=second)
    market.report("progress", "Nearly there.", desk=DCC, case=third)
    cycles(3)
    market.report("resolved", "Corrected.", desk=REC, case=second)
    cycles(2)
    market.note("#confirm @rec", case=second)
    cycles(2)
    assert done == CYCLES


@dataclass
class Seen:
    """What the far sides have of ours."""

    entries: list[tuple[str, str]]
    phases: list[str]
    resolutions: int
    mails: dict[str, set[str]]

    @classmethod
    def at(cls, market: World) -> "Seen":
        return cls(
            sorted((e["element_id"], e["value"]) for e in market.servicenow.entries if e["sys_created_by"] == OURS),
            [market.phase(case) for case in market.cases],
            sum(len(market.servicenow.ours(case, setting="6")) for case in market.cases),
            {name: {mail.message_id for mail in desk.received} for name, desk in market.desks.items()},
        )


@contextmanager
def copied(store: SqlStore, folder: Path, clock) -> Iterator[SqlStore]:
    """A backup of a store as it stands, opened: a copy of the SQLite file while it is in use, or of the database."""
    url = store._engine.url
    if url.get_backend_name() == "sqlite":
        target = folder / "backup.db"
        source, backup = sqlite3.connect(url.database), sqlite3.connect(target)
        with backup:
            source.backup(backup)
        source.close()
        backup.close()
        opened = open_store(f"sqlite:///{target}", clock=clock)
        hurry(opened)
        with closing(opened):
            yield opened
        return
    store._engine.dispose()
    admin = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = f"{url.database}_backup"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"'))
    opened = open_store(url.set(database=name).render_as_string(hide_password=False), clock=clock)
    with closing(opened):
        yield opened
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}"'))
    admin.dispose()


@contextmanager
def restored_at(market: World, folder: Path, cut: int) -> Iterator[tuple[World, Seen]]:
    """The market after its whole life, with the store as it was after one cycle; and what the far sides had before."""
    with ExitStack() as stack:
        backups: list[SqlStore] = []

        def take_backup(done: int) -> None:
            if done == cut:
                backups.append(stack.enter_context(copied(market.store, folder, market.clock)))

        live(market, take_backup)
        (older,) = backups
        yield replace(market, store=older, around=replace(market.around, store=older)), Seen.at(market)


def catch_up(market: World, cycles: int = 12) -> None:
    market.clock.forward(minutes=5)
    restored.begin(market.around, "operator:ines")
    market.cycle(cycles)


def assert_nothing_doubled(market: World, before: Seen) -> None:
    after = Seen.at(market)
    assert after.entries == before.entries, "nothing was written again, nothing is missing"
    assert after.phases == before.phases
    assert after.resolutions == before.resolutions == 2
    assert after.mails == before.mails, "one Message-ID for each message"
    for desk in market.desks.values():
        repeats = [mail.attempt for place, mail in enumerate(desk.received) if is_repeat(desk.received, place)]
        assert all(attempt > 1 for attempt in repeats), "a repeat is marked"


def is_repeat(mails, place: int) -> bool:
    return any(mail.message_id == mails[place].message_id for mail in mails[:place])


def assert_ended(market: World) -> None:
    """Each engagement that the store knows stands where it stood; one that it forgot is over in ServiceNow too."""
    first, second, third = market.cases
    ends = {
        (first, DCC): "confirmed",
        (second, LDSO): "declined",
        (second, REC): "confirmed",
        (third, DCC): "in_progress",
    }
    known = {(one.case, one.desk): one.state.value for case in market.cases for one in market.engagements(case)}
    assert known == {key: ends[key] for key in known}
    assert all(market.phase(case) == "resolved" for case, _ in ends.keys() - known.keys())
    assert not market.deliveries(pending=True)
    with market.store.reading() as tx:
        told = tx.restored()
    assert told is not None
    assert told.caught_up


@pytest.mark.parametrize("cut", [0, 3, 8, 13])
def test_a_backup_from_any_moment_comes_to_the_same_end_with_nothing_done_twice(build_world, tmp_path, cut):
    with restored_at(build_world(), tmp_path, cut) as (market, before):
        catch_up(market)
        assert_nothing_doubled(market, before)
        assert_ended(market)


def test_postgresql_is_restored_as_well(postgres_store_url, hand_clock, tmp_path):
    store = open_store(postgres_store_url, clock=hand_clock)
    with restored_at(build(store, hand_clock), tmp_path, 5) as (market, before):
        catch_up(market)
        assert_nothing_doubled(market, before)
        assert_ended(market)
    store.close()


def test_what_is_decided_in_another_order_is_known_by_its_words(build_world, tmp_path):
    """The desk's question comes out of the mailbox before its acknowledgement, so that ordinals are given otherwise."""
    with restored_at(build_world(), tmp_path, 1) as (market, before):
        first, second, *rest = market.mailbox.items
        market.mailbox.items[:] = [
            replace(first, received_at=second.received_at),
            replace(second, received_at=first.received_at),
            *rest,
        ]
        catch_up(market)
        assert_nothing_doubled(market, before)
        assert_ended(market)
        assert_each_delivery_has_its_own_entry(market)


def assert_each_delivery_has_its_own_entry(market: World) -> None:
    said = {e["sys_id"]: e["value"] for e in market.servicenow.entries if e["sys_created_by"] == OURS}
    with market.store.reading() as tx:
        bound = {entry: tx.delivery(tx.bound_to(SysId(entry)) or DeliveryId("")) for entry in said}
    meant = {entry: delivery.payload["text"] for entry, delivery in bound.items() if delivery}
    assert len(meant) > 6
    assert {entry: unsigned(text) for entry, text in meant.items()} == {one: unsigned(said[one]) for one in meant}


def test_nothing_is_decided_before_everything_up_to_the_restore_was_read(build_world, tmp_path, monkeypatch):
    with restored_at(build_world(), tmp_path, 5) as (market, before):
        collect = market.mailbox.collect
        monkeypatch.setattr(market.mailbox, "collect", unreachable)
        restored.begin(market.around, "operator:ines")
        known = {case: market.engagements(case) for case in market.cases}
        market.cycle(6)
        assert {case: market.engagements(case) for case in market.cases} == known
        assert Seen.at(market) == before
        monkeypatch.setattr(market.mailbox, "collect", collect)
        market.cycle(12)
        assert_nothing_doubled(market, before)
        assert_ended(market)


def unreachable(keep):
    raise TryLater("the mailbox cannot be reached")


def test_what_comes_after_the_restore_is_dealt_with_as_ever(build_world, tmp_path):
    market = build_world()
    market.engaged()
    with copied(market.store, tmp_path, market.clock) as older:
        market = replace(market, store=older, around=replace(market.around, store=older))
        catch_up(market)
        with market.store.reading() as tx:
            (facts,) = tx._execute(text("SELECT facts FROM event WHERE kind = 'restored'")).scalars()
        assert '"unknown":' in facts
        new = market.raise_case(DCC)
        market.cycle(3)
        assert market.state(DCC, new) == "open"
        assert [mail.attempt for mail in market.mails() if mail.told["case_number"] == market.number(new)] == [1]


def test_a_write_that_was_forgotten_and_never_done_is_done_once_nobody_can_do_it_any_more(build_world, tmp_path):
    market = build_world()
    market.raise_case(DCC)
    market.cycle(1)
    restored.begin(market.around, "operator:ines")
    begun = market.clock.now()
    market.report("acknowledged")
    market.cycle(14)
    market.written_once()
    assert "acknowledged" in market.notes()
    tried = [at for at, body in market.servicenow.attempts if "acknowledged" in body.get("work_notes", "")]
    assert (tried[0] - begun) >= market.around.timing.settle_within


def test_what_the_backup_holds_as_undelivered_is_asked_for_first(build_world, tmp_path):
    market = build_world()
    switch(market, "on")
    market.raise_case(DCC)
    market.cycle(2)
    with copied(market.store, tmp_path, market.clock) as older:
        switch(market, None)
        market.cycle(3)
        before = Seen.at(market)
        again = replace(market, store=older, around=replace(market.around, store=older))
        assert [one.attempts for one in again.deliveries(pending=True)] == [0, 0]
        switch(again, None)
        catch_up(again)
        assert Seen.at(again) == before
        assert [mail.attempt for mail in again.mails()] == [1, 2]


def switch(market: World, value: str | None) -> None:
    """Hold everything back, or no longer."""
    with market.store.transaction() as tx:
        tx.set_control(PAUSED_ALL, value, "ines")


def test_a_portal_is_asked_before_anything_is_sent_to_it_again(build_world, tmp_path):
    market = build_world()
    market.desks[DCC].can_find = True
    with restored_at(market, tmp_path, 0) as (older, before):
        catch_up(older)
        assert_nothing_doubled(older, before)
        assert [mail.attempt for mail in older.mails(DCC)] == [1] * len(older.mails(DCC))


def test_a_servicenow_that_cannot_be_reached_leaves_the_store_as_it_was(build_world, tmp_path, monkeypatch):
    market = build_world()
    monkeypatch.setattr(market.servicenow, "server_time", lambda: unreachable(None))
    with pytest.raises(TryLater):
        restored.begin(market.around, "operator:ines")
    with market.store.reading() as tx:
        assert tx.control(RESTORED) is None
