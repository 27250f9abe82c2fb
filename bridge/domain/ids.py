"""Identifiers, and how they are derived.

Everything the bridge creates at a far side is named before it is sent, and the name is derived from what it is
about (RFC 9562 version 5 UUIDs). A database restored from a backup therefore makes the same names again, and the far
side can recognise what it already has.
"""

from __future__ import annotations

import uuid
from typing import NewType

SysId = NewType("SysId", str)
"""The 32 hexadecimal digits by which ServiceNow names a record."""

DeskName = NewType("DeskName", str)
"""The configured name of a counterpart's desk, as it is written in `#engage @desk`."""

EngagementId = NewType("EngagementId", str)
"""A UUID, derived from instance, case, desk and round."""

DeliveryId = NewType("DeliveryId", str)
"""A UUID, derived from instance, case, recipient, round and ordinal."""

Reference = NewType("Reference", str)
"""Ten characters of Crockford base 32 that name an engagement's round in mails and notes."""

_NAMESPACE = uuid.UUID("6f0e6d0a-3f0b-5a4e-9a57-0c0b5d5a2b11")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE_LENGTH = 10


def engagement_id(instance: str, case: SysId, desk: DeskName, round_: int) -> EngagementId:
    """The identity of one round of one desk's involvement in one case."""
    return EngagementId(str(uuid.uuid5(_NAMESPACE, f"engagement/{instance}/{case}/{desk}/{round_}")))


def delivery_id(instance: str, case: SysId, recipient: str, round_: int, ordinal: int) -> DeliveryId:
    """The identity of one delivery over all its attempts; `recipient` is a desk's name or a table of ServiceNow."""
    return DeliveryId(str(uuid.uuid5(_NAMESPACE, f"delivery/{instance}/{case}/{recipient}/{round_}/{ordinal}")))


def reference(identity: str) -> Reference:
    """The short name of a UUID: its first 50 bits in Crockford base 32, which survives case changes and dictation."""
    bits = uuid.UUID(identity).int >> (128 - 5 * _REFERENCE_LENGTH)
    digits = [_CROCKFORD[(bits >> (5 * place)) & 31] for place in reversed(range(_REFERENCE_LENGTH))]
    return Reference("".join(digits))
