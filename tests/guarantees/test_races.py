"""Guarantee 15: decisions at the same instant end as one after the other, and a lane has one worker."""

import time

import pytest

from bridge.sync.apply import apply, apply_item
from bridge.sync.cycle import Cycle
from bridge.sync.engage import engage
from bridge.sync.roster import Roster
from tests.syncing.racing import Crowd, RacingStore, at_once
from tests.syncing.servicenow import Fault
from tests.syncing.world import DCC, LDSO, OTHER_RESOLVER, RESOLVER, World


def read_everything(world: World) -> None:
    """What people and desks did is landed, and not decided upon yet."""
    world.clock.forward(seconds=2)
    cycle = Cycle(world.around)
    for source in world.around.sources:
        cycle.pull_source(source)
    cycle.pull_engaged()
    cycle.collect()


def racing(world: World) -> tuple[World, RacingStore]:
    store = RacingStore(world.store)
    return world.with_(store=store), store


def roster(world: World) -> Roster:
    found = Roster(world.servicenow, "CPSD Resolvers")
    found.resolvers()
    return found


def new_items(world: World) -> list:
    with world.store.transaction() as tx:
        return list(tx.unapplied(100))


def is_postgresql(world: World) -> bool:
    return world.store._engine.dialect.name == "postgresql"


def two_reported(world: World) -> None:
    world.reported()
    world.note("#engage @ldso")
    world.cycle(2)
    world.report("resolved", "Registered.", desk=LDSO)
    world.cycle(2)


def apply_both_at_once(world: World) -> RacingStore:
    race, store = racing(world)
    items = [item for item in new_items(world) if b"#confirm" in item.raw]
    people = roster(world)
    at_once(*(lambda item=item: apply_item(race.around, people, item) for item in items))
    assert len(items) == 2
    return store


def test_two_confirmations_at_the_same_instant_resolve_the_case_once(either):
    two_reported(either)
    either.note("#confirm @dcc", by=RESOLVER)
    either.note("#confirm @ldso", by=OTHER_RESOLVER)
    read_everything(either)
    store = apply_both_at_once(either)
    assert (either.state(DCC), either.state(LDSO)) == ("confirmed", "confirmed")
    if is_postgresql(either):
        assert store.stale > 0, "one of them decided on the old picture and had to decide again"
    either.cycle(3)
    assert either.phase() == "resolved"
    assert len(either.servicenow.ours(either.case, setting="6")) == 1
    either.written_once()


def test_two_confirmations_in_one_family_at_the_same_instant_resolve_both_records(either):
    incident = either.raise_case(DCC, table="incident")
    case = either.raise_case(LDSO, incident=incident)
    either.cycle(2)
    for sys_id, name in ((incident, DCC), (case, LDSO)):
        either.report("resolved", desk=name, case=sys_id)
    either.cycle(2)
    either.note("#confirm", case=incident)
    either.note("#confirm", case=case)
    read_everything(either)
    store = apply_both_at_once(either)
    if is_postgresql(either):
        assert store.stale > 0
    either.cycle(3)
    for sys_id in (incident, case):
        assert either.phase(sys_id) == "resolved"
        assert len(either.servicenow.ours(sys_id, setting="6")) == 1


def test_a_confirmation_and_a_rejection_at_the_same_instant_end_in_one_of_the_two_orders(either):
    either.reported()
    either.note("#confirm @dcc", by=RESOLVER)
    either.note("#reject @dcc: still no reads", by=OTHER_RESOLVER)
    read_everything(either)
    race, _ = racing(either)
    people = roster(either)
    at_once(*(lambda item=item: apply_item(race.around, people, item) for item in new_items(either)))
    either.cycle(3)
    confirmed = (either.state(), either.phase(), either.kinds()) == ("confirmed", "resolved", ["open", "accept"])
    rejected = (either.state(), either.kinds()) == ("in_progress", ["open", "reject"]) and either.phase() != "resolved"
    assert confirmed or rejected


def confirmed_and_to_be_resolved(world: World) -> None:
    """The resolving write is in its lane, due, and not attempted."""
    world.reported()
    world.servicenow.fail(Fault.BUSY, when=lambda body: body.get("state") == "6")
    world.note("#confirm @dcc")
    world.cycle(1)
    assert world.phase() != "resolved"


def engage_another(world: World) -> None:
    """A resolver engages another desk, and the bridge reads it this very instant."""
    world.note("#engage @ldso", by=OTHER_RESOLVER)
    read_everything(world)
    apply(world.around, roster(world))


def the_case_is_open_and_waits_for_the_other_desk(world: World) -> None:
    world.cycle(8)
    assert world.state(LDSO) == "open"
    assert world.kinds(LDSO) == ["open"]
    assert world.phase() in {"open", "awaiting"}
    world.written_once()


