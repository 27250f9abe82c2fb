"""Subjects: forwards behind a gateway's mark, and notices of absence that nothing but their subject shows."""

import pytest

from bridge.connectors.mail.automatic import is_out_of_office
from bridge.connectors.mail.subjects import is_forward, without_prefixes
from bridge.domain.agreement import StatusRule
from bridge.domain.facts import ReportKind
from tests.unit.connectors.mail.reading_fixtures import ASKED, CORPUS, RECEIVED, Memory, filled, reader, subject

OURS = subject(ASKED)


def read(prefix, text, statuses=(), extra=b""):
    head, _, _ = filled((CORPUS / "01-plain-reply.eml").read_bytes()).partition(b"\n\n")
    fields = [line for line in head.split(b"\n") if not line.startswith(b"Subject:")]
    raw = b"\n".join([f"Subject: {prefix} {OURS}".encode(), *fields]) + extra + b"\n\n" + text.encode()
    return reader(statuses=statuses).receive(raw, RECEIVED, Memory())


@pytest.mark.parametrize(
    "prefix",
    [
        "FW:",
        "[EXTERNAL] FW:",
        "[EXT] Fwd:",
        "[SPAM?] [EXTERNAL] WG:",
        "{Spam?} FW:",
        "***SPAM*** FW:",
        "EXT: Fwd:",
        "EXTERNAL: FW:",
        "EXTERNAL FW:",
        "I:",
        "Doorgestuurd:",
        "TR:",
        "Vs:",
        "Ymlaen:",
        "Forward:",
        "FW: RE:",
    ],
)
def test_a_forward_is_known_behind_the_mark_of_a_gateway(prefix):
    assert is_forward(f"{prefix} {OURS}")
    reading = read(prefix, "#resolved: done")
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "forward_with_command")


@pytest.mark.parametrize(
    "prefix", ["", "RE:", "[EXTERNAL] RE:", "EXT: AW: WG:", "RE: [EXTERNAL] FW:", "Re: FW:", "[EXTERNAL]"]
)
def test_an_answer_behind_the_mark_of_a_gateway_is_none(prefix):
    assert not is_forward(f"{prefix} {OURS}".strip())
    assert read(prefix, "#resolved: done").report is ReportKind.RESOLVED


@pytest.mark.parametrize(
    "subject", ["[CPSD 4ZJ6T0Q2WX] FW: x", "Item: x", "IT: x", "", "[" * 400, "EXT:" * 400, "[a]" * 400]
)
def test_other_beginnings_are_no_forward(subject):
    assert not is_forward(subject)


def test_the_subject_of_a_forward_is_found():
    assert without_prefixes("I: Doorgestuurd: RE: INC1 has been resolved") == "INC1 has been resolved"


ABSENCES = [
    "Auto: Re:",
    "OOO:",
    "OOO Re:",
    "[Auto-Reply]",
    "[Auto-Reply] Re:",
    "On leave:",
    "I am out of the office Re:",
    "Annual leave:",
    "Vacation:",
    "RE: Automatic reply:",
    "[EXTERNAL] Automatic reply:",
    "[EXTERNAL] RE: [x] Out of office:",
    "Accusé de réception:",
    "Allan o'r swyddfa:",
    "Allan o\u2019r swyddfa:",
    "Ateb awtomatig:",
    "Ymateb awtomatig:",
]


@pytest.mark.parametrize("prefix", ABSENCES)
def test_a_notice_of_absence_is_known_by_its_subject(prefix):
    reading = read(prefix, "I am away until Monday.")
    assert (reading.kind, reading.report, "out_of_office" in reading.reasons) == (
        "automatic",
        None,
        True,
    )


@pytest.mark.parametrize("prefix", ABSENCES)
def test_a_command_below_the_subject_of_an_absence_is_for_a_person(prefix):
    reading = read(prefix, "#resolved: fixed")
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "command_in_an_absence_notice")


@pytest.mark.parametrize(
    "subject", ["Automation failed", "Leave the hub on", "Autos: x", "RE: OOOH", "Away team", "Vacational"]
)
def test_other_subjects_are_no_absence(subject):
    assert not is_out_of_office(subject)


def test_no_pattern_of_an_agreement_is_asked_about_an_absence():
    anything = (StatusRule("automatic", ReportKind.RESOLVED),)
    reading = read("Automatic reply:", "I am away.", anything, b"\nAuto-Submitted: auto-replied")
    assert (reading.verdict, reading.report) == ("file", None)
    assert read("INC000000000042", "x", anything, b"\nAuto-Submitted: auto-generated").report is ReportKind.RESOLVED
