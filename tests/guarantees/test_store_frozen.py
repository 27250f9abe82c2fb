"""Guarantee 11: one identity never carries two different payloads."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import StaleWorker, StoreError
from bridge.ports import Frozen
from bridge.store import open_store
from tests.stores.fixtures import HandClock
from tests.stores.samples import LEASE, LETTER, SETTLE, add, engagement, enqueue, message

ENDS = [DeliveryStatus.PENDING, DeliveryStatus.UNKNOWN, DeliveryStatus.DEAD, None]
attempts = st.lists(
    st.tuples(st.binary(max_size=20), st.sampled_from(ENDS), st.sampled_from(["finish", "enqueue", "stale", "retry"])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempts)
def test_whatever_happens_to_a_delivery_its_bytes_stay_those_of_the_first_intent(sqlite_template, steps):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(shutil.copy(sqlite_template, folder))
        clock = HandClock()
        store = open_store(f"sqlite:///{file}", clock=clock)
        sent = go_through(store, clock, steps)
        store.close()
    assert len(sent) <= 1


def go_through(store, clock, steps):
    """Make attempts with bytes that differ each time; every distinct (bytes, Message-ID, recipients) that went out."""
    sent = set()
    enqueue(store, message(engagement()))
    for number, (content, end, then) in enumerate(steps):
        clock.forward(hours=1)
        claim = store.claim("w", LEASE)
        if claim is not None:
            frozen = Frozen(content, f"<{number}@bridge.example>", (f"{number}@dcc.example",))
            with store.transaction() as work:
                begun = work.intend(claim, frozen, SETTLE)
            sent.add((begun.delivery.frozen, begun.delivery.message_id, begun.delivery.recipients))
            end_attempt(store, clock, begun, end, stale=then == "stale")
        if then == "enqueue":
            enqueue(store, message(engagement(), payload={"kind": "open", "other": number}))
        if then == "retry":
            with store.transaction() as work:
                work.set_delivery(message(engagement()).id, DeliveryStatus.PENDING)
        with store.reading() as work:
            kept = work.delivery(message(engagement()).id)
        assert kept.payload == message(engagement()).payload
        assert not sent or {(kept.frozen, kept.message_id, kept.recipients)} == sent
    return sent


def end_attempt(store, clock, begun, end, *, stale):
    if stale:
        clock.forward(seconds=LEASE.total_seconds())
        store.release(store.claim("other", timedelta(seconds=1)))
        with pytest.raises(StaleWorker), store.transaction() as work:
            work.finish(begun, DeliveryStatus.DONE)
    elif end is not None:
        with store.transaction() as work:
            work.finish(begun, end)


@pytest.mark.parametrize(
    "change",
    ["frozen = NULL", "message_id = 'x'", "recipients = '[]'", "payload = '{}'", "lane = 'x'", "id = 'x'"],
)
def test_the_database_itself_refuses_another_payload(store, change):
    add(store, engagement())
    enqueue(store, message(engagement()))
    claim = store.claim("w", LEASE)
    with store.transaction() as work:
        work.intend(claim, LETTER, SETTLE)
    with pytest.raises(StoreError, match="stays as it is"), store.transaction() as work:
        work._execute(text(f"UPDATE outbox SET {change}"))
