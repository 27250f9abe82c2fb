"""A whole engagement with desks that people work at in a system of their own, reached by its REST API."""

import base64
import json
from contextlib import contextmanager

import requests
import structlog
from typer.testing import CliRunner

from bridge.cli import program
from tests.acceptance.corresponding import DESK, PATIENCE, bridge_to

FILE = {"attachments": {"max": "1MB", "types": ["txt", "csv"]}}


def secret(folder, name, value):
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(value)
    return f"file:{path}"


def ended(folder, *words):
    """How a command ends that need not succeed."""
    try:
        return CliRunner().invoke(program(), ["--config", str(folder / "config"), *words], env={"COLUMNS": "200"})
    finally:
        structlog.reset_defaults()  # a command sends the logs to its own standard error, which ends with it


class Jo:
    """Somebody who works at the desk, as a user of his own."""

    def __init__(self, tracker):
        self.name = tracker.new_user("jo")
        self._tracker = tracker

    def call(self, method, path, **body):
        tracker = self._tracker
        answer = requests.request(
            method, f"{tracker.url}/REST/2.0/{path}", json=body, auth=(self.name, tracker.password), timeout=PATIENCE
        )
        answer.raise_for_status()
        return answer.json()

    def says(self, ticket, text, **more):
        self.call("POST", f"ticket/{ticket}/correspond", Content=text, ContentType="text/plain", **more)

    def takes(self, ticket):
        self.call("PUT", f"ticket/{ticket}/take")

    def sets(self, ticket, **fields):
        assert self.call("PUT", f"ticket/{ticket}", **fields)


@contextmanager
def bridge_with(request_tracker, folder, template, **rest):
    """A bridge with Request Tracker as its desk."""
    queue, user = request_tracker.new_queue(), request_tracker.new_user()
    described = {
        "preset": "request-tracker",
        "url": f"{request_tracker.url}/REST/2.0",
        "auth": {"kind": "basic", "username": user, "password": secret(folder, "rt", request_tracker.password)},
        "ours": [user],
        "settings": {"queue": queue.name, "web": request_tracker.url},
        **rest,
    }
    with bridge_to(queue, folder, template, method={"rest": described}, share=FILE) as bridge:
        yield bridge


@contextmanager
def engaged(request_tracker, folder, template, **rest):
    """The same, with an engaged case, and its ticket."""
    with bridge_with(request_tracker, folder, template, **rest) as bridge:
        bridge.raise_case()
        assert bridge.once()["engaged"] == 1
        (ticket,) = bridge.queue.tickets()
        yield bridge, bridge.queue, ticket


