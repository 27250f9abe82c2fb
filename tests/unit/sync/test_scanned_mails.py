"""No mail is read before it was scanned: infected ones wait for a person, all of them while the scanner is away."""

import pytest

from bridge.domain.errors import FarSideError, ScannerAway
from tests.syncing.world import World


class Scanner:
    """Finds what a test says, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def scan(self, raw: bytes) -> str:
        self.asked += 1
        if self.away:
            raise ScannerAway("no scanner")
        if b"unscannable" in raw:
            raise FarSideError("this mail cannot be scanned: too large")
        return "Eicar-Test-Signature" if b"infected" in raw else ""


@pytest.fixture
def scanner():
    return Scanner()


@pytest.fixture
def world(build_world, scanner) -> World:
    made = build_world(scanner=scanner)
    made.engaged()
    return made


def test_an_infected_mail_does_nothing_and_is_quarantined_by_the_name_of_what_was_found(world):
    world.report("resolved", "see the infected file")
    world.report("acknowledged", "a clean one")
    world.cycle(2)
    assert world.state() == "acknowledged"
    (reason,) = world.quarantined()
    assert "Eicar-Test-Signature" in reason
    assert world.alerts.codes() == ["quarantined"]


def test_a_mail_that_cannot_be_scanned_is_quarantined_and_the_others_go_on(world):
    world.report("resolved", "unscannable")
    world.report("acknowledged")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert ["cannot be scanned" in reason for reason in world.quarantined()] == [True]


def test_while_the_scanner_is_away_mails_wait_and_then_are_applied_in_order(world, scanner):
    scanner.away = True
    for kind in ("acknowledged", "progress", "resolved"):
        world.report(kind)
    world.cycle(3)
    assert world.state() == "open"
    assert world.quarantined() == []
    assert scanner.asked == 3, "once in each pass"
    assert world.alerts.codes() == ["scanner_away"], "people are told once"
    scanner.away = False
    world.cycle(2)
    assert world.state() == "resolution_reported"
    assert [told.event.facts["report"] for told in world.events("item_received")] == [
        "acknowledged",
        "progress",
        "resolved",
    ]


def test_what_people_write_in_servicenow_goes_on_meanwhile(world, scanner):
    scanner.away = True
    world.report("acknowledged")
    world.note("#desk: the meter is 17K0012345")
    world.cycle(2)
    assert world.kinds() == ["open", "text"]
