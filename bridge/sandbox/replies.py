"""What a reply looks like when a person or a ticketing system writes it: threaded, with the original quoted."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Literal

Layout = Literal["gmail", "outlook", "plain"]
_REPLY = re.compile(r"^\s*(re|aw|sv)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a script."""

    #: the new text; `{reference}` stands for the desk's own number
    text: str
    #: seconds after the message came
    after: float = 0.0
    layout: Layout = "gmail"
    #: sent by the desk's ticketing system, with the header that says so (RFC 3834)
    automatic: bool = False
    #: name and contents of a file that goes with it
    file: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Who answers, and about which ticket of theirs."""

    name: str
    address: str
    reference: str


def write(reply: Reply, original: Message, writer: Writer, at: datetime) -> EmailMessage:
    """The mail that carries a reply to an original, as the named layout would make it."""
    subject = str(original.get("Subject", "")).replace("\r", "").replace("\n", "")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{writer.name} <{writer.address}>"
    mail["To"] = parseaddr(str(original.get("Reply-To") or original.get("From", "")))[1]
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = make_msgid(domain=writer.address.rpartition("@")[2])
    _thread(mail, original)
    text = reply.text.format(reference=writer.reference)
    if reply.automatic:
        mail["Subject"] = f"[{writer.reference}] We have received your request: {subject}"
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
        mail.set_content(f"{text}\n")
        return _unfolded(mail)
    mail["Subject"] = subject if _REPLY.match(subject) else f"RE: {subject}"
    _LAYOUTS[reply.layout](mail, text, original, writer)
    if reply.file is not None:
        name, content = reply.file
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return _unfolded(mail)


def _unfolded(mail: EmailMessage) -> EmailMessage:
    """Message-IDs that are too long for a line would be written as encoded words, which nobody recognises."""
    mail.policy = SMTP.clone(max_line_length=900)
    return mail


def _thread(mail: EmailMessage, original: Message) -> None:
    identity = str(original.get("Message-ID", "")).strip()
    if identity:
        earlier = str(original.get("References", "")).split()
        mail["In-Reply-To"] = identity
        mail["References"] = " ".join([*earlier, identity])


def _gmail(mail: EmailMessage, text: str, original: Message, writer: Writer) -> None:
    quoted = plain_text(original)
    header = f"On {original.get('Date', '')} <{parseaddr(str(original.get('From', '')))[1]}> wrote:"
    lines = "\n".join(f"> {line}".rstrip() for line in quoted.splitlines())
    mail.set_content(f"{text}\n\n-- \n{writer.name}\n\n{header}\n\n{lines}\n")
    mail.add_alternative(
        f'<div dir="ltr">{_lines(text)}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f'{html.escape(header)}<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">'
        f"{_lines(quoted)}</blockquote></div>",
        subtype="html",
    )


def _outlook(mail: EmailMessage, text: str, original: Message, writer: Writer) -> None:
    quoted = plain_text(original)
    header = "\n".join(
        f"{label}: {original.get(field, '')}"
        for label, field in (("From", "From"), ("Sent", "Date"), ("To", "To"), ("Subject", "Subject"))
    )
    banner = "CAUTION: This email came from outside the organisation."
    mail.set_content(
        f"{text}\n\nKind regards,\n{writer.name}\n\n"
        f"________________________________\n{header}\n\n{banner}\n\n{quoted}\n"
    )
    mail.add_alternative(
        f'<div class="WordSection1"><p class="MsoNormal">{_lines(text)}</p><p class="MsoNormal">Kind regards,<br>'
        f'{html.escape(writer.name)}</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0 0 0">'
        f'<p class="MsoNormal">{_lines(header)}</p></div><p>{banner}</p>'
        f'<p class="MsoNormal">{_lines(quoted)}</p></div>',
        subtype="html",
    )


def _plain(mail: EmailMessage, text: str, original: Message, writer: Writer) -> None:
    lines = "\n".join(f"> {line}".rstrip() for line in plain_text(original).splitlines())
    mail.set_content(f"{lines}\n\n{text}\n\n-- \n{writer.name}\n")


_LAYOUTS = {"gmail": _gmail, "outlook": _outlook, "plain": _plain}


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")


def plain_text(mail: Message) -> str:
    """The first text/plain part of a mail, which is what mail programs quote."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                return content.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    return ""
