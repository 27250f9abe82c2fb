"""How much a recipient has had of late, by all workers together."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import and_, func, or_, select, text

from bridge.domain.delivery import DeliveryStatus
from bridge.store.tables import attempt, outbox
from bridge.store.work import Work

_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_NOT_THERE = (DeliveryStatus.PENDING.value, DeliveryStatus.DEAD.value)


class Pacing(Work):
    """Attempts counted by recipient."""

    def reached_since(self, recipients: Collection[str], since: datetime) -> Mapping[str, int]:
        """See `ports.Transaction.reached_since`."""
        # Nothing arrives after `settle_after`; what is done had arrived when its end was written down.
        lately = and_(
            attempt.c.settle_after > since,
            attempt.c.outcome.not_in(_NOT_THERE),
            or_(attempt.c.outcome != DeliveryStatus.DONE.value, attempt.c.ended_at > since),
        )
        statement = (
            select(outbox.c.recipient, func.count().label("amount"))
            .join_from(attempt, outbox, attempt.c.delivery == outbox.c.id)
            .where(lately, outbox.c.recipient.in_(list(recipients)))
            .group_by(outbox.c.recipient)
        )
        return {row.recipient: row.amount for row in self._execute(statement)}

    def is_due(self, recipient: str) -> bool:
        """See `ports.Transaction.is_due`."""
        due = select(1).where(outbox.c.recipient == recipient, outbox.c.next_attempt_at <= self.now()).limit(1)
        return self._execute(due).first() is not None

    def one_at_a_time(self, recipient: str) -> None:
        """See `ports.Transaction.one_at_a_time`. On SQLite there is one writing transaction anyhow."""
        if self._connection.dialect.name == "postgresql":
            digest = hashlib.sha256(f"recipient/{recipient}".encode()).digest()
            self._execute(_LOCK, {"key": int.from_bytes(digest[:8], "big", signed=True)})