def test_engage_before_the_record_is_read_withholds_our_resolution(either):
    confirmed_and_to_be_resolved(either)
    engage_another(either)
    the_case_is_open_and_waits_for_the_other_desk(either)
    assert either.servicenow.ours(either.case, setting="6") == []


def test_engage_between_the_reading_and_the_intent_withholds_our_resolution(either):
    confirmed_and_to_be_resolved(either)
    read = either.servicenow.read

    def read_and_then(table, sys_id):
        found = read(table, sys_id)
        either.servicenow.read = read
        engage_another(either)
        return found

    either.clock.forward(seconds=8)
    either.servicenow.read = read_and_then
    either.cycle_now()
    assert either.servicenow.read is read, "the record was read just before the write"
    the_case_is_open_and_waits_for_the_other_desk(either)
    assert either.servicenow.ours(either.case, setting="6") == []


def test_engage_while_our_resolution_is_on_its_way_is_followed_by_a_reopening(either):
    confirmed_and_to_be_resolved(either)

    def meanwhile(sys_id, body):
        if body.get("state") == "6":
            either.servicenow.before_write = None
            engage_another(either)

    either.servicenow.before_write = meanwhile
    either.cycle(5)
    assert len(either.servicenow.ours(either.case, setting="6")) == 1
    the_case_is_open_and_waits_for_the_other_desk(either)


def test_engage_after_our_resolution_is_refused_with_the_reason(either):
    confirmed_and_to_be_resolved(either)
    either.cycle(8)
    engage_another(either)
    either.cycle(2)
    assert [one.desk for one in either.engagements()] == [DCC]
    assert either.phase() == "resolved"
    assert "the case is resolved; put it back to work first" in either.notes()


def test_engage_and_our_resolution_in_two_threads_never_leave_a_resolved_case_with_an_engaged_desk(either):
    confirmed_and_to_be_resolved(either)
    either.note("#engage @ldso", by=OTHER_RESOLVER)
    read_everything(either)
    either.clock.forward(seconds=8)
    race, store = racing(either)
    people = roster(either)
    at_once(lambda: apply(race.around, people), Cycle(race.around)._dispatcher.run)
    if is_postgresql(either):
        assert store.stale > 0
    either.cycle(8)
    if LDSO in [one.desk for one in either.engagements()]:
        the_case_is_open_and_waits_for_the_other_desk(either)
    else:
        assert either.phase() == "resolved"
        assert "put it back to work first" in either.notes()


def test_two_replicas_that_apply_the_same_inbox_apply_each_item_once(either):
    cases = [either.raise_case() for _ in range(4)]
    either.cycle(2)
    for case in cases:
        either.report("acknowledged", case=case)
        either.note("#desk: please ring me", case=case)
    read_everything(either)
    race, _ = racing(either)
    waited = []
    at_once(*(lambda: waited.extend(apply(race.around, roster(race)).waiting) for _ in range(2)))
    assert new_items(either) == []
    assert waited == [], "what the other has applied is not tried again and again"
    either.cycle(2)
    for case in cases:
        assert either.kinds(case=case) == ["open", "text"]
        assert len(either.events("item_received", case)) == 1


def test_two_replicas_that_decide_on_the_same_revisions_engage_once(either):
    cases = [either.raise_case() for _ in range(4)]
    read_everything(either)
    race, _ = racing(either)
    at_once(*(lambda: engage(race.around, roster(race)) for _ in range(2)))
    either.cycle(2)
    for case in cases:
        assert [one.round for one in either.engagements(case)] == [1]
        assert either.kinds(case=case) == ["open"]
        assert len(either.events("engaged", case)) == 1
    either.written_once()


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_lane_has_one_worker_also_when_four_work_at_once(either, replicas):
    crowd = Crowd()
    for _ in range(6):
        either.raise_case()
    read_everything(either)
    engage(either.around, roster(either))

    def slowly(place):
        crowd.enter(place)
        time.sleep(0.01)
        crowd.leave(place)

    either.desks[DCC].on_the_way = lambda frozen: slowly(frozen.content[:200].decode())
    either.servicenow.before_write = lambda sys_id, body: slowly(sys_id)
    for round_ in range(3):
        for case in either.cases:
            either.note(f"#desk: number {round_}", case=case)
    read_everything(either)
    apply(either.around, roster(either))
    workers = [either.with_(concurrency=4, worker=f"replica-{number}").around for number in range(replicas)]
    at_once(*(lambda around=around: Cycle(around)._dispatcher.run() for around in workers))
    either.cycle(2)
    assert max(crowd.most.values()) == 1
    assert crowd.most_at_all > 1, "lanes are worked on side by side"
    for case in either.cases:
        told = [mail.told for mail in either.mails() if mail.told["case_number"] == either.number(case)]
        assert [one["ordinal"] for one in told] == [1, 2, 3, 4], "first in, first out"
