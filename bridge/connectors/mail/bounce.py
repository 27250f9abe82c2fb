"""Mails about mails that did not arrive.

RFC 3464 first, then flufl.bounce's list of what servers write instead of it, then our own reading of their words.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message

from flufl.bounce import all_failures

from bridge.connectors.mail import headers
from bridge.connectors.mail.automatic import has_null_sender
from bridge.connectors.mail.parsing import ParsedMail
from bridge.connectors.mail.refusals import ADDRESS, is_for_good, refused_addresses, words_a_refusal
from bridge.connectors.mail.signing import message_id_in
from bridge.connectors.mail.structure import structure_of

_DAEMON = re.compile(
    r"^(mail(er|ing)?-?daemon|postmaster|mail[.-]?delivery|mdaemon|noreply-mailer|smtp-daemon|mailadmin|mailsvc|"
    r"mail(er)?-?(sub)?system|microsoftexchange[0-9a-f]{32}|bounces?)\b",
    re.IGNORECASE,
)
#: gateways: they write bounces, and perhaps other mails too
_GATEWAY = re.compile(
    r"^(\"?system[ ._-]?admin(istrator)?|ndr|non-?delivery|imss|interscan\w*|inetgw\d*|"
    r"\w*smtp\w*service|\w*anti-?virus\w*|mail-?(gate|gateway|sweeper|server|relay|filter))(\"|@)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\b(undeliver(able|ed)|delivery (status notification|failure|has failed|delayed|report|problem|error)|"
    r"mail delivery (failed|failure|system|error|warning)|mail system error|returned (mail|to sender)|failure notice|"
    r"non-?delivery|mail error|automatically rejected mail|message not delivered|delivery incomplete|"
    r"delayed mail|not delivered|could not be delivered|"
    r"unzustellbar\w*|zustellung (fehlgeschlagen|nicht m[öo]glich)|zustellungsfehler|"
    r"non remis|[ée]chec de (la )?(remise|distribution|livraison)|no se (pudo|puede|ha podido) entregar|"
    r"mensaje no entregado|error de entrega|mancata consegna|non recapitabile|impossibile recapitare|"
    r"niet[- ]bestelbaar|onbestelbaar|niet bezorgd|niedostarczaln\w*|nie mo[żz]na dostarczy[ćc]|zwrot wiadomo[śs]ci|"
    r"n[ãa]o (foi )?(entregue|entreg[áa]vel)|falha na entrega|olevererat|kan(de)? (ikke|inte) leveres?|"
    r"ikke leveret|nedoru[čc]iteln\w*|toimitus ep[äa]onnistui)|配信不能|配信エラー|退信|投递失败",
    re.IGNORECASE,
)
_OURS = re.compile(r"<cpsd\.[0-9a-f]{32}\.[0-9a-z]{16}@[a-z0-9.-]{1,255}>", re.IGNORECASE)
_STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
_SEARCHED = 200_000


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a bounce says."""

    #: Message-ID of the mail that failed, as far as the bounce quotes it
    message_id: str
    recipients: tuple[str, ...]
    permanent: bool


def report_type(mail: Message) -> str:
    """The kind of a multipart/report (RFC 6522): delivery-status, disposition-notification, feedback-report."""
    if mail.get_content_type() != "multipart/report":
        return ""
    value = mail.get_param("report-type")
    return value.lower() if isinstance(value, str) else ""


