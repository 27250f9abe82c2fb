"""The Case API: `/api/sn_customerservice/case`, whose insert answers only sys_id and number."""

from __future__ import annotations

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.table_api import TableApi
from bridge.sandbox.servicenow.web import Request, Response

_TABLE = "sn_customerservice_case"


class CaseApi:
    """Cases by their own address; everything else is as with the Table API, with plain references."""

    def __init__(self, tables: TableApi) -> None:
        self._tables = tables

    def answer(self, request: Request, actor: Actor, sys_id: str, effects: list[Effect]) -> Response:
        """Answer a request for cases."""
        request.parameters.setdefault("sysparm_exclude_reference_link", "true")
        if request.method == "POST":
            request.parameters["sysparm_fields"] = "sys_id,number"
        return self._tables.answer(request, actor, "", _TABLE, sys_id, effects)
