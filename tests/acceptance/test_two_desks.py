"""A whole engagement by mail with a service desk that is not ours: Request Tracker, and people who only see that."""

import pytest

from tests.acceptance.corresponding import bridge_to
from tests.servers.request_tracker import NAME


@pytest.fixture
def talking(request_tracker, tmp_path, sqlite_template):
    """An engaged case, its ticket, and the acknowledgement read."""
    queue = request_tracker.new_queue()
    with bridge_to(queue, tmp_path, sqlite_template, email={"automatic": False}) as bridge:
        bridge.raise_case()
        assert bridge.once()["engaged"] == 1
        (ticket,) = queue.wait_for_tickets()
        bridge.hear(1)
        yield bridge, queue, ticket


def test_a_case_is_acknowledged_asked_about_answered_resolved_and_confirmed(talking):
    bridge, queue, ticket = talking
    reference = f"{NAME} #{ticket}"

    # The automatic reply teaches the ticket's number and nothing more.
    assert bridge.reports() == ["received"]
    assert (bridge.engagement().state.value, bridge.engagement().desk_reference) == ("open", reference)
    assert bridge.record()["correlation_display"] == reference
    assert queue.ticket(ticket)["Subject"].endswith("CS0001001 P4 Reads are missing since Monday")
    (opening,) = queue.entries(ticket)
    assert "Impact: Settlement run R1 is late for 300 customers." in opening.text
    assert opening.files == ("cpsd-case.json",)

    # People answer in their own system; what they write freely is told and sets nothing.
    queue.correspond(ticket, "We have seen this before, Jo will have a look.")
    bridge.hear(2)
    assert any("Jo will have a look" in note for note in bridge.journal())
    assert bridge.engagement().state.value == "open"
    queue.correspond(ticket, "#progress: Jo restarts the job tonight.")
    bridge.hear(3)
    assert bridge.engagement().state.value == "in_progress"
    queue.correspond(ticket, "#question: Which meter is it?")
    bridge.hear(4)
    assert (bridge.engagement().state.value, bridge.record()["state"]) == ("awaiting_information", "Awaiting Info")

    # Our answer lands in the same ticket, by the number in its subject.
    bridge.write(work_notes="#desk: it is 17K0012345")
    bridge.once()
    entries = queue.wait_for_entries(ticket, 5)
    assert "it is 17K0012345" in entries[-1].text
    assert entries[-1].creator == bridge.address
    assert queue.tickets() == [ticket]
    assert bridge.engagement().state.value == "in_progress"

    # The resolution is reported, confirmed, and told to the desk; the original case is resolved.
    queue.correspond(ticket, "#resolved: The job was restarted.\nAll reads are in.")
    bridge.hear(5)
    assert bridge.engagement().state.value == "resolution_reported"
    assert bridge.record()["state"] == "Awaiting Info"
    bridge.write(work_notes="#confirm")
    bridge.once()
    bridge.once()
    assert bridge.engagement().state.value == "confirmed"
    assert bridge.record()["state"] == "Resolved"
    assert "RESOLUTION ACCEPTED" in queue.wait_for_entries(ticket, 7)[-1].text
    assert queue.tickets() == [ticket]
    assert [mail["X-RT-Ticket"] for mail in bridge.received()] == [reference] * 5
    assert bridge.reports() == ["received", "comment", "progress", "question", "resolved"]
    assert bridge.command("quarantine", "list") == []


def test_a_desk_that_gets_automatic_mail_takes_the_case_and_acknowledges_nothing(
    request_tracker, tmp_path, sqlite_template
):
    queue = request_tracker.new_queue()
    with bridge_to(queue, tmp_path, sqlite_template) as bridge:
        bridge.raise_case()
        bridge.once()
        (ticket,) = queue.wait_for_tickets()
        # Its first mail is a person's, so no reply came before it.
        queue.correspond(ticket, f"#acknowledge {ticket}")
        bridge.hear(1)
        assert [mail["Auto-Submitted"] for mail in bridge.received()] == [None]
        assert bridge.engagement().state.value == "acknowledged"
