"""Commands that deny themselves, stand in a sentence, quote our examples, or are dressed up."""

# ruff: noqa: RUF001 - signs that look alike are meant

import pytest

from bridge.connectors.mail.commands import Command, commands, looks_grave
from bridge.connectors.mail.wording import EXAMPLES
from bridge.domain.facts import ReportKind
from tests.unit.connectors.mail.reading_fixtures import CORPUS, RECEIVED, Memory, filled, reader

RESOLVED, DECLINED, WORKAROUND = ReportKind.RESOLVED, ReportKind.DECLINED, ReportKind.WORKAROUND


def read(text):
    head, _, _ = filled((CORPUS / "01-plain-reply.eml").read_bytes()).partition(b"\n\n")
    return reader().receive(head + b"\n\n" + text.encode(), RECEIVED, Memory())


@pytest.mark.parametrize(
    "text",
    [
        "#resolved: pending",
        "#resolved: ?",
        "#resolved: is it?",
        "#resolved: partially, 100 of 212 reads still missing",
        "#resolved: will be done tomorrow",
        "#resolved: we'll do it on Friday",
        "#resolved: still unresolved",
        "#resolved: we have not been able to fix this",
        "#resolved: this cannot be closed, the fault is still there",
        "#resolved: the fault\nis still there",
        "#resolved: it isn't fixed",
        "#resolved: Ticket not closed.",
        "#resolved: no",
        "#resolved: none",
        "#resolved: reopened, the feed failed again",
        "#resolved: all except three meters",
        "#resolved: once the part arrives",
        "#resolved: the problem persists",
        "#resolved: to be confirmed",
        "#resolved: waiting for the supplier",
        "#resolved: we are still investigating",
        "#resolved: cant be fixed",
        "#resolved: wont fix",
        "#resolved: it doesn't work",
        "#resolved: still no reads",
        "#resolved: engineer booked for 22 July",
        "#resolved: due Friday",
        "#resolved: ETA 17:00",
        "#resolved: almost done",
        "#resolved: in the process of fixing",
        "#resolved: sorry, wrong case",
        "#resolved: please check",
        "#resolved - not yet",
        "**#resolved:** hopefully on Monday",
        "#resolved\n\nNot yet.",
        "#resolved: done\n#resolved: no, it is pending",
        "#declined: not declined, we take it",
        "#decline: no, it is ours",
        "#decline: No",
        "#decline: we will take this",
        "#decline: not yet",
        "#decline: ?",
        "#workaround: none",
        "#workaround: there is none",
        "#workaround: no workaround so far",
        "#workaround: will be provided",
        "#workaround: not available",
        "#workaround: is there one?",
    ],
)
def test_a_grave_command_that_denies_itself_is_for_a_person(text):
    reading = read(text)
    assert (reading.verdict, reading.report) == ("quarantine", None)
    assert "command_contradicts_itself" in reading.reasons


@pytest.mark.parametrize(
    "text, report",
    [
        ("#resolved: the job did not run; restarted, reads sent", RESOLVED),
        ("#resolved: The meter was not able to connect, so the hub was replaced.", RESOLVED),
        ("#resolved: The half-hourly file was incomplete, it was sent again.", RESOLVED),
        ("#resolved: The registration was wrong and could not be read. Corrected.", RESOLVED),
        ("#resolved: Restarted. Tell us if reads are still missing.", RESOLVED),
        ("#resolved: Restarted.\n\nWill you check on your side?", RESOLVED),
        ("#resolved: The portal was down until the certificate had been renewed", RESOLVED),
        ("#resolved: all outstanding reads have been loaded", RESOLVED),
        ("#resolved: Please see the report.", RESOLVED),
        ("#resolved: Hub restarted, please close the case", RESOLVED),
        ("#resolved: A scheduled job was stuck; restarted", RESOLVED),
        ("#resolved: Expected behaviour, due to a change of tenancy", RESOLVED),
        ("#decline: not ours, the fault cannot be fixed by us", DECLINED),
        ("#decline: This is not our case. to @ldso-help-desk", DECLINED),
        ("#decline: No DCC system is involved", DECLINED),
        ("#workaround: as the portal does not work, send the file by mail; it will be read at night", WORKAROUND),
        ("#workaround: restart the hub if the light is not green", WORKAROUND),
    ],
)
def test_the_cause_of_a_fault_denies_nothing(text, report):
    reading = read(text)
    assert (reading.verdict, reading.report) == ("apply", report)


@pytest.mark.parametrize(
    "text",
    [
        "#resolved: WHAT WAS WRONG AND WHAT WAS DONE?",
        "#resolved: WHAT WAS WRONG AND WHAT WAS DONE”",
        "“#resolved: WHAT WAS WRONG AND WHAT WAS DONE”?",
        "#resolved: WHAT WAS WRONG AND WHAT WAS DONE (or use the page)",
        "#resolved: WHAT WAS WRONG\nAND WHAT WAS DONE",
        "#resolved:\nWHAT WAS WRONG AND WHAT WAS DONE",
        "#resolved: WHAT WAS WRONG AND",
        "* **#resolved:** WHAT WAS WRONG AND WHAT WAS DONE",
        "7. #resolved: what was wrong and what was done",
        "```\n#resolved: WHAT WAS WRONG AND WHAT WAS DONE\n```\nWhat is that?",
        "#decline: WHY, AND WHO MAY\nHELP",
        "#workaround: WHAT HELPS MEANWHILE…",
    ],
)
def test_our_example_in_any_dress_is_no_command(text):
    reading = read(f"How is this meant?\n{text}")
    assert (reading.verdict, reading.report) == ("apply", ReportKind.COMMENT)


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("dress", ["{}", "- {}", "“{}”", "`{}`", "{}?", "\u200f{}"])
def test_no_example_of_ours_is_a_command(example, dress):
    text = dress.format(example.command)
    assert commands(text) == ()
    assert not looks_grave(text)


