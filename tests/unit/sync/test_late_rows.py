"""Rows that commit too late for every window: the sweep brings them in, and they are acted upon as any other."""

import copy
from datetime import timedelta

import pytest

from bridge.domain.case import format_time
from bridge.domain.errors import CallBudgetSpent
from bridge.sync.cycle import Cycle, steps
from tests.syncing.world import DCC, RESOLVER, World


def sweep(world: World) -> int:
    cycle = Cycle(world.around)
    return sum(cycle.sweep_source(source) for source in world.around.sources)


def backdate(world: World, fields: dict[str, str], name: str, minutes: int) -> None:
    """What was just written was begun long ago, and is committed only now."""
    fields[name] = format_time(world.servicenow.now() - timedelta(minutes=minutes))


def test_a_case_that_commits_late_is_engaged_after_a_sweep(world):
    world.cycle(30, seconds=10)
    case = world.raise_case()
    backdate(world, world.servicenow.records[case], "sys_updated_on", 3)
    world.cycle(3)
    assert world.kinds() == []
    assert sweep(world) == 1
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert sweep(world) == 0


def test_a_command_that_commits_late_is_obeyed_after_a_sweep(world):
    world.engaged()
    world.cycle(30, seconds=10)
    world.servicenow.add_entry(world.case, RESOLVER, "#withdraw @dcc: raised twice")
    backdate(world, world.servicenow.entries[-1], "sys_created_on", 3)
    world.cycle(3)
    assert world.state(DCC) == "open"
    assert sweep(world) >= 1
    world.cycle(2)
    assert world.state(DCC) == "withdrawn"
    assert sweep(world) == 0


def test_a_case_that_enters_the_filter_without_being_changed_is_found(world):
    case = world.raise_case()
    world.servicenow.filtered.add(case)
    world.cycle(30, seconds=10)
    world.servicenow.filtered.clear()
    world.cycle(2)
    assert world.kinds() == []
    assert sweep(world) == 1
    world.cycle(2)
    assert world.kinds() == ["open"]


def test_each_source_is_swept_on_a_schedule_of_its_own(world):
    ticking = steps(Cycle(world.around), world.around)
    assert set(ticking) == {
        "pull:sn_customerservice_case",
        "pull:incident",
        "pull:engaged",
        "sweep:sn_customerservice_case",
        "sweep:incident",
        "sweep:gone",
        "reconcile",
        "remind",
    }
    every, do = ticking["sweep:incident"]
    assert every == world.around.sweeping.every.total_seconds()
    world.cycle()
    assert do() == 0


@pytest.mark.parametrize("call", ["stamps", "page"])
def test_a_sweep_stops_where_its_part_of_the_calls_is_used_and_goes_on_later(world, monkeypatch, call):
    def spent(*_):
        raise CallBudgetSpent("spent")

    world.cycle(30, seconds=10)
    case = world.raise_case()
    backdate(world, world.servicenow.records[case], "sys_updated_on", 3)
    frugal = copy.copy(world.servicenow)
    monkeypatch.setattr(frugal, call, spent)
    monkeypatch.setattr(world.servicenow, "at_low_priority", lambda: frugal)
    with pytest.raises(CallBudgetSpent):
        sweep(world)
    world.cycle(3)
    monkeypatch.undo()
    sweep(world)
    world.cycle(2)
    assert world.kinds() == ["open"]
