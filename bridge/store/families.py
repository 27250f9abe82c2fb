"""Which records belong together: what each says it points at, kept so that the other direction can be asked too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from bridge.domain.case import Case
from bridge.domain.ids import SysId
from bridge.ports import Clock
from bridge.store.prepared import Prepared
from bridge.store.tables import kinship
from bridge.store.work import Work, parts

_POINTING = Prepared(
    select(kinship.c.sys_id).where(kinship.c.relative == bindparam("relative")).order_by(kinship.c.sys_id)
)


class Families(Work):
    """Kinship of records."""

    def __init__(self, connection: Connection, clock: Clock | None, token: Callable[[int], bytes]) -> None:
        super().__init__(connection, clock, token)
        self._pointing: dict[SysId, tuple[SysId, ...]] = {}

    def relatives(self, case: Case) -> tuple[SysId, ...]:
        """Who points at a record is read once in a transaction: one decision asks for it three times."""
        if case.sys_id not in self._pointing:
            pointing = self._rows(_POINTING, {"relative": case.sys_id})
            self._pointing[case.sys_id] = tuple(SysId(one.sys_id) for one in pointing)
        family = dict.fromkeys((*case.family, *self._pointing[case.sys_id]))
        return tuple(one for one in family if one != case.sys_id)

    def pointed_at(self, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
        """Those of some records that others are known to point at."""
        statement = select(kinship.c.relative).distinct()
        return frozenset(
            SysId(relative)
            for some in parts(sys_ids)
            for relative in self._execute(statement.where(kinship.c.relative.in_(some))).scalars()
        )

    def _learn_kinship(self, revisions: Sequence[Case]) -> None:
        """Remember what the newest of each record's revisions points at; few records point at any."""
        known = self._known_mod_counts({case.sys_id for case in revisions})
        newest: dict[SysId, Case] = {}
        for case in revisions:
            is_of_interest = case.sys_id in known or case.family
            if is_of_interest and case.mod_count >= known.get(case.sys_id, 0):
                known[case.sys_id] = case.mod_count
                newest[case.sys_id] = case
        # In one order everywhere, so that two replicas landing the same page do not wait for each other in a circle.
        for _, case in sorted(newest.items()):
            self._replace_kinship(case)

    def _known_mod_counts(self, sys_ids: set[SysId]) -> dict[SysId, int]:
        statement = select(kinship.c.sys_id, func.max(kinship.c.mod_count).label("mod_count")).group_by(
            kinship.c.sys_id
        )
        return {
            SysId(row.sys_id): row.mod_count
            for some in parts(sys_ids)
            for row in self._execute(statement.where(kinship.c.sys_id.in_(some)))
        }

    def _replace_kinship(self, case: Case) -> None:
        self._pointing.clear()
        self._execute(delete(kinship).where(kinship.c.sys_id == case.sys_id))
        rows = [{"sys_id": case.sys_id, "relative": relative, "mod_count": case.mod_count} for relative in case.family]
        if rows:
            self._execute(self._insert(kinship).on_conflict_do_nothing(), rows)
