"""Alarms on their way to people."""

from __future__ import annotations

import json
from datetime import timedelta

import structlog

from bridge.domain.delivery import Claim, Receipt
from bridge.ports import Frozen, TrailEvent, Transaction
from bridge.sync.outcomes import CannotAsk, Prepared
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()


class AlarmPerformer:
    """Delivers alarms by mail and webhook."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def prepare(self, claim: Claim) -> Prepared | None:
        """The alarm as it was raised."""
        content = claim.delivery.frozen or json.dumps(dict(claim.delivery.payload), sort_keys=True).encode()
        return Prepared(Frozen(content, "", ()))

    def intend(self, claim: Claim, prepared: Prepared, settle_within: timedelta) -> Claim | None:
        """Write the attempt down."""
        with self._around.store.transaction() as tx:
            return tx.intend(claim, prepared.frozen, settle_within)

    def perform(self, claim: Claim, frozen: Frozen) -> Receipt:
        """Send it by every configured way."""
        del claim
        return self._around.alerts.send(json.loads(frozen.content))

    def ask(self, claim: Claim) -> Receipt | None:
        """An alarm twice is better than none."""
        raise CannotAsk("an alarm cannot be asked for", desk=claim.delivery.recipient)

    def done(self, tx: Transaction, claim: Claim, receipt: Receipt) -> None:
        """Nothing follows."""

    def absent(self, tx: Transaction, claim: Claim) -> None:
        """Nothing follows."""

    def failed(self, tx: Transaction, claim: Claim, error: str) -> None:
        """An alarm about the alarm would not arrive either: the log is what is left."""
        log.error("alarm_undeliverable", code=claim.delivery.payload.get("code"), error=error)
        tx.record(
            TrailEvent(
                "alarm_undeliverable",
                "bridge",
                claim.delivery.case,
                cause=f"delivery:{claim.delivery.id}",
                facts={"code": claim.delivery.payload.get("code"), "error": error},
            )
        )
