"""The Table API: `/api/now[/v1|/v2]/table/{table}[/{sys_id}]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.sandbox.servicenow.accounts import Accounts, Actor
from bridge.sandbox.servicenow.acl import denied
from bridge.sandbox.servicenow.encoded_query import Query, Term, parse
from bridge.sandbox.servicenow.identifiers import is_sys_id
from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.links import link_header
from bridge.sandbox.servicenow.reading import Reading
from bridge.sandbox.servicenow.records import Records, Write
from bridge.sandbox.servicenow.schema import Schema, Table
from bridge.sandbox.servicenow.shapes import Shape, Shaper
from bridge.sandbox.servicenow.values import ValueReader, as_text
from bridge.sandbox.servicenow.web import ApiError, Request, Response, no_record

DEFAULT_LIMIT = 10000
_TASK_WRITERS = frozenset({"admin", "itil", "sn_customerservice_agent", "sn_customerservice.customer"})
_OTHER_WRITERS = frozenset({"admin", "user_admin"})


@dataclass
class TableApi:
    """Answers requests for tables. Each call runs inside the caller's transaction."""

    reading: Reading
    records: Records
    accounts: Accounts
    base_url: str

    @property
    def _schema(self) -> Schema:
        return self.reading.schema

    def answer(
        self, request: Request, actor: Actor, version: str, name: str, sys_id: str, effects: list[Effect]
    ) -> Response:
        """Route by method; `version` is the segment as the client wrote it (`v1`, `v2` or empty)."""
        table = self._schema.get(name)
        if table is None:
            raise ApiError(400, f"Invalid table {name}")
        match request.method, bool(sys_id):
            case "GET", False:
                return self._list(request, actor, version, table)
            case "GET", True:
                return self._answer_one(request, actor, version, table, sys_id)
            case "POST", False:
                return self._create(request, actor, version, table, effects)
            case (("PUT" | "PATCH"), True):
                return self._change(request, actor, version, table, sys_id, effects)
            case "DELETE", True:
                return self._remove(request, actor, table, sys_id, effects)
            case _:
                raise ApiError(405, "Method not allowed", f"{request.method} is not supported by this resource")

    def shaper(self, actor: Actor, version: str) -> Shaper:
        """A shaper whose links keep the version segment of the request."""
        segment = f"/{version}" if version else ""
        tables_url = f"{self.base_url}/api/now{segment}/table"
        return Shaper(self._schema, self.reading.database, self.reading.displays, actor.zone, tables_url)

    def query(self, request: Request, table: Table) -> Query:
        """The encoded query of a request, with bare `field=value` parameters as further conditions."""
        query = parse(request.parameters.get("sysparm_query", ""))
        bare = tuple(
            (Term(path, "=", value),)
            for name, value in request.pairs
            if not name.startswith("sysparm_") and self._schema.resolve(table, path := tuple(name.split(".")))
        )
        return replace(query, groups=tuple((*group, *bare) for group in query.groups)) if bare else query

    def _list(self, request: Request, actor: Actor, version: str, table: Table) -> Response:
        limit = request.number("sysparm_limit", DEFAULT_LIMIT)
        limit = limit if limit > 0 else DEFAULT_LIMIT
        offset = max(request.number("sysparm_offset", 0), 0)
        counted = not request.flag("sysparm_no_count")
        page = self.reading.page(
            table,
            self.query(request, table),
            actor,
            Shape.asked(request.parameters),
            self.shaper(actor, version),
            (limit, offset, counted),
        )
        headers = {} if page.total is None else {"X-Total-Count": str(page.total)}
        link = link_header(self.base_url, request, limit, offset, page.total, page.taken)
        if link and not request.flag("sysparm_suppress_pagination_header"):
            headers["Link"] = link
        if version == "v1" and not page.rows:
            return Response.error(no_record_with(headers))
        return Response(200, ('{"result":[' + ",".join(page.rows) + "]}").encode(), headers)

    def _answer_one(
        self, request: Request, actor: Actor, version: str, table: Table, sys_id: str, status: int = 200
    ) -> Response:
        shape = Shape.asked(request.parameters)
        text = self.reading.one(table, sys_id, actor, shape, self.shaper(actor, version))
        if text is None:
            raise no_record()
        return Response(status, f'{{"result":{text}}}'.encode())

    def _create(self, request: Request, actor: Actor, version: str, table: Table, effects: list[Effect]) -> Response:
        self.check_writer(actor, table, "Insert")
        body = request.json_object()
        values = self._values(request, actor, table, body)
        given = as_text(body.get("sys_id"))
        sys_id = self.records.insert(
            table, values, self.write(request, actor), effects, given if is_sys_id(given) else ""
        )
        self._after_write(table, sys_id, body)
        try:
            response = self._answer_one(request, actor, version, table, sys_id, 201)
        except ApiError:
            # The insert stands, though the writer may not see what it made (KB2697679).
            return Response.error(denied("Insert"))
        response.headers["Location"] = f"{self.base_url}{request.path}/{sys_id}"
        return response

    def _change(
        self, request: Request, actor: Actor, version: str, table: Table, sys_id: str, effects: list[Effect]
    ) -> Response:
        self._check_visible(actor, version, table, sys_id)
        self.check_writer(actor, table, "Update")
        body = request.json_object()
        values = self._values(request, actor, table, body)
        self.records.update(table, sys_id, values, self.write(request, actor), effects)
        self._after_write(table, sys_id, body)
        return self._answer_one(request, actor, version, table, sys_id)

    def _remove(self, request: Request, actor: Actor, table: Table, sys_id: str, effects: list[Effect]) -> Response:
        self._check_visible(actor, "", table, sys_id)
        self.check_writer(actor, table, "Delete")
        self.records.delete(table, sys_id, self.write(request, actor), effects)
        return Response(204)

    def _check_visible(self, actor: Actor, version: str, table: Table, sys_id: str) -> None:
        if self.reading.one(table, sys_id, actor, Shape(fields=("sys_id",)), self.shaper(actor, version)) is None:
            raise no_record()

    def check_writer(self, actor: Actor, table: Table, verb: str) -> None:
        """Raises 403 when the user may not write that table."""
        self.reading.access.check_write(actor.user_name, actor.roles, table, verb)
        allowed = _TASK_WRITERS if table.extends == "task" else _OTHER_WRITERS
        # Attachments may be deleted through the table as well, by whoever may write tasks.
        if table.name == "sys_attachment" and verb == "Delete":
            allowed, locked = _TASK_WRITERS, False
        else:
            locked = table.read_only
        if locked or not allowed & set(actor.roles):
            raise denied(verb)

    def _values(self, request: Request, actor: Actor, table: Table, body: Mapping[str, Any]) -> dict[str, str]:
        display_input = request.flag("sysparm_input_display_value")
        reader = ValueReader(self._schema, self.reading.displays, actor.zone, display_input=display_input)
        return reader.read(table, body)

    def write(self, request: Request, actor: Actor) -> Write:
        """Who writes and which stamp the records get."""
        return Write(actor, request.stamp or self.reading.clock.stamp())

    def _after_write(self, table: Table, sys_id: str, body: Mapping[str, Any]) -> None:
        """`user_password` is written through the record like any field, and can never be read; labels are cached."""
        if table.physical == "sys_user" and body.get("user_password"):
            stored = self.reading.database.get(table, sys_id)
            if stored:
                self.accounts.set_password(stored["user_name"], as_text(body["user_password"]))
        if table.name == "sys_choice":
            self.reading.displays.forget()


def no_record_with(headers: Mapping[str, str]) -> ApiError:
    """What version 1 answers when nothing matches."""
    error = no_record()
    return ApiError(error.status, error.message, error.detail, headers)
