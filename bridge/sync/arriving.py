"""Which journal entries are new, also when ServiceNow's way of telling them changed.

Where `sys_journal_field` is closed, an entry's sys_id is derived from what it says. When the table is opened or closed
the same entry comes again under another one, and must not be obeyed twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.ids import SysId
from bridge.mapping.entries import JOURNAL_SOURCE, derived_identity, is_derived, journal_of
from bridge.ports import JournalEntry, Transaction


def not_yet_here(tx: Transaction, entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """Those of some entries that came under neither of their identities, in their order."""
    listed = list(entries)
    own = tx.received(JOURNAL_SOURCE, [entry.sys_id for entry in listed])
    left = [entry for entry in listed if entry.sys_id not in own]
    derived = {entry.sys_id for entry in left if is_derived(entry)}
    as_derived = {entry.sys_id: derived_identity(entry) for entry in left if entry.sys_id not in derived}
    came = tx.received(JOURNAL_SOURCE, list(as_derived.values()))
    of_cases = {case: _own_entries(tx, case) for case in {entry.case for entry in left if entry.sys_id in derived}}
    return [
        entry
        for entry in left
        if as_derived.get(entry.sys_id) not in came
        and not (entry.sys_id in derived and derived_identity(entry) in of_cases[entry.case])
    ]


def _own_entries(tx: Transaction, case: SysId) -> frozenset[SysId]:
    """What came about a case under ServiceNow's own sys_ids, by the identities that would be derived."""
    items = (item for item in tx.items_of(case, after=0) if item.source == JOURNAL_SOURCE)
    came = map(journal_of, (item.raw for item in items))
    return frozenset(derived_identity(entry) for entry in came if not is_derived(entry))
