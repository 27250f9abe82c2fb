"""The way of a case: out to a desk, its answers back, and resolved when the hold allows it."""


def test_a_case_goes_out_and_comes_back_and_is_resolved_once_a_resolver_confirms(world):
    world.raise_case()
    world.cycle(2)
    assert world.kinds() == ["open"]
    assert world.state() == "open"
    assert "dcc is engaged by route" in world.notes()

    world.report("acknowledged", desk_reference="INC000000000042")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert world.servicenow.value(world.case, "correlation_display") == "INC000000000042"

    world.report("resolved", "The job was restarted.")
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert world.phase() == "awaiting", "the original case stays open until this is confirmed"
    assert "#confirm @dcc" in world.notes()

    world.note("Checked with the raiser.\n#confirm @dcc")
    world.cycle(3)
    assert world.state() == "confirmed"
    assert world.phase() == "resolved"
    assert world.kinds() == ["open", "accept"]
    assert "The job was restarted." in world.servicenow.value(world.case, "close_notes")
    assert world.servicenow.value(world.case, "resolution_code") == "Solved"
    assert not world.deliveries(pending=True)
    world.written_once()
    assert world.alerts.codes() == []
