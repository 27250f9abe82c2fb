"""Tables that the base does not have, and further fields of tables that it has, from their JSON declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bridge.sandbox.servicenow.schema import INTERNAL_TYPES, Choice, Field, Kind, Schema, Table, by_name, label_of
from bridge.sandbox.servicenow.tables import SYSTEM
from bridge.sandbox.servicenow.values import as_text

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_TOP = frozenset({"name", "label", "fields", "display", "number_prefix", "audited", "extends"})
_ABOUT = frozenset({"kind", "label", "reference", "max_length", "default", "choices", "other_values"})

#: value -> label of each field that has a choice list
Choices = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Declaration:
    """A table as it is to be, which of its fields are new, and the choice lists of those."""

    table: Table
    added: tuple[str, ...]
    choices: Choices


def declaration(schema: Schema, given: Mapping[str, Any]) -> Declaration:
    """Read a declaration. Raises ValueError on anything that would not be understood.

    A `name` that the schema holds adds the `fields` to that table; another name makes a table, which has the system
    fields, and with `extends: "task"` those of a task.
    """
    unknown = given.keys() - _TOP
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    name = as_text(given.get("name"))
    fields = given.get("fields", {})
    if not isinstance(fields, dict):
        raise ValueError("fields maps a name to a kind, or to an object")  # noqa: TRY004 - one error for all of them
    made = by_name([_field(column, about) for column, about in fields.items()])
    known = schema.get(name)
    table = _extended(known, made) if known else _new(schema, name, made, given)
    choices = {column: _choices(about) for column, about in fields.items() if _choices(about)}
    added = tuple(made) if known else tuple(table.fields)
    return Declaration(table, added, choices)


def _extended(known: Table, made: Mapping[str, Field]) -> Table:
    twice = known.fields.keys() & made.keys()
    if twice:
        raise ValueError(f"{known.name} has {', '.join(sorted(twice))} already")
    if known.name == "task":
        raise ValueError("task shows what its tables have in common; add the field to one of those")
    return replace(known, fields={**known.fields, **made})


def _new(schema: Schema, name: str, made: Mapping[str, Field], given: Mapping[str, Any]) -> Table:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no table name: lower-case letters, digits and underscores")
    parent = as_text(given.get("extends"))
    if parent not in ("", "task"):
        raise ValueError("a table may extend task, and no other")
    base = schema.tables["task"].fields if parent else by_name(SYSTEM)
    fields = {**base, **made}
    display = as_text(given.get("display")) or ("number" if parent else "sys_id")
    if display not in fields:
        raise ValueError(f"display: {display} is none of the fields")
    prefix = as_text(given.get("number_prefix"))
    if prefix and "number" not in fields:
        raise ValueError("number_prefix needs a field number")
    label = as_text(given.get("label")) or label_of(name)
    return Table(name, label, fields, display, parent, "", prefix, audited=bool(given.get("audited", False)))


def _field(name: str, given: object) -> Field:
    about: dict[str, Any] = given if isinstance(given, dict) else {"kind": given}
    kind = as_text(about.get("kind", "string"))
    if kind not in INTERNAL_TYPES or not _NAME.fullmatch(name):
        raise ValueError(f"field {name}: a lower-case name and one of {', '.join(INTERNAL_TYPES)}")
    unknown = about.keys() - _ABOUT
    if unknown:
        raise ValueError(f"field {name}: unknown {', '.join(sorted(unknown))}")
    choice: Choice = "none" if not about.get("choices") else "suggestion" if about.get("other_values") else "dropdown"
    return Field(
        name,
        cast("Kind", kind),
        as_text(about.get("label")) or label_of(name),
        as_text(about.get("reference")),
        choice,
        int(about.get("max_length", 255)),
        as_text(about.get("default")),
    )


def _choices(given: object) -> dict[str, str]:
    listed = given.get("choices") if isinstance(given, dict) else None
    if listed is None:
        return {}
    if isinstance(listed, list):
        return {as_text(value): as_text(value) for value in listed}
    if isinstance(listed, dict):
        return {as_text(value): as_text(label) for value, label in listed.items()}
    raise ValueError("choices are a list of values, or an object of value and label")
