"""Reading a YAML file into plain values, with the line of each, and `${NAME}` taken from the environment.

YAML is composed, not constructed: every scalar keeps its place, duplicate keys are all found, and a date stays the
text that was written. `${NAME}` is masked before parsing, because braces are syntax inside `{…}` (YAML 1.2, 7.4.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bridge.configuration.problems import Problem

Location: TypeAlias = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Private-use characters of the same number, so that columns stay what the author sees.
_MASKED = re.compile("\ue000\ue001([A-Za-z_][A-Za-z0-9_]*)\ue002")
_DEPTH = 50


class Expanded(str):
    """Text that came, at least in part, from the environment. Its `repr` names the variables and nothing else."""

    __slots__ = ("source", "written")
    #: the variables, without what stands around them: that may be a secret too
    source: str
    written: str

    @classmethod
    def of(cls, value: str, names: Iterable[str], written: str) -> Expanded:
        """A value with the variables it came from and the text of the file."""
        made = cls(value)
        made.source = " and ".join(f"${{{name}}}" for name in names)
        made.written = written
        return made

    @property
    def whole(self) -> bool:
        """Whether nothing of it was written in the file."""
        return self.source == self.written

    def __repr__(self) -> str:
        return self.source


@dataclass(slots=True)
class Document:
    """A file's values and where each of them stands."""

    path: Path
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """The line of a place, or of the nearest place around it that was written."""
        at = location
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def problem(self, location: Location, what: str, remedy: str) -> Problem:
        """A problem at a place of this file."""
        return Problem(self.path, self.line(location), what, remedy)


def read(path: Path, environ: Mapping[str, str]) -> Document:
    """A file as plain values; what is wrong with it as YAML is in `problems`."""
    document = Document(path)
    try:
        text = path.read_text(encoding="utf-8")
        root = YAML(typ="safe", pure=True).compose(_VARIABLE.sub("\ue000\ue001\\1\ue002", text))
    except OSError as error:
        document.problems.append(Problem(path, 0, f"cannot be read ({error.strerror})", "make the file readable"))
    except UnicodeDecodeError:
        document.problems.append(Problem(path, 0, "is not UTF-8 text", "save the file as UTF-8"))
    except MarkedYAMLError as error:
        document.problems.append(_syntax_problem(path, error))
    except YAMLError as error:
        document.problems.append(Problem(path, 0, f"is not YAML ({str(error).splitlines()[0]})", "correct the syntax"))
    else:
        document.data = _Reader(document, environ).value(root, ()) if root is not None else None
    return document


def _syntax_problem(path: Path, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    remedy = "correct the syntax; put text with : # { } [ ] or quotes in it between quotes"
    return Problem(path, mark.line + 1 if mark else 0, f"is not YAML: {_unmask(what)}", remedy)


def _unmask(text: str) -> str:
    return _MASKED.sub(r"${\1}", text)


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document
    environ: Mapping[str, str]

    def value(self, node: Node, at: Location) -> Any:  # noqa: ANN401 - what YAML holds
        self.document.lines.setdefault(at, node.start_mark.line + 1)
        if len(at) > _DEPTH:
            self._problem(node, "is nested too deeply", "write it flat, without an anchor that holds itself")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, at)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*at, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, at: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _unmask(str(key_node.value)) if isinstance(key_node, ScalarNode) else ""
            if not key:
                self._problem(key_node, "a key must be a word", "write a name before the colon")
            elif key in found:
                first = self.document.lines[(*at, key)]
                self._problem(key_node, f"duplicate key {key!r}", f"keep one of the two, the first is in line {first}")
            else:
                self.document.lines[(*at, key)] = key_node.start_mark.line + 1
                found[key] = self.value(value_node, (*at, key))
        return found

    def _scalar(self, node: Node) -> Any:  # noqa: ANN401 - what YAML holds
        text = str(node.value)
        match str(node.tag).rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                digits = text.replace("_", "").lower()
                return int(digits, 0) if digits.lstrip("+-")[:2] in {"0x", "0o", "0b"} else int(digits)
            case "float":
                return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
            case _:
                return self._expand(text, node)

    def _expand(self, text: str, node: Node) -> str:
        names = _MASKED.findall(text)
        if not names:
            return text
        for name in names:
            if name not in self.environ:
                self._problem(node, f"the environment has no variable {name}", f"set {name}, or write the value here")
        value = _MASKED.sub(lambda match: self.environ.get(match[1], f"${{{match[1]}}}"), text)
        return Expanded.of(value, names, _unmask(text))

    def _problem(self, node: Node, what: str, remedy: str) -> None:
        self.document.problems.append(Problem(self.document.path, node.start_mark.line + 1, what, remedy))
