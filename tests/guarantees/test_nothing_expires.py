"""Guarantee 22: nothing expires silently. A year of clock in which nobody at all lifts a finger.

Whatever can get stuck does, in the first days. At the end each thing is over, with its event in the trail, or people
were told of it when it happened and then again every week, to the last.
"""

from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater
from bridge.domain.ids import DeskName
from bridge.ports import WaitingFor
from bridge.sync.dispatch import paused_desk
from bridge.sync.surroundings import Reminding
from tests.syncing.servicenow import Fault
from tests.syncing.world import GROUPS, World, build, desk

WEEK = timedelta(days=7)
STEP = timedelta(days=3)
DESKS = ("silent", "chased", "down", "lost", "refuses", "declines", "resolves", "paused", "poison", "needs")


@pytest.fixture
def market(quick_store, hand_clock, monkeypatch) -> World:
    """One desk for each way to get stuck."""
    for name in DESKS:
        monkeypatch.setitem(GROUPS, DeskName(name), f"CPSD {name}")
    agreed = {"poison": {"needs": ("bananas",)}, "needs": {"needs": ("mpan",)}, "chased": {"chase_every": WEEK}}
    return build(
        quick_store,
        hand_clock,
        [desk(name, **agreed.get(name, {})) for name in DESKS],
        reminding=Reminding(WEEK, 2 * WEEK),
    )


def get_stuck(market: World) -> None:
    cases = {name: market.raise_case(DeskName(name)) for name in DESKS}
    market.desks[DeskName("down")].fail(TryLater("no connection"), times=10_000)
    market.desks[DeskName("lost")].fail(OutcomeUnknown("the answer was lost"), times=10_000)
    market.desks[DeskName("refuses")].fail(FarSideError("no such mailbox"), times=10_000)
    with market.store.transaction() as tx:
        tx.set_control(paused_desk("paused"), "1", "ines")
    market.cycle(4)
    market.report("declined", "not ours", desk=DeskName("declines"), case=cases["declines"])
    market.report("resolved", "done", desk=DeskName("resolves"), case=cases["resolves"])
    market.mailbox.put({"report": "resolved", "desk": "nobody", "reference": "UNKNOWN"})
    market.cycle(4)
    market.servicenow.fail(Fault.REFUSED, when=lambda body: "#desk" not in body.get("work_notes", ""))
    market.report("acknowledged", desk=DeskName("chased"), case=cases["chased"])
    market.cycle(4)


def test_a_year_in_which_nobody_does_anything(market):
    get_stuck(market)
    begun = market.clock.now()
    while market.clock.now() < begun + timedelta(days=365):
        market.cycle(1, seconds=STEP.total_seconds())
    assert_known(market, begun)
    left = unfinished(market)
    assert all(left[kind] for kind in left), f"not everything got stuck: {left}"
    with market.store.reading() as tx:
        counted = {one.kind: one.count for one in tx.waiting(WEEK, 2 * WEEK)}
    assert counted == {kind: len(found) for kind, found in left.items()}


def unfinished(market: World) -> dict[WaitingFor, list[str]]:
    """What is not over, by what it waits for, found in other ways than the reminder finds it."""
    with market.store.reading() as tx:
        deliveries = tx.deliveries()
        engagements = tx.all_engagements()
        cases = [tx.case(sys_id) for sys_id in market.cases]
        new = tx._execute(text("SELECT id FROM inbox WHERE state = 'new'")).scalars().all()
        undecided = tx._execute(text("SELECT id FROM revision WHERE decided_at IS NULL")).scalars().all()
        found = {
            WaitingFor.QUARANTINED: [str(item.id) for item in tx.quarantined()],
            WaitingFor.PARKED: [case.number for case in cases if case and case.parked],
            WaitingFor.DEAD: [one.id for one in deliveries if one.status.value == "dead"],
            WaitingFor.PAUSED: [name for name in tx.controls() if name.startswith("pause/")],
            WaitingFor.UNDECIDED: [str(one) for one in undecided],
            WaitingFor.UNDELIVERED: [
                one.id for one in deliveries if not one.status.is_final and one.status.value != "dead"
            ],
            WaitingFor.SILENT: [one.id for one in engagements if one.is_open],
            WaitingFor.DECLINED: [one.id for one in engagements if one.state.value == "declined"],
        }
    assert not new, "what arrived is applied, filed, or in quarantine"
    return found


def assert_known(market: World, begun) -> None:
    """An alarm when it happened, and one each week since, to the last."""
    codes = market.alerts.codes()
    for first in ("quarantined", "case_parked", "write_refused"):
        assert first in codes
    reminders = [payload for payload in market.alerts.sent if payload["code"] == "still_waiting"]
    assert 51 <= len(reminders) <= 53
    for word in ("in quarantine", "set aside", "dead letters", "hold something back", "never end", "says nothing"):
        assert word in reminders[-1]["text"]
        assert word in reminders[20]["text"]


def test_what_is_over_is_told_of_no_more(market):
    market.mailbox.put({"report": "resolved", "desk": "nobody", "reference": "UNKNOWN"})
    market.cycle(2)
    market.cycle(1, seconds=8 * 86400)
    assert market.alerts.codes().count("still_waiting") == 1
    with market.store.transaction() as tx:
        for item in tx.quarantined():
            tx.settle_item(item.id, type(item.state).DROPPED, "rubbish")
    market.cycle(3, seconds=8 * 86400)
    assert market.alerts.codes().count("still_waiting") == 1


def test_what_has_just_happened_is_told_of_once(market):
    market.mailbox.put({"report": "resolved", "desk": "nobody", "reference": "UNKNOWN"})
    market.cycle(3)
    assert market.alerts.codes() == ["quarantined"]
