"""The bridge: collects a mailbox, commits every mail, reads it and applies it, on a store that knows engagements.

Processes of its own, so that memory and processor time are its own: `prepare` engages the desks and prints what they
were asked, `read` does what is measured and prints what it took, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from process import peak_memory

from bridge import logs
from bridge.app import Application
from bridge.configuration import load
from bridge.domain.case import Case, format_time
from bridge.domain.delivery import Delivery, DeliveryStatus, Receipt
from bridge.domain.ids import SysId
from bridge.ports import Frozen, Transaction
from bridge.store import migrate
from bridge.sync.apply import apply
from bridge.sync.cycle import Cycle
from bridge.sync.engage import engage
from bridge.sync.messages import MessagePerformer, composed
from bridge.sync.recalling import Recalled
from bridge.sync.roster import Roster
from bridge.sync.surroundings import Surroundings

_TABLE = "sn_customerservice_case"
_GROUPS = ("CPSD DCC", "CPSD LDSO")
_LEASE = timedelta(minutes=5)
_TAKEN = Receipt("250 2.0.0 Ok")


class _NoResolvers(Roster):
    """Nobody writes commands here, and no ServiceNow is asked who might."""

    def resolvers(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()


def main() -> None:
    """Prepare a store, or read the mailbox."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("prepare", "read"))
    parser.add_argument("config", type=Path)
    parser.add_argument("--engagements", type=int, default=1)
    options = parser.parse_args()
    logs.configure("json", "error")
    configuration = load(options.config, os.environ)
    if options.what == "prepare":
        migrate(configuration.store.get_secret_value())
    with Application(configuration, worker=True) as application:
        done = _prepare(application, options.engagements) if options.what == "prepare" else _read(application)
        print(json.dumps(done))


def _read(application: Application) -> dict[str, Any]:
    around = application.around
    started, busy = time.perf_counter(), time.process_time()
    received = Cycle(around).collect().received
    collected, collected_cpu = time.perf_counter(), time.process_time()
    reading = _only_read(application)
    began, began_cpu = time.perf_counter(), time.process_time()
    apply(around, Roster(around.source, around.resolver_group))
    ended, done = time.perf_counter(), time.process_time()
    with application.store.reading() as tx:
        found = (tx.item_state(number) for number in range(1, tx.newest_item() + 1))
        states = Counter(state.value for state in found if state is not None)
    return {
        "mails": received,
        "seconds": collected - started + ended - began,
        "collecting": collected - started,
        "reading": reading,
        "applying": ended - began,
        "cpu": collected_cpu - busy + done - began_cpu,
        "memory": peak_memory(),
        "states": dict(states),
    }


def _only_read(application: Application) -> float:
    """Seconds that it takes to read every mail: whose it is, and what it says. Nothing is decided, nothing kept."""
    started = time.perf_counter()
    with application.store.reading() as tx:
        for number in range(1, tx.newest_item() + 1):
            if item := tx.inbox_item(number):
                application.around.reader.receive(item.raw, item.received_at, Recalled(tx))
    return time.perf_counter() - started


def _prepare(application: Application, engagements: int) -> list[dict[str, str]]:
    """Engage a desk about each of so many cases; the messages count as sent, although no server was asked."""
    around = application.around
    now = datetime.now(UTC)
    with application.store.transaction() as tx:
        tx.land([_case(number, now) for number in range(engagements)])
    engage(around, _NoResolvers(around.source, around.resolver_group))
    return list(_sent(application))


def _sent(application: Application) -> Iterator[dict[str, str]]:
    """Write every opening message and settle it as taken by a mail server; what each of them said."""
    around, store = application.around, application.store
    performer = MessagePerformer(around)
    while claim := store.claim(application.worker, _LEASE, excluded=("servicenow",)):
        with store.reading() as tx:
            frozen = _written(tx, around, claim.delivery)
        with store.transaction() as tx:
            begun = tx.intend(claim, frozen, _LEASE)
            tx.finish(begun, DeliveryStatus.DONE, receipt=_TAKEN)
            performer.done(tx, begun, _TAKEN)
        yield _shown(frozen.content)


def _written(tx: Transaction, around: Surroundings, delivery: Delivery) -> Frozen:
    engagement = tx.engagement(delivery.engagement) if delivery.engagement else None
    record = tx.case(engagement.case) if engagement else None
    if engagement is None or record is None or record.shadow is None:
        raise RuntimeError(f"delivery {delivery.id} ({delivery.kind}) is no message about a case")
    message = composed(delivery, record.shadow, engagement, around.desks.agreement(engagement), tx.now())
    return around.connectors[engagement.desk].freeze(message, tx.now())


def _shown(content: bytes) -> dict[str, str]:
    mail = message_from_bytes(content, policy=default)
    body = mail.get_body(("plain",))
    return {
        "address": str(mail["To"]),
        "message_id": str(mail["Message-ID"]),
        "subject": str(mail["Subject"]),
        "text": body.get_content() if body is not None else "",
    }


def _case(number: int, now: datetime) -> Case:
    values = {
        "number": f"CS{number:07}",
        "sys_updated_on": format_time(now),
        "sys_created_on": format_time(now),
        "sys_mod_count": "0",
        "short_description": f"IF-021 reads missing, batch {number}",
        "description": f"MPAN 10{number:011d}: no IF-021 since 2026-11-20 02:10 UTC.",
        "business_impact": "Settlement falls back to estimates.",
        "category": "1",
        "priority": "3",
        "state": "10",
        "assignment_group": _GROUPS[number % len(_GROUPS)],
    }
    displays = {"state": "Open", "category": "Metering", "priority": "3 - Moderate"}
    return Case(_TABLE, SysId(f"{0xCA5E << 112 | number:032x}"), values, displays)


if __name__ == "__main__":
    main()
