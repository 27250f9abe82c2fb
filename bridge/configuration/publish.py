"""The configuration's shape for people and editors: JSON Schemas, and the tables of `docs/configuration.md`.

`python -m bridge.configuration.publish docs` writes both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.configuration.desk_models import DeskModel, RoutesModel
from bridge.configuration.process_models import BridgeModel
from bridge.domain.agreement import ResponseTime
from bridge.mapping.attributes import BUILT_IN
from bridge.mapping.completeness import REQUIREMENTS
from bridge.mapping.statuses import MAIL_FIELDS

BEGIN = "<!-- the tables below are made by `python -m bridge.configuration.publish docs` -->"
END = "<!-- end of the tables -->"

_FILES: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"config/bridge.yaml": BridgeModel, "config/desks/*.yaml": DeskModel, "config/routes.yaml": RoutesModel}
)
_SCHEMA_NAMES: Mapping[type[BaseModel], str] = MappingProxyType(
    {BridgeModel: "configuration-bridge", DeskModel: "configuration-desk", RoutesModel: "configuration-routes"}
)
_MEGABYTE = 1000**2
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def schemas() -> dict[str, str]:
    """File name -> JSON Schema (draft 2020-12) of one kind of file."""
    found: dict[str, str] = {}
    for model, name in _SCHEMA_NAMES.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        found[f"{name}.json"] = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return found


def tables() -> str:
    """Every key with its form, its default and its meaning, as Markdown."""
    parts: list[str] = []
    for file, model in _FILES.items():
        parts.append(f"## `{file}`\n")
        for path, part in _parts(model, ""):
            heading = f"### `{path}`\n\n{(part.__doc__ or '').strip()}\n\n" if path else ""
            parts.append(heading + _table(part))
    parts.append(_names())
    return "\n".join(parts)


def with_tables(page: str) -> str:
    """A page with its tables made anew; ValueError if it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def _parts(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """A model and those below it, each with the path of its keys; the same model is told once."""
    yield path, model
    told: set[type[BaseModel]] = set()
    for name, field in model.model_fields.items():
        for below, suffix in _models(field.annotation):
            if below not in told:
                told.add(below)
                yield from _parts(below, f"{path}.{name}{suffix}".lstrip("."))


def _models(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:  # noqa: ANN401 - annotations
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, BaseModel):
        yield annotation, suffix
    mark = "[]" if origin is list else ".*" if origin is dict else ""
    for argument in get_args(annotation):
        yield from _models(argument, suffix + mark)


def _table(model: type[BaseModel]) -> str:
    lines = ["| key | form | default | meaning |", "|---|---|---|---|"]
    properties = model.model_json_schema().get("properties", {})
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _form(field, properties.get(name, {})), _default(field), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _form(field: FieldInfo, schema: Mapping[str, Any]) -> str:
    """How a value is written: an example, the possible words, or its kind."""
    choices = list(_choices(field.annotation))
    if choices:
        return " ".join(f"`{choice}`" for choice in choices)
    if any(True for _ in _models(field.annotation)):
        return "see below"
    example = _example(schema)
    if example:
        many = schema.get("type") == "array"
        return f"list, such as `{example}`" if many else f"such as `{example}`"
    names = {"integer": "whole number", "boolean": "`true` `false`", "array": "list", "object": "names and values"}
    return names.get(str(schema.get("type", "")), "text")


def _choices(annotation: Any) -> Iterator[str]:  # noqa: ANN401 - annotations
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        elif get_origin(annotation) not in {list, dict}:
            yield from _choices(argument)


def _example(schema: Mapping[str, Any]) -> str:
    if schema.get("examples"):
        return str(schema["examples"][0])
    for below in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(below, Mapping) and (found := _example(below)):
            return found
    return ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case None | "":
            return ""
        case int() if value >= _MEGABYTE and value % _MEGABYTE == 0:
            return f"`{value // _MEGABYTE}MB`"
        case timedelta():
            return f"`{_duration(value)}`"
        case ResponseTime():
            return f"`{value.business_days}bd`"
        case Enum():
            return f"`{value.value}`"
        case list() | dict():
            return ", ".join(f"`{one}`" for one in value) or "empty"
        case BaseModel():
            return "as below"
        case _:
            return f"`{value}`"


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _names() -> str:
    fields = "\n".join(f"| `{name}` | {attribute.kind} |" for name, attribute in sorted(BUILT_IN.items()))
    mail = "\n".join(f"| `{name}` | {kind} |" for name, kind in MAIL_FIELDS.items())
    needs = "\n".join(f"| `{name}` | {requirement.sentence} |" for name, requirement in REQUIREMENTS.items())
    return (
        f"## What routes may read\n\n| field | kind |\n|---|---|\n{fields}\n\n"
        f"## What `statuses:` may read\n\n| field | kind |\n|---|---|\n{mail}\n\n"
        f"## What `needs:` may list\n\n| name | what the resolver is told |\n|---|---|\n{needs}\n"
    )


def main(docs: Path) -> None:
    """Write the schemas and the tables."""
    for name, text in schemas().items():
        (docs / "schemas" / name).write_text(text, encoding="utf-8")
    page = docs / "configuration.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
