"""pydantic's findings as problems that name a line and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.configuration.document import Document, Expanded, Location
from bridge.configuration.problems import Problem
from bridge.configuration.secrecy import PlainSecret
from bridge.configuration.written import WrongValue
from bridge.domain.spelling import nearest, write_one_of


def explain(error: ValidationError, model: type[BaseModel], document: Document, at: Location = ()) -> Iterator[Problem]:
    """The problems of one file, or of what stands at a place in it and has a model of its own."""
    for detail in error.errors(include_url=False, include_input=True):
        yield _problem(detail, model, document, at)


def _problem(detail: ErrorDetails, model: type[BaseModel], document: Document, at: Location) -> Problem:
    place, tags = _as_written((*at, *detail["loc"]), document.data)
    location = place[len(at) :]
    key = next((str(step) for step in reversed(location) if isinstance(step, str)), "")
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1], tags)
        close = nearest(key, known)
        remedy = f"write {close}: instead" if close else f"remove it; possible here: {', '.join(sorted(known))}"
        return document.problem(place, f"unknown key {key!r}", remedy)
    wrong = detail.get("ctx", {}).get("error")
    what, remedy = (
        (f"{_named(key)}{wrong.what}", wrong.remedy)
        if isinstance(wrong, WrongValue)
        else _TYPES.get(detail["type"], _other)(key, detail)
    )
    given = detail["input"]
    if isinstance(given, Expanded) and not isinstance(wrong, PlainSecret):
        # Whatever a variable holds may be a secret in the wrong place: not even a part of it is shown.
        what = f"{_named(key)}the value of {given.source} cannot be used"
    return document.problem(place, what, remedy)


def _named(key: str) -> str:
    return f"{key}: " if key else ""


def _as_written(loc: tuple[int | str, ...], data: Any) -> tuple[Location, frozenset[str]]:  # noqa: ANN401 - plain YAML
    """A place as it stands in the file, and the names of union members that pydantic put into it."""
    written: list[int | str] = []
    tags: set[str] = set()
    for index, step in enumerate(loc):
        if _has(data, step):
            data = data[step]
        elif index < len(loc) - 1 or step == "[key]" or not isinstance(data, Mapping):
            tags.add(str(step))
            continue
        written.append(step)
    return tuple(written), frozenset(tags)


def _has(data: Any, step: int | str) -> bool:  # noqa: ANN401 - plain YAML
    return step in data if isinstance(data, Mapping) else isinstance(data, list) and step in range(len(data))


def _known_keys(model: type[BaseModel], location: Location, tags: frozenset[str]) -> frozenset[str]:
    """The keys that are possible at a place."""
    models = frozenset({model})
    for step in location:
        fields = [found.model_fields[step] for found in models if isinstance(step, str) and step in found.model_fields]
        if fields:
            models = frozenset(below for field in fields for below in _models_in(field.annotation))
    chosen = [found for found in models if _tag(found) in tags] or models
    return frozenset(name for found in chosen for name in found.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _tag(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    values = get_args(kind.annotation) if kind else ()
    return str(values[0]) if values and isinstance(values[0], str) else ""


_Explanation = Callable[[str, ErrorDetails], tuple[str, str]]


def _missing(key: str, _: ErrorDetails) -> tuple[str, str]:
    return f"{key!r} is missing", f"add {key}: with a value"


def _choice(key: str, detail: ErrorDetails) -> tuple[str, str]:
    context = detail.get("ctx", {})
    expected = str(context.get("expected", context.get("expected_tags", "")))
    names = [name.strip(" '") for name in expected.replace(" or ", ", ").split(",")]
    given = _given(detail)
    return f"{_named(key)}{given} is not possible here", write_one_of(given.strip("'"), names)


def _no_tag(key: str, _: ErrorDetails) -> tuple[str, str]:
    return f"{_named(key)}it is not said of which kind this is", "add kind: client_credentials, or kind: basic …"


def _wrong_type(expected: str, example: str) -> _Explanation:
    def explain_type(key: str, detail: ErrorDetails) -> tuple[str, str]:
        return f"{_named(key)}{_given(detail)} is not {expected}", f"write {example}"

    return explain_type


def _pattern(key: str, detail: ErrorDetails) -> tuple[str, str]:
    return f"{_named(key)}{_given(detail)} has not the right form", f"write it as {detail['ctx']['pattern']}"


def _bound(key: str, detail: ErrorDetails) -> tuple[str, str]:
    context = detail["ctx"]
    told = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    name = next(name for name in told if name in context)
    return f"{_named(key)}{_given(detail)} is out of bounds", f"write a number of {told[name]} {context[name]}"


def _too_few(key: str, _: ErrorDetails) -> tuple[str, str]:
    return f"{_named(key)}nothing is there", "write at least one"


def _other(key: str, detail: ErrorDetails) -> tuple[str, str]:
    return (
        f"{_named(key)}{detail['msg'][:1].lower()}{detail['msg'][1:]}",
        "correct it; docs/configuration.md has every key",
    )


def _given(detail: ErrorDetails) -> str:
    """What was written, as far as it may be shown: a value from the environment is shown by its name."""
    given = detail["input"]
    match given:
        case None | NoneType():
            return "nothing"
        case bool():
            return str(given).lower()
        case dict():
            return "a list of keys"
        case list():
            return "a list"
        case _:
            return repr(given)


_TYPES: Mapping[str, _Explanation] = MappingProxyType(
    {
        "missing": _missing,
        "enum": _choice,
        "literal_error": _choice,
        "union_tag_invalid": _choice,
        "union_tag_not_found": _no_tag,
        "string_type": _wrong_type("a text", "a text, between quotes if it could be read as something else"),
        "int_type": _wrong_type("a whole number", "a whole number"),
        "int_parsing": _wrong_type("a whole number", "a whole number"),
        "int_from_float": _wrong_type("a whole number", "a whole number"),
        "bool_type": _wrong_type("true or false", "true or false"),
        "bool_parsing": _wrong_type("true or false", "true or false"),
        "list_type": _wrong_type("a list", "a list: [one, two], or one item a line after a dash"),
        "dict_type": _wrong_type("a list of keys", "keys and values, one a line, indented"),
        "model_type": _wrong_type("a list of keys", "keys and values, one a line, indented"),
        "model_attributes_type": _wrong_type("a list of keys", "keys and values, one a line, indented"),
        "string_pattern_mismatch": _pattern,
        "string_too_short": _too_few,
        "too_short": _too_few,
        "greater_than_equal": _bound,
        "less_than_equal": _bound,
    }
)
