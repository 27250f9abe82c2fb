import json
import sys
from datetime import UTC, datetime

import pytest

from bridge.cli.output import cell, print_json, print_lines, print_table, printable, progress

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x9b2J", "\x07", "\x08", "\u202e", "\x00"])
def test_what_comes_from_outside_cannot_steer_the_terminal(steering):
    shown = printable(f"a{steering}b")
    assert not set(steering) & set("\x1b\x9b\x07\x08\u202e\x00") & set(shown)
    assert shown.startswith("a")
    assert shown.endswith("b")


def test_a_text_keeps_its_lines():
    assert printable("one\r\ntwo\tthree\n") == "one\ntwo\tthree\n"


def test_a_table_shows_brackets_as_they_are_and_cuts_nothing_off(capsys):
    long = "x" * 300
    print_table(["name", "text"], [("[red]name[/red]", long)])
    told = capsys.readouterr().out
    assert "[red]name[/red]" in told
    assert long in told


def test_a_table_on_a_narrow_terminal_folds_and_loses_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(["name"], [("y" * 100,)])
    assert capsys.readouterr().out.count("y") == 100


@pytest.mark.parametrize(
    "value,text",
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (NOON, "2026-06-01 12:00:00Z"),
        (("a", "b"), "a, b"),
        ([], "-"),
    ],
)
def test_values_are_shown_as_people_read_them(value, text):
    assert cell(value) == text


def test_json_is_one_document_with_instants_in_iso_8601(capsys):
    print_json({"at": NOON, "text": "Störung"})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-06-01T12:00:00+00:00", "text": "Störung"}


def test_json_refuses_what_it_does_not_know():
    with pytest.raises(TypeError):
        print_json({"secret": object()})


def test_lines_go_to_standard_output(capsys):
    print_lines("one", "two")
    assert capsys.readouterr().out == "one\ntwo\n"


def test_progress_is_silent_where_nobody_watches(capsys):
    with progress("One cycle"):
        pass
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == ""


def test_progress_is_shown_on_a_terminal_beside_the_data(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("One cycle"):
        pass
    told = capsys.readouterr()
    assert "One cycle" in told.err
    assert told.out == ""
