"""Messages as plain text for a portal, and what people at a desk write there."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.connectors.portals.reading import beside_commands, sets_status, with_words
from bridge.connectors.portals.writing import marked, told
from bridge.domain.facts import ReportKind
from bridge.domain.ids import reference
from bridge.mapping.marks import mark_in
from bridge.ports import Note, Reading
from tests.unit.connectors.mail.messages import outbound

START = Reading("report", "file", (), channel="portal")


def test_a_message_tells_what_is_asked_by_when_the_facts_and_both_references():
    message = outbound(desk_reference="REQ-7", due=datetime(2026, 6, 2, 15, 0, tzinfo=UTC))
    text = told(message)
    assert text.startswith(message.ask)
    assert "Please answer by: 2 June 2026, 16:00 BST" in text
    assert all(f"{fact.label}: {fact.value}" in text for fact in message.facts)
    assert "Your reference: REQ-7" in text
    assert text.endswith(f"Our reference: {message.case_number} / {message.reference}")


def test_what_was_written_before_goes_along_with_its_authors():
    message = outbound(
        notes=(Note("Sam", datetime(2026, 1, 5, 9, 0, tzinfo=UTC), "It began on Monday."),), notes_left_out=2
    )
    assert "Written in the case so far (2 earlier left out):\n\nSam, 5 January 2026, 09:00 GMT:\nIt began" in told(
        message
    )


def test_the_last_line_names_the_delivery():
    message = outbound()
    assert mark_in(marked(message)) == reference(message.id)


@pytest.mark.parametrize(
    "text,report,verdict",
    [
        ("#resolved: the job was restarted", ReportKind.RESOLVED, "apply"),
        ("All done, it is resolved now.", ReportKind.COMMENT, "apply"),
        ("#acknowledge\n#decline: not ours", None, "quarantine"),
        ("#resolved: not yet", None, "quarantine"),
        ("#acknowledge\n#declined: not declined, we take it", None, "quarantine"),
        ("#decline: not ours, to @dcc\n#decline: nor theirs, to @ldso", None, "quarantine"),
        ("#resolved fixed", None, "quarantine"),
        ("**#resolved:** the job was restarted", ReportKind.RESOLVED, "apply"),
        ("  \n", None, "file"),
    ],
)
def test_a_command_sets_a_status_and_free_text_never_does(text, report, verdict):
    read = with_words(START, text)
    assert (read.report, read.verdict) == (report, verdict)


def test_free_text_suggests_and_a_command_says_until_when():
    assert with_words(START, "The fault is fixed.").suggests is ReportKind.RESOLVED
    until = with_words(START, "#progress: parts ordered until 2026-07-01").until
    assert until == datetime(2026, 7, 1, 22, 59, 59, tzinfo=UTC)


FROM = "From: Rhys Morgan <rhys@dcc.example>\nSent: 2 June 2026 09:00\nTo: CPSD\nSubject: RE: INC1\n"


@pytest.mark.parametrize(
    "quoting",
    [
        f"-----Original Message-----\n{FROM}\n",
        f"{FROM}\n",
        "On 2 June 2026 at 09:00, Rhys Morgan wrote:\n\n",
        "> ",
    ],
)
def test_what_an_answer_by_mail_quotes_in_a_portal_is_no_command(quoting):
    read = with_words(START, f"No, it failed again.\n\n{quoting}#resolved: The job was restarted.\n")
    assert (read.report, read.text) == (ReportKind.COMMENT, "No, it failed again.")


def test_a_status_beside_a_command_is_of_unknown_order_and_a_grave_one_for_a_person():
    resolved = beside_commands(replace(START, report=ReportKind.RESOLVED, verdict="apply"))
    assert (resolved.verdict, resolved.ordered) == ("quarantine", False)
    progress = beside_commands(replace(START, report=ReportKind.PROGRESS, verdict="apply"))
    assert (progress.verdict, progress.ordered) == ("apply", False)
    assert sets_status("#progress: on it")
    assert not sets_status("> #progress: on it")
