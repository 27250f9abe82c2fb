"""Conditions in the configuration: rule-engine expressions over named, typed fields, checked when they are loaded.

What can be told from equality alone is told without the engine: `a == 'x' and b in ['y', 'z'] and text =~ '…'` asks
the engine only about the last part, and only where the first two hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import rule_engine
from rule_engine import ast, errors

from bridge.domain.errors import BridgeError
from bridge.domain.spelling import write_one_of

Value: TypeAlias = str | bool | float


class FieldKind(StrEnum):
    """What a field holds. An empty text is `''`, an empty number 0, an empty boolean false."""

    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"


_TYPES = {
    FieldKind.TEXT: rule_engine.DataType.STRING,
    FieldKind.BOOLEAN: rule_engine.DataType.BOOLEAN,
    FieldKind.NUMBER: rule_engine.DataType.FLOAT,
}
# A literal and the letter before it, if any: r'…' is a raw text for the engine.
_LITERAL = re.compile(r"(?<!\w)(\w?)('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")", re.DOTALL)
_BACKSLASHES = re.compile(r"\\\\|\\(?!['\"])")
# They read a clock or make chance, and a condition must answer the same for the same case.
_IMPURE = frozenset({"now", "today", "random"})


class ExpressionError(ValueError):
    """A condition cannot be used: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class ConditionFailed(BridgeError):
    """A condition could not be evaluated for a case, such as a division by an empty number."""

    code = "condition_failed"


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A checked condition."""

    text: str
    #: the fields it reads
    reads: frozenset[str]
    #: field -> the values one of which it must have for the whole to be true
    required: Mapping[str, frozenset[Value]]
    #: whether `required` says it all, so that the engine need not be asked
    settled: bool
    _rule: Any

    def matches(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds; `values` has every field it reads. Raises `ConditionFailed`."""
        if any(values[name] not in allowed for name, allowed in self.required.items()):
            return False
        return self.settled or self.holds(values)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds, asked of the engine in full."""
        try:
            return bool(self._rule.matches(values))
        except errors.EngineError as error:
            raise ConditionFailed(
                f"the condition {self.text!r} cannot be evaluated ({error.message})",
                remedy="correct the condition in the configuration",
            ) from error


def compile_expression(text: str, kinds: Mapping[str, FieldKind]) -> Expression:
    """A condition over fields of these kinds; raises `ExpressionError`."""
    rule = _parse(text, kinds)
    root = rule.statement.expression
    nodes = tuple(_nodes(root))
    for node in nodes:
        _refuse_senseless(node)
    if root.result_type is not rule_engine.DataType.BOOLEAN:
        raise ExpressionError(f"{text!r} is neither true nor false", "compare with something, such as field == 'text'")
    required: dict[str, frozenset[Value]] = {}
    settled = True
    for part in _conjuncts(root):
        told = _required(part)
        if told is None:
            settled = False
        else:
            name, allowed = told
            required[name] = required.get(name, allowed) & allowed
    # The variable of a comprehension is a symbol too, and no field.
    return Expression(text, frozenset(_symbols(root) & set(kinds)), required, settled, rule)


def _parse(text: str, kinds: Mapping[str, FieldKind]) -> Any:  # noqa: ANN401 - the engine has no types
    resolver = rule_engine.type_resolver_from_dict({name: _TYPES[kind] for name, kind in kinds.items()})
    try:
        context = rule_engine.Context(type_resolver=resolver, resolver=_item)
        return rule_engine.Rule(_LITERAL.sub(_as_written, text), context=context)
    except errors.SymbolResolutionError as error:
        name = str(error.symbol_name)
        raise ExpressionError(f"unknown field {name!r} in {text!r}", write_one_of(name, kinds)) from None
    except errors.AttributeResolutionError as error:
        close = f", such as .{error.suggestion}" if error.suggestion else ""
        raise ExpressionError(
            f"unknown attribute {error.attribute_name!r} in {text!r}", f"write an attribute that texts have{close}"
        ) from None
    except errors.RegexSyntaxError as error:
        raise ExpressionError(
            f"invalid regular expression in {text!r} ({error.error})", "correct it, as Python's re reads it"
        ) from None
    except errors.EngineError as error:
        raise ExpressionError(
            f"{text!r} is no condition ({error.message})",
            "write field == 'text', field in ['a', 'b'] or field =~ 'pattern', joined by and, or, not",
        ) from None


def _as_written(literal: re.Match[str]) -> str:
    """A literal whose backslashes mean themselves; the engine would read a word boundary as a backspace."""
    return literal[0] if literal[1] else _BACKSLASHES.sub(r"\\\\", literal[0])


def _item(values: Mapping[str, Value], name: str) -> Value:
    return values[name]


def _nodes(node: Any) -> Iterator[Any]:  # noqa: ANN401 - the engine has no types
    """A node and everything below it."""
    yield node
    names = {name for kind in type(node).__mro__ for name in getattr(kind, "__slots__", ())} | set(
        getattr(node, "__dict__", {})
    )
    for name in sorted(names - {"context", "result_type"}):
        below = getattr(node, name, None)
        for child in below if isinstance(below, (list, tuple)) else (below,):
            if isinstance(child, ast.ExpressionBase):
                yield from _nodes(child)


def _symbols(node: Any) -> set[str]:  # noqa: ANN401 - the engine has no types
    return {found.name for found in _nodes(node) if isinstance(found, ast.SymbolExpression) and found.scope is None}


def _refuse_senseless(node: Any) -> None:  # noqa: ANN401 - the engine has no types
    """Refuse what the engine accepts and what can never mean what its author hopes."""
    if isinstance(node, ast.SymbolExpression) and node.scope == "built-in" and node.name in _IMPURE:
        raise ExpressionError(f"${node.name} may not be used", "write a condition on the fields of the case only")
    if not isinstance(node, ast.ComparisonExpression):
        return
    sides = (node.left.result_type, node.right.result_type)
    if sides[0] != sides[1] and rule_engine.DataType.UNDEFINED not in sides:
        names = " and ".join(_NAMES.get(side, "something else") for side in sides)
        raise ExpressionError(
            f"{names} are compared, which are never equal", "write a text between quotes, an empty one as ''"
        )


_NAMES = {
    rule_engine.DataType.STRING: "a text",
    rule_engine.DataType.BOOLEAN: "true or false",
    rule_engine.DataType.FLOAT: "a number",
    rule_engine.DataType.NULL: "null",
}


def _conjuncts(node: Any) -> Iterator[Any]:  # noqa: ANN401 - the engine has no types
    if isinstance(node, ast.LogicExpression) and node.type == "and":
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _required(node: Any) -> tuple[str, frozenset[Value]] | None:  # noqa: ANN401 - the engine has no types
    """The field and its possible values, if that is all the node says."""
    if isinstance(node, ast.SymbolExpression) and node.scope is None:
        return node.name, frozenset({True})
    if isinstance(node, ast.UnaryExpression) and node.type == "not" and isinstance(node.right, ast.SymbolExpression):
        return node.right.name, frozenset({False})
    if type(node) is ast.ComparisonExpression and node.type == "eq":
        sides = (node.left, node.right)
        for symbol, literal in (sides, sides[::-1]):
            if isinstance(symbol, ast.SymbolExpression) and isinstance(literal, ast.LiteralExpressionBase):
                return symbol.name, frozenset({literal.value})
    if isinstance(node, ast.ContainsExpression) and isinstance(node.member, ast.SymbolExpression):
        container = node.container
        items = container.value if isinstance(container, ast.ArrayExpression) else ()
        if items and all(isinstance(item, ast.StringExpression) for item in items):
            return node.member.name, frozenset(item.value for item in items)
    return None
