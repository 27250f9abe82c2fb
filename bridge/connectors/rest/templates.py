"""Templates of requests: Jinja, sandboxed, where a missing name is an error.

A JSON body is rendered leaf by leaf, so that no value can break out of its place. A leaf that is one expression and
nothing else keeps the expression's kind: `{{ ticket }}` may be a number. A key whose expression is None is left out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

Json: TypeAlias = Any
Values: TypeAlias = Mapping[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_BRACES = re.compile(r"\A\s*\{\{-?(.*?)-?\}\}\s*\Z", re.DOTALL)


class TemplateProblem(ValueError):
    """A template that cannot be compiled or rendered, and why."""


def _environment(finalize: Callable[[Any], Any]) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=finalize, keep_trailing_newline=True)
    made.filters["html"] = lambda text: html.escape(str(text)).replace("\n", "<br>\n")
    return made


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any value
    return "" if value is None else value


_PLAIN = _environment(_as_it_is)
#: in paths values are quoted, but for those marked as whole addresses by `| safe`
_QUOTED = _environment(lambda value: value if hasattr(value, "__html__") else quote(str(value), safe=""))


class Leaf:
    """One text with expressions in it. Raises `TemplateProblem` where it cannot be compiled."""

    def __init__(self, source: str, *, quoted: bool = False) -> None:
        self.source = str(source)
        environment = _QUOTED if quoted else _PLAIN
        try:
            tree = environment.parse(self.source)
            self._template = environment.from_string(self.source)
            inner = _BRACES.match(self.source) if not quoted and _is_one_expression(tree) else None
            self._expression = environment.compile_expression(inner[1], undefined_to_none=False) if inner else None
        except TemplateError as error:
            raise TemplateProblem(f"is no template ({error})") from None
        #: the names that it reads
        self.names = frozenset(find_undeclared_variables(tree))
        self._tree = tree

    def members(self, name: str) -> frozenset[str]:
        """What it reads of one name: `settings.queue` and `settings['queue']` read `queue` of `settings`."""
        found: set[str] = set()
        for attribute in self._tree.find_all(nodes.Getattr):
            if isinstance(attribute.node, nodes.Name) and attribute.node.name == name:
                found.add(attribute.attr)
        for item in self._tree.find_all(nodes.Getitem):
            if isinstance(item.node, nodes.Name) and item.node.name == name and isinstance(item.arg, nodes.Const):
                found.add(str(item.arg.value))
        return frozenset(found)

    def text(self, values: Values) -> str:
        """The text with every expression replaced."""
        try:
            return self._template.render(values)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise TemplateProblem(f"cannot be rendered ({error})") from None

    def line(self, values: Values) -> str:
        """The text without the characters that forge headers."""
        return _CONTROL.sub(" ", self.text(values)).strip()

    def value(self, values: Values) -> Json:
        """The value of its one expression, else the text."""
        if self._expression is None:
            return self.text(values)
        try:
            found = self._expression(**values)
            if isinstance(found, Undefined):
                str(found)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise TemplateProblem(f"cannot be rendered ({error})") from None
        return str(found) if isinstance(found, str) else found

    def __repr__(self) -> str:
        return f"Leaf({self.source!r})"


def _is_one_expression(tree: nodes.Template) -> bool:
    """Whether a text is one expression between braces, whatever stands around it in white space."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = [one for one in tree.body[0].nodes if not (isinstance(one, nodes.TemplateData) and not one.data.strip())]
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def compiled(content: Json) -> Json:
    """A structure in which every text is a `Leaf`. Raises `TemplateProblem`, which names the place."""
    match content:
        case str():
            return Leaf(content)
        case Mapping():
            return {str(key): _at(str(key), compiled, one) for key, one in content.items()}
        case list() | tuple():
            return [_at(str(index), compiled, one) for index, one in enumerate(content)]
        case _:
            return content


def rendered(structure: Json, values: Values) -> Json:
    """A structure with every leaf rendered; what an expression says is None is left out of its mapping."""
    match structure:
        case Leaf():
            return structure.value(values)
        case Mapping():
            found = {key: (one, _at(key, rendered, one, values)) for key, one in structure.items()}
            return {key: value for key, (one, value) in found.items() if value is not None or one is None}
        case list():
            return [_at(str(index), rendered, one, values) for index, one in enumerate(structure)]
        case _:
            return structure


def leaves(structure: Json) -> list[Leaf]:
    """Every leaf of a structure."""
    match structure:
        case Leaf():
            return [structure]
        case Mapping():
            return [leaf for one in structure.values() for leaf in leaves(one)]
        case list():
            return [leaf for one in structure for leaf in leaves(one)]
        case _:
            return []


def _at(place: str, what: Callable[..., Json], *arguments: Any) -> Json:  # noqa: ANN401 - any value
    try:
        return what(*arguments)
    except TemplateProblem as error:
        raise TemplateProblem(f"{place}: {error}") from None
