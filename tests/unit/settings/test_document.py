from pathlib import Path

import pytest

from bridge.configuration.document import read


def document(tmp_path: Path, text: str, **environ: str):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return read(path, environ)


@pytest.mark.parametrize(
    "written, value",
    [
        ("2026-04-01", "2026-04-01"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("08:30", "08:30"),
        ("24x7", "24x7"),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("12", 12),
        ("010", 10),
        ("0x10", 16),
        ("1.5", 1.5),
        ("~", None),
        ('"12"', "12"),
    ],
)
def test_what_is_written_is_what_is_read(tmp_path, written, value):
    assert document(tmp_path, f"key: {written}\n").data == {"key": value}


def test_variables_are_taken_from_the_environment_also_between_braces(tmp_path):
    found = document(tmp_path, "{a: ${ONE}, b: [${TWO}, x${ONE}y]}", ONE="1st", TWO="2nd")
    assert found.data == {"a": "1st", "b": ["2nd", "x1sty"]}
    assert found.problems == []


def test_a_variable_is_never_read_as_yaml(tmp_path):
    assert document(tmp_path, "a: ${ONE}\n", ONE="{b: [c]} # true").data == {"a": "{b: [c]} # true"}


def test_a_value_from_the_environment_shows_its_name(tmp_path):
    assert repr(document(tmp_path, "a: ${ONE}\n", ONE="secret").data) == "{'a': ${ONE}}"


def test_every_place_has_its_line(tmp_path):
    found = document(tmp_path, "# first\na:\n  - b: 1\n    c: {d: 2,\n      e: 3}\n")
    assert found.line(("a",)) == 2
    assert found.line(("a", 0, "b")) == 3
    assert found.line(("a", 0, "c", "e")) == 5
    assert found.line(("a", 0, "missing")) == 3


def test_a_key_must_be_a_word(tmp_path):
    assert [p.what for p in document(tmp_path, "[1, 2]: x\n").problems] == ["a key must be a word"]


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "\tb: 1", "a: b: c", "a: \x07", "? :\n: ["])
def test_what_is_no_yaml_is_a_problem_and_no_exception(tmp_path, text):
    assert len(document(tmp_path, text).problems) == 1


def test_an_error_in_the_syntax_shows_a_variable_as_it_was_written(tmp_path):
    (problem,) = document(tmp_path, "a: ${ONE}: [", ONE="secret").problems
    assert "secret" not in str(problem)
    assert "\ue000" not in str(problem)
