"""A table in which very much happens holds up nobody else's cases."""

from dataclasses import replace
from datetime import timedelta

from bridge.sync.cycle import Cycle
from tests.syncing.world import CASE_TABLE, DCC, STRANGER, World, source


def behind(world: World) -> World:
    """The incidents' journal gets far more entries than the pages of one cycle can hold."""
    busy = world.servicenow.create("incident", assignment_group="somewhere else")
    for number in range(200):
        world.servicenow.add_entry(busy, STRANGER, f"imported {number}")
        world.servicenow.entries[-1]["sys_created_on"] = f"2026-06-01 09:00:{number // 8 % 60:02}"
    narrow = replace(source("incident", page_size=20), max_pages=1)
    return world.with_(sources=[source(CASE_TABLE), narrow])


def test_the_cases_of_another_table_are_engaged_meanwhile(world):
    world = behind(world)
    world.clock.forward(seconds=60)
    world.raise_case()
    world.cycle(3)
    assert world.kinds(DCC) == ["open"]
    assert Cycle(world.around).horizon()["incident"] < world.clock.now() - timedelta(seconds=30)


def test_a_case_with_relatives_waits_for_every_journal(world):
    incident = world.servicenow.create("incident")
    world = behind(world)
    world.clock.forward(seconds=60)
    world.raise_case(incident=incident)
    world.cycle(3)
    assert world.kinds(DCC) == []
    world.cycle(25)
    assert world.kinds(DCC) == ["open"]


def test_a_cycle_reads_no_more_than_its_pages_of_a_stream(world):
    world = behind(world)
    world.clock.forward(seconds=60)
    asked = []
    ask = world.servicenow.page

    def counted(stream, window, limit):
        asked.append(stream.name)
        return ask(stream, window, limit)

    world.servicenow.page = counted
    world.cycle_now()
    assert [asked.count(name) for name in ("incident", "incident/journals", "incident/attachments")] == [1, 1, 1]
