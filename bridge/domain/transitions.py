"""The life of an engagement as a table.

Every pair of a state and a kind of fact has rows; the first whose guard holds is taken, and the last row of a pair has
none. A row moves the engagement, keeps it where it is for a recorded reason, or refuses a command by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

from bridge.domain.life import commands, events, reports
from bridge.domain.life.rows import Pair, Row


def _build() -> Mapping[Pair, tuple[Row, ...]]:
    table: dict[Pair, tuple[Row, ...]] = {}
    parts = (
        reports.while_working(),
        reports.after_a_resolution(),
        reports.before_and_after(),
        commands.commands(),
        events.of_the_case(),
        events.of_deliveries(),
        events.of_time(),
    )
    for states, kind, rows in chain.from_iterable(parts):
        for state in states:
            if (state, kind) in table:
                raise ValueError(f"two entries for {state.value} and {kind.value}")
            table[state, kind] = rows
    return MappingProxyType(table)


TABLE: Mapping[Pair, tuple[Row, ...]] = _build()
