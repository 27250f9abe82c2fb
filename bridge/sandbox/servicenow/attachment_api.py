"""The Attachment API: `/api/now/attachment`, files beside records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message

from bridge.sandbox.servicenow.accounts import Actor
from bridge.sandbox.servicenow.database import Database
from bridge.sandbox.servicenow.ledger import Effect
from bridge.sandbox.servicenow.table_api import TableApi
from bridge.sandbox.servicenow.web import ApiError, Request, Response, no_record, not_a_resource

_TABLE = "sys_attachment"
_DEFAULT_LIMIT = "1000"


class AttachmentApi:
    """Lists, sends, takes and removes files. Metadata are rows of `sys_attachment`."""

    def __init__(self, tables: TableApi, new_id: Callable[[], str]) -> None:
        self._tables = tables
        self._new_id = new_id

    def answer(self, request: Request, actor: Actor, version: str, rest: str, effects: list[Effect]) -> Response:
        """Route by method and by what follows `/attachment`."""
        steps = rest.split("/") if rest else []
        match request.method, steps:
            case "GET", []:
                return self._list(request, actor, version)
            case "POST", ["file"]:
                return self._file(request, actor, version, effects)
            case "POST", ["upload"]:
                return self._upload(request, actor, version, effects)
            case "GET", [sys_id]:
                return self._metadata(request, actor, version, sys_id)
            case "GET", [sys_id, "file"]:
                return self._content(request, actor, version, sys_id)
            case "DELETE", [sys_id]:
                response = self._tables.answer(request, actor, version, _TABLE, sys_id, effects)
                self._database.execute("DELETE FROM attachment_content WHERE sys_id = ?", (sys_id,))
                return response
            case _:
                raise not_a_resource()

    @property
    def _database(self) -> Database:
        return self._tables.reading.database

    def _metadata(self, request: Request, actor: Actor, version: str, sys_id: str) -> Response:
        # Parameters of the Table API mean nothing here; aiosnow sends them with every call.
        bare = Request("GET", request.target.partition("?")[0], request.headers)
        response = self._tables.answer(bare, actor, version, _TABLE, sys_id, [])
        record = json.loads(response.body)["result"]
        record["download_link"] = self._download_link(sys_id)
        return Response.of({"result": record}, response.status, response.headers)

    def _list(self, request: Request, actor: Actor, version: str) -> Response:
        """Metadata of files. Unlike the Table API, version 1 answers an empty list with 200, and values are plain."""
        request.parameters.setdefault("sysparm_limit", _DEFAULT_LIMIT)
        request.parameters.pop("sysparm_display_value", None)
        linked = "sysparm_fields" not in request.parameters
        segment = "" if version == "v1" else version
        response = self._tables.answer(request, actor, segment, _TABLE, "", [])
        if not linked:
            return response
        rows = json.loads(response.body)["result"]
        for row in rows:
            row["download_link"] = self._download_link(row["sys_id"])
        return Response.of({"result": rows}, response.status, response.headers)

    def _download_link(self, sys_id: str) -> str:
        return f"{self._tables.base_url}/api/now/attachment/{sys_id}/file"

    def _content(self, request: Request, actor: Actor, version: str, sys_id: str) -> Response:
        metadata = json.loads(self._metadata(request, actor, version, sys_id).body)["result"]
        content = self._database.scalar("SELECT content FROM attachment_content WHERE sys_id = ?", (sys_id,))
        if not isinstance(content, bytes):
            raise no_record()
        name = metadata["file_name"].replace('"', "").encode("ascii", "replace").decode()
        headers = {
            "X-Attachment-Metadata": json.dumps(metadata),
            "Content-Disposition": f'attachment;filename="{name}"',
        }
        return Response(200, content, headers, metadata["content_type"] or "application/octet-stream")

    def _file(self, request: Request, actor: Actor, version: str, effects: list[Effect]) -> Response:
        given = request.parameters
        if not request.headers.get("content-type"):
            raise ApiError(400, "Missing Content-Type header", "Content-Type header is required")
        return self._store(request, actor, version, given, request.headers["content-type"], request.body, effects)

    def _upload(self, request: Request, actor: Actor, version: str, effects: list[Effect]) -> Response:
        header = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
        message = message_from_bytes(header + request.body)
        if not message.is_multipart():
            raise ApiError(400, "Failed to create the attachment", "Request is not a multipart form with a boundary")
        given: dict[str, str] = {}
        file: Message | None = None
        for part in message.get_payload():
            if not isinstance(part, Message):
                continue
            if part.get_filename():
                file = part
            else:
                name = str(part.get_param("name", "", "content-disposition"))
                given[name] = _payload(part).decode("utf-8", "replace").strip()
        if file is None:
            raise ApiError(400, "Failed to create the attachment", "The form holds no file")
        given["file_name"] = file.get_filename() or "attachment"
        return self._store(request, actor, version, given, file.get_content_type(), _payload(file), effects)

    def _store(
        self,
        request: Request,
        actor: Actor,
        version: str,
        given: dict[str, str],
        content_type: str,
        content: bytes,
        effects: list[Effect],
    ) -> Response:
        missing = [name for name in ("table_name", "table_sys_id", "file_name") if not given.get(name)]
        if missing:
            raise ApiError(400, f"Missing parameter {missing[0]}", "table_name, table_sys_id, file_name are required")
        schema = self._tables.reading.schema
        owner = schema.get(given["table_name"])
        if owner is None:
            raise ApiError(400, f"Invalid table {given['table_name']}")
        if self._database.get(owner, given["table_sys_id"]) is None:
            raise ApiError(404, "No Record found", "The record that the file belongs to does not exist")
        self._tables.check_writer(actor, owner, "Insert")
        size = str(len(content))
        values = {
            "table_name": given["table_name"],
            "table_sys_id": given["table_sys_id"],
            "file_name": given["file_name"],
            "content_type": content_type,
            "size_bytes": size,
            "size_compressed": size,
            "chunk_size_bytes": "700000",
            "state": "available",
            "hash": hashlib.sha256(content).hexdigest(),
        }
        sys_id = self._new_id()
        self._tables.records.insert(schema.tables[_TABLE], values, self._tables.write(request, actor), effects, sys_id)
        self._database.execute("INSERT INTO attachment_content VALUES (?, ?)", (sys_id, content))
        answer = self._metadata(request, actor, version, sys_id)
        location = f"{self._tables.base_url}/api/now/attachment/{sys_id}"
        return Response(201, answer.body, {"Location": location})


def _payload(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
