"""Records as JSON: the shapes of `sysparm_display_value`, references with links, dot-walked fields.

A page is encoded column by column into text, with each repeated value encoded once: at a thousand rows of thirty fields
this is what the time goes into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as text_of
from typing import Literal
from zoneinfo import ZoneInfo

from bridge.sandbox.servicenow.clock import to_local
from bridge.sandbox.servicenow.database import Database, Row
from bridge.sandbox.servicenow.displays import Displays
from bridge.sandbox.servicenow.journal import JournalReader
from bridge.sandbox.servicenow.schema import Field, Schema, Table

Mode = Literal["false", "true", "all"]
Encoder = Callable[[str], str]


@dataclass(frozen=True)
class Shape:
    """How the client wants its records."""

    mode: Mode = "false"
    exclude_links: bool = False
    #: Dot-walked names in the order asked for; None asks for all fields.
    fields: tuple[str, ...] | None = None

    @classmethod
    def asked(cls, parameters: dict[str, str]) -> Shape:
        """From `sysparm_display_value`, `sysparm_exclude_reference_link` and `sysparm_fields`."""
        mode = parameters.get("sysparm_display_value", "").lower()
        names = parameters.get("sysparm_fields")
        return cls(
            "true" if mode == "true" else "all" if mode == "all" else "false",
            parameters.get("sysparm_exclude_reference_link", "").lower() == "true",
            tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip())) if names else None,
        )


@dataclass(frozen=True)
class Column:
    """One field of the answer: the name that the client used and the field at the end of the walk."""

    name: str
    path: tuple[str, ...]
    field: Field
    owner: Table


class Shaper:
    """Encodes the rows of one table for one client."""

    def __init__(self, schema: Schema, database: Database, displays: Displays, zone: ZoneInfo, tables_url: str) -> None:
        """`tables_url` is the address of the Table API in the version that the client used, for links."""
        self._schema = schema
        self._displays = displays
        self._zone = zone
        self._tables_url = tables_url
        self._journals = JournalReader(database, displays, zone)

    def columns(self, table: Table, shape: Shape) -> list[Column]:
        """The fields to answer; names that do not exist are ignored, as on the platform."""
        names = shape.fields if shape.fields is not None else tuple(table.fields)
        columns = []
        for name in names:
            path = tuple(name.split("."))
            field = self._schema.resolve(table, path)
            if field is not None:
                columns.append(Column(name, path, field, self._owner(table, path)))
        return columns

    def _owner(self, table: Table, path: tuple[str, ...]) -> Table:
        for step in path[:-1]:
            table = self._schema.target(table.fields[step]) or table
        return table

    def encode(self, table: Table, columns: Sequence[Column], shape: Shape, rows: Sequence[Row]) -> list[str]:
        """Each row as the text of a JSON object. A row is the record's sys_id followed by the value of each column."""
        if not columns:
            return ["{}" for _ in rows]
        ids = [row[0] for row in rows]
        encoded = []
        for position, column in enumerate(columns, start=1):
            prefix = text_of(column.name) + ":"
            values = [row[position] for row in rows]
            if column.field.kind in ("journal", "journal_view") and len(column.path) == 1:
                shapes = self._journal(table, column.field, shape.mode, ids)
            else:
                shapes = _each(values, self._encoder(column, shape))
            encoded.append([prefix + text for text in shapes])
        return ["{" + ",".join(fields) + "}" for fields in zip(*encoded, strict=True)]

    def _journal(self, table: Table, field: Field, mode: Mode, ids: list[str]) -> list[str]:
        if mode == "false":
            return ['""'] * len(ids)
        texts = self._journals.texts(table, field.name, ids)
        if mode == "true":
            return [text_of(texts.get(sys_id, "")) for sys_id in ids]
        return [f'{{"display_value":{text_of(texts.get(sys_id, ""))},"value":""}}' for sys_id in ids]

    def _encoder(self, column: Column, shape: Shape) -> Encoder:
        field = column.field
        if field.kind == "reference":
            return self._reference(field, shape)
        display = self._display(column)
        if shape.mode == "false":
            return text_of
        if shape.mode == "true":
            return lambda value: text_of(display(value) or "")
        return lambda value: _both(display(value), value)

    def _display(self, column: Column) -> Callable[[str], str | None]:
        field = column.field
        labels = self._displays.choices(column.owner, field.name) if field.choice != "none" else {}
        if field.choice != "none":
            # Real answers give null, not the empty text, for an empty choice.
            return lambda value: labels.get(value, value) if value else None
        if field.name == "sys_class_name":
            return self._displays.class_label
        if field.name == "sla_due":
            return lambda value: to_local(value, self._zone) if value else "UNKNOWN"
        if field.kind == "datetime":
            return lambda value: to_local(value, self._zone)
        return lambda value: value

    def _reference(self, field: Field, shape: Shape) -> Encoder:
        def encode(value: str) -> str:
            if shape.mode == "false" and (shape.exclude_links or not value):
                return text_of(value)
            name = text_of(self._displays.referenced(field, value)) if shape.mode != "false" else ""
            if shape.mode == "true" and (shape.exclude_links or not value):
                return name
            parts = [f'"display_value":{name}'] if name else []
            record = value if field.key == "sys_id" else f"?{field.key}={value}"
            link = text_of(f"{self._tables_url}/{field.reference}/{record}".replace("/?", "?"))
            if shape.mode == "all":
                parts.append(f'"value":{text_of(value)}')
            if value and not shape.exclude_links:
                parts.append(f'"link":{link}')
            if shape.mode == "false":
                parts.append(f'"value":{text_of(value)}')
            return "{" + ",".join(parts) + "}"

        return encode


def _both(display: str | None, value: str) -> str:
    shown = "null" if display is None else text_of(display)
    return f'{{"display_value":{shown},"value":{text_of(value)}}}'


def _each(values: list[str], encode: Encoder) -> list[str]:
    encoded = {value: encode(value) for value in set(values)}
    return [encoded[value] for value in values]
