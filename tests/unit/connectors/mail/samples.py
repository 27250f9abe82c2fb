"""The sample mails in docs/samples. `python -m tests.unit.connectors.mail.samples` writes them anew."""

import email
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.connectors.mail.links import Links
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName, SysId, delivery_id, engagement_id, reference
from bridge.ports import Fact, File, Note, OutboundMessage

FOLDER = Path(__file__).parents[4] / "docs/samples"
DESK = DeskName("dcc-service-desk")
CASE = SysId("5ab1ec0d" * 4)
FACTS = (
    Fact("Raised by", "Northern Power Supply, MPID NPSX", "raised_by"),
    Fact("Impact", "Settlement run R1 of 22 July cannot be completed for 212 metering systems", "impact_statement"),
    Fact("References", "DES-138 response code E21; DIP message 7c1f…", "references"),
    Fact("Suspected cause", "Smart metering communication, northern region", "suspected_cause"),
    Fact("First seen", "20 July 2026, 06:40 BST", "first_seen"),
    Fact("Category", "Meter reads / missing", "category"),
)
MAILS = {
    "1-open": {
        "kind": MessageKind.OPEN,
        "ask": "Please find out why the reads are missing and tell us what you find and when it will be put right.",
        "due": datetime(2026, 7, 21, 11, 0, tzinfo=UTC),
        "text": "Half-hourly reads for 212 metering systems have not arrived since Monday morning.\n\n"
        "Elexon has ruled out the DIP: other messages of the same senders arrive.",
        "facts": FACTS,
        "notes": (
            Note("sam.raiser", datetime(2026, 7, 20, 8, 12, tzinfo=UTC), "Since 06:40 nothing came for any of them."),
            Note("priya.shah", datetime(2026, 7, 20, 15, 3, tzinfo=UTC), "Checked the DIP.\nIt delivers what it gets."),
        ),
        "notes_left_out": 1,
        "files": (File("missing-reads.csv", "text/csv", b"mpan_suffix,first_missing\n0042,2026-07-20T06:30Z\n"),),
    },
    "2-answer-to-a-question": {
        "kind": MessageKind.TEXT,
        "ask": "Here is the answer to your question. Please go on.",
        "due": None,
        "text": "Since Monday, 06:30. All of them report through the same communications hub firmware.",
        "facts": (),
    },
    "3-reminder": {
        "kind": MessageKind.CHASE,
        "ask": "We have not heard from you since 21 July. Please tell us how this stands.",
        "due": datetime(2026, 7, 23, 16, 0, tzinfo=UTC),
        "text": "",
        "facts": FACTS[:2],
    },
    "4-resolution-not-accepted": {
        "kind": MessageKind.REJECT,
        "ask": "The resolution you reported was not accepted. Please take the request up again.",
        "due": datetime(2026, 7, 24, 16, 0, tzinfo=UTC),
        "text": "Reads for 17 of the 212 metering systems are still missing.",
        "facts": (),
    },
    "5-resolution-accepted": {
        "kind": MessageKind.ACCEPT,
        "ask": "The resolution was accepted. Nothing more is needed from you. Thank you.",
        "due": None,
        "text": "",
        "facts": (),
    },
}


def samples():
    """The mails of one engagement, by name."""
    keys = Keys((b"not a secret: for samples only",))
    settings = MailSettings(
        "smtps://mail.example.org",
        "imaps://mail.example.org",
        "cpsd@bridge.example",
        keys,
        display_name="Elexon CPSD",
    )
    links = Links("https://cpsd.bridge.example", keys, timedelta(days=60))
    writer, method = Writer(settings, links=links), EmailMethod(to=("servicedesk@dcc.example",))
    engaged = engagement_id("sample", CASE, DESK, 1)
    made, thread = {}, ()
    for ordinal, (name, told) in enumerate(MAILS.items(), start=1):
        message = OutboundMessage(
            id=delivery_id("sample", CASE, DESK, 1, ordinal),
            engagement=engaged,
            reference=reference(engaged),
            round=1,
            ordinal=ordinal,
            case_number="CS0001234",
            priority="P2",
            summary="Half-hourly reads missing since Monday",
            desk=DESK,
            desk_reference="INC000000000042" if ordinal > 1 else "",
            thread=thread,
            **told,
        )
        frozen = writer.write(message, method, datetime(2026, 7, 20 + ordinal, 9, 0, tzinfo=UTC))
        made[name], thread = frozen.content, (*thread, frozen.message_id)
    return made


def parts(content):
    """The texts of a mail by the ending of their file."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    wanted = {"text/plain": "txt", "text/html": "html", "application/json": "json"}
    found = ((wanted.get(part.get_content_type()), part) for part in mail.walk() if not part.is_multipart())
    return {ending: _text(part) for ending, part in found if ending}


def _text(part):
    content = part.get_content()
    return (content.decode() if isinstance(content, bytes) else content).replace("\r\n", "\n")


def files():
    """Every sample file with its contents."""
    for name, content in samples().items():
        yield FOLDER / f"{name}.eml", content
        for ending, text in parts(content).items():
            yield FOLDER / f"{name}.{ending}", text.encode()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, content in files():
        path.write_bytes(content)
