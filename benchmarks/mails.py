"""A mailbox as a busy desk's would look: mails of mixed kinds that answer engagements, the same ones for the same seed.

Signed and packed formats (CMS of RFC 5652, TNEF of MS-OXTNEF) are put together here by hand, as far as a reader looks.
"""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import encoders
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP, compat32
from email.utils import format_datetime

BRIDGE = "cpsd@elexon.demo.example"
_FOLDED = compat32.clone(linesep="\r\n")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail that a desk has got, as far as its answer shows it."""

    address: str
    message_id: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Made:
    """A mail, and what kind it was made to be."""

    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mail is being written: whom it answers, when, and its number."""

    asked: Asked
    at: datetime
    number: int
    dice: random.Random


_COMMANDS = (
    "#acknowledge {reference}",
    "#progress: Our field team is on its way, visit {reference}.",
    "#progress: We wait for the firmware of the hub until 2027-01-15",
    "#question: Which of the metering systems were read on Sunday?",
    "#workaround: Reads can be taken from the portal meanwhile.",
)
_SAID = (
    "We have passed this to our second line. The logs of Monday show no message from the hub.",
    "It is not resolved yet; we expect to know more tomorrow morning and will write again.",
    "Could you have another look at your side? We see the messages leaving at 02:10 UTC every night.",
    "The supplier confirms that the certificates were renewed last week. This may be the cause.",
    "Resolved at our end as far as we can tell. Please check, and tell us if anything is still missing.",
)
#: how mail programs introduce what they quote, in the languages of the market's desks
_INTRODUCED = (
    "On {day}, CPSD <{bridge}> wrote:",
    "Am {day} schrieb CPSD <{bridge}>:",
    "Le {day}, CPSD <{bridge}> a écrit :",
    "Op {day} schreef CPSD <{bridge}>:",
    "El {day}, CPSD <{bridge}> escribió:",
    "Il giorno {day} CPSD <{bridge}> ha scritto:",
    "W dniu {day} CPSD <{bridge}> napisał(a):",
    "Den {day} skrev CPSD <{bridge}>:",
)
_HEADERS = (
    "From: CPSD <{bridge}>\nSent: {day}\nTo: Service desk\nSubject: {subject}",
    "Von: CPSD <{bridge}>\nGesendet: {day}\nAn: Service desk\nBetreff: {subject}",
    "De : CPSD <{bridge}>\nEnvoyé : {day}\nÀ : Service desk\nObjet : {subject}",
    "Oddi wrth: CPSD <{bridge}>\nAnfonwyd: {day}\nAt: Service desk\nPwnc: {subject}",
)
_SIGNED_OFF = "\n\nKind regards\nJo Evans\nService desk, second line\n+44 20 7946 0000\n"
_DISCLAIMER = (
    "\nThis e-mail and its attachments are confidential and intended for the addressee only. If you have received it "
    "in error please delete it and tell the sender.\n"
)


def mixed(asked: Sequence[Asked], amount: int, at: datetime, *, seed: int = 1) -> Iterator[Made]:
    """So many mails that came after `at`, spread over the engagements and the kinds of `SHARES`."""
    dice = random.Random(seed)
    kinds = dice.choices(list(SHARES), [share for share, _ in SHARES.values()], k=amount)
    for number, kind in enumerate(kinds):
        place = _Place(asked[number % len(asked)], at + timedelta(milliseconds=number), number, dice)
        yield Made(kind, SHARES[kind][1](place))


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _command(place: _Place) -> bytes:
    chosen = place.dice.choice(_COMMANDS).format(reference=_own_number(place))
    return _plain(place, f"{chosen}\n\n{place.dice.choice(_SAID)}{_SIGNED_OFF}{_marked(place)}")


def _free_text(place: _Place) -> bytes:
    return _plain(place, f"Hello,\n\n{place.dice.choice(_SAID)}{_SIGNED_OFF}{_DISCLAIMER}{_marked(place)}")


