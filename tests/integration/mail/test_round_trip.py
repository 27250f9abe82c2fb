"""A whole conversation with a desk, over real SMTP and IMAP: written, sent, answered, collected and read."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.reading import MailReader
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import Agreement, Desk, EmailMethod, Mode
from bridge.domain.engagement import Engagement
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.ids import delivery_id
from bridge.ports import Desks
from bridge.sandbox.desk import Account, ScriptedDesk, declining, resolving
from tests.integration.mail.test_collecting import CursorStore
from tests.servers.processes import wait_until
from tests.unit.connectors.mail.messages import CASE, DESK, outbound

START = datetime.now(UTC) - timedelta(minutes=1)
MESSAGE = outbound()
ENGAGEMENT = Engagement(MESSAGE.engagement, MESSAGE.reference, CASE, MESSAGE.case_number, DESK, 1, 1, START)


class Correspondence:
    """Remembers what was sent."""

    def __init__(self):
        self.sent = []

    def by_message_id(self, message_id):
        return ENGAGEMENT.id if message_id in self.sent else None

    def by_reference(self, reference):
        return ENGAGEMENT.id if reference == ENGAGEMENT.reference else None

    def by_desk_reference(self, desk, reference):
        return None

    def engagement(self, engagement):
        return ENGAGEMENT if engagement == ENGAGEMENT.id else None


class Conversation:
    """Our side: one desk's connector, the mailbox, and everything read so far."""

    def __init__(self, provider, script):
        self.settings = provider.settings(provider.new_address("cpsd"))
        address = provider.new_address("desk")
        method = EmailMethod((address,), from_domains=("mail.example",), reference=r"INC\d{12}")
        desks = Desks({DESK: Desk(DESK, "DCC", Mode.LIVE, (Agreement(DESK, 1, date(2026, 1, 1), method),))})
        reader = MailReader(self.settings, desks)
        self.connector = EmailDesk(DESK, method, self.settings, writer=Writer(self.settings), reader=reader)
        self.collector = MailboxCollector(self.settings, CursorStore())
        login = provider.sandbox is not None
        ports = provider.smtp_port, provider.imap_port
        self.desk = ScriptedDesk(Account(address, *ports, provider.password, smtp_login=login), script, poll=0.05)
        self.known = Correspondence()
        self.readings = []

    def tell(self, attempt=1, **changes):
        frozen = self.connector.freeze(outbound(**changes), START)
        self.known.sent.append(frozen.message_id)
        self.connector.send(frozen, attempt)

    def hear(self, count):
        """Read mails until there are as many readings."""
        wait_until(lambda: self._collect() >= count, f"{count} answers come")
        return [reading.report for reading in self.readings]

    def _collect(self):
        items = []
        self.collector.collect(lambda item: items.append(item) or True)
        self.readings += [self.connector.receive(item.raw, item.received_at, self.known) for item in items]
        return len(self.readings)


@pytest.fixture
def conversation(provider):
    def begin(script):
        return Conversation(provider, script)

    return begin


def test_a_desk_acknowledges_asks_is_answered_and_reports_resolved(conversation):
    ours = conversation(resolving())
    with ours.desk:
        ours.tell()
        first = ours.hear(3)
        ours.tell(id=delivery_id("test", CASE, DESK, 1, 2), kind=MessageKind.TEXT, thread=tuple(ours.known.sent))
        ours.hear(4)
    assert set(first) == {ReportKind.RECEIVED, ReportKind.ACKNOWLEDGED, ReportKind.QUESTION}
    last = ours.readings[-1]
    assert (last.report, last.verdict, last.matched_by) == (ReportKind.RESOLVED, "apply", "message_id")
    assert last.text == "The job was restarted and the missing reads have been sent."
    learned = {reading.desk_reference for reading in ours.readings[:3] if reading.desk_reference}
    assert learned == {"INC000000000001"}
    assert {reading.engagement for reading in ours.readings} == {ENGAGEMENT.id}


def test_a_desk_declines_with_a_direction(conversation):
    ours = conversation(declining("ldso-help-desk"))
    with ours.desk:
        ours.tell()
        assert set(ours.hear(2)) == {ReportKind.RECEIVED, ReportKind.DECLINED}
    assert [reading.direction for reading in ours.readings if reading.direction] == ["ldso-help-desk"]


def test_each_message_arrives_at_least_once_under_one_message_id_and_a_repeat_is_marked(conversation):
    ours = conversation({})
    with ours.desk:
        for attempt in (1, 2, 3):
            ours.tell(attempt)
        wait_until(lambda: len(ours.desk.received) == 3, "all attempts arrive")
    received = sorted(ours.desk.received, key=lambda entry: entry.attempt)
    assert len({entry.message_id for entry in received}) == 1
    assert len({entry.digest for entry in received}) == 1
    assert [entry.attempt for entry in received] == [1, 2, 3]


def test_our_own_mail_sent_to_ourselves_is_dropped(conversation):
    ours = conversation({})
    frozen = ours.connector.freeze(outbound(), START)
    ours.connector.send(type(frozen)(frozen.content, frozen.message_id, (ours.settings.address,)), 1)
    ours.hear(1)
    assert ours.readings[0].verdict == "drop"
