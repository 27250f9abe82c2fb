"""Many records by their sys_ids in one call: an address holds 200 of them, a batch holds many addresses."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from bridge.connectors.snow.answers import Answer
from bridge.connectors.snow.batch import Batches, Outcome, Part
from bridge.connectors.snow.columns import asked
from bridge.connectors.snow.query import any_id, joined, ordered, table_name
from bridge.connectors.snow.reading import TABLE_PATH, Reader, batches
from bridge.connectors.snow.rows import cases, shape
from bridge.domain.case import Case
from bridge.domain.errors import TryLater, UntrustedAnswer
from bridge.domain.ids import SysId

#: seconds after which no further call of a reading begins; what is left is asked for plainly
_LONGEST = 60.0


def read_together(reader: Reader, batching: Batches, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
    """The records that exist and are shown to us. What a batch does not answer is read by plain calls."""
    groups = tuple(batches(dict.fromkeys(sys_ids)))
    if len(groups) < 2:
        return reader.of(table, "sys_id", sys_ids)
    found: list[Case] = []
    for group, outcome in zip(groups, _asked(reader, batching, table, groups), strict=True):
        found += _believed(table, group, outcome) or reader.of(table, "sys_id", group)
    return tuple(found)


def _asked(
    reader: Reader, batching: Batches, table: str, groups: Sequence[Sequence[SysId]]
) -> Sequence[Outcome | None]:
    try:
        if not batching.allowed():
            return [None] * len(groups)
        return batching.send([_part(reader, table, group) for group in groups], _LONGEST)
    except TryLater:
        # Plain calls wait, or say so to whoever asked.
        return [None] * len(groups)


def _part(reader: Reader, table: str, group: Sequence[SysId]) -> Part:
    params = {
        "sysparm_query": joined(any_id("sys_id", group), ordered("sys_id")),
        "sysparm_fields": asked(table, reader.fields.get(table, ())),
        # No more can match, so nothing is cut off, and no count is needed to prove it.
        "sysparm_limit": str(len(group)),
        "sysparm_no_count": "true",
        **shape(table),
    }
    return Part("GET", f"{TABLE_PATH}{table_name(table)}?{urlencode(params)}")


def _believed(table: str, group: Sequence[SysId], outcome: Outcome | None) -> Sequence[Case]:
    """The records of a part; none if there is any doubt, or if none came: then they are asked for again."""
    if not isinstance(outcome, Answer):
        return ()
    try:
        rows = cases(table, outcome.result)
    except UntrustedAnswer:
        return ()
    ids = [row.sys_id for row in rows]
    return rows if len(set(ids)) == len(ids) and set(ids) <= set(group) else ()
