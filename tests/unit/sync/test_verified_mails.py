"""Who a mail is from is asked before the transaction in which it is read; what cannot be asked about waits."""

import pytest

from bridge.domain.errors import TryLater
from bridge.ports import Authenticity
from tests.syncing.desks import FakeReader
from tests.syncing.world import World


class Verifier:
    """Says that a mail passed, or that nobody can be asked about it."""

    def __init__(self) -> None:
        self.away = b""
        self.store = None

    def verify(self, raw, received_at):
        # On a store with one writer this waits for ever within a transaction of the same thread.
        with self.store.transaction() as tx:
            tx.now()
        if self.away and self.away in raw:
            raise TryLater("the DNS is away")
        return Authenticity(passed=True)


class Reader(FakeReader):
    """Notes what it was handed."""

    def __init__(self) -> None:
        self.handed = []

    def receive(self, raw, received_at, known, found=None):
        self.handed.append(found)
        return super().receive(raw, received_at, known, found)


@pytest.fixture
def verifier():
    return Verifier()


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def world(build_world, verifier, reader) -> World:
    made = build_world(verifier=verifier, reader=reader)
    verifier.store = made.store
    made.engaged()
    return made


def test_what_was_found_out_is_handed_to_the_reader(world, reader):
    world.report("acknowledged")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert reader.handed == [Authenticity(passed=True)]


def test_a_mail_nobody_can_be_asked_about_waits_and_holds_up_no_other(world, verifier, reader):
    verifier.away = b"please look"
    world.report("question", "please look")
    world.report("acknowledged")
    world.cycle(2)
    assert (world.state(), len(reader.handed), world.quarantined()) == ("acknowledged", 1, [])
    verifier.away = b""
    world.cycle(2)
    assert (world.state(), len(reader.handed)) == ("awaiting_information", 2)


def test_nobody_is_asked_about_what_comes_from_servicenow(world, verifier):
    verifier.away = b"{"
    world.note("#desk: the meter is 17K0012345")
    world.cycle(2)
    assert world.kinds() == ["open", "text"]
