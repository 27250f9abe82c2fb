"""Header fields as they really arrive: raw 8-bit, unknown charsets, broken encoded words. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from bridge.connectors.mail.charsets import decoded

_LONGEST_FIELD = 20_000
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")
#: RFC 5322 sets no limit to References; real threads stay far below this
_MOST_REFERENCES = 50
_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_FOLDING = re.compile(r"[\r\n\t]+ *")


def raw_fields(mail: Message, name: str) -> list[str]:
    """The values of every field of a name, unfolded, not decoded, cut at a length that no honest field has."""
    wanted = name.lower()
    values = [str(value) for field, value in mail.raw_items() if field.lower() == wanted]
    return [_FOLDING.sub(" ", value[:_LONGEST_FIELD]).strip() for value in values]


def raw_field(mail: Message, name: str) -> str:
    """The first field of a name, not decoded; empty if there is none."""
    return next(iter(raw_fields(mail, name)), "")


def readable(value: str) -> str:
    """A raw value as people read it: encoded words (RFC 2047) and raw 8-bit characters decoded as well as can be."""
    octets = value.encode("ascii", "surrogateescape") if _is_surrogate(value) else None
    if octets is not None:
        value = decoded(octets, None)
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError):
        return value.replace("\x00", "")
    words = [part if isinstance(part, str) else decoded(part, charset) for part, charset in parts]
    return _FOLDING.sub(" ", "".join(words)).replace("\x00", "").strip()


def field(mail: Message, name: str) -> str:
    """The first field of a name, readable."""
    return readable(raw_field(mail, name))


def addresses(values: Sequence[str]) -> tuple[str, ...]:
    """The addresses in raw values, in lower case. Read before decoding, so that a display name cannot pose as one."""
    try:
        found = [address.strip().lower() for _, address in getaddresses(list(values))]
    except RecursionError:
        # Comments within comments, thousands of them: nobody's address.
        return ()
    return tuple(address for address in found if "@" in address)


def recipients(mail: Message) -> tuple[str, ...]:
    """Every address that a mail was delivered to or written to, as far as its header tells."""
    fields = (value for name in _RECIPIENTS for value in raw_fields(mail, name)[:_MOST_REFERENCES])
    return tuple(dict.fromkeys(addresses(list(fields))))


def message_ids(mail: Message, name: str) -> tuple[str, ...]:
    """The Message-IDs in a field, oldest first, the newest ones where there are too many."""
    value = next((str(value) for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    return tuple(_MESSAGE_ID.findall(value[-_LONGEST_FIELD:]))[-_MOST_REFERENCES:]


def date(mail: Message) -> datetime | None:
    """The Date in UTC; None where it is missing or unreadable."""
    try:
        moment = parsedate_to_datetime(raw_field(mail, "Date"))
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _is_surrogate(value: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in value)
