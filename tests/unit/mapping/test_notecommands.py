from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName
from bridge.mapping.notecommands import (
    COMMANDS,
    ConfirmCommand,
    EngageCommand,
    HeardCommand,
    Misunderstood,
    OverrideCommand,
    RejectCommand,
    TellCommand,
    WithdrawCommand,
    looks_like_command,
    parse,
)

DCC, EES = DeskName("dcc-service-desk"), DeskName("ees")
DESKS = {DCC, EES}


@pytest.mark.parametrize(
    "text, command",
    [
        ("#engage @dcc-service-desk", EngageCommand(DCC)),
        ("#Engage @DCC-Service-Desk.", EngageCommand(DCC)),
        ("#engage", EngageCommand(None)),
        ("#confirm @ees", ConfirmCommand(EES)),
        ("#confirm @ees thank you", ConfirmCommand(EES)),
        ("#confirm\nThey rang me.", ConfirmCommand(None)),
        ("#desk @ees: Which meter?", TellCommand(EES, "Which meter?")),
        ("#desk @ees Which meter?", TellCommand(EES, "Which meter?")),
        ("#desk: Which meter?", TellCommand(None, "Which meter?")),
        ("#desk @ees:\nOne\n\nTwo", TellCommand(EES, "One\n\nTwo")),
        ("#reject @ees: not solved", RejectCommand(EES, "not solved")),
        ("#reject not solved", RejectCommand(None, "not solved")),
        ("#withdraw @ees : duplicate", WithdrawCommand(EES, "duplicate")),
        ("#override @ees: urgent", OverrideCommand(EES, "urgent")),
    ],
)
def test_commands_are_read(text, command):
    assert parse(text, DESKS) == (command,)


@pytest.mark.parametrize(
    "said, report, fields",
    [
        ("resolved, the cable was cut", ReportKind.RESOLVED, {"text": "the cable was cut"}),
        ("resolved: the cable was cut", ReportKind.RESOLVED, {"text": "the cable was cut"}),
        ("resolved", ReportKind.RESOLVED, {}),
        ("#resolved it", ReportKind.RESOLVED, {"text": "it"}),
        ("acknowledged INC000000000001", ReportKind.ACKNOWLEDGED, {"desk_reference": "INC000000000001"}),
        (
            "acknowledged INC000000000001, in the queue",
            ReportKind.ACKNOWLEDGED,
            {"desk_reference": "INC000000000001", "text": "in the queue"},
        ),
        ("acknowledged, they are looking", ReportKind.ACKNOWLEDGED, {"text": "they are looking"}),
        ("acknowledged", ReportKind.ACKNOWLEDGED, {}),
        ("question since when?", ReportKind.QUESTION, {"text": "since when?"}),
        ("workaround: send by hand", ReportKind.WORKAROUND, {"text": "send by hand"}),
        (
            "progress waiting until 2027-01-31",
            ReportKind.PROGRESS,
            {"text": "waiting until 2027-01-31", "until": datetime(2027, 2, 1, tzinfo=UTC)},
        ),
        ("declined not ours", ReportKind.DECLINED, {"text": "not ours"}),
        ("declined @ees: theirs", ReportKind.DECLINED, {"text": "theirs", "direction": EES}),
    ],
)
def test_what_was_heard_by_telephone_is_read_as_a_report(said, report, fields):
    expected = HeardCommand(DCC, "Ann O'Neil (shift lead)", report, **fields)
    assert parse(f"#heard @dcc-service-desk from Ann O'Neil (shift lead): {said}", DESKS) == (expected,)


@pytest.mark.parametrize(
    "text, why",
    [
        ("#engange @ees", "there is no command #engange; write #engage @desk"),
        ("#confrim", "there is no command #confrim; write #confirm @desk"),
        ("#resolved @ees: it works", "there is no command #resolved; write #heard @desk from NAME"),
        ("#engage ees", "the desk is named with @"),
        ("#engage @", "the name of the desk cannot be read"),
        ("#engage @ee", "there is no desk @ee; did you mean @ees?"),
        ("#engage @nobody", "there is no desk @nobody; known: dcc-service-desk, ees"),
        ("#confirm @ees @dcc-service-desk", "one command names one desk"),
        ("#reject @ees", "the words after the colon are missing; write #reject @desk: reason"),
        ("#desk @ees:  ", "the words after the colon are missing; write #desk @desk: text"),
        ("#override", "the words after the colon are missing"),
        ("#heard @ees: resolved", "it is not said who told it"),
        ("#heard @ees from : resolved", "it is not said who told it"),
        ("#heard @ees from Ann: resolvd", "did you mean resolved?"),
        ("#heard @ees from Ann:", "it is not said what was reported"),
        ("#heard @ees from Ann: received", "did you mean"),
        ("#heard @ees from Ann: question", "what was said is missing"),
        ("#heard @ees from Ann: declined @nobody: no", "there is no desk @nobody"),
    ],
)
def test_what_is_nearly_a_command_is_answered(text, why):
    (found,) = parse(text, DESKS)
    assert isinstance(found, Misunderstood)
    assert why in found.why
    assert found.line == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "see #engage @ees",
        " #engage @ees",
        "> #engage @ees",
        "# engage",
        "#1 of the list",
        "#dip is down",
        "#",
        "##engage",
    ],
)
def test_other_notes_are_left_alone(text):
    assert parse(text, DESKS) == ()
    assert not looks_like_command(text)


def test_several_commands_in_one_note_keep_their_order_and_their_words():
    text = "Spoke to both.\r\n#confirm @ees\r\n#desk @dcc-service-desk: One\r\nTwo\r\n\r\n#engange @ees\r\n#engage @ees"
    found = parse(text, DESKS)
    assert found[0] == ConfirmCommand(EES)
    assert found[1] == TellCommand(DCC, "One\nTwo")
    assert isinstance(found[2], Misunderstood)
    assert found[3] == EngageCommand(EES)
    assert looks_like_command(text)


def test_desks_are_not_checked_where_they_are_not_known():
    assert parse("#engage @anything") == (EngageCommand(DeskName("anything")),)


_WORDS = ("from", "Ann", "resolved", "acknowledged", "declined", "progress until 2027-02-30", "x", "é")
_MARKS = ("#engange", "@ees", "@", "@nobody", ":", "#", " ", "\n", "\r", "\x00", "\u2028")
_pieces = st.sampled_from((*(f"#{word}" for word in COMMANDS), *_WORDS, *_MARKS))


@given(st.one_of(st.text(), st.lists(_pieces, max_size=25).map(" ".join), st.lists(_pieces, max_size=25).map("".join)))
def test_no_text_raises(text):
    found = parse(text, DESKS)
    assert parse(text, DESKS) == found
    assert bool(found) == looks_like_command(text)
    for command in found:
        desk = getattr(command, "desk", None)
        assert desk is None or desk in DESKS
        if isinstance(command, TellCommand | RejectCommand | WithdrawCommand | OverrideCommand):
            assert (command.text if isinstance(command, TellCommand) else command.reason).strip()


def test_a_hostile_note_costs_little():
    for piece in ("#desk ", "#heard @ees from ", "@a", "#engage @ees\n", "from a "):
        parse(piece * (60_000 // len(piece)), DESKS)
