"""The part of the store that a pull uses, in memory: a transaction that raises leaves nothing behind."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.domain.case import Case
from bridge.domain.ids import SysId
from bridge.ports import CaseRecord, Cursor, RawItem, Stamp


@dataclass
class State:
    """What is stored, and at the same time the transaction on it."""

    cursors: dict[str, Cursor] = field(default_factory=dict)
    revisions: dict[tuple[object, ...], Case] = field(default_factory=dict)
    items: dict[tuple[str, str], RawItem] = field(default_factory=dict)
    engaged: list[CaseRecord] = field(default_factory=list)

    def cursor(self, stream: str) -> Cursor | None:
        return self.cursors.get(stream)

    def save_cursor(self, stream: str, cursor: Cursor) -> None:
        self.cursors[stream] = cursor

    def land(self, revisions: Sequence[Case], *, decided: bool = False) -> int:
        before = len(self.revisions)
        for case in revisions:
            self.revisions.setdefault((case.sys_id, case.updated_on, case.mod_count), case)
        return len(self.revisions) - before

    def not_landed(self, stamps: Sequence[Stamp]) -> tuple[SysId, ...]:
        known = self.revisions.keys()
        return tuple(one.sys_id for one in stamps if (one.sys_id, one.updated_on, one.mod_count) not in known)

    def receive(self, item: RawItem) -> int | None:
        key = (item.source, item.identity)
        if key in self.items:
            return None
        self.items[key] = item
        return len(self.items)

    def received(self, source: str, identities: Sequence[str]) -> frozenset[str]:
        return frozenset(one for one in identities if (source, one) in self.items)

    def engaged_cases(self) -> tuple[CaseRecord, ...]:
        return tuple(self.engaged)


class MemoryStore:
    """Commits at the end of the block, forgets the block if it raises."""

    def __init__(self) -> None:
        self.state = State()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[State]:
        working = copy.copy(self.state)
        for name in ("cursors", "revisions", "items"):
            setattr(working, name, dict(getattr(self.state, name)))
        yield working
        self.state = working
