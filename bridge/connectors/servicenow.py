"""Elexon's ServiceNow: the port `CaseSource`, put together from the parts under `snow/`."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.connectors.snow import files, records
from bridge.connectors.snow.audit import Audit
from bridge.connectors.snow.batch import Batches
from bridge.connectors.snow.checks import Checks
from bridge.connectors.snow.columns import ATTACHMENT, JOURNAL, MEMBER
from bridge.connectors.snow.connection import Connection, Patience
from bridge.connectors.snow.journals import Journals
from bridge.connectors.snow.login import Basic, ClientCredentials, Login
from bridge.connectors.snow.query import any_equal, group_named, instant, own_filter
from bridge.connectors.snow.reading import Reader
from bridge.connectors.snow.retry import Repeating
from bridge.connectors.snow.rights import WriteProof
from bridge.connectors.snow.session import Session
from bridge.connectors.snow.together import read_together
from bridge.connectors.snow.vanished import why_gone
from bridge.domain.case import Case, profile_of
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError
from bridge.domain.facts import Gone
from bridge.domain.ids import SysId
from bridge.mapping.entries import attachment_entry
from bridge.ports import (
    AttachmentEntry,
    CheckResult,
    Clock,
    JournalEntry,
    Page,
    Random,
    RecordWrite,
    Stamps,
    Stream,
    Window,
)

__all__ = ["Basic", "ClientCredentials", "Connection", "Login", "Patience", "ServiceNow"]

#: seconds for which an answer's `Date` is a fresh enough bound: an older one is only a lower, and so a safe, one
_FRESH = 1.0


class ServiceNow:
    """One instance, over its REST APIs. Safe for use by several threads; implements `CaseSource`."""

    def __init__(
        self,
        connection: Connection,
        login: Login,
        *,
        clock: Clock,
        random: Random,
        user: str = "",
        fields: Mapping[str, Sequence[str]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`user` is the integration user's name, for `check`.

        `fields` are the columns wanted by table, beside those that the bridge needs; dot-walked names are allowed.
        """
        self._session = Session(connection, login, clock=clock, monotonic=monotonic)
        self._reader = Reader(self._session, Repeating(connection.patience, random, sleep), dict(fields or {}))
        self._journals = Journals(self._reader, user, monotonic)
        self._audit = Audit(self._reader, monotonic)
        self._batches = Batches(self._session, monotonic=monotonic)
        self._checks = Checks(self._reader, clock, user, self._batches)
        self._is_low_priority = False

    def share_among(self, replicas: int) -> None:
        """This process is one of so many that share the limits of calls."""
        self._session.manners.share_among(replicas)

    def server_time(self) -> datetime:
        return self._session.heard(_FRESH) or self._reader.ask_time()

    def page(self, stream: Stream, window: Window, limit: int) -> Page:
        if stream.table == JOURNAL:
            return self._journals.page(stream, window, limit)
        return self._reader.page(stream, window, limit)

    def stamps(self, stream: Stream, window: Window, limit: int) -> Stamps:
        return self._reader.stamps(stream, window, limit)

    def read(self, table: str, sys_id: SysId) -> Case | None:
        return records.read(self._reader, table, sys_id)

    def read_many(self, table: str, sys_ids: Sequence[SysId]) -> tuple[Case, ...]:
        if self._is_low_priority:
            # A batch counts as a call for the cases; what may wait keeps out of those.
            return self._reader.of(table, "sys_id", sys_ids)
        return read_together(self._reader, self._batches, table, sys_ids)

    def matching(self, stream: Stream, sys_ids: Sequence[SysId]) -> frozenset[SysId]:
        rows = self._reader.of(stream.table, "sys_id", sys_ids, own_filter(stream.query))
        return frozenset(row.sys_id for row in rows)

    def children(self, table: str, sys_id: SysId) -> tuple[Case, ...]:
        pointing = [name for name in profile_of(table).relatives if name in {"parent", f"parent_{table}"}]
        return self._reader.complete(table, any_equal(pointing, sys_id))

    def why_gone(self, table: str, sys_id: SysId) -> tuple[Gone, str]:
        return why_gone(self._reader, table, sys_id)

    def authors(
        self, table: str, sys_ids: Sequence[SysId], fields: Sequence[str], since: datetime
    ) -> Mapping[tuple[SysId, str, str], str]:
        return self._audit.authors(table, sys_ids, fields, since)

    def journals(self, cases: Sequence[SysId], since: datetime) -> tuple[JournalEntry, ...]:
        return tuple(sorted(self._journals.of(cases, since), key=_age))

    def attachments(self, cases: Sequence[SysId], since: datetime) -> tuple[AttachmentEntry, ...]:
        clause = instant("sys_created_on", ">=", since)
        entries = [attachment_entry(row) for row in self._reader.of(ATTACHMENT, "table_sys_id", cases, clause)]
        return tuple(sorted(entries, key=_age))

    def download(self, attachment: AttachmentEntry, limit: int) -> bytes:
        return files.download(self._reader, attachment, limit)

    def correlated(self, table: str, correlation_id: str) -> tuple[Case, ...]:
        """The records that were created under an identity of ours, the oldest first; more than one is one too many."""
        return records.correlated(self._reader, table, correlation_id)

    def create(self, table: str, correlation_id: str, body: Mapping[str, str]) -> Case:
        """The record under an identity of ours, made now if it is not there. Raises as a write does."""
        return records.create(self._reader, table, correlation_id, body)

    def write(self, table: str, sys_id: SysId, body: Mapping[str, str]) -> Receipt:
        return records.write(self._reader, table, sys_id, body)

    def write_many(self, writes: Sequence[RecordWrite], within: timedelta) -> tuple[Receipt | BridgeError, ...]:
        return records.write_many(self._batches, writes, within.total_seconds())

    def attach(self, table: str, sys_id: SysId, name: str, content_type: str, content: bytes) -> Receipt:
        return files.attach(self._reader, table, sys_id, name, content_type, content)

    def members(self, group: str) -> frozenset[str]:
        rows = self._reader.complete(MEMBER, group_named(group))
        return frozenset(name for row in rows if (name := row.values["user.user_name"]))

    def at_low_priority(self) -> ServiceNow:
        twin, session = copy.copy(self), self._session.at_low_priority()
        twin._journals = replace(self._journals, reader=replace(self._reader, session=session))  # noqa: SLF001
        twin._audit = replace(self._audit, reader=replace(self._reader, session=session))  # noqa: SLF001
        twin._session = session  # noqa: SLF001 - our own kind
        twin._reader = replace(self._reader, session=session)  # noqa: SLF001
        twin._is_low_priority = True  # noqa: SLF001
        return twin

    def check(self, streams: Sequence[Stream], fields: Mapping[str, Sequence[str]]) -> Iterator[CheckResult]:
        return self._checks.run(streams, fields)

    def check_writing(self, tables: Sequence[str], number: str) -> Iterator[CheckResult]:
        """Write into the record of that number, which somebody named for it, and read back what arrived."""
        return WriteProof(self._reader, self._checks.user).run(tables, number)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


def _age(entry: JournalEntry | AttachmentEntry) -> tuple[datetime, SysId]:
    return entry.created_on, entry.sys_id
