"""Statements that are compiled once do what SQLAlchemy would do, on both databases."""

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from bridge.domain.errors import StoreError
from bridge.ports import InboxState, RawItem
from bridge.store.prepared import Prepared
from bridge.store.tables import case_record, inbox
from bridge.store.work import inserting
from tests.stores.samples import START

BY_STATE = Prepared(
    select(inbox.c.id, inbox.c.raw, inbox.c.received_at, inbox.c.case_id)
    .where(inbox.c.state == bindparam("state"), inbox.c.source == "mail:INBOX")
    .order_by(inbox.c.id)
)
PARK = Prepared(update(inbox).where(inbox.c.id == bindparam("item")).values(reason=bindparam("why")))
ADD_CASE = Prepared(lambda dialect: inserting(dialect, case_record))


@pytest.fixture
def filled(store):
    with store.transaction() as work:
        for number in range(3):
            work.receive(RawItem("mail:INBOX", f"<{number}>", b"\x00\xff", START))
    return store


def test_rows_come_with_their_columns_names_and_our_types(filled):
    with filled.reading() as work:
        rows = work._rows(BY_STATE, {"state": InboxState.NEW.value})
        assert work._rows(BY_STATE, {"state": "nothing"}) == []
    assert [(row.raw, row.received_at, row.case_id) for row in rows] == [(b"\x00\xff", START, None)] * 3
    assert [row[0] for row in rows] == [row.id for row in rows]


def test_a_statement_without_an_answer_tells_how_many_rows_it_found(filled):
    with filled.transaction() as work:
        first = work._rows(BY_STATE, {"state": "new"})[0].id
        # What strangers write is made storable, as everywhere.
        assert work._put(PARK, {"item": first, "why": "odd \0 \ud800"})
        assert not work._put(PARK, {"item": 0, "why": ""})
        assert work.inbox_item(first).reason == "odd \ufffd \ufffd"


@pytest.mark.parametrize("values", [{}, {"state": "new", "more": 1}, {"other": "new"}])
def test_values_that_are_not_the_statement_s_are_refused(filled, values):
    with filled.reading() as work:
        work._rows(BY_STATE, {"state": "new"})
        with pytest.raises(ValueError, match=r"the statement's values are \['state'\]"):
            work._rows(BY_STATE, values)


def test_a_statement_that_is_another_for_each_number_of_values_is_refused(filled):
    listed = Prepared(select(inbox.c.id).where(inbox.c.id.in_(bindparam("items", expanding=True))))
    with filled.reading() as work, pytest.raises(ValueError, match="not the same whenever"):
        work._rows(listed, {"items": [1, 2]})


def test_what_is_written_is_in_the_transaction_of_everything_else(filled):
    first = 1

    def write_and_stop():
        with filled.transaction() as work:
            assert work._put(PARK, {"item": first, "why": "undone"})
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_stop()
    with filled.reading() as work:
        assert work.inbox_item(first).reason == ""


def test_an_error_of_the_driver_is_sqlalchemy_s_and_then_the_bridge_s_and_tells_no_values(store):
    values = {"sys_id": "a" * 32, "table_name": "secret-table", "number": "CS1", "version": None}

    def add():
        with store.transaction() as work:
            work._put(ADD_CASE, values)

    with pytest.raises(StoreError, match="breaks its rules") as told:
        add()
    assert isinstance(told.value.__cause__, IntegrityError)
    assert "secret-table" not in str(told.value)
