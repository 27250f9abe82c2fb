from datetime import date

import pytest

from bridge.connectors.mail.commands import Command, commands
from bridge.connectors.mail.suggesting import suggestion
from bridge.connectors.mail.wording import EXAMPLES
from bridge.domain.facts import ReportKind


@pytest.mark.parametrize(
    "text, expected",
    [
        ("#acknowledge", Command(ReportKind.ACKNOWLEDGED)),
        ("#acknowledge INC0012", Command(ReportKind.ACKNOWLEDGED, reference="INC0012")),
        ("#ACK INC0012. Thanks", Command(ReportKind.ACKNOWLEDGED, "Thanks", reference="INC0012")),
        ("#acknowledge with thanks", Command(ReportKind.ACKNOWLEDGED, "with thanks")),
        ("#progress: on site", Command(ReportKind.PROGRESS, "on site")),
        ("  #progress", Command(ReportKind.PROGRESS)),
        (
            "#progress: parts until 2026-08-14",
            Command(ReportKind.PROGRESS, "parts until 2026-08-14", until=date(2026, 8, 14)),
        ),
        ("#progress: until 2026-02-31", Command(ReportKind.PROGRESS, "until 2026-02-31")),
        ("#question: why?\nAnd how?", Command(ReportKind.QUESTION, "why?\nAnd how?")),
        ("#workaround: by hand", Command(ReportKind.WORKAROUND, "by hand")),
        ("#resolved", Command(ReportKind.RESOLVED)),
        ("#Resolved : done", Command(ReportKind.RESOLVED, "done")),
        ("#decline", Command(ReportKind.DECLINED)),
        ("#decline to @ldso-help-desk", Command(ReportKind.DECLINED, "to @ldso-help-desk", direction="ldso-help-desk")),
        ("#declined: no, to @LDSO.", Command(ReportKind.DECLINED, "no, to @LDSO.", direction="ldso")),
    ],
)
def test_a_command_is_understood(text, expected):
    assert commands(text) == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "resolved: done",
        "see #resolved: done",
        "> #resolved: done",
        "#resolved tickets are listed below",
        "#resolvedish: x",
        "## resolved: x",
        "# resolved",
        "#resolve",
        "“#resolved: done",
        *(example.command for example in EXAMPLES),
    ],
)
def test_what_only_looks_like_a_command_is_none(text):
    assert commands(text) == ()


def test_each_command_takes_its_own_lines():
    found = commands("Hello\n#question: one\nmore\n#resolved: two")
    assert [(one.kind, one.text) for one in found] == [(ReportKind.QUESTION, "one\nmore"), (ReportKind.RESOLVED, "two")]


@pytest.mark.parametrize("text", ["not yet", "no", "Nothing so far", "isn't, sorry"])
def test_a_resolution_that_denies_itself_is_noticed(text):
    assert commands(f"#resolved: {text}")[0].contradicts_itself


@pytest.mark.parametrize(
    "text",
    [
        "The issue is resolved.",
        "We have fixed it this morning. Bye",
        "Service has been restored",
        "It is working again.",
    ],
)
def test_a_plain_statement_suggests_a_resolution(text):
    assert suggestion(text) is ReportKind.RESOLVED


@pytest.mark.parametrize(
    "text",
    [
        "not resolved yet",
        "It will be resolved by Friday.",
        "Please resolve this.",
        "Is it resolved?",
        "Once resolved we tell you.",
        "It isn't fixed.",
        "It isn\u2019t fixed.",
        "We hope to have it fixed tomorrow",
        "This has never been resolved.",
        "The issue could not be resolved.",
        "It should be restored soon.",
        "unresolved",
        "We're trying to get it fixed",
        "Can you confirm that it is resolved",
    ],
)
def test_a_denial_a_promise_or_a_request_suggests_no_resolution(text):
    assert suggestion(text) is not ReportKind.RESOLVED


def test_a_question_and_a_refusal_are_suggested():
    assert suggestion("Since when?") is ReportKind.QUESTION
    assert suggestion("Could you send the log") is ReportKind.QUESTION
    assert suggestion("You have the wrong desk.") is ReportKind.DECLINED
    assert suggestion("We are on it.") is None
