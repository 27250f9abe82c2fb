"""Collecting from a desk's own ServiceNow: each thing by itself, so that one that cannot be had holds up no other."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.portals.servicenow_records import RecordCollector
from bridge.domain.case import Case
from bridge.domain.contacts import ServiceNowContact
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement
from bridge.domain.errors import NotPermitted, TryLater, UntrustedAnswer
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, EngagementId, Reference, SysId
from bridge.ports import AttachmentEntry, JournalEntry
from tests.unit.connectors.portals.remembering import Remembered

DESK = DeskName("dcc-service-desk")
NOW = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
CONTACT = ServiceNowContact("incident", "cpsd.bridge", changes={MessageKind.REJECT: {"state": "2"}})
DAMAGED = UntrustedAnswer("the bytes have another hash")


@dataclass
class Instance:
    """Their ServiceNow, as its client shows it."""

    state: str = "6"
    mod_count: int = 1
    #: sys_id -> its bytes, or the error that comes instead
    files: dict = field(default_factory=dict)
    created_on: datetime = NOW

    def server_time(self):
        return NOW

    def journals(self, cases, since):
        return [JournalEntry(SysId("j1"), SysId("r1"), "incident", "comments", "We look at it.", "jo", NOW)]

    def attachments(self, cases, since):
        about = ("incident", "scan.csv", "text/csv", 3, "", "jo", self.created_on)
        return [AttachmentEntry(SysId(one), SysId("r1"), *about) for one in self.files]

    def download(self, file, limit):
        found = self.files[file.sys_id]
        if isinstance(found, Exception):
            raise found
        return found

    def read_many(self, table, sys_ids):
        values = {"number": "INC1", "state": self.state, "sys_mod_count": str(self.mod_count)}
        return [Case(table, SysId("r1"), {**values, "sys_updated_on": "2026-06-02 08:00:00"})]


@pytest.fixture
def store():
    about = (EngagementId("e1"), Reference("REF"), SysId("c"), "CS1", DESK, 1, 1, NOW)
    return Remembered([Engagement(*about, desk_record="r1")], NOW)


@pytest.fixture
def theirs():
    return Instance()


@pytest.fixture
def collector(store, theirs):
    return RecordCollector(DESK, CONTACT, theirs, store)


@pytest.mark.parametrize("error", [DAMAGED, TryLater("ServiceNow answered 500")])
def test_a_file_that_cannot_be_fetched_holds_up_neither_entries_nor_states_nor_other_files(
    collector, store, theirs, error
):
    theirs.files = {"f1": error, "f2": b"1,2"}
    with pytest.raises(type(error)):
        collector.collect(store.keep)
    assert list(store.items) == ["j1", "f2", "r1/1/6"]
    assert collector.name in store.cursors
    theirs.files["f1"] = b"3,4"
    assert collector.collect(store.keep) == 1
    assert "content" in store.items["f1"]["file"]


@pytest.mark.parametrize(
    "error,before,after",
    [
        (DAMAGED, timedelta(minutes=59), timedelta(minutes=61)),
        (TryLater("ServiceNow answered 500"), timedelta(hours=11), timedelta(hours=13)),
    ],
)
def test_a_file_that_can_never_be_fetched_is_left_out_in_the_end_and_says_why(
    collector, store, theirs, error, before, after
):
    theirs.files = {"f1": error}
    store.time = NOW + before
    with pytest.raises(type(error)):
        collector.collect(store.keep)
    assert "f1" not in store.items
    store.time = NOW + after
    assert collector.collect(store.keep) == 1
    assert store.items["f1"]["left_out"] == error.message


def test_a_file_that_is_refused_is_left_out_at_once(collector, store, theirs):
    theirs.files = {"f1": NotPermitted("no right to read it")}
    collector.collect(store.keep)
    assert store.items["f1"]["left_out"] == "no right to read it"


def test_what_was_overlooked_is_found_beside_a_file_that_cannot_be_fetched(collector, store, theirs):
    theirs.files = {"f1": DAMAGED, "f2": b"1,2"}
    found = []
    with pytest.raises(UntrustedAnswer):
        found.extend(collector.overlooked({"j1"}, NOW))
    assert [one.identity for one in found] == ["f2"]


def rejected(store):
    """We have rejected what the desk solved, and its instance has taken it."""
    payload = {"kind": "reject"}
    store.sent = [Delivery("d1", DeliveryKind.MESSAGE, DESK, "lane", payload, status=DeliveryStatus.DONE)]
    store.told("message_delivered", "delivery:d1")
    store.engagements = [replace(store.engagements[0], desk_status="6")]


def states(store):
    return {name: told.get("ours", False) for name, told in store.items.items() if told["kind"] == "state"}


def test_a_state_that_we_set_is_ours_until_it_was_taken_in(collector, store, theirs):
    rejected(store)
    theirs.state = "2"
    collector.collect(store.keep)
    theirs.mod_count = 2
    collector.collect(store.keep)
    assert states(store) == {"r1/by/d1": True}
    store.told("desk_status_seen", "portal:dcc:1")
    collector.collect(store.keep)
    assert states(store) == {"r1/by/d1": True, "r1/2/2": False}


def test_another_state_than_we_set_is_the_desks(collector, store, theirs):
    rejected(store)
    theirs.state = "3"
    collector.collect(store.keep)
    assert states(store) == {"r1/1/3": False}


def test_a_state_that_nobody_agreed_upon_is_told_once_however_often_the_record_changes(collector, store, theirs):
    theirs.state = "77"
    for theirs.mod_count in (1, 2, 3):
        collector.collect(store.keep)
    assert states(store) == {"r1/77": False}
    theirs.state = "6"
    collector.collect(store.keep)
    assert states(store) == {"r1/77": False, "r1/3/6": False}
