"""What makes two mails the same one."""

from __future__ import annotations

import hashlib
import re

#: Fields that each delivery adds or changes (RFC 5321, 4.4, and what servers are used to): two copies of one mail,
#: by To and by Bcc, or moved between mailboxes, differ in nothing else.
_TRACE = re.compile(
    rb"^(?:Return-Path|Received|X-Received|Delivered-To|X-Delivered-To|X-Original-To|Envelope-To|X-Envelope-To|Status|"
    rb"X-Status|X-UID|X-Keywords|Lines|Content-Length|X-MS-Exchange-[A-Za-z-]+):[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t\r\n]*(<[^>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_HEADER_LIMIT = 1_000_000


def identity(raw: bytes) -> str:
    """The Message-ID and a sha256 of the bytes without trace fields; without a Message-ID, a sha256 of all bytes.

    So a second copy is one mail, and the same Message-ID on other contents is two.
    """
    header, separator, body = _split(raw)
    named = _MESSAGE_ID.search(header)
    if named is None:
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    digest = hashlib.sha256(_TRACE.sub(b"", header))
    digest.update(separator)
    digest.update(body)
    return f"{named[1].decode('ascii', 'replace')} sha256:{digest.hexdigest()}"


def message_id(raw: bytes) -> str:
    """The Message-ID in the header of a mail or of its beginning, with its angle brackets; empty if there is none."""
    found = _MESSAGE_ID.search(_split(raw)[0])
    return found[1].decode("ascii", "replace") if found else ""


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """The header up to its last line end, the empty line, the body; line ends as they are."""
    end = re.compile(rb"\r?\n(\r?\n)").search(raw, 0, _HEADER_LIMIT)
    if end is None:
        return raw[:_HEADER_LIMIT] + b"\n", b"", raw[_HEADER_LIMIT:]
    return raw[: end.start(1)], end[1], raw[end.end() :]
