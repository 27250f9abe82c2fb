"""Values of a request body as the platform stores them: always text, cut to length, in UTC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from bridge.sandbox.servicenow.clock import parse, stamp, to_utc
from bridge.sandbox.servicenow.displays import Displays
from bridge.sandbox.servicenow.schema import Field, Schema, Table
from bridge.sandbox.servicenow.web import ApiError

#: What only the server writes; given values are ignored.
SERVER_FIELDS = frozenset(
    {
        "sys_id",
        "sys_mod_count",
        "sys_updated_on",
        "sys_updated_by",
        "sys_created_on",
        "sys_created_by",
        "sys_class_name",
        "comments_and_work_notes",
    }
)


def as_text(value: object) -> str:
    """A JSON value as text: null is empty, booleans are lower case."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return as_text(value.get("value", value.get("display_value", "")))
    if isinstance(value, list):
        return ",".join(as_text(item) for item in value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()  # JSON may hold lone surrogates, which no database stores


class ValueReader:
    """Turns the body of one request into stored values."""

    def __init__(self, schema: Schema, displays: Displays, zone: ZoneInfo, *, display_input: bool) -> None:
        """`display_input` (`sysparm_input_display_value`): times in the user's zone, references and choices by name."""
        self._schema = schema
        self._displays = displays
        self._zone = zone
        self._display_input = display_input

    def read(self, table: Table, body: Mapping[str, Any]) -> dict[str, str]:
        """Known, writable fields of a body as stored values; others are ignored. Raises 403 on unknown choices."""
        values = {}
        for name, given in body.items():
            column = table.fields.get(name)
            if column is not None and name not in SERVER_FIELDS:
                values[name] = self._value(table, column, as_text(given))
        return values

    def _value(self, table: Table, column: Field, text: str) -> str:
        match column.kind:
            case "integer":
                stored = self._choice(table, column, text) if column.choice != "none" else _integer(text)
            case "boolean":
                stored = "true" if text.lower() in ("true", "1") else "false" if text else ""
            case "datetime":
                stored = self._datetime(text)
            case "reference":
                stored = self._reference(column, text)
            case "journal":
                stored = text
            case _:
                stored = self._choice(table, column, text) if column.choice != "none" else text
                stored = stored[: column.max_length]
        return stored

    def _datetime(self, text: str) -> str:
        if self._display_input:
            return to_utc(text, self._zone) or ""
        instant = parse(text)
        return stamp(instant) if instant else ""

    def _reference(self, column: Field, text: str) -> str:
        target = self._schema.target(column)
        if not self._display_input or target is None or not text:
            return text
        return text if self._displays.referenced(column, text) else self._displays.find(target, text)

    def _choice(self, table: Table, column: Field, text: str) -> str:
        labels = self._displays.choices(table, column.name)
        if self._display_input and text not in labels:
            text = next((value for value, label in labels.items() if label.lower() == text.lower()), text)
        if column.choice == "dropdown" and text and text not in labels:
            raise ApiError(403, "Operation Failed", f"Invalid choice value '{text}' for field '{column.label}'")
        return text


def _integer(text: str) -> str:
    try:
        return str(int(float(text)))
    except (ValueError, OverflowError):
        return ""