def test_a_case_goes_to_a_ticket_is_answered_there_resolved_confirmed_and_accepted(
    request_tracker, tmp_path, sqlite_template
):
    with engaged(request_tracker, tmp_path, sqlite_template) as (bridge, queue, ticket):
        jo = Jo(request_tracker)

        # The ticket is named in the case, by its number and its link.
        assert (bridge.engagement().state.value, bridge.engagement().desk_record) == ("open", str(ticket))
        assert bridge.record()["correlation_display"] == f"#{ticket}"
        assert any(f"/Ticket/Display.html?id={ticket}" in note for note in bridge.journal())
        (opening,) = queue.entries(ticket)
        assert "Settlement run R1 is late for 300 customers." in opening.text

        # Somebody takes it, says something freely, and asks: the first and the last count, and each comes once.
        jo.takes(ticket)
        jo.says(ticket, "We have seen this before.")
        bridge.once()
        assert bridge.engagement().state.value == "acknowledged"
        bridge.once()
        assert sum("We have seen this before." in note for note in bridge.journal()) == 1
        jo.says(ticket, "#question: Which meter is it?")
        bridge.once()
        assert (bridge.engagement().state.value, bridge.record()["state"]) == ("awaiting_information", "Awaiting Info")

        # Our answer lands in the ticket once, and does not come back as theirs.
        bridge.write(work_notes="#desk: it is 17K0012345")
        bridge.once()
        bridge.once()
        assert ["17K0012345" in entry.text for entry in queue.entries(ticket)] == [False, False, False, True]
        assert not any("says: it is 17K" in note for note in bridge.journal())
        assert bridge.engagement().state.value == "in_progress"

        # A file of theirs is in the case, once.
        content = base64.b64encode(b"restarted at 10:00\n").decode()
        attached = {"FileName": "job.txt", "FileType": "text/plain", "FileContent": content}
        jo.says(ticket, "The log.", Attachments=[attached])
        bridge.once()
        bridge.once()
        assert bridge.files() == [("job.txt", "restarted at 10:00\n")]

        # A resolution that is not accepted puts the ticket back; what it shows then is our own doing.
        jo.says(ticket, "The job was restarted.")
        jo.sets(ticket, Status="resolved")
        bridge.once()
        assert bridge.engagement().state.value == "resolution_reported"
        bridge.write(work_notes="#reject: two reads are missing still")
        bridge.once()
        bridge.once()
        assert queue.ticket(ticket)["Status"] == "open"
        assert bridge.engagement().state.value == "in_progress"

        # The next one is confirmed, told there, and the case is resolved.
        jo.sets(ticket, Status="resolved")
        bridge.once()
        assert bridge.engagement().state.value == "resolution_reported"
        bridge.write(work_notes="#confirm")
        bridge.once()
        bridge.once()
        assert (bridge.engagement().state.value, bridge.record()["state"]) == ("confirmed", "Resolved")
        assert "We accept your resolution." in queue.entries(ticket)[-1].text
        assert queue.tickets() == [ticket]
        assert bridge.command("quarantine", "list") == []


def test_a_status_of_which_nobody_said_what_it_means_and_a_merged_ticket_go_to_a_person_once(
    request_tracker, tmp_path, sqlite_template
):
    statuses = {"stalled": "question"}
    with engaged(request_tracker, tmp_path, sqlite_template, statuses=statuses) as (bridge, queue, ticket):
        jo = Jo(request_tracker)
        jo.sets(ticket, Status="stalled")
        bridge.once()
        assert bridge.engagement().state.value == "awaiting_information"
        queue.change(ticket, Status="deleted")
        bridge.once()
        queue.change(ticket, Subject="another one")
        bridge.once()
        queue.change(ticket, Status="stalled")
        other = queue.tracker.call("POST", "ticket", Queue=queue.name, Subject="another")["id"]
        jo.sets(ticket, MergeInto=int(other))
        bridge.once()
        waiting = bridge.command("quarantine", "list")
        assert [item["reason"] for item in waiting] == ["unknown_status", "ticket_moved"]
        assert bridge.engagement().state.value == "awaiting_information"


def test_a_desk_is_tried_on_a_ticket_of_its_own_before_it_is_used(request_tracker, tmp_path, sqlite_template):
    with bridge_with(request_tracker, tmp_path, sqlite_template) as bridge:
        told = bridge.command("desks", "test", DESK, "--yes")
        assert [step["name"] for step in told["steps"] if not step["ok"]] == []
        assert len(told["steps"]) == 8
        (ticket,) = bridge.queue.tickets()
        assert bridge.queue.ticket(ticket)["Status"] == "rejected"
        shown = json.dumps(told)
        assert f"ticket/{ticket}/correspond" in shown
        assert request_tracker.password not in shown

        # Nothing is written there without being asked for, and what is wrong is told with what to do.
        refused = ended(tmp_path, "desks", "test", DESK)
        assert refused.exit_code == 2
        assert "write --yes" in refused.stderr
        assert bridge.queue.tickets() == [ticket]
        desk = tmp_path / "config" / "desks" / f"{DESK}.yaml"
        desk.write_text(desk.read_text().replace('"ours": ["', '"statuses": {"rejected": "none"}, "ours": ["not-'))
        failed = ended(tmp_path, "desks", "test", DESK, "--yes")
        assert failed.exit_code == 1
        assert "FAILED read the ticket back: what the bridge has said counts as the desk's" in failed.stdout
        assert "add them to ours:" in failed.stdout