def _outlook(place: _Place) -> bytes:
    header = place.dice.choice(_HEADERS).format(bridge=BRIDGE, day=_day(place), subject=place.asked.subject)
    return _plain(place, f"{place.dice.choice(_SAID)}{_SIGNED_OFF}\n{'_' * 32}\n{header}\n\n{place.asked.text}")


def _between(place: _Place) -> bytes:
    quoted = [f"> {line}" for line in place.asked.text.splitlines()]
    quoted[4:4] = ["", place.dice.choice(_SAID), ""]
    return _plain(place, "\n".join([_introduced(place), *quoted]))


def _long_thread(place: _Place) -> bytes:
    turns = place.dice.randint(20, 60)
    parts = [f"{place.dice.choice(_SAID)}\n"]
    for depth in range(1, turns):
        mark = ">" * min(depth, 20)
        said = place.asked.text if depth % 3 == 0 else place.dice.choice(_SAID) * 4
        parts.append(f"{mark} {_introduced(place)}\n" + "\n".join(f"{mark} {line}" for line in said.splitlines()))
    return _plain(place, "\n".join(parts))


def _html_only(place: _Place) -> bytes:
    mail = _answer(place)
    mail.set_content(_page(place), subtype="html")
    return mail.as_bytes()


def _two_versions(place: _Place) -> bytes:
    mail = _answer(place)
    mail.set_content(f"{place.dice.choice(_SAID)}{_SIGNED_OFF}{_marked(place)}")
    mail.add_alternative(_page(place), subtype="html")
    return mail.as_bytes()


def _with_files(place: _Place) -> bytes:
    mail = _answer(place)
    mail.set_content(f"Please find the reads attached.{_SIGNED_OFF}{_marked(place)}")
    for name, kind, size in (("reads.csv", "csv", 20_000), ("report.pdf", "pdf", place.dice.randint(20_000, 200_000))):
        mail.add_attachment(place.dice.randbytes(size), maintype="application", subtype=kind, filename=name)
    return mail.as_bytes()


# ── packed, signed, calendar ────────────────────────────────────────────────────────────────────────────────────────


def _tnef(place: _Place) -> bytes:
    text = f"{place.dice.choice(_SAID)}\r\n".encode() + b"\0"
    data = (
        b"\x78\x9f\x3e\x22\x01\x00"
        + _attribute(1, 0x800C, text)
        + _attribute(2, 0x9002, b"\0" * 14)
        + _attribute(2, 0x8010, b"trace.csv\0")
        + _attribute(2, 0x800F, place.dice.randbytes(30_000))
    )
    mail = _answer(place)
    mail.set_content("")
    mail.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    return mail.as_bytes()


def _attribute(level: int, name: int, content: bytes) -> bytes:
    return struct.pack("<BHHI", level, name, 6, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def _opaque_signed(place: _Place) -> bytes:
    inner = MIMEText(f"{place.dice.choice(_SAID)}\n{_marked(place)}", "plain", "utf-8").as_bytes()
    content = _der(0x30, _DATA + _der(0xA0, _der(0x04, inner)))
    signed = _der(0x30, _der(0x02, b"\x01") + _der(0x31, b"") + content + _der(0x31, place.dice.randbytes(1_500)))
    return _single(place, "pkcs7-mime", _der(0x30, _SIGNED_DATA + _der(0xA0, signed)), smime_type="signed-data")


def _encrypted(place: _Place) -> bytes:
    return _single(place, "pkcs7-mime", _der(0x30, place.dice.randbytes(4_000)), smime_type="enveloped-data")


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([length]) if length < 0x80 else bytes([0x80 + len(digits)]) + digits) + content


def _single(place: _Place, subtype: str, content: bytes, **parameters: str) -> bytes:
    mail = MIMEBase("application", subtype, **parameters)
    mail.set_payload(content)
    encoders.encode_base64(mail)
    return _addressed(mail, place)


