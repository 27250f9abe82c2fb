"""A store that was restored from a backup: what it counts as undelivered may have been delivered since.

So nothing is attempted before the far side was asked: not what the backup holds, nor what is decided until the store
has caught up with the life that it forgot. Each such delivery has an attempt without a certain end, which began at the
last instant the store remembers; from there on it is settled like any other (see `claims`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from bridge.domain.delivery import DeliveryStatus
from bridge.ports.restored import RESTORED, Restored
from bridge.store.prepared import Prepared
from bridge.store.tables import attempt, control, event, heartbeat, inbox, outbox
from bridge.store.work import Work

EARLIER_LIFE = "the store was restored; an earlier life may have done it"
_CONTROL = Prepared(select(control.c.value).where(control.c.name == RESTORED))


class Restoring(Work):
    """What a restored store remembers of that."""

    _restored: Restored | None = None
    _is_read = False

    def restored(self) -> Restored | None:
        """How far it has caught up; None for a store that was never restored. Read once in a transaction."""
        if not self._is_read:
            text = self._value(_CONTROL)
            self._restored, self._is_read = (Restored.from_text(text) if text else None), True
        return self._restored

    def last_known(self) -> datetime:
        """The last instant of which the store knows anything."""
        newest_event = select(event.c.at).order_by(event.c.id.desc()).limit(1)
        signs = (
            self._execute(newest_event).scalar_one_or_none(),
            self._execute(select(func.max(heartbeat.c.at))).scalar_one(),
        )
        return max((at for at in signs if at is not None), default=self.now())

    def newest_item(self) -> int:
        """The highest number in the inbox; 0 for an empty one."""
        return self._execute(select(func.max(inbox.c.id))).scalar_one() or 0

    def doubt_everything(self, restored: Restored) -> int:
        """Make everything undelivered unknown, whoever holds it; how many. Dead letters wait for a person."""
        lost = update(attempt).where(attempt.c.outcome == "")
        self._execute(lost.values(outcome=DeliveryStatus.UNKNOWN.value, error=EARLIER_LIFE))
        doubted = (
            update(outbox)
            .where(outbox.c.next_attempt_at.is_not(None))
            .values(
                status=DeliveryStatus.UNKNOWN.value,
                attempts=outbox.c.attempts + 1,
                next_attempt_at=restored.at,
                worker=None,
                lease_until=None,
                fence=outbox.c.fence + 1,
            )
            .returning(outbox.c.id, outbox.c.attempts, outbox.c.fence)
        )
        rows = self._execute(doubted).all()
        self._doubt(rows, restored)
        return len(rows)

    def _catching_up(self) -> Restored | None:
        restored = self.restored()
        return None if restored is None or restored.caught_up else restored

    def _doubt(self, rows: Sequence[Row[Any]], restored: Restored) -> None:
        """Write down that an earlier life may have attempted these."""
        attempts = [
            {
                "delivery": row.id,
                "number": row.attempts,
                "started_at": restored.since,
                "settle_after": restored.settle_after,
                "outcome": DeliveryStatus.UNKNOWN.value,
                "error": EARLIER_LIFE,
                "worker": "earlier life",
                "fence": row.fence,
            }
            for row in rows
        ]
        if attempts:
            self._execute(self._insert(attempt), attempts)
