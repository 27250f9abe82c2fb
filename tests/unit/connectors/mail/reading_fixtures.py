"""Desks, engagements and a memory of what was sent, for tests that read mails."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from bridge.connectors.mail.reading import MailReader
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys, envelope_sender
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import Agreement, Desk, EmailMethod, Mode, StatusRule
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference
from bridge.ports import Desks
from tests.unit.connectors.mail.messages import DESK, NOW, outbound

CORPUS = Path(__file__).parent / "corpus"
LDSO = DeskName("ldso-help-desk")
KEYS = Keys((b"a key of sixteen bytes",))
SETTINGS = MailSettings(
    "smtps://mail.example.org",
    "imaps://mail.example.org",
    "cpsd@bridge.example",
    KEYS,
    authserv_id="mx.bridge.example",
)
RECEIVED = datetime(2026, 7, 21, 11, 5, tzinfo=UTC)


def engagement(desk, case, number, **changes):
    identity = engagement_id("test", SysId(case), desk, 1)
    made = Engagement(identity, reference(identity), SysId(case), number, desk, 1, 3, NOW)
    return replace(made, **changes)


#: what most mails answer; the desk's own number is not known yet
ASKED = engagement(DESK, "c" * 32, "CS0001234")
OTHER = engagement(DESK, "d" * 32, "CS0005678", desk_reference="INC000000000077")
CLOSED = engagement(DESK, "e" * 32, "CS0009999", state=State.CONFIRMED)
AT_LDSO = engagement(LDSO, "f" * 32, "CS0004321", desk_reference="INC000000000077")
ENGAGEMENTS = (ASKED, OTHER, CLOSED, AT_LDSO)


def message_id(engaged):
    return KEYS.sign_message_id(delivery_id("test", engaged.case, engaged.desk, 1, 1), "bridge.example")


def subject(engaged):
    message = outbound(reference=engaged.reference, case_number=engaged.case_number)
    return Writer(SETTINGS).subject(message)


class Memory:
    """What was sent, and to whom."""

    def __init__(self, engagements=ENGAGEMENTS):
        self.engagements = {one.id: one for one in engagements}

    def by_message_id(self, wanted):
        return next((one.id for one in self.engagements.values() if message_id(one) == wanted), None)

    def by_reference(self, wanted):
        return next((one.id for one in self.engagements.values() if one.reference == wanted), None)

    def by_desk_reference(self, desk, wanted):
        found = (one.id for one in self.engagements.values() if one.desk == desk and one.desk_reference == wanted)
        return next(found, None)

    def engagement(self, wanted):
        return self.engagements.get(wanted)


def desk(name, domain, pattern=r"INC\d{12}", statuses=()):
    agreement = Agreement(
        name,
        3,
        date(2026, 4, 1),
        EmailMethod(to=(f"servicedesk@{domain}",), from_domains=(domain,), reference=pattern),
        statuses=statuses,
    )
    return Desk(name, name.upper(), Mode.LIVE, (agreement,))


STATUSES = (StatusRule("subject =~ '.*has been Resolved.*' and automatic", ReportKind.RESOLVED),)


def reader(pattern=r"INC\d{12}", statuses=STATUSES):
    desks = (desk(DESK, "dcc.example", pattern, statuses), desk(LDSO, "ldso.example"))
    return MailReader(SETTINGS, Desks({one.name: one for one in desks}))


def filled(raw):
    """A mail of the corpus with the references of today's keys in it."""
    signed = KEYS.sign_reference(ASKED.reference)
    for mark, value in (
        ("@OTHER_SUBJECT@", subject(OTHER)),
        ("@CLOSED_SUBJECT@", subject(CLOSED)),
        ("@SUBJECT@", subject(ASKED)),
        ("@MESSAGE_ID@", message_id(ASKED)),
        ("@SIGNED@", signed),
        ("@ENVELOPE@", envelope_sender(SETTINGS.address, message_id(ASKED))),
        ("@TRUNCATED@", signed[:18]),
    ):
        raw = raw.replace(mark.encode(), value.encode())
    return raw


def read(name, received_at=RECEIVED, known=None, **how):
    raw = filled((CORPUS / f"{name}.eml").read_bytes())
    return reader(**how).receive(raw, received_at, known or Memory())