LONG = "We are still looking at the head end. As soon as that is finished we will use"


@pytest.mark.parametrize(
    "text", [f"{LONG}\n#resolved: so that you know", f"{LONG}\n#decline", f"{LONG} –\n#workaround: x"]
)
def test_a_grave_command_that_may_be_the_rest_of_a_sentence_is_for_a_person(text):
    reading = read(text)
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "command_within_a_sentence")


@pytest.mark.parametrize(
    "above", ["Hello Jo", f"{LONG}.", f"{LONG}:", f"({LONG})", f"“{LONG}”", f"{LONG}\n", f"{LONG}!", "*" + LONG + ".*"]
)
def test_a_command_below_a_finished_line_counts(above):
    assert read(f"{above}\n#resolved: fixed").report is RESOLVED


@pytest.mark.parametrize("rule", ["_" * 40, "-" * 5, "=====", "- - - - -", "————————"])
def test_a_grave_command_below_a_line_across_the_mail_is_for_a_person(rule):
    reading = read(f"We look.\n{rule}\ndesk mailing list\n#resolved: see archive")
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "command_below_a_rule")
    assert read(f"We look.\n{rule}\n#progress: begun").report is ReportKind.PROGRESS
    assert read(f"{rule}\n#resolved: done\n{rule}\nJo").report is RESOLVED


def test_a_command_that_settles_nothing_may_follow_any_line():
    assert read(f"{LONG}\n#progress: restarted").report is ReportKind.PROGRESS


@pytest.mark.parametrize(
    "text",
    [
        "\u200f#resolved: fixed",
        "\u202a#resolved: fixed\u202c",
        "\u2068#resolved: fixed\u2069",
        "＃resolved: fixed",
        "#resolved：fixed",
        "*#resolved*: fixed",
        "**#resolved:** fixed",
        "**#resolved: fixed**",
        "**#resolved**: fixed",
        "_#resolved: fixed_",
        "__#resolved__: fixed",
        "`#resolved: fixed`",
        "`#resolved`: fixed",
        r"\#resolved: fixed",
        "- #resolved: fixed",
        "* #resolved: fixed",
        "  * #resolved: fixed",
        "• #resolved: fixed",
        "– #resolved: fixed",
        "1. #resolved: fixed",
        "  1. #resolved: fixed",
        "1) #resolved: fixed",
        "- **#resolved:** fixed",
        "“#resolved: fixed”",
        '"#resolved: fixed".',
        "# resolved: fixed",
        "#resolved - fixed",
        "#resolved – fixed",
        "#resolve: fixed",
        "#RESOLVED :fixed",
    ],
)
def test_a_clear_command_is_understood_in_any_dress(text):
    assert commands(text) == (Command(RESOLVED, "fixed"),)
    assert not looks_grave(text)


@pytest.mark.parametrize(
    "text", ["#resolved.", "#resolved,", "#resolved!", "#resolved;", "**#resolved**", "- #resolved", "“#resolved”"]
)
def test_a_bare_command_may_end_with_a_stop(text):
    assert commands(text) == (Command(RESOLVED),)


def test_signs_inside_what_is_said_stay():
    assert commands("**#progress:** use `a*b` and：c*")[0].text == "use `a*b` and：c*"
    assert commands("“#progress: the “second” hub”")[0].text == "the “second” hub"


@pytest.mark.parametrize(
    "text",
    [
        "#resolved fixed",
        "#resolved, thanks",
        "#resolved?",
        "#resolvd: fixed",
        "#resovled: fixed",
        "#resolve",
        "## resolved: fixed",
        "(#resolved: fixed)",
        "“#resolved: fixed",
        "“#resolved”: fixed",
        "#declines: not ours",
        "#workarounds: by hand",
        "#progress: begun\n#resolved fixed",
    ],
)
def test_what_looks_like_a_grave_command_and_is_none_is_for_a_person(text):
    reading = read(text)
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "unknown_command")


@pytest.mark.parametrize(
    "text",
    ["#done: we think", "#hello world", "# Progress\nwe look", "see #resolved: x", "| #resolved: x", "#1 resolved"],
)
def test_other_words_behind_a_hash_are_what_they_say(text):
    reading = read(text)
    assert (reading.verdict, reading.report) == ("apply", ReportKind.COMMENT)


@pytest.mark.parametrize(
    "word", ["24/7", "24x7", "2026-07-22", "22/07/2026", "22.07.26", "22-Jul-2026", "2nd", "10.30am", "P1", "1234"]
)
def test_a_date_or_a_measure_is_no_number_of_the_desk(word):
    assert commands(f"#acknowledge {word} team told") == (Command(ReportKind.ACKNOWLEDGED, f"{word} team told"),)


@pytest.mark.parametrize("word", ["INC0012", "12345", "REQ-7", "2026/12345", "4711a", "0000042"])
def test_a_number_of_the_desk_is_learned(word):
    assert commands(f"#acknowledge {word}")[0].reference == word
    assert commands(f"#acknowledge #{word}.")[0].reference == word


@pytest.mark.parametrize("text", ["#decline: x to @ldso or to @rec", "#decline: x to @ldso\n#decline: y to @rec"])
def test_two_directions_are_for_a_person(text):
    reading = read(text)
    assert (reading.verdict, reading.reasons[0]) == ("quarantine", "directions_disagree")


def test_one_direction_may_be_named_twice():
    assert read("#decline: x to @LDSO.\nTell it to @ldso").direction == "ldso"
