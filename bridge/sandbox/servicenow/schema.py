"""What a table is: its fields, their kinds, where references point, and which table it extends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "string",
    "integer",
    "boolean",
    "datetime",
    "reference",
    "guid",
    "journal",
    "journal_view",
    "list",
    "duration",
    "timer",
]

#: The platform's own names of the kinds, as `sys_dictionary.internal_type` gives them.
INTERNAL_TYPES: Mapping[Kind, str] = {
    "string": "string",
    "integer": "integer",
    "boolean": "boolean",
    "datetime": "glide_date_time",
    "reference": "reference",
    "guid": "GUID",
    "journal": "journal_input",
    "journal_view": "journal_list",
    "list": "glide_list",
    "duration": "glide_duration",
    "timer": "timer",
}

Choice = Literal["none", "suggestion", "dropdown"]


@dataclass(frozen=True)
class Field:
    """One column. `choice="dropdown"` refuses values that `sys_choice` does not list, `suggestion` only labels them."""

    name: str
    kind: Kind = "string"
    label: str = ""
    reference: str = ""
    choice: Choice = "none"
    max_length: int = 40
    default: str = ""
    #: The column of the referenced table that a reference holds; on the platform `sys_dictionary.reference_key`.
    key: str = "sys_id"

    @property
    def text_like(self) -> bool:
        """Whether comparisons ignore case, as the platform's database does for text."""
        return self.kind in ("string", "list", "journal", "journal_view")


@dataclass(frozen=True)
class Table:
    """One table of the instance. Tables that extend another share its storage, told apart by `sys_class_name`."""

    name: str
    label: str
    fields: Mapping[str, Field]
    display: str = "sys_id"
    extends: str = ""
    storage: str = ""
    number_prefix: str = ""
    audited: bool = False
    read_only: bool = False

    @property
    def physical(self) -> str:
        """The name of the storage that holds the rows."""
        return self.storage or self.name

    @property
    def shares_storage(self) -> bool:
        """Whether rows of other classes live in the same storage."""
        return self.physical != self.name

    @property
    def journals(self) -> tuple[str, ...]:
        """The journal input fields of the table."""
        return tuple(name for name, column in self.fields.items() if column.kind == "journal")


@dataclass
class Schema:
    """All tables of an instance, by name."""

    tables: dict[str, Table] = field(default_factory=dict)

    def add(self, table: Table) -> None:
        """Declare a table, or declare it anew."""
        self.tables[table.name] = table

    def get(self, name: str) -> Table | None:
        """The table of that name, or None."""
        return self.tables.get(name)

    def kinds_of(self, name: str) -> list[str]:
        """A table and those that extend it, by name; nothing for a table that is not declared."""
        return [table.name for table in self.tables.values() if name in (table.name, table.extends)]

    def target(self, column: Field) -> Table | None:
        """The table that a reference field points to, or None when it is no reference or the table is not declared."""
        return self.tables.get(column.reference) if column.kind == "reference" else None

    def resolve(self, table: Table, path: tuple[str, ...]) -> Field | None:
        """The field at the end of a dot-walked path, or None when a step does not exist."""
        column = table.fields.get(path[0])
        for step in path[1:]:
            target = self.target(column) if column else None
            column = target.fields.get(step) if target else None
        return column

    def storage_fields(self, physical: str) -> dict[str, Field]:
        """The union of the fields of all tables that live in one storage."""
        union: dict[str, Field] = {}
        for table in self.tables.values():
            if table.physical == physical:
                union.update({name: column for name, column in table.fields.items() if name not in union})
        return union


def label_of(name: str) -> str:
    """The label that the platform would derive from a column name: `short_description` is `Short description`."""
    return name.removeprefix("sys_").removeprefix("u_").replace("_", " ").strip().capitalize() or name


def columns(names: str, kind: Kind = "string", *, choice: Choice = "none", length: int = 40) -> list[Field]:
    """Fields of one kind from a blank-separated list of `name` or `name=default`."""
    made = []
    for item in names.split():
        name, _, default = item.partition("=")
        made.append(
            Field(name, kind, label_of(name), choice=choice, max_length=length, default=default.replace("+", " "))
        )
    return made


def references(**targets: str) -> list[Field]:
    """Reference fields, by the table that each points to."""
    return [
        Field(name, "reference", label_of(name), reference=target, max_length=32) for name, target in targets.items()
    ]


def by_name(fields: Iterable[Field], labels: Mapping[str, str] | None = None) -> dict[str, Field]:
    """Index fields by name, with labels that differ from the derived ones."""
    named = labels or {}
    return {
        column.name: Field(**{**column.__dict__, "label": named[column.name]}) if column.name in named else column
        for column in fields
    }
