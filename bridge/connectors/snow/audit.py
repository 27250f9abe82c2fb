"""Who changed a field, by `sys_audit`: a record names its last writer only, and our own next write masks a person's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bridge.connectors.snow.query import any_id, equals, instant, joined, table_name
from bridge.connectors.snow.reading import Reader, batches
from bridge.domain.errors import NotPermitted, UsageError
from bridge.domain.ids import SysId

_log = structlog.get_logger(__name__)

AUDIT = "sys_audit"
_COLUMNS = ("documentkey", "fieldname", "newvalue", "user", "sys_created_on")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_ROWS = 1000
#: seconds for which a table that is closed is not asked again
_CLOSED_FOR = 900.0


@dataclass
class _Closed:
    until: float = 0.0


@dataclass(frozen=True)
class Audit:
    """The audit of one instance, as far as it may be read."""

    reader: Reader
    monotonic: Callable[[], float]
    _closed: _Closed = field(default_factory=_Closed)

    def authors(
        self, table: str, sys_ids: Sequence[SysId], fields: Sequence[str], since: datetime
    ) -> Mapping[tuple[SysId, str, str], str]:
        """As `CaseSource.authors`. A field that the table does not audit has nobody."""
        if self.monotonic() < self._closed.until or not fields:
            return {}
        clauses = (
            f"fieldnameIN{','.join(_plain(name) for name in fields)}",
            instant("sys_created_on", ">=", since),
        )
        found: dict[tuple[SysId, str, str], tuple[str, str]] = {}
        try:
            for ids in batches(dict.fromkeys(sys_ids)):
                query = joined(equals("tablename", table_name(table)), any_id("documentkey", ids), *clauses)
                for row in self.reader.shown(AUDIT, query, _COLUMNS, _ROWS):
                    told = row.values
                    key = SysId(told["documentkey"]), told["fieldname"], told["newvalue"]
                    found[key] = max(found.get(key, ("", "")), (told["sys_created_on"], told["user"]))
        except NotPermitted as error:
            self._closed.until = self.monotonic() + _CLOSED_FOR
            _log.warning("audit_closed", table=AUDIT, error=error.message)
            return {}
        return {key: user for key, (_, user) in found.items() if user}


def _plain(name: str) -> str:
    if not _FIELD.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a field")
    return name
