"""Landing what was read from ServiceNow, and remembering how far it was read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, exists, select, update

from bridge.domain.case import Case
from bridge.domain.ids import SysId
from bridge.ports import Cursor, Landed, Stamp, Window
from bridge.store.columns import dump_json, from_microseconds, to_microseconds
from bridge.store.families import Families
from bridge.store.tables import case_record, cursor, revision
from bridge.store.work import parts

_PARKED = exists().where(case_record.c.sys_id == revision.c.sys_id, case_record.c.parked != "").correlate(revision)
_AS_READ = select(revision.c.id, revision.c.sys_id, revision.c.table_name, revision.c.body, revision.c.seen_at)
_UNDECIDED = (
    _AS_READ.where(revision.c.decided_at.is_(None), revision.c.id > bindparam("after"), ~_PARKED)
    .order_by(revision.c.id)
    .limit(bindparam("limit"))
)
_BEFORE = (
    _AS_READ.where(revision.c.sys_id == bindparam("sys_id"), revision.c.id < bindparam("id"))
    .order_by(revision.c.id.desc())
    .limit(1)
)
#: Answered from the index of the constraint alone.
_OF = (
    select(revision.c.sys_id, revision.c.updated_on, revision.c.mod_count)
    .where(revision.c.sys_id.in_(bindparam("sys_ids", expanding=True)))
    .distinct()
)
_DECIDE = (
    update(revision)
    .where(revision.c.id.between(bindparam("first"), bindparam("last")), revision.c.decided_at.is_(None))
    .values(decided_at=bindparam("at"))
)


class Landing(Families):
    """Revisions and cursors."""

    def cursor(self, stream: str) -> Cursor | None:
        row = self._execute(select(cursor).where(cursor.c.stream == stream)).one_or_none()
        return row and Cursor(row.watermark, row.upper, tuple(_window(*window) for window in row.pending))

    def save_cursor(self, stream: str, cursor_: Cursor) -> None:
        values = {
            "watermark": cursor_.watermark,
            "upper": cursor_.upper,
            "pending": [
                [to_microseconds(window.lo), to_microseconds(window.hi), window.low_id, window.high_id]
                for window in cursor_.pending
            ],
        }
        statement = self._insert(cursor).values(stream=stream, **values)
        self._execute(statement.on_conflict_do_update(index_elements=["stream"], set_=values))

    def land(self, revisions: Sequence[Case], *, decided: bool = False) -> int:
        if not revisions:
            return 0
        self._learn_kinship(revisions)
        now = self.now()
        rows = [_row(case, now, now if decided else None) for case in revisions]
        statement = self._insert(revision).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return self._execute(statement, rows).rowcount

    def not_landed(self, stamps: Sequence[Stamp]) -> tuple[SysId, ...]:
        known: set[tuple[str, datetime, int]] = set()
        for some in parts({stamp.sys_id for stamp in stamps}):
            known.update((row.sys_id, row.updated_on, row.mod_count) for row in self._execute(_OF, {"sys_ids": some}))
        missed = (stamp for stamp in stamps if (stamp.sys_id, stamp.updated_on, stamp.mod_count) not in known)
        return tuple(dict.fromkeys(stamp.sys_id for stamp in missed))

    def undecided(self, limit: int, *, after: int = 0) -> tuple[Landed, ...]:
        rows = self._execute(_UNDECIDED, {"limit": limit, "after": after})
        return tuple(Landed(row.id, _case(row), row.seen_at) for row in rows)

    def landed_before(self, landed: Landed) -> Case | None:
        """The revision of the same record that landed last before this one."""
        row = self._execute(_BEFORE, {"sys_id": landed.case.sys_id, "id": landed.id}).one_or_none()
        return row and _case(row)

    def mark_decided(self, ids: Sequence[int]) -> None:
        runs = [{"first": first, "last": last, "at": self.now()} for first, last in _runs(ids)]
        if runs:
            self._execute(_DECIDE, runs)


def _row(case: Case, seen_at: datetime, decided_at: datetime | None) -> dict[str, Any]:
    body = _body(case)
    return {
        "sys_id": case.sys_id,
        "table_name": case.table,
        "updated_on": case.updated_on,
        "mod_count": case.mod_count,
        "digest": hashlib.sha256(body).digest(),
        "body": body.decode(),
        "seen_at": seen_at,
        "decided_at": decided_at,
    }


def _body(case: Case) -> bytes:
    """What a revision says, as compact JSON with sorted keys: equal contents give equal bytes."""
    contents = [dict(case.values), dict(case.displays)]
    try:
        return orjson.dumps(contents, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # A lone surrogate, which no UTF-8 holds, and ASCII does by its number.
        return dump_json(contents).encode()


def _case(row: Row[Any]) -> Case:
    try:
        values, displays = orjson.loads(row.body)
    except ValueError:
        values, displays = json.loads(row.body)
    return Case(row.table_name, SysId(row.sys_id), values, displays)


def _window(lo: int, hi: int, low_id: str, high_id: str) -> Window:
    return Window(from_microseconds(lo), from_microseconds(hi), low_id, high_id)


def _runs(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Numbers as runs (first, last) without a gap: a page that landed together is mostly one run."""
    ordered = sorted(set(ids))
    start = 0
    for place in range(1, len(ordered) + 1):
        if place == len(ordered) or ordered[place] != ordered[place - 1] + 1:
            yield ordered[start], ordered[place - 1]
            start = place
