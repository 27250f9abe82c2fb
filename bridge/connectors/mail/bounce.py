"""Mails about mails that did not arrive: RFC 3464 first, then flufl.bounce's list of what servers write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

from flufl.bounce import all_failures

from bridge.connectors.mail import headers
from bridge.connectors.mail.automatic import has_null_sender

_DAEMON = re.compile(r"^(mailer-?daemon|postmaster|mail-?delivery|mdaemon|noreply-mailer)\b", re.IGNORECASE)
_SUBJECT = re.compile(
    r"\b(undeliver(able|ed)|delivery (status notification|failure|has failed|delayed|report)|mail delivery (failed|"
    r"system)|returned mail|failure notice|unzustellbar|non remis|no se pudo entregar|message not delivered|"
    r"delivery incomplete|delayed mail)\b",
    re.IGNORECASE,
)
_OURS = re.compile(r"<cpsd\.[0-9a-f]{32}\.[0-9a-z]{16}@[a-z0-9.-]{1,255}>", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>;,\"']{1,64}@[^\s<>;,\"']{1,255}")
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


def bounce(mail: Message, raw: bytes, subject: str, sender: str) -> Bounce | None:
    """What a mail says about a delivery that failed or is late; None if it says nothing of that kind."""
    statuses = list(_statuses(mail))
    if statuses:
        failed = [(address, permanent) for address, permanent in statuses if permanent is not None]
        if not failed:
            return None
        permanent = tuple(dict.fromkeys(address for address, final in failed if final))
        late = tuple(dict.fromkeys(address for address, final in failed if not final))
        return Bounce(_failed_message_id(mail, raw), permanent or late, bool(permanent))
    if not (_is_from_a_daemon(mail, sender) or (_SUBJECT.search(subject[:300]) and has_null_sender(mail))):
        return None
    late, final = _by_list(raw, sender)
    if not (late or final or _SUBJECT.search(subject[:300])):
        return None
    return Bounce(_failed_message_id(mail, raw), final or late, bool(final) or not late)


def _by_list(raw: bytes, sender: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Recipients refused for now and for good, as flufl.bounce recognises them."""
    mail = message_from_bytes(raw, policy=compat32)
    # Its detectors stumble over a From that is no plain address.
    del mail["From"]
    mail["From"] = sender if sender.isascii() and sender else "unknown@invalid"
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # noqa: BLE001 - one of its many detectors stumbled over this mail; others may not be asked
        return (), ()
    return _addresses(temporary), _addresses(permanent)


def _addresses(found: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(sorted(address.decode("ascii", "replace").lower() for address in found))


def is_notice_of_success(mail: Message) -> bool:
    """Whether a delivery status tells of nothing but success (RFC 3464, 2.3.3: delivered, relayed, expanded)."""
    statuses = list(_statuses(mail))
    return bool(statuses) and all(permanent is None for _, permanent in statuses)


def _statuses(mail: Message) -> Iterator[tuple[str, bool | None]]:
    """(recipient, permanent) for each recipient of a delivery status; None where it is no failure."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            groups = part.get_payload()
            for group in groups if isinstance(groups, list) else ():
                entry = _recipient_status(group) if isinstance(group, Message) else None
                if entry is not None:
                    yield entry


def _recipient_status(group: Message) -> tuple[str, bool | None] | None:
    # Final-Recipient may be an internal name; the original one is what we wrote to (RFC 3464, 2.3.1).
    value = headers.field(group, "Original-Recipient") or headers.field(group, "Final-Recipient")
    address = _ADDRESS.search(value.rpartition(";")[2][:400])
    if address is None:
        return None
    action = headers.field(group, "Action").strip().lower()
    status = _STATUS.search(headers.field(group, "Status"))
    if action in {"delivered", "relayed", "expanded"}:
        return address[0].lower(), None
    if action == "delayed" or (status is not None and status[1] == "4"):
        return address[0].lower(), False
    return address[0].lower(), True


def _is_from_a_daemon(mail: Message, sender: str) -> bool:
    return bool(_DAEMON.match(sender)) or (has_null_sender(mail) and report_type(mail) == "delivery-status")


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
