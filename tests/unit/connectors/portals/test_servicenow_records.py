"""What happened to a record in a desk's own ServiceNow, as it is read."""

import json
from datetime import UTC, datetime

import pytest

from bridge.connectors.portals.servicenow_records import read_item
from bridge.domain.contacts import ServiceNowContact
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName

DESK = DeskName("dcc-service-desk")
NOW = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
CONTACT = ServiceNowContact("incident", "cpsd.bridge", states={"2": None, "5": ReportKind.WORKAROUND})


class Known:
    """One engagement, of which the desk has record `r1`."""

    def __init__(self, state=State.OPEN):
        self.one = Engagement("e1", "REF", "c", "CS1", DESK, 1, 1, NOW, state, desk_record="r1")

    def by_desk_record(self, desk, record):
        return "e1" if (desk, record) == (DESK, "r1") else None

    def by_reference(self, reference):
        return "e1" if reference == "REF" else None

    def engagement(self, engagement):
        return self.one if engagement == "e1" else None


def read(told, known=None):
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return read_item(raw, NOW, known or Known(), DESK, CONTACT)


def state(value, hold="", **more):
    told = {"record": "r1", "number": "INC1", "correlation_id": "REF", "state": value, "hold_reason": hold}
    return {"kind": "state", **told, "status": value, "text": "", "at": "2026-06-02 08:00:00", **more}


def entry(text, author="rhys.morgan"):
    return {"kind": "entry", "record": "r1", "author": author, "text": text, "at": "2026-06-02 08:00:00"}


@pytest.mark.parametrize(
    "value,hold,report",
    [
        ("1", "", ReportKind.RECEIVED),
        ("2", "", None),
        ("3", "", ReportKind.PROGRESS),
        ("3", "1", ReportKind.QUESTION),
        ("3", "4", ReportKind.PROGRESS),
        ("5", "", ReportKind.WORKAROUND),
        ("6", "", ReportKind.RESOLVED),
        ("8", "", ReportKind.DECLINED),
    ],
)
def test_a_state_reports_what_is_agreed_or_what_the_platform_means_by_it(value, hold, report):
    reading = read(state(value, hold))
    assert (reading.verdict, reading.report, reading.desk_status) == ("apply", report, value)


def test_a_state_that_nobody_agreed_upon_is_for_a_person_and_remembered():
    reading = read(state("77"))
    assert (reading.verdict, reading.reasons, reading.desk_status) == ("quarantine", ("state_not_agreed", "77"), "77")


def test_a_state_that_we_set_is_remembered_and_reports_nothing():
    reading = read(state("6", ours=True))
    assert (reading.verdict, reading.report, reading.desk_status) == ("apply", None, "6")


@pytest.mark.parametrize("standing", [State.RESOLUTION_REPORTED, State.CONFIRMED])
def test_resolved_becomes_closed_by_itself_which_says_nothing_new(standing):
    assert read(state("7"), Known(standing)).report is None
    assert read(state("7"), Known(State.IN_PROGRESS)).report is ReportKind.RESOLVED


def test_the_time_is_theirs_but_never_after_it_was_read():
    assert read(state("6")).at == datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
    assert read(state("6", at="2031-01-01 00:00:00")).at == NOW


def test_our_own_entries_are_dropped_and_what_somebody_writes_as_us_is_shown():
    assert read(entry("Hello\n[cpsd:0123456789]", "cpsd.bridge")).verdict == "drop"
    reading = read(entry("#resolved", "cpsd.bridge"))
    assert (reading.verdict, reading.reasons) == ("quarantine", ("written_as_us",))


def test_people_write_comments_and_commands_and_a_machine_acknowledges_nothing():
    assert read(entry("We look at it.")).report is ReportKind.COMMENT
    assert read(entry("#resolved: done")).report is ReportKind.RESOLVED
    assert read(entry("Quoting you:\n[cpsd:0123456789]")).report is ReportKind.COMMENT
    machine = read(entry("Assigned to group Network", "system"))
    assert (machine.kind, machine.automatic) == ("automatic", True)


def test_a_record_that_is_not_ours_and_an_item_that_cannot_be_read_are_for_a_person():
    assert read({**entry("x"), "record": "r2"}).reasons == ("unknown_record",)
    assert read(b"\xff{").verdict == "quarantine"
    assert read({"kind": "nonsense", "record": "r1"}).verdict == "quarantine"
    assert read({**entry("x"), "at": "yesterday"}).verdict == "quarantine"


def test_a_record_that_is_gone_says_why():
    reading = read({"kind": "gone", "record": "r1", "why": "deleted", "seen": "by jo"})
    assert (reading.verdict, reading.reasons) == ("quarantine", ("record_gone", "deleted", "by jo"))
