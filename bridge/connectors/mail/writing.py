"""From a message to the bytes of a mail.

The same message and instant always give the same bytes, boundaries included, so that what a delivery says can be
proved later. RFC 5322 and 2045 for the form, RFC 3834 for a machine that writes to people and other machines.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.connectors.mail.links import PURPOSES, Links, Purpose
from bridge.connectors.mail.schema import (
    FILE_NAME,
    Action,
    Attachment,
    CaseMessage,
    Characteristic,
    ExternalIdentifier,
    Note,
)
from bridge.connectors.mail.sealing import Seal, sealed
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.wording import CLOSING, EXAMPLES, HEADLINES, REFERENCE_LABEL, REPLY_LINE
from bridge.domain.agreement import EmailMethod
from bridge.ports import File, Frozen, OutboundMessage

_SUMMARY_LENGTH = 120
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_THREAD_LENGTH = 20
#: What Exchange shall not send where acknowledgements are wanted: notices of delivery, of reading, of absence
#: ([MS-OXCMAIL] 2.1.3.2.20).
_NO_NOTICES = "DR, RN, NRN, OOF"


class Writer:
    """Writes the mails to desks: `zone` is where the desk reads the clock, `owner` who the case belongs to.

    With `links`, a mail that asks for an answer also has links by which it can be given; `seals` sign it.
    """

    def __init__(
        self,
        settings: MailSettings,
        *,
        links: Links | None = None,
        zone: ZoneInfo | None = None,
        owner: str = "Elexon",
        seals: Sequence[Seal] = (),
    ) -> None:
        self._settings = settings
        self._links = links
        self._zone = zone or ZoneInfo("Europe/London")
        self._owner = owner
        self._seals = tuple(seals)
        self._templates = environment()

    def write(self, message: OutboundMessage, method: EmailMethod, at: datetime) -> Frozen:
        """The mail that carries a message to the agreed addresses; `at` becomes its Date."""
        mail = EmailMessage(policy=SMTP)
        message_id = self._settings.keys.sign_message_id(message.id, self._settings.domain)
        self._address(mail, method, at)
        self._identify(mail, message, method)
        self._fill(mail, message, at)
        content = sealed(serialise(mail, message.id, message_id, message.thread), at, self._seals)
        return Frozen(content, message_id, (*method.to, *method.cc))

    def subject(self, message: OutboundMessage) -> str:
        """`[CPSD reference] case priority summary [their reference]`, without the characters that forge headers."""
        words = [f"[CPSD {self._signed(message)}]", message.case_number, message.priority]
        words.append(_shortened(message.summary))
        if message.desk_reference:
            words.append(f"[{message.desk_reference}]")
        subject = " ".join(one_line(word) for word in words if word)
        return f"Re: {subject}" if message.thread else subject

    def _signed(self, message: OutboundMessage) -> str:
        return self._settings.keys.sign_reference(message.reference)

    def _address(self, mail: EmailMessage, method: EmailMethod, at: datetime) -> None:
        settings = self._settings
        mail["From"] = Address(settings.display_name, addr_spec=settings.address)
        mail["To"] = [Address(addr_spec=address) for address in method.to]
        if method.cc:
            mail["Cc"] = [Address(addr_spec=address) for address in method.cc]
        mail["Reply-To"] = Address(settings.display_name, addr_spec=settings.address)
        mail["Date"] = format_datetime(at.replace(microsecond=0))

    def _identify(self, mail: EmailMessage, message: OutboundMessage, method: EmailMethod) -> None:
        mail["Subject"] = self.subject(message)
        if method.automatic:
            mark_as_automatic(mail)
        else:
            mail["X-Auto-Response-Suppress"] = _NO_NOTICES
        mail["X-CPSD-Reference"] = self._signed(message)
        mail["X-CPSD-Case"] = one_line(message.case_number)
        mail["X-CPSD-Kind"] = message.kind.value
        mail["X-CPSD-Delivery"] = message.id

    def _fill(self, mail: EmailMessage, message: OutboundMessage, at: datetime) -> None:
        words = {
            "message": message,
            "summary": one_line(message.summary),
            "headline": HEADLINES[message.kind],
            "reply_line": REPLY_LINE,
            "due": self._local(message.due),
            "notes": [(note.author, self._minute(note.at), note.text) for note in message.notes],
            "actions": [(action.name, action.href) for action in self._actions(message, at)],
            "examples": () if message.kind in CLOSING else EXAMPLES,
            "reference": self._signed(message),
            "reference_label": REFERENCE_LABEL,
        }
        plain = self._templates.get_template("message.txt.j2").render(words)
        html = self._templates.get_template("message.html.j2").render(words)
        mail.set_content(_TEXT_CONTROL.sub(" ", plain), cte="quoted-printable")
        mail.add_alternative(_TEXT_CONTROL.sub(" ", html), subtype="html", cte="quoted-printable")
        mail.make_mixed()
        facts = self.machine_readable(message, at).model_dump_json(by_alias=True, indent=2)
        mail.add_attachment(f"{facts}\n".encode(), maintype="application", subtype="json", filename=FILE_NAME)
        for file in message.files:
            _attach(mail, file)

    def _local(self, due: datetime | None) -> str:
        return f"{due.astimezone(self._zone):%A %-d %B %Y, %H:%M %Z}" if due else ""

    def _actions(self, message: OutboundMessage, at: datetime) -> tuple[Action, ...]:
        if self._links is None or message.kind in CLOSING:
            return ()
        return tuple(
            Action(id=report, name=name, href=self._links.to(Purpose(message.engagement, report), at))
            for report, name in PURPOSES.items()
        )

    def _minute(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%-d %B %Y, %H:%M %Z}"

    def machine_readable(self, message: OutboundMessage, at: datetime) -> CaseMessage:
        """The same facts for machines."""
        identifiers = [ExternalIdentifier(id=message.case_number, external_identifier_type="case", owner=self._owner)]
        if message.desk_reference:
            identifiers.append(
                ExternalIdentifier(id=message.desk_reference, external_identifier_type="desk", owner=message.desk)
            )
        return CaseMessage(
            schema_="cpsd-message-1",
            kind=message.kind,
            delivery=message.id,
            reference=self._signed(message),
            round=message.round,
            sequence=message.ordinal,
            external_identifier=tuple(identifiers),
            name=one_line(message.summary),
            description=message.text,
            priority=message.priority,
            requested_action=message.ask,
            requested_response_date=message.due,
            creation_date=at,
            characteristic=tuple(
                Characteristic(id=fact.key, name=fact.label, value=fact.value) for fact in message.facts
            ),
            attachment=tuple(_described(file) for file in message.files),
            note=tuple(Note(author=note.author, date=note.at, text=note.text) for note in message.notes),
            action=self._actions(message, at),
            reply_to=self._settings.address,
        )


def environment() -> ImmutableSandboxedEnvironment:
    """The templates of this package: sandboxed, HTML escaped, a missing name is an error."""
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("bridge.connectors.mail"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def mark_as_automatic(mail: EmailMessage) -> None:
    """Ask that nothing automatic be answered (RFC 3834, section 5; the second field is Exchange's).

    `Precedence: bulk` is left out on purpose: RFC 3834 advises against it, and ticketing systems drop such mail.
    """
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"


def serialise(mail: EmailMessage, identity: str, message_id: str, thread: Sequence[str] = ()) -> bytes:
    """The bytes of a mail, with boundaries that depend on its identity, a UUID, alone.

    `=_` cannot occur in a quoted-printable or base64 body. Message-IDs are written here and not by the library,
    which turns those that are too long for a line into encoded words that no mail program recognises.
    """
    name = uuid.UUID(identity).hex
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_cpsd_{name}_{number}")
        if number:
            del part["MIME-Version"]
    fields = [f"Message-ID: {message_id}\r\n"]
    if thread:
        kept = (*thread[:1], *thread[1:][-_THREAD_LENGTH:])
        fields += [f"In-Reply-To: {thread[-1]}\r\n", "References: ", "\r\n ".join(kept), "\r\n"]
    return "".join(fields).encode("ascii") + mail.as_bytes()


def one_line(text: str) -> str:
    """A text that may stand in a header field."""
    return _CONTROL.sub(" ", text).strip()


def _shortened(summary: str) -> str:
    line = one_line(summary)
    return line if len(line) <= _SUMMARY_LENGTH else f"{line[: _SUMMARY_LENGTH - 1].rstrip()}…"


def _described(file: File) -> Attachment:
    return Attachment(
        name=one_line(file.name),
        mime_type=_mime_type(file),
        size=len(file.content),
        sha256=hashlib.sha256(file.content).hexdigest(),
    )


def _mime_type(file: File) -> str:
    lowered = file.content_type.lower().strip()
    return lowered if _CONTENT_TYPE.fullmatch(lowered) else "application/octet-stream"


def _attach(mail: EmailMessage, file: File) -> None:
    maintype, _, subtype = _mime_type(file).partition("/")
    if maintype in {"multipart", "message"}:
        maintype, subtype = "application", "octet-stream"
    mail.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=one_line(file.name))
