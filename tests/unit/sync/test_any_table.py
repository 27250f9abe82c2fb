"""Request items and tables of one's own go the same way as cases."""

import pytest


@pytest.fixture(params=["sc_req_item", "u_market_request"])
def table(request):
    return request.param


def test_a_record_of_any_task_table_is_engaged_held_and_resolved(build_world, table):
    world = build_world(tables=[table])
    world.raise_case(table=table)
    world.cycle(2)
    assert world.kinds() == ["open"]
    world.servicenow.update(world.case, "eve.other", state="3", close_notes="done")
    world.cycle(2)
    assert world.phase() == "open", "an early end is undone"
    world.report("resolved", "The job was restarted.")
    world.cycle(2)
    assert world.phase() == "awaiting"
    world.note("#confirm")
    world.cycle(3)
    assert world.phase() == "resolved"
    assert world.servicenow.value(world.case, "close_notes") == "dcc: The job was restarted."
    assert "" not in world.servicenow.records[world.case]
