"""Reading answers: JMESPath for their parts, and the forms in which portals write times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeAlias

import jmespath
from jmespath.exceptions import JMESPathError

from bridge.domain.errors import UntrustedAnswer

Json: TypeAlias = Any

_MOST_WORDS = 300
#: where systems put what they have to say about a refusal
_WORDS = jmespath.compile(
    "message || error.message || error_description || errorMessage || errorMessages[0] || error.msg || "
    "errors[0].message || errors[0].detail || detail || description || error || errors[0] || reason"
)
_TRUE = frozenset({"true", "yes", "1"})


class PathProblem(ValueError):
    """An expression that is no JMESPath, and why."""


class Path:
    """One JMESPath expression. Raises `PathProblem` where it cannot be compiled."""

    def __init__(self, source: str) -> None:
        self.source = str(source)
        try:
            self._compiled = jmespath.compile(self.source)
        except JMESPathError as error:
            raise PathProblem(str(error).strip().splitlines()[0]) from None

    def of(self, payload: Json) -> Json:
        """The part of an answer. Raises `UntrustedAnswer` where the answer is of a kind that it cannot read."""
        try:
            return self._compiled.search(payload)
        except JMESPathError as error:
            said = str(error).strip().splitlines()[0]
            raise UntrustedAnswer(
                f"{self.source!r} cannot be read from the answer ({said})", remedy="correct the desk's rest.requests"
            ) from None

    def __repr__(self) -> str:
        return f"Path({self.source!r})"


def text_of(value: Json) -> str:
    """A value as text: identifiers come as numbers or as texts."""
    if value is None or isinstance(value, Mapping | list):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def is_true(value: Json) -> bool:
    """Whether a value says yes, as JSON or as text."""
    return value.lower() in _TRUE if isinstance(value, str) else bool(value)


def words_of(payload: Json) -> str:
    """What a portal says about a refusal; empty if it says nothing that can be read."""
    found = _WORDS.search(payload) if isinstance(payload, Mapping) else payload
    if isinstance(found, list):
        found = "; ".join(text_of(one) for one in found)
    if isinstance(found, Mapping):
        found = "; ".join(f"{key}: {text_of(one)}" for key, one in found.items())
    return " ".join(text_of(found).split())[:_MOST_WORDS]


@dataclass(frozen=True, slots=True)
class Times:
    """The forms in which a portal writes times, tried in order: `iso`, `epoch`, `epoch_ms`, or as `strptime` reads."""

    forms: Sequence[str] = ("iso",)
    #: the zone of those that name none
    zone: tzinfo = UTC

    def read(self, value: Json) -> datetime | None:
        """An instant, UTC; None for what has none of the forms."""
        for form in self.forms:
            try:
                found = self._read(text_of(value), form)
            except (ValueError, OverflowError, OSError):
                continue
            return (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC)
        return None

    def write(self, at: datetime) -> str:
        """An instant in the first form."""
        form = self.forms[0]
        local = at.astimezone(self.zone)
        match form:
            case "iso":
                return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            case "epoch":
                return str(int(at.timestamp()))
            case "epoch_ms":
                return str(int(at.timestamp() * 1000))
            case _:
                return local.strftime(form)

    @staticmethod
    def _read(text: str, form: str) -> datetime:
        match form:
            case "iso":
                return datetime.fromisoformat(text)
            case "epoch":
                return datetime.fromtimestamp(float(text), UTC)
            case "epoch_ms":
                return datetime.fromtimestamp(float(text) / 1000, UTC)
            case _:
                return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added by the caller
