"""An entry that comes under its other identity is not new."""

from dataclasses import replace

import pytest

from bridge.domain.ids import SysId
from bridge.mapping.entries import derived_identity, is_derived, journal_item
from bridge.ports import JournalEntry
from bridge.sync.arriving import not_yet_here
from tests.syncing.servicenow import CASE_TABLE
from tests.syncing.world import GO_LIVE

CASE = SysId("1" * 32)
REAL = JournalEntry(SysId("e" * 32), CASE, CASE_TABLE, "work_notes", "#desk @dcc: Ring me.", "priya.shah", GO_LIVE)
DERIVED = replace(REAL, sys_id=derived_identity(REAL), author="Priya Shah")


def receive(store, entry):
    with store.transaction() as tx:
        tx.receive(journal_item(entry))


def new(store, *entries):
    with store.reading() as tx:
        return not_yet_here(tx, entries)


@pytest.mark.parametrize("came, again", [(REAL, REAL), (DERIVED, DERIVED), (REAL, DERIVED), (DERIVED, REAL)])
def test_it_is_here_under_either_identity(store, came, again):
    assert new(store, again) == [again]
    receive(store, came)
    assert new(store, again) == []


@pytest.mark.parametrize(
    "other",
    [
        {"text": "#desk @dcc: Ring him."},
        {"element": "comments"},
        {"case": SysId("2" * 32)},
        {"created_on": GO_LIVE.replace(second=1)},
    ],
)
@pytest.mark.parametrize("came", [REAL, DERIVED])
def test_what_differs_in_anything_is_another_entry(store, came, other):
    receive(store, came)
    another = replace(REAL, sys_id=SysId("f" * 32), **other)
    derived = replace(another, sys_id=derived_identity(another))
    assert new(store, another, derived) == [another, derived]


def test_the_two_kinds_are_told_apart():
    assert is_derived(DERIVED)
    assert is_derived(replace(DERIVED, sys_id=derived_identity(REAL, 7)))
    assert not is_derived(REAL)
