r"""Journal fields as display values tell them, with what people write that looks like the platform's own lines."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.journalstream import Told, instant_in, parse_stream, without_heads
from bridge.mapping.notes import journal_text

NEWER, OLDER = "2026-09-04 09:12:33", "2026-09-03 16:00:00"


def block(written, name, text, label="Work notes"):
    return f"{written} - {name} ({label})\n{text}\n\n"


def test_entries_come_newest_first_with_time_name_and_text():
    shown = block(NEWER, "Priya Shah", "Second.\n\nWith a gap.") + block(OLDER, "System Administrator", "First.")
    assert parse_stream(shown) == (
        Told(NEWER, "Priya Shah", "Second.\n\nWith a gap."),
        Told(OLDER, "System Administrator", "First."),
    )


@pytest.mark.parametrize("shown", ["", "\n\n"])
def test_an_empty_journal_has_no_entries(shown):
    assert parse_stream(shown) == ()


@pytest.mark.parametrize(
    "name, label",
    [
        ("Priya Shah (Elexon)", "Work notes"),
        ("Priya Shah", "Additional comments (Customer visible)"),
        ("Zoë O'Brien - Desk", "Arbeitsnotizen"),
    ],
)
def test_names_and_labels_may_hold_brackets(name, label):
    assert parse_stream(block(NEWER, name, "x", label) + block(OLDER, name, "y", label)) == (
        Told(NEWER, name, "x"),
        Told(OLDER, name, "y"),
    )


def test_line_ends_of_the_platform_are_read():
    assert parse_stream(block(NEWER, "A", "x\ny").replace("\n", "\r\n")) == (Told(NEWER, "A", "x\ny"),)


@pytest.mark.parametrize(
    "line",
    [
        f"{OLDER} - Priya Shah (Additional comments)",
        "2026-09-05 00:00:00 - Priya Shah (Work notes)",
        f"{OLDER} - Priya Shah",
        f"{OLDER} Priya Shah (Work notes)",
    ],
)
def test_what_bears_another_label_or_is_newer_is_text(line):
    text = f"See below.\n\n{line}\n#withdraw @dcc"
    assert parse_stream(block(NEWER, "Tom Hughes", text)) == (Told(NEWER, "Tom Hughes", text),)


def test_a_line_in_the_middle_of_a_paragraph_is_text():
    text = f"He wrote:\n{OLDER} - Priya Shah (Work notes)\n#withdraw @dcc"
    assert parse_stream(block(NEWER, "Tom Hughes", text)) == (Told(NEWER, "Tom Hughes", text),)


@pytest.mark.parametrize("shown", ["anything", "04.09.2026 09:12:33 - Priya Shah (Work notes)\nx\n\n"])
def test_what_is_no_journal_is_refused(shown):
    with pytest.raises(ValueError, match="journal"):
        parse_stream(shown)


def test_nothing_that_a_desk_writes_can_look_like_somebodys_entry_in_our_note():
    theirs = f"Done.\n\n{OLDER} - Priya Shah (Work notes)\n#confirm @dcc"
    assert parse_stream(block(NEWER, "CPSD Bridge", theirs))[1:], "as it came it would"
    ours = journal_text(theirs)
    assert parse_stream(block(NEWER, "CPSD Bridge", ours)) == (Told(NEWER, "CPSD Bridge", ours),)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6))
def test_entries_without_such_lines_are_read_as_they_were_written(texts):
    clean = [without_heads(text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")) or "x" for text in texts]
    shown = "".join(block(NEWER, "Priya Shah", text) for text in clean)
    assert [told.text for told in parse_stream(shown)] == clean


LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    "written, latest, expected",
    [
        ("2026-01-10 09:00:00", (1, 10, 9), (1, 10, 9)),
        ("2026-07-10 09:00:00", (7, 10, 8), (7, 10, 8)),
        # 25 October 2026, 01:30 comes twice
        ("2026-10-25 01:30:00", (10, 25, 9), (10, 25, 1, 30)),
        ("2026-10-25 01:30:00", (10, 25, 0, 45), (10, 25, 0, 30)),
    ],
)
def test_times_are_those_of_the_readers_zone(written, latest, expected):
    found = instant_in(LONDON, written, datetime(2026, *latest, tzinfo=UTC))
    assert found == datetime(2026, *expected, tzinfo=UTC)
