"""Whatever arrives, and together with whatever: each mail is kept as it came and ends in exactly one state."""

import os
import re
from dataclasses import replace
from datetime import timedelta

import hypothesis
import pytest
from hypothesis import strategies as st
from sqlalchemy import text

from bridge.connectors.mail.identity import identity
from bridge.connectors.mail.reading import MailReader
from bridge.domain.case import Case
from bridge.ports import CaseRecord, Desks, RawItem
from bridge.sync.apply import apply
from bridge.sync.collect import Collecting
from bridge.sync.roster import Roster
from tests.syncing.servicenow import CASE_TABLE
from tests.syncing.world import agreement, build
from tests.unit.connectors.mail.random_mails import bent, built, grown
from tests.unit.connectors.mail.reading_fixtures import ENGAGEMENTS, RECEIVED, SETTINGS, STATUSES, desk, message_id

EXAMPLES = 30
SOAK_EXAMPLES = int(os.environ.get("CPSD_SOAK_MAILS", "40000")) // 20
SOURCE = "mail:INBOX"
ENDS = {"applied", "filed", "dropped", "quarantined"}
#: what each delivery changes, wherever it stands
TRACE = re.compile(
    rb"^(?:Return-Path|Received|X-[A-Za-z-]+|Delivered-To|Envelope-To|Status|Lines|Content-Length):"
    rb"[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
ROWS = text("SELECT id, identity, raw, state, reason FROM inbox WHERE id > :after")
EVENTS = text("SELECT count(*) FROM event WHERE cause = :own OR cause LIKE :of_mail OR cause LIKE :spaced")


class Offered:
    """A mailbox that offers some mails, as one does whose UIDVALIDITY has changed: all of them each time."""

    name = SOURCE

    def __init__(self):
        self.items = []

    def collect(self, keep):
        return sum(keep(item) for item in self.items)


def answering(name):
    """A desk as the mails at random know it."""
    known = desk(name, f"{name.partition('-')[0]}.example", statuses=STATUSES)
    agreed = replace(agreement(name), version=3, method=known.latest.method, statuses=STATUSES)
    return replace(known, agreements=(agreed,))


class Bridge:
    """The store and the steps that a mail passes through; the desks were asked about four cases."""

    def __init__(self, store, clock):
        self.store, self.clock, self.offered = store, clock, Offered()
        clock.time = RECEIVED
        desks = Desks({one.desk: answering(one.desk) for one in ENGAGEMENTS})
        reader = MailReader(SETTINGS, desks)
        self.around = build(store, clock).with_(desks=desks, reader=reader, collectors=[self.offered]).around
        with store.transaction() as tx:
            for one in ENGAGEMENTS:
                values = {"number": one.case_number, "sys_updated_on": "2026-07-21 09:00:00", "state": "10"}
                shadow = Case(CASE_TABLE, one.case, values)
                tx.add_case(CaseRecord(one.case, CASE_TABLE, one.case_number, 0, shadow=shadow))
                tx.save_engagement(one)
                tx.know_mail(message_id(one), one.id)

    def takes(self, mails):
        """Collect twice, apply, and say what is in the inbox since then."""
        self.clock.forward(hours=1)
        with self.store.reading() as tx:
            after = tx.newest_item()
        at = self.clock.now()
        self.offered.items = [
            RawItem(SOURCE, identity(raw), raw, at + timedelta(seconds=n)) for n, raw in enumerate(mails)
        ]
        Collecting(self.around).collect(self.around.collectors)
        Collecting(self.around).collect(self.around.collectors)
        apply(self.around, Roster(self.around.source, "nobody"))
        with self.store.reading() as tx:
            return tx._execute(ROWS, {"after": after}).all()

    def events_of(self, item):
        """How many trail events are about an item."""
        asked = {"own": f"inbox:{item}", "of_mail": f"{SOURCE}:{item}", "spaced": f"{SOURCE}:{item} %"}
        with self.store.reading() as tx:
            return tx._execute(EVENTS, asked).scalar_one()


@pytest.fixture
def bridge(quick_store, hand_clock):
    return Bridge(quick_store, hand_clock)


def told_by(raw):
    """A mail without the lines that each delivery changes: what differs otherwise is another mail."""
    return TRACE.sub(b"", raw)


def none_is_lost(bridge, seen, mails):
    """`seen` holds what the mails of earlier batches told."""
    rows = bridge.takes(mails)
    kept = [bytes(row.raw) for row in rows]
    assert set(kept) <= set(mails)
    assert len(set(kept)) == len(kept)
    told = {told_by(raw) for raw in mails}
    assert told - seen <= {told_by(raw) for raw in kept}
    seen |= told
    for row in rows:
        assert row.state in ENDS
        assert row.reason
        # An exception would have put it into quarantine, too.
        assert "while it was applied" not in row.reason
        assert bridge.events_of(row.id) >= 1


batches = st.lists(st.one_of(grown(), bent(), built()), min_size=3, max_size=8)
lenient = hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck))


def test_every_mail_ends_in_one_state_with_a_reason_and_a_trace(bridge):
    seen = set()

    @hypothesis.settings(lenient, max_examples=EXAMPLES)
    @hypothesis.given(batches)
    def run(mails):
        none_is_lost(bridge, seen, mails)

    run()


@pytest.mark.soak
def test_very_many_mails_each_end_in_one_state(bridge):
    seen = set()

    @hypothesis.settings(lenient, max_examples=SOAK_EXAMPLES)
    @hypothesis.given(batches)
    def run(mails):
        none_is_lost(bridge, seen, mails)

    run()