def bounce(mail: ParsedMail, raw: bytes, sender: str, ours: Iterable[str] = ()) -> Bounce | None:
    """What a mail says about a delivery that failed or is late; None if it says nothing of that kind.

    `ours` are addresses that no mail of ours goes to: our own.
    """
    message, sender = mail.message, sender or _unreadable_sender(mail.message)
    by_system = _is_from_a_daemon(message, sender) or has_null_sender(message)
    statuses = list(_statuses(message)) if by_system or report_type(message) else []
    if statuses:
        return _by_standard(message, raw, statuses)
    if rejected := _rejected_on_arrival(message):
        return Bounce(_failed_message_id(message, raw), rejected, permanent=True)
    by_gateway = not by_system and _is_from_a_gateway(mail, sender)
    if not (by_system or by_gateway) or report_type(message) not in {"", "delivery-status"}:
        return None
    named = bool(_SUBJECT.search(mail.subject[:300]))
    if not (named or _is_from_a_daemon(message, sender)):
        return None
    found = _by_list(raw, sender) or _by_words(mail, {sender, *ours})
    if (found is None and not named) or (by_gateway and not (found and found[0])):
        return None
    recipients, permanent = found or ((), is_for_good(f"{mail.subject}\n{mail.text}"))
    return Bounce(_failed_message_id(message, raw), recipients, permanent)


def _by_standard(message: Message, raw: bytes, statuses: list[tuple[str, bool | None]]) -> Bounce | None:
    """What the fields of RFC 3464 say; None if they tell of success alone."""
    permanent = tuple(dict.fromkeys(address for address, final in statuses if final))
    late = tuple(dict.fromkeys(address for address, final in statuses if final is False))
    if not (permanent or late):
        return None
    return Bounce(_failed_message_id(message, raw), permanent or late, bool(permanent))


def _by_list(raw: bytes, sender: str) -> tuple[tuple[str, ...], bool] | None:
    """Recipients refused, and whether for good, as flufl.bounce recognises them."""
    # What a server says stands at the beginning, before the mail that it returns.
    mail = structure_of(raw[:_SEARCHED])
    # Its detectors stumble over a From that is no plain address.
    del mail["From"]
    mail["From"] = sender if sender.isascii() and sender else "unknown@invalid"
    # It logs a traceback whenever a detector stumbles; what to do about that is decided here.
    logging.getLogger("flufl.bounce").disabled = True
    try:
        temporary, permanent = (_addresses(found) for found in all_failures(mail))
    except Exception:  # noqa: BLE001 - one of its many detectors stumbled over this mail; our own reading is next
        return None
    return (permanent or temporary, bool(permanent)) if permanent or temporary else None


def _by_words(mail: ParsedMail, ours: set[str]) -> tuple[tuple[str, ...], bool] | None:
    """Recipients refused, and whether for good, by a field that Exim and Gmail add, else by what the text says."""
    named = headers.addresses(headers.raw_fields(mail.message, "X-Failed-Recipients"))
    recipients = named or refused_addresses(mail.text, ours)
    if not recipients and not words_a_refusal(mail.text):
        return None
    return recipients, is_for_good(f"{mail.subject}\n{mail.text}")


