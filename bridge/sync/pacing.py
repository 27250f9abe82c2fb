"""The agreed number of messages an hour: what is above it waits, in order, and people are told once a day.

A desk that has had its number is left out when work is claimed; the count that binds is made once more in the
transaction that begins the attempt, while no other worker begins one for that desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import structlog

from bridge.domain.ids import DeliveryId
from bridge.ports import Transaction
from bridge.sync.alarm import alert_id, raise_alert
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

HOUR = timedelta(hours=1)
HELD_UP = "desk_at_its_cap"


def caps(around: Surroundings) -> Mapping[str, int]:
    """The desks with an agreed number of messages an hour; the newest version of the agreement counts."""
    # A desk without any agreement is a poison of its own, which must not hold up the others.
    desks = (desk for desk in around.desks.by_name.values() if desk.agreements)
    agreed = ((desk.name, desk.latest.method.most_per_hour) for desk in desks)
    return {name: most for name, most in agreed if most is not None}


def has_room(tx: Transaction, around: Surroundings, desk: str) -> bool:
    """Whether one more message may go to a desk now; until the transaction ends nobody else is told the same."""
    most = caps(around).get(desk)
    if most is None:
        return True
    tx.one_at_a_time(desk)
    return tx.reached_since([desk], tx.now() - HOUR).get(desk, 0) < most


def at_their_cap(around: Surroundings) -> frozenset[str]:
    """The desks to leave alone now; people are told if something waits for one of them."""
    agreed = caps(around)
    if not agreed:
        return frozenset()
    with around.store.reading() as tx:
        had = tx.reached_since(agreed, tx.now() - HOUR)
        full = [desk for desk, most in agreed.items() if had.get(desk, 0) >= most]
        untold = [desk for desk in full if tx.is_due(desk) and tx.delivery(_alert(tx, around, desk)) is None]
    for desk in untold:
        _tell(around, desk, agreed[desk])
    return frozenset(full)


def _tell(around: Surroundings, desk: str, most: int) -> None:
    text = f"{desk} has had the {most} mails an hour that are agreed; what is above them waits and goes out in order"
    with around.store.transaction() as tx:
        raise_alert(tx, around.instance, HELD_UP, text, cause=_today(tx, desk))
    log.warning(HELD_UP, desk=desk, most_per_hour=most)


def _alert(tx: Transaction, around: Surroundings, desk: str) -> DeliveryId:
    return alert_id(around.instance, HELD_UP, _today(tx, desk))


def _today(tx: Transaction, desk: str) -> str:
    return f"{desk}/{tx.now().date().isoformat()}"
