"""The whole bridge between a ServiceNow in memory and desks that are reached by real SMTP and real IMAP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.reading import MailReader
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from tests.syncing.world import DCC, LDSO, REC, build, desk
from tests.unit.connectors.mail.reading_fixtures import CORPUS

ADDRESS = "cpsd@bridge.example"
#: the engagement opens here; the files of the corpus answer two hours later
OPENED = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)
ANSWERED = datetime(2026, 7, 21, 11, 5, tzinfo=UTC)
RECIPIENTS = {DCC: ("servicedesk@dcc.example",), LDSO: ("servicedesk@ldso.example",), REC: ("servicedesk@rec.example",)}


class Market:
    """One bridge whose mailbox is `mailbox`, and its desks' ends of the line."""

    def __init__(self, provider, store, clock, recipients=RECIPIENTS, **changes):
        clock.time = OPENED
        self.clock = clock
        self.server = provider.sandbox
        self.mailbox = provider.new_address("cpsd")
        self._recipients = recipients
        self._before = len(self.server.accepted)
        self.settings = replace(
            provider.settings(self.mailbox, authserv_id="mx.bridge.example", **changes), address=ADDRESS
        )
        desks = [_desk(name, addresses) for name, addresses in recipients.items()]
        self.world = build(store, clock, desks)
        self.reader = MailReader(self.settings, self.world.around.desks)
        self.collector = MailboxCollector(self.settings, store)
        self.world = self.world.with_(
            reader=self.reader,
            collectors=[self.collector],
            connectors={
                one.name: EmailDesk(
                    one.name, one.latest.email, self.settings, writer=Writer(self.settings), reader=self.reader
                )
                for one in desks
            },
        )

    def sent(self, name=DCC):
        """The mails that a desk has got, oldest first."""
        ours = [
            one for one in self.server.accepted[self._before :] if set(one.recipients) & set(self._recipients[name])
        ]
        return [message_from_bytes(one.content) for one in ours]

    def engaged(self, name=DCC):
        """A case whose desk has got the opening mail, and the time at which desks answer."""
        case = self.world.engaged(name)
        self.clock.time = ANSWERED
        return case

    def filled(self, file, name=DCC):
        """A mail of the corpus that answers the newest mail to a desk."""
        newest = self.sent(name)[-1]
        raw = (CORPUS / f"{file}.eml").read_bytes()
        for mark, value in (
            ("@SUBJECT@", newest["Subject"]),
            ("@MESSAGE_ID@", newest["Message-ID"]),
            ("@SIGNED@", newest["X-CPSD-Reference"]),
        ):
            raw = raw.replace(mark.encode(), " ".join(value.split()).encode())
        return raw

    def put(self, raw):
        """A mail arrives as these bytes."""
        self.server.deliver(self.mailbox, raw, self.clock.now())

    def arrives(self, file, name=DCC):
        """A mail of the corpus arrives, and the bridge does all its steps."""
        self.put(self.filled(file, name))
        self.world.cycle(2)

    def items(self):
        """What arrived, with what became of it: (state, reason), oldest first."""
        with self.world.store.reading() as tx:
            found = (tx.inbox_item(number) for number in range(1, 500))
            return [(one.state.value, one.reason) for one in found if one is not None and one.source == "mail:INBOX"]

    def reasons(self):
        """Why each applied mail was read as it was, oldest first."""
        return [told.event.facts["reasons"] for told in self.world.events("item_received")]

    def notes(self):
        """How many work notes of ours the case has."""
        return len(self.world.servicenow.notes(self.world.case))

    def later(self, **duration):
        """Time passes, and the bridge does all its steps."""
        self.clock.time += timedelta(**duration)
        self.world.cycle(2)


def _desk(name, addresses):
    domain = addresses[0].rpartition("@")[2]
    return desk(name, method=EmailMethod(addresses, from_domains=(domain,), reference=r"INC\d{12}"))
