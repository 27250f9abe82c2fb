"""The comparison itself: which pictures differ, which do not, and that every difference says what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.agreement import Push
from bridge.domain.case import Case, format_time
from bridge.domain.delivery import SERVICENOW, Delivery, DeliveryKind, DeliveryStatus, case_lane
from bridge.domain.engagement import State
from bridge.domain.facts import ReportKind
from bridge.domain.hold import Answer, Verdict
from bridge.domain.ids import DeliveryId, SysId
from bridge.mapping.difference import REMEDIES, Difference, Kind, Remedy
from bridge.mapping.differences import Held, ReadTo, Shown, compare, expected_state
from bridge.ports import CaseRecord, JournalEntry
from tests.unit.domain.samples import CASE, START, agreement, at, engagement

OURS, PERSON = "cpsd.bridge", "priya.shah"
NOW = at(100)
READ_TO = ReadTo(NOW, NOW, NOW)
WAITS = Verdict(Answer.KEEP_OPEN, "dcc: open")


def case(**values):
    told = {"number": "CS1", "state": "10", "sys_mod_count": "3", "sys_updated_on": format_time(at(2))}
    return Case("sn_customerservice_case", CASE, told | values)


def held(**fields):
    record = CaseRecord(CASE, "sn_customerservice_case", "CS1", 4, shadow=case(), journals_from=START)
    values = {"record": record, "engagements": [engagement()], "deliveries": (), "ruling": WAITS, "landed": True}
    return Held(**(values | fields))


def write(number=1, status=DeliveryStatus.DONE, **fields):
    payload = {"element": "work_notes", "text": f"note {number}", "fields": {}, "purpose": ""}
    identity = DeliveryId(f"{number:032x}")
    values = {"status": status, "attempts": 1, "case": CASE}
    return Delivery(identity, DeliveryKind.WRITE, SERVICENOW, case_lane(CASE), payload, **(values | fields))


def entry(number=1, author=OURS, hours=1, element="work_notes"):
    return JournalEntry(SysId(f"e{number}"), CASE, "sn_customerservice_case", element, "text", author, at(hours))


def kinds(ours, shown, read_to=READ_TO):
    return [one.kind for one in compare(ours, shown, read_to, OURS, lambda _: agreement())]


def explained(*entries, by):
    return Shown(case(), entries, writers={one.sys_id: [by.id] for one in entries})


def test_the_same_picture_on_both_sides_is_no_difference():
    assert kinds(held(), Shown(case())) == []


@pytest.mark.parametrize("kind", Kind)
def test_every_difference_says_what_to_do_and_who_does_it(kind):
    assert Difference(kind, "seen", "about").todo
    assert REMEDIES[kind] in Remedy


def test_a_revision_is_missed_only_if_the_pull_was_there_already():
    later = ReadTo(at(2), NOW, NOW)
    assert kinds(held(landed=False), Shown(case())) == [Kind.MISSED_REVISION]
    assert kinds(held(landed=False), Shown(case()), later) == []


@pytest.mark.parametrize("hours, missed", [(-1, False), (0, False), (1, True), (100, False)])
def test_an_entry_is_missed_between_the_engagement_and_what_was_read(hours, missed):
    shown = Shown(case(), [entry(author=PERSON, hours=hours)])
    assert kinds(held(), shown) == [Kind.MISSED_ENTRY] * missed
    assert kinds(held(received={"e1"}), shown) == []


def test_of_two_unread_entries_of_one_delivery_the_second_is_too_many():
    done = write()
    shown = explained(entry(1), entry(2), by=done)
    assert kinds(held(deliveries=[done]), shown) == [Kind.MISSED_ECHO, Kind.DUPLICATE_ENTRY]
    assert kinds(held(deliveries=[done], bound={SysId("e2"): done.id}), shown) == [
        Kind.DUPLICATE_ENTRY,
        Kind.MISSED_ECHO,
    ]


def test_an_entry_of_ours_without_a_delivery_is_unexplained():
    assert kinds(held(), Shown(case(), [entry()])) == [Kind.UNEXPLAINED_ENTRY]


def test_what_a_person_wrote_never_settles_a_write_of_ours():
    unknown = write(status=DeliveryStatus.UNKNOWN)
    quoted = explained(entry(author=PERSON), by=unknown)
    assert kinds(held(deliveries=[unknown], received={"e1"}), quoted) == []
    assert kinds(held(deliveries=[unknown], received={"e1"}), explained(entry(), by=unknown)) == [Kind.WRITE_ARRIVED]


def test_only_what_servicenow_took_can_be_gone():
    assert kinds(held(deliveries=[write()]), Shown(case())) == [Kind.ENTRY_GONE]
    for other in (
        write(attempts=0),
        write(last_error="skip by an operator"),
        write(status=DeliveryStatus.CANCELLED),
        write(status=DeliveryStatus.UNKNOWN),
    ):
        assert kinds(held(deliveries=[other]), Shown(case())) == []


def test_dead_and_late_deliveries():
    dead, late = write(1, DeliveryStatus.DEAD), write(2, DeliveryStatus.UNKNOWN)
    ours = held(deliveries=[dead, late], late={dead.id, late.id})
    assert kinds(ours, Shown(case())) == [Kind.DEAD_LETTER, Kind.LATE_DELIVERY]


@pytest.mark.parametrize("state", ["6", "3", "7"])
def test_an_end_while_the_hold_waits(state):
    shown = Shown(case(state=state))
    assert kinds(held(), shown) == [Kind.ENDED_EARLY]
    assert kinds(held(ruling=Verdict(Answer.PERSON_MAY_RESOLVE, "")), shown) == []
    assert kinds(held(record=replace(held().record, flagged="resolved early")), shown) == []
    undone = write(status=DeliveryStatus.PENDING, attempts=0)
    undone = replace(undone, payload={**undone.payload, "purpose": "reopens"})
    assert kinds(held(deliveries=[undone]), shown) == []


def test_of_a_case_that_cannot_be_read_nothing_else_is_said_but_for_its_deliveries():
    ours = held(deliveries=[write(1), write(2, DeliveryStatus.DEAD)])
    assert kinds(ours, Shown(None)) == [Kind.CASE_GONE, Kind.DEAD_LETTER]


def test_the_reference_in_the_record():
    ours = held(engagements=[engagement(desk_reference="INC1")])
    assert kinds(ours, Shown(case(correlation_display="INC1"))) == []
    assert kinds(ours, Shown(case(correlation_display="other"))) == [Kind.REFERENCE_DIFFERS]
    under_way = replace(ours, deliveries=[write(status=DeliveryStatus.PENDING, attempts=0)])
    assert kinds(under_way, Shown(case(correlation_display="other"))) == []
    two = replace(ours, engagements=[*ours.engagements, engagement(desk="ldso")])
    assert kinds(two, Shown(case(correlation_display="other"))) == []


def pushing(engagements):
    pushes = {
        ReportKind.QUESTION: Push(state="awaiting_information"),
        ReportKind.RESOLVED: Push(state="awaiting_confirmation"),
    }
    return expected_state(case(), engagements, lambda _: agreement(push=pushes))


@pytest.mark.parametrize(
    "states, name",
    [
        ([State.OPEN], ""),
        ([State.IN_PROGRESS], ""),
        ([State.AWAITING_INFORMATION], "awaiting_information"),
        ([State.RESOLUTION_REPORTED, State.AWAITING_INFORMATION], "awaiting_information"),
        ([State.RESOLUTION_REPORTED, State.OPEN], "open"),
        ([State.RESOLUTION_REPORTED, State.CONFIRMED], "awaiting_confirmation"),
    ],
)
def test_the_state_that_a_case_should_have_is_that_of_the_least_advanced_desk(states, name):
    desks = [engagement(state, desk) for state, desk in zip(states, ("dcc", "ldso"), strict=False)]
    assert pushing(desks)[0] == name


def test_refusals_and_silence_of_desks():
    refused = engagement(refused_by=("desk@dcc.example",))
    assert kinds(held(engagements=[refused]), Shown(case())) == [Kind.UNDELIVERABLE]
    silent = held(owing={engagement().desk: START + timedelta(hours=4)})
    assert kinds(silent, Shown(case())) == [Kind.UNANSWERED]
    over = engagement(State.WITHDRAWN, refused_by=("desk@dcc.example",))
    assert kinds(held(engagements=[over]), Shown(case())) == []
