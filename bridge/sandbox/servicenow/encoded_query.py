"""The encoded query language, from text to a tree: terms joined by `^`, `^OR`, `^NQ`; `ORDERBY`, `JOIN`, `RLQUERY`.

`^OR` binds tighter than `^`: `a^b^ORc` is a and (b or c). `^NQ` starts an independent query whose rows are added.
A doubled caret in a value stands for one caret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Operators by every spelling that clients send, each with its one name here.
OPERATORS: dict[str, str] = {
    "=": "=",
    "!=": "!=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "IN": "IN",
    "NOT IN": "NOT IN",
    "NOTIN": "NOT IN",
    "LIKE": "LIKE",
    "*": "LIKE",
    "CONTAINS": "LIKE",
    "NOT LIKE": "NOT LIKE",
    "NOTLIKE": "NOT LIKE",
    "!*": "NOT LIKE",
    "DOES NOT CONTAIN": "NOT LIKE",
    "STARTSWITH": "STARTSWITH",
    "ENDSWITH": "ENDSWITH",
    "%": "ENDSWITH",
    "ISEMPTY": "ISEMPTY",
    "ISNOTEMPTY": "ISNOTEMPTY",
    "ANYTHING": "ANYTHING",
    "EMPTYSTRING": "EMPTYSTRING",
    "BETWEEN": "BETWEEN",
    "SAMEAS": "SAMEAS",
    "NSAMEAS": "NSAMEAS",
    "GT_FIELD": "GT_FIELD",
    "LT_FIELD": "LT_FIELD",
    "GT_OR_EQUALS_FIELD": "GE_FIELD",
    "LT_OR_EQUALS_FIELD": "LE_FIELD",
    "ON": "ON",
    "NOTON": "NOTON",
    "DATEPART": "DATEPART",
    "RELATIVEGT": "RELATIVEGT",
    "RELATIVEGE": "RELATIVEGE",
    "RELATIVELT": "RELATIVELT",
    "RELATIVELE": "RELATIVELE",
    "RELATIVEEE": "RELATIVEEE",
    "MORETHAN": "MORETHAN",
    "LESSTHAN": "LESSTHAN",
    "DYNAMIC": "DYNAMIC",
    "INSTANCEOF": "INSTANCEOF",
}
_FIELD = r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*"
_TERM = re.compile(
    rf"({_FIELD})({'|'.join(re.escape(op) for op in sorted(OPERATORS, key=len, reverse=True))})(.*)", re.DOTALL
)
_ORDER = re.compile(rf"ORDERBY(DESC)?({_FIELD})$")
_RELATED = re.compile(rf"RLQUERY(\w+)\.({_FIELD}),(>=|<=|!=|=|>|<)(\d+)(?:,m2m)?$")
_JOIN = re.compile(rf"JOIN(\w+)\.({_FIELD})=(\w+)\.({_FIELD})(?:!(.*))?$", re.DOTALL)
_CARET = "\x00"


@dataclass(frozen=True)
class Term:
    """One comparison: a dot-walked field, an operator and the text to its right."""

    path: tuple[str, ...]
    operator: str
    value: str


@dataclass(frozen=True)
class Related:
    """Rows of another table whose `column` holds our `own` column, matching a query, are counted and compared."""

    table: str
    column: str
    own: str
    comparison: str
    count: int
    query: Query


@dataclass(frozen=True)
class Invalid:
    """A piece that is no term; the platform drops it, or answers no rows when a property says so."""

    text: str


Clause = Term | Related | Invalid
#: Alternatives, of which one must hold.
Either = tuple[Clause, ...]


@dataclass(frozen=True)
class Order:
    """One sort key."""

    path: tuple[str, ...]
    descending: bool


@dataclass(frozen=True)
class Query:
    """Groups of which one must hold; in a group every `Either` must hold."""

    groups: tuple[tuple[Either, ...], ...] = ((),)
    orders: tuple[Order, ...] = ()

    def terms(self) -> list[Term]:
        """Every comparison in the query, inner queries left out."""
        return [term for group in self.groups for either in group for term in either if isinstance(term, Term)]


@dataclass
class _Builder:
    groups: list[list[list[Clause]]] = field(default_factory=lambda: [[]])
    orders: list[Order] = field(default_factory=list)

    def add(self, clause: Clause, *, alternative: bool) -> None:
        group = self.groups[-1]
        if alternative and group:
            group[-1].append(clause)
        else:
            group.append([clause])

    def build(self) -> Query:
        return Query(tuple(tuple(map(tuple, group)) for group in self.groups), tuple(self.orders))


def parse(text: str) -> Query:
    """Read an encoded query. Never fails: what is not understood becomes `Invalid`."""
    tokens = text.replace("^^", _CARET).split("^")
    builder = _Builder()
    position = 0
    while position < len(tokens):
        token = tokens[position].strip(" ") if tokens[position].strip() == "" else tokens[position]
        position += 1
        if token.startswith("RLQUERY"):
            end = next((at for at in range(position, len(tokens)) if tokens[at] == "ENDRLQUERY"), len(tokens))
            builder.add(_related(token, "^".join(tokens[position:end])), alternative=False)
            position = end + 1
        else:
            _read(token, builder)
    return builder.build()


def _read(token: str, builder: _Builder) -> None:
    if token in ("", "EQ"):
        return
    order = _ORDER.match(token)
    if order:
        builder.orders.append(Order(tuple(order[2].split(".")), descending=bool(order[1])))
    elif token.startswith("NQ"):
        builder.groups.append([])
        _read(token[2:], builder)
    elif token.startswith("JOIN"):
        builder.add(_join(token), alternative=False)
    elif token.startswith("OR") and not token.startswith("ORDERBY"):
        builder.add(_term(token[2:]), alternative=True)
    else:
        builder.add(_term(token), alternative=False)


def _term(text: str) -> Clause:
    match = _TERM.match(text)
    if not match:
        return Invalid(text)
    return Term(tuple(match[1].split(".")), OPERATORS[match[2]], match[3].replace(_CARET, "^"))


def _related(token: str, inner: str) -> Clause:
    match = _RELATED.match(token)
    if not match:
        return Invalid(token)
    return Related(match[1], match[2], "sys_id", match[3], int(match[4]), parse(inner.replace(_CARET, "^^")))


def _join(token: str) -> Clause:
    match = _JOIN.match(token)
    if not match:
        return Invalid(token)
    return Related(match[3], match[4], match[2], ">=", 1, parse((match[5] or "").replace(_CARET, "^^")))
