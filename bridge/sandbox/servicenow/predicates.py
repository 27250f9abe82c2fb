"""One comparison as SQL: an expression for the field's value, an operator and its operand.

Values are never NULL, so every predicate is two-valued and its negation is its complement: `!=`, `NOT IN` and
`NOT LIKE` include empty values, as the platform's do for booleans and strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.sandbox.servicenow import query_dates as dates
from bridge.sandbox.servicenow.schema import Field

#: Operators that the platform's query ACLs call ranges; the others are matches.
RANGE_OPERATORS = frozenset(
    {
        "<",
        ">",
        "<=",
        ">=",
        "BETWEEN",
        "LIKE",
        "NOT LIKE",
        "STARTSWITH",
        "ENDSWITH",
        "ON",
        "NOTON",
        "MORETHAN",
        "LESSTHAN",
    }
) | {f"RELATIVE{suffix}" for suffix in ("GT", "GE", "LT", "LE", "EE")}
#: Operators that compare two fields of the row.
FIELD_OPERATORS = {"SAMEAS": "=", "NSAMEAS": "<>", "GT_FIELD": ">", "LT_FIELD": "<", "GE_FIELD": ">=", "LE_FIELD": "<="}
#: Operators that, on a reference, look at the display name of the record that it points to.
DISPLAY_OPERATORS = frozenset({"LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH"})

_TRUE = "1"
_FALSE = "0"


@dataclass(frozen=True)
class Sql:
    """A piece of SQL with its bound values."""

    text: str
    values: tuple[object, ...] = ()

    def negated(self) -> Sql:
        """The complement."""
        return Sql(f"NOT ({self.text})", self.values)


ALWAYS = Sql(_TRUE)
NEVER = Sql(_FALSE)


def predicate(value: str, column: Field, operator: str, operand: str, asker: dates.Asker) -> Sql:
    """The SQL of `value operator operand`, where `value` is an SQL expression for a field of that kind."""
    opposite = _OPPOSITES.get(operator)
    if opposite:
        return _BUILDERS[opposite](value, column, operand, asker).negated()
    if operator in _BUILDERS:
        return _BUILDERS[operator](value, column, operand, asker)
    if operator in _COMPARISONS:
        return _compare(value, column, operator, operand, asker)
    return _relative(value, operator.removeprefix("RELATIVE"), operand, asker)


#: sys_id of the dynamic filter option "Me".
ME = "90d1921e5f510100a9ad2572f2b477fe"


def _both(first: Sql, second: Sql) -> Sql:
    return Sql(f"({first.text} AND {second.text})", first.values + second.values)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def canonical(column: Field, text: str, asker: dates.Asker) -> str:
    """An operand of `=` in the form in which that kind of field stores it."""
    if column.kind == "integer":
        number = _number(text)
        return str(int(number)) if number is not None and number.is_integer() else text
    if column.kind == "boolean":
        return {"1": "true", "0": "false"}.get(text.lower(), text.lower())
    if column.kind == "reference" and text.startswith("javascript:gs.getUserID"):
        return asker.sys_id
    return text


def _equals(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    if column.kind == "datetime" and operand:
        if dates.is_date_only(operand):
            return Sql(f"substr({value}, 1, 10) = ?", (operand.strip(),))
        instant = dates.evaluate(operand, asker)
        return Sql(f"{value} = ?", (instant,)) if instant else NEVER
    return Sql(f"{value} = ?", (canonical(column, operand, asker),))


def _in(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del asker
    wanted = [item.strip() for item in operand.split(",")]
    if column.kind == "boolean":
        wanted = [item.lower() for item in wanted]
    return Sql(f"{value} IN ({', '.join('?' * len(wanted))})", tuple(wanted))


def _like(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column, asker
    return Sql(f"instr(lower({value}), lower(?)) > 0", (operand,))


def _compare(value: str, column: Field, operator: str, operand: str, asker: dates.Asker) -> Sql:
    if column.kind == "integer":
        number = _number(operand)
        if number is None:
            return NEVER
        return Sql(f"({value} <> '' AND CAST({value} AS REAL) {operator} ?)", (number,))
    if column.kind != "datetime":
        return Sql(f"({value} <> '' AND {value} {operator} ?)", (operand,))
    instant = dates.evaluate(operand, asker)
    if instant is None:
        return NEVER
    if dates.is_date_only(operand) and operator in (">", "<="):
        instant = f"{instant[:10]} 23:59:59"  # "after the day" and "up to the day" mean its end
    # An empty date-time sorts before every instant, so only the upper bounds have to exclude it.
    guard = f"{value} <> '' AND " if operator in ("<", "<=") else ""
    return Sql(f"({guard}{value} {operator} ?)", (instant,))


def _starts(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column, asker
    return Sql(f"lower(substr({value}, 1, ?)) = lower(?)", (len(operand), operand))


def _ends(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column, asker
    if not operand:
        return ALWAYS
    return Sql(f"lower(substr({value}, -?)) = lower(?)", (len(operand), operand))


def _between(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    low, _, high = operand.partition("@")
    return _both(_compare(value, column, ">=", low, asker), _compare(value, column, "<=", high, asker))


def _empty(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column, operand, asker
    return Sql(f"{value} = ''")


def _anything(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del value, column, operand, asker
    return ALWAYS


def _date_part(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column, asker
    part = dates.date_part(operand)
    return Sql(f"COALESCE(strftime(?, {value}), '') = ?", (part[0], part[1])) if part else NEVER


def _dynamic(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    # The only dynamic filter that ships with every instance is "Me".
    del column
    return Sql(f"{value} = ?", (asker.sys_id,)) if operand == ME else NEVER


def _on(value: str, column: Field, operand: str, asker: dates.Asker) -> Sql:
    del column
    _, _, rest = operand.partition("@")
    start, _, end = rest.partition("@")
    low, high = dates.evaluate(start, asker), dates.evaluate(end, asker)
    return Sql(f"({value} >= ? AND {value} <= ?)", (low, high)) if low and high else NEVER


def _relative(value: str, comparison: str, operand: str, asker: dates.Asker) -> Sql:
    instant = dates.relative(operand, asker)
    if instant is None:
        return NEVER
    if comparison == "EE":
        return Sql(f"substr({value}, 1, 10) = ?", (instant[:10],))
    sign = {"GT": ">", "GE": ">=", "LT": "<", "LE": "<="}[comparison]
    return Sql(f"({value} <> '' AND {value} {sign} ?)", (instant,))


_Builder = Callable[[str, Field, str, dates.Asker], Sql]
_BUILDERS: Mapping[str, _Builder] = {
    "=": _equals,
    "IN": _in,
    "LIKE": _like,
    "STARTSWITH": _starts,
    "ENDSWITH": _ends,
    "BETWEEN": _between,
    "ISEMPTY": _empty,
    "EMPTYSTRING": _empty,
    "ANYTHING": _anything,
    "ON": _on,
    "DATEPART": _date_part,
    "DYNAMIC": _dynamic,
}
_OPPOSITES = {"!=": "=", "NOT IN": "IN", "NOT LIKE": "LIKE", "NOTON": "ON", "ISNOTEMPTY": "ISEMPTY"}
_COMPARISONS = ("<", ">", "<=", ">=")
