"""The records that a new instance starts with: people, groups, roles, choices, dictionary, properties."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bridge.sandbox.servicenow.choices import CHOICES
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.identifiers import ADMIN, named
from bridge.sandbox.servicenow.schema import INTERNAL_TYPES, Schema, Table

BRIDGE_USER = "cpsd.bridge"
GROUPS = ("CPSD DCC", "CPSD LDSO", "CPSD Resolvers", "Service Desk")
_AGENT = ("itil", "sn_customerservice_agent")
ROLES = ("admin", *_AGENT, "sn_customerservice.customer", "snc_platform_rest_api_access", "user_admin")
ACCOUNT = "Brightwell Energy Supply"


@dataclass(frozen=True)
class Person:
    """A seeded user."""

    user_name: str
    first: str
    last: str
    roles: tuple[str, ...]
    groups: tuple[str, ...] = ()
    contact: bool = False

    @property
    def sys_id(self) -> str:
        """The same on every instance."""
        return ADMIN if self.user_name == "admin" else named("sys_user", self.user_name)


PEOPLE = (
    Person("admin", "System", "Administrator", ("admin",)),
    Person(BRIDGE_USER, "CPSD", "Bridge", (*_AGENT, "snc_platform_rest_api_access")),
    Person("priya.shah", "Priya", "Shah", _AGENT, ("CPSD Resolvers", "Service Desk")),
    Person("tom.hughes", "Tom", "Hughes", _AGENT, ("CPSD Resolvers",)),
    Person("ewa.nowak", "Ewa", "Nowak", _AGENT, ("CPSD Resolvers",)),
    Person("rhys.morgan", "Rhys", "Morgan", ("sn_customerservice.customer",), contact=True),
)
PROPERTIES: Mapping[str, str] = {
    "glide.invalid_query.returns_no_rows": "false",
    "glide.sys.default.tz": "UTC",
    "instance_name": "sandbox",
    "glide.product.name": "ServiceNow",
    "glide.war": "glide-sandbox",
}


class BaseData:
    """Writes the base records with one stamp, as the platform's own `system`."""

    def __init__(self, schema: Schema, database: Database, stamp: str) -> None:
        self._schema = schema
        self._database = database
        self._stamp = stamp

    def write(self, bridge_time_zone: str) -> None:
        """All of it; `bridge_time_zone` is the zone of the integration user."""
        with self._database.transaction():
            self._roles_and_groups()
            self._accounts()
            for person in PEOPLE:
                self.person(person, bridge_time_zone if person.user_name == BRIDGE_USER else "")
            self._many("sys_properties", ({"name": name, "value": value} for name, value in PROPERTIES.items()))
            self._many("sys_glide_object", ({"name": name, "label": name} for name in INTERNAL_TYPES.values()))
            self.choices()
            for table in self._schema.tables.values():
                self.describe(table)

    def person(self, person: Person, time_zone: str = "") -> None:
        """One user with its roles and memberships."""
        table = "customer_contact" if person.contact else "sys_user"
        values = {
            "user_name": person.user_name,
            "first_name": person.first,
            "last_name": person.last,
            "name": f"{person.first} {person.last}",
            "email": f"{person.user_name}@sandbox.example",
            "time_zone": time_zone,
            "sys_class_name": table,
        }
        if person.contact:
            values |= {"account": named("account", ACCOUNT), "company": named("account", ACCOUNT)}
        self._insert(table, {"sys_id": person.sys_id, **values})
        for role in person.roles:
            self.grant(person.sys_id, role)
        for group in person.groups:
            self._insert("sys_user_grmember", {"user": person.sys_id, "group": named("group", group)})

    def grant(self, user: str, role: str) -> None:
        """Give a user a role, which is made when it does not exist."""
        if self._database.get(self._schema.tables["sys_user_role"], named("role", role)) is None:
            self._insert("sys_user_role", {"sys_id": named("role", role), "name": role})
        self._insert("sys_user_has_role", {"user": user, "role": named("role", role)})

    def choices(self, lists: Mapping[str, Mapping[str, Mapping[str, str]]] = CHOICES) -> None:
        """Choice lists by table and field; those of the base tables, when no others are given."""
        rows = [
            {"name": table, "element": element, "value": value, "label": label, "sequence": str(sequence)}
            for table, elements in lists.items()
            for element, labels in elements.items()
            for sequence, (value, label) in enumerate(labels.items(), start=1)
        ]
        self._many("sys_choice", rows)

    def describe(self, table: Table, only: Collection[str] | None = None) -> None:
        """The rows of `sys_db_object` and `sys_dictionary` for one table, or for some of its fields alone."""
        parent = named("table", table.extends) if table.extends else ""
        about = {"sys_id": named("table", table.name), "name": table.name, "label": table.label, "super_class": parent}
        self._insert("sys_db_object", about)
        inherited = self._schema.tables[table.extends].fields if table.extends in self._schema.tables else {}
        collection = {"name": table.name, "element": "", "internal_type": "collection", "column_label": table.label}
        own = [name for name in table.fields if name not in inherited and (only is None or name in only)]
        self._many("sys_dictionary", [collection, *(self._column(table, name) for name in own)])

    def _column(self, table: Table, name: str) -> dict[str, str]:
        column = table.fields[name]
        return {
            "name": table.name,
            "element": name,
            "column_label": column.label,
            "internal_type": INTERNAL_TYPES[column.kind],
            "reference": column.reference,
            "max_length": str(column.max_length),
            "default_value": column.default,
            "choice": {"none": "0", "dropdown": "1", "suggestion": "2"}[column.choice],
            "display": "true" if name == table.display else "false",
            "audit": "true" if table.audited else "false",
        }

    def _roles_and_groups(self) -> None:
        self._many("sys_user_role", ({"sys_id": named("role", role), "name": role} for role in ROLES))
        groups = ({"sys_id": named("group", group), "name": group} for group in GROUPS)
        self._many("sys_user_group", groups)

    def _accounts(self) -> None:
        account = {"sys_id": named("account", ACCOUNT), "name": ACCOUNT, "number": "ACCT0001001", "customer": "true"}
        self._insert("customer_account", account | {"sys_class_name": "customer_account"})
        elexon = {"sys_id": named("company", "Elexon"), "name": "Elexon", "sys_class_name": "core_company"}
        self._insert("core_company", elexon)

    def _insert(self, name: str, values: Mapping[str, str]) -> None:
        """Write a row, unless it is there already: its sys_id follows from what it says."""
        table = self._schema.tables[name]
        stamps = {
            "sys_id": named(name, repr(sorted(values.items()))),
            "sys_created_on": self._stamp,
            "sys_created_by": "system",
            "sys_updated_on": self._stamp,
            "sys_updated_by": "system",
        }
        known = {column: value for column, value in stamps.items() if column in table.fields}
        self._database.insert_missing(table, {**known, **values})

    def _many(self, name: str, rows: Iterable[Mapping[str, str]]) -> None:
        for row in rows:
            self._insert(name, row)
