"""Single records through pysnow, on our session: it sees trusted answers only.

Each call gets a Resource and parameters of its own, because pysnow carries the query of one call into the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pysnow import ParamsBuilder, Resource
from pysnow.exceptions import PysnowException

from bridge.connectors.snow.answers import distrust
from bridge.connectors.snow.batch import Batches, Outcome, Part
from bridge.connectors.snow.columns import asked
from bridge.connectors.snow.query import literal, record_id, table_name
from bridge.connectors.snow.reading import TABLE_PATH, Reader
from bridge.connectors.snow.rows import cases, shape
from bridge.domain.case import Case
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError, NotFound, UntrustedAnswer, UsageError
from bridge.domain.ids import SysId
from bridge.ports import RecordWrite

_RECEIPT_FIELDS = ("sys_id", "sys_mod_count", "sys_updated_on")
_WRITING: Mapping[str, str] = {
    "sysparm_fields": ",".join(_RECEIPT_FIELDS),
    "sysparm_display_value": "false",
    "sysparm_exclude_reference_link": "true",
    # Values are raw and times are UTC, whatever the integration user's profile says.
    "sysparm_input_display_value": "false",
}


def read(reader: Reader, table: str, sys_id: SysId) -> Case | None:
    """One record as it is now; None if there is none, or none that is shown to us."""
    fields = asked(table, reader.fields.get(table, ()))
    try:
        row = reader.repeat(lambda: _call(reader, "GET", table, sys_id, {"sysparm_fields": fields, **shape(table)}))
    except NotFound:
        return None
    return cases(table, [row])[0]


def write(reader: Reader, table: str, sys_id: SysId, body: Mapping[str, str]) -> Receipt:
    """One PATCH, never repeated here.

    The receipt tells revision and time, so that the shadow knows its own write. It names no journal entry: the answer
    to a PATCH does not tell which one it made.
    """
    return _receipt(sys_id, _call(reader, "PATCH", table, sys_id, _WRITING, json.dumps(dict(body))))


def write_many(batches: Batches, writes: Sequence[RecordWrite], within: float) -> tuple[Receipt | BridgeError, ...]:
    """PATCHes of different records, in as few calls as possible; each has an outcome of its own."""
    records = [(write.table, write.sys_id) for write in writes]
    if len(set(records)) < len(records):
        raise UsageError("one record is written twice in one go", remedy="write it again after the first is settled")
    outcomes = batches.send([_part(write) for write in writes], within)
    return tuple(_settled(write, outcome) for write, outcome in zip(writes, outcomes, strict=True))


def _part(write: RecordWrite) -> Part:
    target = f"{TABLE_PATH}{table_name(write.table)}/{record_id(write.sys_id)}?{urlencode(_WRITING)}"
    return Part("PATCH", target, json.dumps(dict(write.body)).encode())


def _settled(write: RecordWrite, outcome: Outcome) -> Receipt | BridgeError:
    if isinstance(outcome, BridgeError):
        return outcome
    row = outcome.result
    try:
        return _receipt(write.sys_id, row if isinstance(row, dict) else {})
    except BridgeError as error:
        return error


def _receipt(sys_id: SysId, row: Mapping[str, str]) -> Receipt:
    if row.get("sys_id") != sys_id:
        raise distrust("PATCH", "the answer names another record")
    return Receipt(detail={name: row.get(name, "") for name in _RECEIPT_FIELDS[1:]})


def _call(
    reader: Reader, method: str, table: str, sys_id: str, params: Mapping[str, str], data: str | None = None
) -> dict[str, Any]:
    sysparms = ParamsBuilder()
    sysparms.add_custom({**dict.fromkeys(sysparms.as_dict()), **params})
    resource = Resource(
        base_url=reader.session.connection.base,
        base_path="/api/now",
        api_path=f"/table/{table_name(table)}",
        parameters=sysparms,
        chunk_size=8192,
        session=reader.session,
    )
    headers = {"Content-Type": "application/json"} if data is not None else {}
    try:
        row = resource.request(method, f"/{record_id(sys_id)}", data=data, headers=headers).one()
    except PysnowException as error:
        raise distrust(method, f"one record was asked for ({type(error).__name__})") from None
    if not isinstance(row, dict):
        raise distrust(method, "one record was asked for, and something else came")
    return row


def correlated(reader: Reader, table: str, correlation_id: str) -> tuple[Case, ...]:
    """The records that were created under this identity of ours, the oldest first."""
    found = reader.complete(table, f"correlation_id={literal(correlation_id)}")
    # A filter that the instance drops matches everything: only what says so itself is ours.
    ours = (case for case in found if case.values.get("correlation_id") == correlation_id)
    return tuple(sorted(ours, key=lambda case: (case.values.get("sys_created_on", ""), case.sys_id)))


def create(reader: Reader, table: str, correlation_id: str, body: Mapping[str, str]) -> Case:
    """A record under an identity of ours: the one that is there, or else a new one by one POST, never repeated here.

    Asked for again after an answer was lost, and after the instance can no longer be working on the first request, it
    makes no second record.
    """
    if there := correlated(reader, table, correlation_id):
        return there[0]
    fields = asked(table, reader.fields.get(table, ()))
    answer = reader.session.ask(
        "POST",
        TABLE_PATH + table_name(table),
        params={"sysparm_fields": fields, "sysparm_input_display_value": "false", **shape(table)},
        content=json.dumps({**body, "correlation_id": correlation_id}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        made = cases(table, [answer.result])[0]
    except UntrustedAnswer as error:
        raise distrust("POST", error.message) from None
    if made.values.get("correlation_id") != correlation_id:
        raise distrust("POST", "the answer names another record")
    return made