def _calendar(place: _Place) -> bytes:
    mail = _answer(place)
    mail.set_content(
        "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Call about the reads\nEND:VEVENT\n"
        "END:VCALENDAR\n",
        subtype="calendar",
    )
    return mail.as_bytes()


# ── written by machines ─────────────────────────────────────────────────────────────────────────────────────────────


def _out_of_office(place: _Place) -> bytes:
    mail = _answer(place, f"Automatic reply: {place.asked.subject}")
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content("I am out of the office until Monday. In urgent cases please call the duty manager.")
    return mail.as_bytes()


def _acknowledged(place: _Place) -> bytes:
    mail = _answer(place, f"[{_own_number(place)}] received: {place.asked.subject}")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"Your request was received and has the number {_own_number(place)}. Please keep it in the subject."
    )
    return mail.as_bytes()


def _bounce(place: _Place) -> bytes:
    """RFC 3464."""
    status = "4.4.7" if place.dice.random() < 0.5 else "5.1.1"
    action = "delayed" if status.startswith("4") else "failed"
    report = MIMEMultipart("report", **{"report-type": "delivery-status"})
    report.attach(MIMEText(f"This is the mail system. Your mail to {place.asked.address} could not be delivered."))
    told = MIMEBase("message", "delivery-status")
    told.set_payload(
        [
            _fields({"Reporting-MTA": "dns; mx.dcc.demo.example"}),
            _fields(
                {
                    "Final-Recipient": f"rfc822; {place.asked.address}",
                    "Action": action,
                    "Status": status,
                }
            ),
        ]
    )
    report.attach(told)
    report.attach(
        MIMEMessage(_fields({"Message-ID": place.asked.message_id, "From": BRIDGE, "To": place.asked.address}))
    )
    return _from_a_daemon(report, place)


def _odd_bounce(place: _Place) -> bytes:
    said = (
        f"Hi. This is the qmail-send program at mx.dcc.demo.example.\nI'm afraid I wasn't able to deliver your message "
        f"to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{place.asked.address}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        f"--- Below this line is a copy of the message.\n\nMessage-ID: {place.asked.message_id}\n"
    )
    return _from_a_daemon(MIMEText(said), place)


def _receipt(place: _Place) -> bytes:
    report = MIMEMultipart("report", **{"report-type": "disposition-notification"})
    report.attach(MIMEText("Your message was displayed."))
    told = MIMEBase("message", "disposition-notification")
    told.set_payload(f"Original-Message-ID: {place.asked.message_id}\nDisposition: manual-action; displayed\n")
    report.attach(told)
    return _addressed(report, place)


# ── of nobody's engagement ──────────────────────────────────────────────────────────────────────────────────────────


def _new_case(place: _Place) -> bytes:
    mail = _written(place, f"servicedesk@{_domain(place)}", f"Missing reads of batch {place.number}")
    mail.set_content(f"Hello,\n\nwe have a problem of our own. {place.dice.choice(_SAID)}{_SIGNED_OFF}")
    return mail.as_bytes()


def _stranger(place: _Place) -> bytes:
    mail = _written(place, f"offers{place.number}@shop.example.net", "Our offers of this week")
    mail.set_content(_page(place), subtype="html")
    return mail.as_bytes()


#: kind -> how many in a hundred, and how one is made
SHARES: Mapping[str, tuple[int, Callable[[_Place], bytes]]] = {
    "command": (14, _command),
    "free text": (16, _free_text),
    "outlook": (9, _outlook),
    "answers between the lines": (4, _between),
    "long thread": (5, _long_thread),
    "html only": (9, _html_only),
    "text and html": (10, _two_versions),
    "files": (7, _with_files),
    "tnef": (2, _tnef),
    "opaque signed": (2, _opaque_signed),
    "encrypted": (1, _encrypted),
    "calendar": (1, _calendar),
    "out of office": (5, _out_of_office),
    "acknowledgement": (4, _acknowledged),
    "bounce": (3, _bounce),
    "odd bounce": (1, _odd_bounce),
    "receipt": (2, _receipt),
    "new case": (3, _new_case),
    "stranger": (2, _stranger),
}