def _addresses(found: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(sorted(address.decode("ascii", "replace").lower() for address in found))


def is_notice_of_success(mail: Message) -> bool:
    """Whether a delivery status tells of nothing but success (RFC 3464, 2.3.3: delivered, relayed, expanded)."""
    statuses = list(_statuses(mail))
    return bool(statuses) and all(permanent is None for _, permanent in statuses)


def _statuses(mail: Message) -> Iterator[tuple[str, bool | None]]:
    """(recipient, permanent) for each recipient of a delivery status; None where it is no failure."""
    for part in _own_parts(mail):
        if part.get_content_type() in {"message/delivery-status", "message/global-delivery-status"}:
            groups = part.get_payload()
            for group in groups if isinstance(groups, list) else ():
                entry = _recipient_status(group) if isinstance(group, Message) else None
                if entry is not None:
                    yield entry


def _own_parts(mail: Message) -> Iterator[Message]:
    """The parts of a mail, but not those of mails within it: a bounce that a person sends on is no bounce."""
    yield mail
    if mail.is_multipart() and mail.get_content_maintype() == "multipart":
        for part in mail.get_payload():
            if isinstance(part, Message):
                yield from _own_parts(part)


def _recipient_status(group: Message) -> tuple[str, bool | None] | None:
    # Final-Recipient may be an internal name; the original one is what we wrote to (RFC 3464, 2.3.1).
    value = headers.field(group, "Original-Recipient") or headers.field(group, "Final-Recipient")
    address = ADDRESS.search(value.rpartition(";")[2][:400])
    if address is None:
        return None
    action = headers.field(group, "Action").strip().lower()
    status = _STATUS.search(headers.field(group, "Status"))
    if action in {"delivered", "relayed", "expanded"}:
        return address[0].lower(), None
    # "failed" is final whatever the status: 4.4.7 is a server that gave up (RFC 3464, 2.3.3).
    late = action == "delayed" or (action != "failed" and status is not None and status[1] == "4")
    return address[0].lower(), not late


def _is_from_a_daemon(mail: Message, sender: str) -> bool:
    return bool(_DAEMON.match(sender)) or (has_null_sender(mail) and report_type(mail) == "delivery-status")


def _unreadable_sender(mail: Message) -> str:
    """What stands for a sender in a From that holds no address, in lower case; `<>` there is the empty sender."""
    value = headers.raw_field(mail, "From")[:300].rpartition("<")[2].rstrip("> ").lower()
    return value or ("mailer-daemon" if "<>" in headers.raw_field(mail, "From")[:300] else "")


def _is_from_a_gateway(mail: ParsedMail, sender: str) -> bool:
    """Whether a gateway tells of a delivery, and answers nobody: an answer names what it answers."""
    answers = any(headers.raw_field(mail.message, name) for name in ("In-Reply-To", "References"))
    return not answers and bool(_GATEWAY.match(sender)) and bool(_SUBJECT.search(mail.subject[:300]))


def _rejected_on_arrival(mail: Message) -> tuple[str, ...]:
    """Whose rules refused a mail, which is told by a notice that it was deleted unread (RFC 5429, 2.2; RFC 8098)."""
    if report_type(mail) != "disposition-notification" or _comment_of(mail) != "rejected":
        return ()
    for part in _own_parts(mail):
        if part.get_content_type() == "message/disposition-notification":
            group = part.get_payload()
            told = group[0] if isinstance(group, list) and group else None
            if isinstance(told, Message) and headers.field(told, "Disposition").lower().endswith("deleted"):
                found = ADDRESS.search(headers.field(told, "Final-Recipient").rpartition(";")[2][:400])
                return (found[0].lower(),) if found else ()
    return ()


def _comment_of(mail: Message) -> str:
    """`rejected` of `Auto-Submitted: auto-replied (rejected)`, which is how Dovecot says it."""
    return headers.raw_field(mail, "Auto-Submitted").rpartition("(")[2].rstrip(") ").lower()


def named_by_envelope(mail: Message, ours: Iterable[str]) -> str:
    """The Message-ID of the mail whose own envelope sender this one was sent to (VERP); its signature is unchecked."""
    named = (message_id_in(recipient, address) for recipient in headers.recipients(mail) for address in ours)
    return next((one for one in named if one), "")


def _failed_message_id(mail: Message, raw: bytes) -> str:
    """The Message-ID in the returned mail or its header, else one of ours that is quoted anywhere."""
    own = headers.raw_field(mail, "Message-ID")
    for part in mail.walk():
        kind = part.get_content_type()
        if kind == "message/rfc822":
            payload = part.get_payload()
            inner = payload[0] if isinstance(payload, list) and payload else None
            found = headers.message_ids(inner, "Message-ID") if isinstance(inner, Message) else ()
        elif kind in {"text/rfc822-headers", "message/rfc822-headers"}:
            found = _in_text(part.get_payload(decode=True))
        else:
            continue
        if found:
            return found[0]
    quoted = [one for one in _in_text(raw[:_SEARCHED]) if one != own]
    return quoted[0] if quoted else ""


def _in_text(content: object) -> tuple[str, ...]:
    return tuple(_OURS.findall(content.decode("ascii", "replace"))) if isinstance(content, bytes) else ()
