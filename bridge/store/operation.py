"""Switches that operators set, and signs of life."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select

from bridge.ports import TrailEvent
from bridge.store.history import History
from bridge.store.prepared import Prepared
from bridge.store.tables import control, heartbeat

_FORGOTTEN = timedelta(days=1)

_VALUE = Prepared(select(control.c.value).where(control.c.name == bindparam("name")))


class Operation(History):
    """Controls and heartbeats. Each change of a control is an event of the trail."""

    def control(self, name: str) -> str | None:
        value: str | None = self._value(_VALUE, {"name": name})
        return value

    def controls(self) -> Mapping[str, str]:
        return {row.name: row.value for row in self._execute(select(control).order_by(control.c.name))}

    def set_control(self, name: str, value: str | None, by: str) -> None:
        if value is None:
            self._execute(delete(control).where(control.c.name == name))
        else:
            changes = {"value": value, "by": by, "at": self.now()}
            statement = self._insert(control).values(name=name, **changes)
            self._execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))
        self.record(TrailEvent(kind="control_set", who=by, cause="command", facts={"name": name, "value": value}))

    def beat(self, worker: str, what: str = "") -> None:
        """A worker says that it lives, and what it is at."""
        changes = {"at": self.now(), "what": what}
        statement = self._insert(heartbeat).values(worker=worker, **changes)
        self._execute(statement.on_conflict_do_update(index_elements=["worker"], set_=changes))

    def leave(self, worker: str) -> None:
        """A worker says that it ends; those that could not, long ago, are forgotten with it."""
        forgotten = heartbeat.c.at < self.now() - _FORGOTTEN
        self._execute(delete(heartbeat).where(or_(heartbeat.c.worker == worker, forgotten)))

    def living(self, what: str, within: timedelta) -> int:
        """How many workers at something gave a sign of life within some time."""
        alive = heartbeat.c.what == what, heartbeat.c.at > self.now() - within
        count: int = self._execute(select(func.count()).select_from(heartbeat).where(*alive)).scalar_one()
        return count

    def heartbeats(self) -> Mapping[str, tuple[datetime, str]]:
        """When each worker last said that it lives, and what it was at."""
        return {row.worker: (row.at, row.what) for row in self._execute(select(heartbeat))}
