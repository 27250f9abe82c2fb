from contextlib import suppress

import pytest
import rule_engine
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.expressions import ConditionFailed, ExpressionError, FieldKind, compile_expression

KINDS = {"a": FieldKind.TEXT, "b": FieldKind.TEXT, "yes": FieldKind.BOOLEAN, "many": FieldKind.NUMBER}


@pytest.mark.parametrize(
    "text, required, settled",
    [
        ("a == 'x'", {"a": {"x"}}, True),
        ("'x' == a", {"a": {"x"}}, True),
        ("a in ['x', 'y']", {"a": {"x", "y"}}, True),
        ("yes", {"yes": {True}}, True),
        ("not yes", {"yes": {False}}, True),
        ("a == 'x' and b == 'y' and yes", {"a": {"x"}, "b": {"y"}, "yes": {True}}, True),
        ("a == 'x' and a in ['x', 'y']", {"a": {"x"}}, True),
        ("a == 'x' and a == 'y'", {"a": set()}, True),
        ("a == 'x' and b =~ 'y'", {"a": {"x"}}, False),
        ("a == 'x' or b == 'y'", {}, False),
        ("a != 'x'", {}, False),
        ("many > 100", {}, False),
        ("many == 3", {"many": {3.0}}, True),
        ("true", {}, False),
        ("a == 'x' and true", {"a": {"x"}}, False),
        ("not (a == 'x')", {}, False),
    ],
)
def test_what_equality_alone_tells_is_told_without_the_engine(text, required, settled):
    expression = compile_expression(text, KINDS)
    assert {name: set(values) for name, values in expression.required.items()} == required
    assert expression.settled is settled


def test_a_condition_that_is_never_true_matches_nothing():
    assert not compile_expression("false", KINDS).matches({})
    assert compile_expression("true", KINDS).matches({})


def test_the_variable_of_a_comprehension_is_no_field():
    expression = compile_expression("$any([x == a for x in ['p', 'q']])", KINDS)
    assert expression.reads == {"a"}
    assert expression.matches({"a": "q"})


@pytest.mark.parametrize(
    "text, what, remedy",
    [
        ("aa == 'x'", "unknown field 'aa'", "write a"),
        ("a == 1", "a text and a number are compared", "between quotes"),
        ("many == 'x'", "a number and a text are compared", "between quotes"),
        ("yes == 'true'", "true or false and a text are compared", "between quotes"),
        ("a == null", "a text and null are compared", "''"),
        ("a", "is neither true nor false", "field == 'text'"),
        ("a = 'x'", "is no condition", "field == 'text'"),
        ("a ==", "is no condition", "field == 'text'"),
        ("", "is no condition", "field == 'text'"),
        ("a =~ '('", "invalid regular expression", "correct it"),
        ("a.lower == 'x'", "unknown attribute 'lower'", ".as_lower"),
        ("$now > $today", "$now may not be used", "fields of the case"),
        ("$random() > 1", "$random may not be used", "fields of the case"),
    ],
)
def test_what_can_never_work_is_refused_when_it_is_loaded(text, what, remedy):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, KINDS)
    assert what in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("pattern", [r"'\bword\b'", r"'\\bword\\b'", r"r'\bword\b'", r"'^\w+ word\b'", r'"\bword\b"'])
def test_a_pattern_means_what_is_written(pattern):
    expression = compile_expression(f"a =~~ {pattern}", KINDS)
    assert expression.matches({"a": "a word"})
    assert not expression.matches({"a": "a words"})


def test_quotes_within_a_text_are_kept():
    expression = compile_expression("a == 'it\\'s'", KINDS)
    assert expression.matches({"a": "it's"})


def test_what_fails_for_one_case_only_says_which_condition_it_was():
    expression = compile_expression("1 / many > 2", KINDS)
    assert expression.matches({"many": 0.25})
    with pytest.raises(ConditionFailed, match="1 / many > 2"):
        expression.matches({"many": 0.0})


_atoms = st.sampled_from(
    [
        "a == 'x'",
        "a == 'y'",
        "b == 'x'",
        "a in ['x', 'z']",
        "yes",
        "not yes",
        "many > 1",
        "b =~ 'x.*'",
        "a != b",
        "true",
    ]
)
_conditions = st.recursive(
    _atoms,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=6,
)
_values = st.fixed_dictionaries(
    {
        "a": st.sampled_from(["x", "y", "z", ""]),
        "b": st.sampled_from(["x", "xy", ""]),
        "yes": st.booleans(),
        "many": st.sampled_from([0.0, 1.0, 2.0]),
    }
)


@given(_conditions, _values)
def test_the_short_way_answers_as_the_engine_does(text, values):
    types = {"a": rule_engine.DataType.STRING, "b": rule_engine.DataType.STRING}
    types |= {"yes": rule_engine.DataType.BOOLEAN, "many": rule_engine.DataType.FLOAT}
    context = rule_engine.Context(
        type_resolver=rule_engine.type_resolver_from_dict(types), resolver=rule_engine.resolve_item
    )
    assert compile_expression(text, KINDS).matches(values) == rule_engine.Rule(text, context=context).matches(values)


_FRAGMENTS = """a b yes many x 'x' '( \\ == != =~ =~~ in and or not ( ) [ ] 1 0 / + ** null true $now $abs( .length ? :
for " { } , - &"""
_fragments = st.sampled_from(_FRAGMENTS.split())


@given(st.one_of(st.text(max_size=40), st.lists(_fragments, max_size=10).map(" ".join)))
def test_whatever_is_written_is_a_condition_or_is_refused(text):
    with suppress(ExpressionError):
        compile_expression(text, KINDS)
