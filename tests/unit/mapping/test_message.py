from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.agreement import ResponseTime, WorkingHours
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeliveryId
from bridge.mapping.message import compose
from bridge.mapping.references import mpan_check_digit_holds
from bridge.ports import File, OutboundMessage
from tests.unit.mapping.cases import NOW, agreement, case, engagement

WITHIN = {"P1": ResponseTime(elapsed=timedelta(minutes=30)), "P2": ResponseTime(elapsed=timedelta(hours=2))}
CONTENTS = {MessageKind.OPEN, MessageKind.CHASE, MessageKind.ESCALATION}


def composed(kind=MessageKind.OPEN, subject=None, about=None, now=NOW, agreed=None, **more) -> OutboundMessage:
    return compose(
        kind,
        subject or case(),
        about or engagement(),
        agreed or agreement(respond_within=WITHIN),
        now,
        id=DeliveryId("d-1"),
        ordinal=more.pop("ordinal", 1),
        **more,
    )


def facts(message: OutboundMessage) -> dict[str, str]:
    return {fact.key: fact.value for fact in message.facts}


def test_the_open_message_has_the_nine_fields_of_incident_logging():
    """Low-Level Service Definition 1.4, 6.4."""
    told = facts(composed())
    assert told["reference"] == f"CS0000871 / {engagement().reference}"
    assert told["contact"] == "Robin Supplier"
    assert told["severity"] == "P2, impact 2, urgency 1"
    assert told["started"] == "Mon 01 Jun 2026 09:30 BST"
    assert told["sla"] == "Please respond by Mon 01 Jun 2026 12:00 BST"
    assert told["sla_status"] == "In SLA"
    assert told["summary"] == "Registrations rejected"
    assert told["impact"] == "120 customers cannot be billed."
    assert "CPSD LDSO" in told["next_steps"]


def test_the_open_message_has_the_contents_of_the_approach():
    """Cross Party Service Desk Approach 0.7, 7.1.2."""
    told = facts(composed())
    assert "rejected with error code E042" in told["description"]
    assert told["mpan"].startswith("2000012345678")
    assert told["flow"] == "IF-036"
    assert told["timestamp"] == "2026-06-01T08:55:00Z"


def test_an_mpan_with_a_wrong_check_digit_is_pointed_out():
    good = next(mpan for digit in range(10) if mpan_check_digit_holds(mpan := f"200001234567{digit}"))
    wrong = f"{good[:12]}{(int(good[12]) + 1) % 10}"
    assert facts(composed(subject=case(description=good)))["mpan"] == good
    assert facts(composed(subject=case(description=wrong)))["mpan"] == f"{wrong} (check digit does not match)"


def test_what_is_not_known_is_left_out():
    told = facts(composed(subject=case(description="", business_impact="", assignment_group="", opened_at="")))
    assert not {"description", "impact", "next_steps", "mpan", "started", "desk_reference"} & set(told)
    assert all(told.values())


@pytest.mark.parametrize("kind", MessageKind)
def test_every_message_asks_one_thing_and_says_what_it_is_about(kind):
    message = composed(kind, text="words")
    assert message.ask.endswith(".")
    assert (message.kind, message.case_number, message.priority) == (kind, "CS0000871", "P2")
    assert (message.text, message.desk, message.round, message.id) == ("words", "ldso", 1, "d-1")
    assert bool(message.facts) == (kind in CONTENTS)


@pytest.mark.parametrize("kind", [MessageKind.ACCEPT, MessageKind.WITHDRAW])
def test_nothing_is_due_when_nothing_is_asked(kind):
    assert composed(kind).due is None


def test_the_answer_is_due_in_the_hours_of_the_desk():
    friday_evening = datetime(2026, 6, 5, 16, 30, tzinfo=UTC)
    assert composed(now=friday_evening).due == datetime(2026, 6, 8, 8, 30, tzinfo=UTC)


def test_a_major_incident_is_due_around_the_clock_where_that_was_agreed():
    saturday = datetime(2026, 6, 6, 2, 0, tzinfo=UTC)
    hours = WorkingHours(open=agreement().hours.open, major_incidents_always=True)
    major = case(priority="1", major_case_state="accepted")
    agreed = agreement(respond_within=WITHIN, hours=hours)
    assert composed(subject=major, now=saturday, agreed=agreed).due == saturday + timedelta(minutes=30)
    assert composed(subject=case(priority="1"), now=saturday, agreed=agreed).due == datetime(
        2026, 6, 8, 7, 30, tzinfo=UTC
    )


def test_nothing_is_due_where_nothing_was_agreed():
    message = composed(agreed=agreement())
    assert message.due is None
    assert not {"sla", "sla_status"} & set(facts(message))


def test_a_chase_gives_no_new_time_and_says_that_it_has_passed():
    message = composed(MessageKind.CHASE, now=NOW + timedelta(hours=5))
    assert message.due == NOW + timedelta(hours=2)
    assert facts(message)["sla_status"] == "Breached"


def test_an_update_tells_what_changed_from_what_to_what():
    message = composed(MessageKind.UPDATE, changes=[("short_description", "Old", "New"), ("assigned_to", "", "Ann")])
    assert [(fact.label, fact.value, fact.key) for fact in message.facts] == [
        ("Short description", "Old -> New", "changed_short_description"),
        ("Assigned to", "(empty) -> Ann", "changed_assigned_to"),
    ]


def test_thread_files_and_ordinal_are_passed_on():
    file = File("a.csv", "text/csv", b"1")
    message = composed(thread=["<1@x>"], files=[file], ordinal=4, about=engagement(desk_reference="INC1"))
    assert (message.thread, message.files, message.ordinal) == (("<1@x>",), (file,), 4)
    assert message.desk_reference == facts(message)["desk_reference"] == "INC1"


def test_a_case_without_a_summary_is_called_by_its_number():
    assert composed(subject=case(short_description=" ")).summary == "Case CS0000871"