# ── parts of mails ──────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(place: _Place, text: str) -> bytes:
    mail = _answer(place)
    mail.set_content(text)
    return mail.as_bytes()


def _answer(place: _Place, subject: str = "") -> EmailMessage:
    mail = _written(place, f"jo.evans@{_domain(place)}", subject or f"Re: {place.asked.subject}")
    mail["In-Reply-To"] = place.asked.message_id
    mail["References"] = place.asked.message_id
    return mail


def _written(place: _Place, sender: str, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["Return-Path"] = f"<{sender}>"
    mail["Received"] = f"from mx.{_domain(place)} by mx.elexon.demo.example; {format_datetime(place.at)}"
    mail["From"] = sender
    mail["To"] = BRIDGE
    mail["Date"] = format_datetime(place.at)
    mail["Message-ID"] = f"<{place.number}.{place.dice.getrandbits(48):x}@{sender.partition('@')[2]}>"
    mail["Subject"] = subject
    return mail


def _addressed(mail: Message, place: _Place) -> bytes:
    """The header of an answer, before another kind of body."""
    for name, value in _answer(place).items():
        mail[name] = value
    return mail.as_bytes(policy=_FOLDED)


def _from_a_daemon(mail: Message, place: _Place) -> bytes:
    mail["Return-Path"] = "<>"
    mail["From"] = f"Mail Delivery System <MAILER-DAEMON@mx.{_domain(place)}>"
    mail["To"] = BRIDGE
    mail["Date"] = format_datetime(place.at)
    mail["Message-ID"] = f"<{place.number}.{place.dice.getrandbits(48):x}@mx.{_domain(place)}>"
    mail["Subject"] = "Undelivered Mail Returned to Sender"
    mail["Auto-Submitted"] = "auto-replied"
    return mail.as_bytes(policy=_FOLDED)


def _fields(values: Mapping[str, str]) -> Message:
    part = Message()
    for name, value in values.items():
        part[name] = value
    return part


def _page(place: _Place) -> str:
    said = place.dice.choice(_SAID)
    quoted = "".join(f"<p class=MsoNormal>{line}<o:p></o:p></p>" for line in place.asked.text.splitlines())
    logo = base64.b64encode(place.dice.randbytes(300)).decode()
    return (
        "<html><head><style>p.MsoNormal{margin:0cm;font-size:11pt}</style></head><body lang=EN-GB>"
        f"<p class=MsoNormal>{said}</p><p>Kind regards<br>Jo Evans<br><b>Service desk</b></p>"
        f'<img src="data:image/png;base64,{logo}"><div style="border:none;border-top:solid #E1E1E1 1.0pt">'
        f"<p><b>From:</b> CPSD &lt;{BRIDGE}&gt;<br><b>Sent:</b> {_day(place)}<br><b>To:</b> Service desk<br>"
        f"<b>Subject:</b> {place.asked.subject}</p></div><table><tr><td>{quoted}</td></tr></table></body></html>"
    )


def _marked(place: _Place) -> str:
    quoted = "\n".join(f"> {line}" for line in place.asked.text.splitlines())
    return f"\n{_introduced(place)}\n{quoted}\n"


def _introduced(place: _Place) -> str:
    return place.dice.choice(_INTRODUCED).format(bridge=BRIDGE, day=_day(place))


def _day(place: _Place) -> str:
    return f"{place.at:%d.%m.%Y %H:%M}"


def _domain(place: _Place) -> str:
    return place.asked.address.partition("@")[2]


def _own_number(place: _Place) -> str:
    return f"INC{place.number:012d}"
