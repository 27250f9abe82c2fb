"""How the values of the files are written, and what they become: names, sizes, columns, and what all readers share.

Each reader raises `WrongValue`: what is wrong, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BeforeValidator, WithJsonSchema

from bridge.domain.case import PROFILES, profile_of
from bridge.domain.spelling import write_one_of

_SIZE = re.compile(r"(\d{1,6})\s*(B|kB|KB|MB|GB)")
_BYTES = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_OWN = ("u_", "x_")
_TABLE_FIELD = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
# They would escape the bounds that the pull puts around a source's own query.
_FORBIDDEN_IN_QUERIES = ("^NQ", "^EQ", "ORDERBY", "RLQUERY")


class WrongValue(ValueError):
    """What is wrong with a value, and what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def read_text(value: object, what: str, remedy: str) -> str:
    """A value that must be a text; `what` names what it should be."""
    if isinstance(value, str):
        return value
    raise WrongValue(f"{value!r} is no {what}", remedy)


def size(value: object) -> int:
    """A number of bytes such as 10MB (10,000,000)."""
    remedy = "write a number and a unit: 500kB, 10MB"
    found = _SIZE.fullmatch(read_text(value, "size", remedy))
    if not found:
        raise WrongValue(f"{value!r} is no size", remedy)
    return int(found[1]) * _BYTES[found[2]]


def jmespath_expression(value: object) -> str:
    """A JMESPath expression; empty is none."""
    text = read_text(value, "JMESPath expression", "write it between quotes")
    try:
        if text:
            jmespath.compile(text)
    except JMESPathError as error:
        raise WrongValue(f"{value!r} is no JMESPath expression ({error.__class__.__name__})", "correct it") from None
    return text


def pattern(value: object) -> str:
    """A regular expression of Python's `re`."""
    text = read_text(value, "regular expression", "write it between single quotes")
    try:
        re.compile(text)
    except re.error as error:
        raise WrongValue(f"{value!r} is no regular expression ({error})", "correct it") from None
    return text


def column(value: object) -> str:
    """A column of a table, dot-walked or not."""
    remedy = "write the column's name as ServiceNow has it, such as u_party_role or account.name"
    text = read_text(value, "column", remedy)
    if not _TABLE_FIELD.fullmatch(text):
        raise WrongValue(f"{value!r} is no column", remedy)
    return text


def shaped(expression: str, what: str, remedy: str) -> Callable[[object], str]:
    """A reader of texts of one form."""
    form = re.compile(expression)

    def read_shaped(value: object) -> str:
        text = read_text(value, what, remedy)
        if not form.fullmatch(text):
            raise WrongValue(f"{value!r} is no {what}", remedy)
        return text

    return read_shaped


def table(value: object) -> str:
    """A table that extends `task`. What looks like a known one misspelt is refused; `check` asks for the others."""
    text = read_text(value, "table", write_one_of("", PROFILES))
    if not _TABLE.fullmatch(text) or (text.startswith("sys_") or _is_misspelt(text)):
        raise WrongValue(f"the bridge does not know the table {value!r}", write_one_of(text, PROFILES))
    return text


def coded_table(value: object) -> str:
    """A table whose records are resolved with a code."""
    text = table(value)
    if not profile_of(text).resolution_code:
        raise WrongValue(f"{text} has no field for a resolution code", "take it out of resolution_codes")
    return text


def _is_misspelt(text: str) -> bool:
    """Tables of one's own, and those of applications, have a prefix and may be called much like others."""
    return text not in PROFILES and not text.startswith(_OWN) and bool(get_close_matches(text, PROFILES, cutoff=0.8))


def encoded_query(value: object) -> str:
    """A source's own encoded query, which may not escape the bounds that the pull puts around it."""
    text = read_text(value, "encoded query", "write conditions joined by ^ and ^OR")
    for word in _FORBIDDEN_IN_QUERIES:
        if word in text.upper():
            raise WrongValue(
                f"{word} would escape the bounds of the pull",
                "write conditions joined by ^ and ^OR only; use a second source for an alternative",
            )
    if text.startswith("^") or text.endswith("^"):
        raise WrongValue("the query begins or ends with ^", "write the conditions only")
    return text


def written(reader: Callable[[Any], object], expression: str, example: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """How a type is read from a file, and how the JSON Schema describes the text that is written there."""
    return BeforeValidator(reader), WithJsonSchema({"type": "string", "pattern": expression, "examples": [example]})


Size = Annotated[int, *written(size, r"^\d{1,6}\s*(B|kB|KB|MB|GB)$", "10MB")]
Pattern = Annotated[str, *written(pattern, r"^.+$", r"INC\d{12}")]
JmesPath = Annotated[str, *written(jmespath_expression, r"^.*$", "ticket.id")]
Column = Annotated[str, *written(column, r"^[a-z][a-z0-9_.]*$", "u_party_role")]
DeskNameText = Annotated[
    str,
    *written(
        shaped(
            r"[a-z0-9][a-z0-9-]{0,62}", "name of a desk", "write small letters, digits and hyphens, as in #engage @name"
        ),
        r"^[a-z0-9][a-z0-9-]{0,62}$",
        "dcc-service-desk",
    ),
]
SimpleName = Annotated[
    str,
    *written(
        shaped(r"[a-z][a-z0-9_]*", "name", "write small letters, digits and underscores, a letter first"),
        r"^[a-z][a-z0-9_]*$",
        "cases",
    ),
]
InstanceName = Annotated[
    str,
    *written(
        shaped(r"[A-Za-z0-9_-]+", "name of an instance", "write letters, digits, - and _"),
        r"^[A-Za-z0-9_-]+$",
        "elexon",
    ),
]
FileEnding = Annotated[
    str,
    *written(
        shaped(r"[a-z0-9]{1,10}", "file name ending", "write it in small letters without a dot, as pdf"),
        r"^[a-z0-9]{1,10}$",
        "pdf",
    ),
]
CodedTable = Annotated[str, *written(coded_table, r"^[a-z][a-z0-9_]*$", "incident")]
Table = Annotated[str, *written(table, r"^[a-z][a-z0-9_]*$", "incident")]
EncodedQuery = Annotated[str, *written(encoded_query, r"^.*$", "assignment_group.nameSTARTSWITHCPSD")]
