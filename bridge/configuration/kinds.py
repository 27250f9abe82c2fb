"""Methods of contact that are not the bridge's own: looked up among what is installed, checked by their own models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.configuration.document import Document, Location
from bridge.configuration.explain import explain
from bridge.configuration.problems import Problem
from bridge.configuration.written import WrongValue
from bridge.domain.agreement import PortalMethod
from bridge.domain.spelling import write_one_of
from bridge.ports import ENTRY_POINT, DeskKind, InstalledMethod


def installed() -> frozenset[str]:
    """The names of the kinds that are installed."""
    return frozenset(found.name for found in entry_points(group=ENTRY_POINT))


def kind_named(name: str, own: Mapping[str, object]) -> DeskKind:
    """An installed kind. Raises `WrongValue` if there is none of that name, or none that can be loaded."""
    found = next((one for one in entry_points(group=ENTRY_POINT) if one.name == name), None)
    if found is None:
        raise WrongValue(f"no method of contact is called {name!r}", write_one_of(name, {*own, *installed()}))
    try:
        kind: Any = found.load()
    except Exception as error:
        raise WrongValue(
            f"the method {name!r} of {found.value} cannot be loaded ({type(error).__name__}: {error})",
            "repair or remove that package",
        ) from error
    model = getattr(kind, "settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel) and callable(getattr(kind, "connect", None))):
        raise WrongValue(f"the method {name!r} of {found.value} is no kind of desk", "see docs/connectors.md")
    return kind  # type: ignore[no-any-return] # what it must have was just looked at


def check_kind(
    name: str,
    value: Any,  # noqa: ANN401 - plain YAML
    own: Mapping[str, object],
    document: Document,
    at: Location,
) -> Iterator[Problem]:
    """What is wrong with a method of an installed kind, at its place in the file."""
    try:
        model = kind_named(name, own).settings
        model.model_validate(value)
    except WrongValue as error:
        yield document.problem((*at, name), error.what, error.remedy)
    except ValidationError as error:
        yield from explain(error, model, document, (*at, name))


def build_kind(name: str, value: Any, own: Mapping[str, object]) -> PortalMethod:  # noqa: ANN401 - plain YAML
    """The method, of what was checked before."""
    kind = kind_named(name, own)
    settings = kind.settings.model_validate(value)
    reference, most = getattr(settings, "reference", ""), getattr(settings, "most_per_hour", None)
    return PortalMethod(name, InstalledMethod(kind, settings), reference, most)
