"""Templates of requests, and what cannot happen in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.rest.templates import Leaf, TemplateProblem, compiled, leaves, rendered

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=6,
)


@given(st.text())
def test_no_value_breaks_out_of_its_place(value):
    structure = compiled({"a": "{{ value }}", "b": ["say: {{ value }}", 1, None, True]})
    assert rendered(structure, {"value": value}) == {"a": value, "b": [f"say: {value}", 1, None, True]}


@given(ANY)
def test_a_leaf_of_one_expression_keeps_the_kind_of_its_value(value):
    assert Leaf(" {{ value }} ").value({"value": value}) == value


def test_a_leaf_of_several_expressions_is_a_text():
    assert Leaf("{{ a }}{{ b }}").value({"a": 1, "b": 2}) == "12"
    assert Leaf("{% if a %}x{% endif %}").value({"a": 1}) == "x"


def test_what_is_none_is_left_out_and_what_is_written_as_null_is_not():
    structure = compiled({"due": "{{ due }}", "empty": None, "text": "{{ text }}"})
    assert rendered(structure, {"due": None, "text": ""}) == {"empty": None, "text": ""}


@given(st.text())
def test_a_value_in_a_path_is_one_segment(value):
    path = Leaf("tickets/{{ ticket }}/notes", quoted=True).text({"ticket": value})
    assert path.startswith("tickets/")
    assert path.endswith("/notes")
    assert path.isascii()
    assert not set(path[len("tickets/") : -len("/notes")]) & set("/?#& \n")


@given(st.text())
def test_a_value_in_a_header_begins_no_other(value):
    line = Leaf("key {{ value }}").line({"value": value})
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize(
    "source",
    [
        "{{ missing }}",
        "{{ message.missing }}",
        "{{ message.missing.more }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ message.__init__.__globals__ }}",
        "{{ 1 / 0 }}",
        "{{ [].append(1) }}",
    ],
)
def test_a_missing_name_and_what_is_none_of_a_template_s_business_are_errors(source):
    for leaf in (Leaf(source), Leaf(f"text {source}")):
        with pytest.raises(TemplateProblem):
            leaf.value({"message": {}})


def test_what_cannot_be_compiled_names_its_place():
    with pytest.raises(TemplateProblem, match="fields: 1: text: is no template"):
        compiled({"fields": [{}, {"text": "{{ no"}]})
    with pytest.raises(TemplateProblem, match=r"fields: 0: cannot be rendered \('nobody' is undefined\)"):
        rendered(compiled({"fields": ["{{ nobody }}"]}), {})


def test_the_names_that_are_read_are_known_before():
    leaf = Leaf("{{ settings.queue }}{{ settings['team'] }}{% for one in files %}{{ one.name }}{% endfor %}")
    assert leaf.names == {"settings", "files"}
    assert leaf.members("settings") == {"queue", "team"}
    assert [one.source for one in leaves(compiled({"a": ["x", {"b": "y"}]}))] == ["x", "y"]


def test_text_becomes_html_that_says_the_same():
    assert Leaf("{{ body | html }}").value({"body": "a < b\n& c"}) == "a &lt; b<br>\n&amp; c"
