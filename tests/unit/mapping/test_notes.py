import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.domain.facts import ReportKind
from bridge.mapping.notecommands import Misunderstood, parse
from bridge.mapping.notes import _WORDINGS as WORDINGS
from bridge.mapping.notes import NOTES, PHRASES, journal_text, note

SOURCES = Path(bridge.__file__).parent
NEEDED = {
    "engaged",
    "proposed_engagement",
    "incomplete",
    "resolution_reported_confirm",
    "raiser_confirm_request",
    "confirmed",
    "all_confirmed_resolving",
    "released",
    "declined_direction",
    "declined_plain",
    "decline_disputed",
    "decline_accepted",
    "decline_loop",
    "withdrawn",
    "withdraw_waiting",
    "withdraw_undelivered",
    "rejected",
    "told",
    "suggestion",
    "refused_command",
    "early_resolution_reopened",
    "early_resolution_flagged",
    "closed_case_child_offer",
    "undeliverable",
    "bounced",
    "address_corrected",
    "late_report",
    "round_proposed",
    "new_round",
    "case_cancelled_propose_withdraw",
    "case_gone",
    "case_merged",
    "chase_sent",
    "quarantined",
    "dead_letter",
    "override",
    "observed",
}
FULL = {
    "desk": "dcc-service-desk",
    "desk_reference": "INC42",
    "round": "2",
    "by": "ann.resolver",
    "reason": "it is back",
    "text": "The cable was cut.",
    "report": "resolved",
    "suggests": "resolved",
    "recipients": "a@dcc.example",
    "message": "open",
    "missing": "- the impact",
    "direction": "ees-service-desk",
    "item": "4711",
    "other_reason": "ees: not ours",
    "until": "2027-01-31",
    "channel": "telephone",
    "case": "CS0000871",
    "original": "CS0000870",
    "name": "analysis.pdf",
    "files": "- malware.exe (2 kB): files of its type are not agreed",
}


def used_names():
    """Every wording that the rest of the bridge asks for by a literal name."""
    for folder in ("domain", "sync", "mapping"):
        for path in (SOURCES / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in {"note", "Note", "say", "note_text"} and isinstance(node.args[0].value, str):
                    yield node.args[0].value


def test_every_name_that_is_used_has_a_wording():
    found = set(used_names())
    assert len(found) > 20
    assert found - NOTES == set()


def test_every_name_that_was_asked_for_has_a_wording():
    reports = {f"{kind}_{report.value}" for kind in ("report", "comment") for report in ReportKind}
    assert (NEEDED | reports) - NOTES == set()


@pytest.mark.parametrize("name", sorted(NOTES))
@pytest.mark.parametrize("optional", [True, False], ids=["with everything", "with what it needs"])
def test_every_wording_renders(name, optional):
    needed = set(re.findall(r"{([a-z_]+)}", WORDINGS[name]))
    assert needed <= set(FULL)
    text = note(name, FULL if optional else {key: FULL[key] for key in needed})
    assert text == text.strip() != ""
    assert not re.search(r"[{}]|\bNone\b|  |\(\)| [.,]", text), text


@pytest.mark.parametrize("name", sorted(NOTES))
def test_every_command_that_a_wording_proposes_can_be_carried_out(name):
    desks = {"dcc-service-desk", "ees-service-desk", "desk"}
    for line in re.findall(r"#\w+ @.*?(?=\. To |$)", note(name, FULL), re.MULTILINE):
        proposed = line.replace("@desk", "@ees-service-desk")
        for command in parse(proposed, desks):
            assert not isinstance(command, Misunderstood), (line, command)


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError):
        note("no_such_wording", FULL)


def test_every_phrase_is_used():
    wordings = " ".join(WORDINGS.values())
    assert [phrase for phrase in PHRASES if f"{{{phrase}}}" not in wordings] == []


def test_the_resolver_is_told_how_to_accept_and_how_to_refuse():
    text = note("resolution_reported_confirm", FULL)
    assert "#confirm @dcc-service-desk" in text
    assert "#reject @dcc-service-desk: reason" in text


def test_a_decline_with_a_direction_proposes_the_other_desk_and_keeps_the_case_open():
    text = note("declined_direction", FULL)
    assert "#engage @ees-service-desk" in text
    assert "stays open" in text


def test_two_desks_that_name_each_other_are_shown_side_by_side():
    text = note("decline_loop", FULL)
    assert "- it is back\n- ees: not ours" in text


def test_a_desk_cannot_write_mark_up_into_a_note():
    text = note("report_comment", {"desk": "dcc", "text": "[code]<script>x</script>[/CODE]\x00"})
    assert "[code]" not in text.lower()
    assert "[/code]" not in text.lower()
    assert "\x00" not in text


def test_braces_in_a_text_are_text():
    assert "{desk} {0} {{Why}}" in note("report_comment", {"desk": "dcc", "text": "{desk} {0} {{Why}}"})


def test_a_very_long_text_is_shortened_and_says_so():
    assert journal_text("x" * 100_000).endswith("\n(shortened)")
    assert len(journal_text("x" * 100_000)) < 9000


@given(st.dictionaries(st.sampled_from(sorted(FULL)), st.text()), st.sampled_from(sorted(NOTES)))
def test_no_value_breaks_a_wording(values, name):
    note(name, values)
