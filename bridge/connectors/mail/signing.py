"""Signed references and Message-IDs: what lets an answer name its engagement and nobody else invent one.

The code is an HMAC-SHA-256 (RFC 2104) cut to its first 80 bits, the least that section 5 of that RFC allows. It is
written in Crockford's base 32, so that it survives changes of case and a person who reads O for 0. The first key
signs; all keys verify, so that keys can be rotated while answers to older mails are still on their way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass

from bridge.domain.errors import ConfigurationError
from bridge.domain.ids import DeliveryId, Reference

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("OIL", "011")
_CODE_BYTES = 10
_SHORTEST_KEY = 16
_MESSAGE_ID = re.compile(r"<?cpsd\.([0-9a-f]{32})\.([0-9a-z]{16})@([a-z0-9.-]{1,255})>?", re.IGNORECASE)
_ENVELOPE = re.compile(r"([^\s@]{1,64})\+([0-9a-f]{32})\.([0-9a-z]{16})@([a-z0-9.-]{1,255})")
_LONGEST_LOCAL_PART = 64
_LONGEST_KEPT = 300
_SIGNED = re.compile(r"([0-9A-Z]{10})-([0-9A-Z]{16})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Keys:
    """The signing keys, newest first, each of 16 bytes or more; shown nowhere."""

    secrets: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.secrets or any(len(secret) < _SHORTEST_KEY for secret in self.secrets):
            raise ConfigurationError(
                "mail needs at least one signing key of 16 bytes or more",
                remedy="set mail.signing_keys to a secret made by `openssl rand -hex 32`",
            )

    def __repr__(self) -> str:
        return f"Keys({len(self.secrets)})"

    def sign_reference(self, reference: Reference) -> str:
        """A reference with its code: `4ZJ6T0Q2WX-0123456789ABCDEF`."""
        return f"{reference}-{_code(self.secrets[0], b'reference', reference)}"

    def verify_reference(self, signed: str) -> Reference | None:
        """The reference, if the code is one of ours."""
        match = _SIGNED.fullmatch(signed.strip())
        if match is None:
            return None
        reference, code = (part.upper().translate(_LOOKALIKES) for part in match.groups())
        return Reference(reference) if self._is_ours(b"reference", reference, code) else None

    def sign_message_id(self, delivery: DeliveryId, domain: str) -> str:
        """The Message-ID of a delivery, the same at every attempt: `<cpsd.UUID.CODE@domain>` (RFC 5322, 3.6.4)."""
        name = uuid.UUID(delivery).hex
        return f"<cpsd.{name}.{_code(self.secrets[0], b'message-id', name).lower()}@{domain}>"

    def verify_message_id(self, message_id: str) -> DeliveryId | None:
        """The delivery that a Message-ID names, if its code is one of ours."""
        match = _MESSAGE_ID.fullmatch(message_id.strip())
        if match is None:
            return None
        name, code = match[1].lower(), match[2].upper().translate(_LOOKALIKES)
        return DeliveryId(str(uuid.UUID(name))) if self._is_ours(b"message-id", name, code) else None

    def _is_ours(self, purpose: bytes, value: str, code: str) -> bool:
        codes = [_code(secret, purpose, value) for secret in self.secrets]
        return any([hmac.compare_digest(expected, code) for expected in codes])  # noqa: C419 - all, in equal time


def envelope_sender(address: str, message_id: str) -> str:
    """An address of ours that names a mail: a bounce comes back to it even if it quotes nothing of the mail (VERP).

    `cpsd+UUID.CODE@domain`; the plain address for other Message-IDs, and where RFC 5321 (4.5.3.1.1) leaves no room.
    """
    local, _, domain = address.rpartition("@")
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    named = f"{local}+{match[1]}.{match[2]}".lower() if match else ""
    return f"{named}@{domain}" if named and len(named) <= _LONGEST_LOCAL_PART else address


def message_id_in(recipient: str, address: str) -> str:
    """The Message-ID that an address of ours names, signature unchecked; empty if it names none."""
    local, _, domain = address.lower().rpartition("@")
    match = _ENVELOPE.fullmatch(recipient.strip().lower())
    if match is None or (match[1], match[4]) != (local, domain):
        return ""
    return f"<cpsd.{match[2]}.{match[3]}@{domain}>"


def looks_like_message_id(message_id: str) -> bool:
    """Whether a Message-ID claims to be one of ours."""
    return _MESSAGE_ID.fullmatch(message_id.strip()) is not None


def is_plain_message_id(message_id: str) -> bool:
    """Whether a Message-ID is of somebody else's making, and of a form that may be kept and looked up."""
    plain = message_id.isascii() and message_id.isprintable() and len(message_id) <= _LONGEST_KEPT
    return plain and not looks_like_message_id(message_id)


def _code(secret: bytes, purpose: bytes, value: str) -> str:
    mac = hmac.new(secret, b"cpsd-bridge/" + purpose + b"/" + value.encode(), hashlib.sha256).digest()
    number = int.from_bytes(mac[:_CODE_BYTES], "big")
    places = _CODE_BYTES * 8 // 5
    return "".join(_CROCKFORD[(number >> (5 * place)) & 31] for place in reversed(range(places)))
