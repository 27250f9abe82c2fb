"""Links by which a desk answers without writing a mail: signed, expiring, each for one purpose of one engagement.

A link is made from the message alone, so that the same message always carries the same links. It names the engagement,
what is answered and until when it holds; the first signing key signs, all verify.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from itsdangerous import BadData, URLSafeSerializer

from bridge.connectors.mail.signing import Keys
from bridge.domain.errors import UsageError
from bridge.domain.facts import ReportKind
from bridge.domain.ids import EngagementId

PURPOSES: Mapping[ReportKind, str] = MappingProxyType(
    {
        ReportKind.ACKNOWLEDGED: "Acknowledge",
        ReportKind.PROGRESS: "Report progress",
        ReportKind.QUESTION: "Ask a question",
        ReportKind.WORKAROUND: "Give a workaround",
        ReportKind.RESOLVED: "Report it resolved",
        ReportKind.DECLINED: "Not ours",
    }
)
"""What can be answered by link, and what the link says."""
PATH = "/answer/"
_SALT = "cpsd-bridge/answer"
_LONGEST = 400


class LinkExpired(UsageError):
    """The link was ours and holds no longer."""

    code = "link_expired"


class LinkUnknown(UsageError):
    """The link is none of ours."""

    code = "link_unknown"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a link is for."""

    engagement: EngagementId
    report: ReportKind


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links under one public address, such as https://cpsd.example.org."""

    address: str
    keys: Keys
    valid_for: timedelta

    def to(self, purpose: Purpose, at: datetime) -> str:
        """The link that a message of this instant carries."""
        until = int((at + self.valid_for).timestamp())
        token = self._serializer().dumps([uuid.UUID(purpose.engagement).hex, purpose.report.value, until])
        return f"{self.address.rstrip('/')}{PATH}{token}"

    def read(self, token: str, now: datetime) -> Purpose:
        """What a link is for; raises `LinkUnknown`, or `LinkExpired` once its time is over."""
        if len(token) > _LONGEST:
            raise LinkUnknown("no link of ours is so long")
        try:
            engagement, report, until = self._serializer().loads(token)
        except BadData:
            raise LinkUnknown("the link's signature is not ours") from None
        if now >= datetime.fromtimestamp(until, UTC):
            raise LinkExpired("the link's time is over")
        return Purpose(EngagementId(str(uuid.UUID(engagement))), ReportKind(report))

    def _serializer(self) -> URLSafeSerializer:
        # itsdangerous signs with the last key; ours come newest first.
        keys = list(reversed(self.keys.secrets))
        return URLSafeSerializer(
            keys, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )
