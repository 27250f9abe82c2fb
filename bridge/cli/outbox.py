"""`outbox`: deliveries that were decided and are not done, and what an operator decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import nothing_found
from bridge.cli.options import AsJson, OfCase, Reason
from bridge.cli.output import print_json, print_lines, print_mapping, print_rows
from bridge.cli.session import Session, case_named, session_of
from bridge.domain.delivery import Delivery, DeliveryStatus
from bridge.domain.errors import UsageError
from bridge.ports import Json, Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

TheDelivery = Annotated[
    str, typer.Argument(help="The delivery's identity, or the beginning of it.", metavar="ID", show_default=False)
]
#: shorter beginnings name a delivery by accident
_SHORTEST = 6
_SHOWN = ("delivery", "status", "what", "recipient", "case", "attempts", "next_attempt_at", "last_error")
_DECIDABLE = frozenset({DeliveryStatus.DEAD, DeliveryStatus.UNKNOWN})


def register(app: typer.Typer) -> None:
    """Add the commands."""
    outbox = typer.Typer(help="Deliveries that were decided, and dead letters.", no_args_is_help=True)
    outbox.command("list", epilog="Example: cpsd-bridge outbox list --dead")(list_)
    outbox.command(epilog="Example: cpsd-bridge outbox show 5f2c9a1e")(show)
    outbox.command(epilog='Example: cpsd-bridge outbox retry 5f2c9a1e --reason "the relay is back"')(retry)
    outbox.command(epilog='Example: cpsd-bridge outbox skip 5f2c9a1e --reason "told them by telephone"')(skip)
    outbox.command(epilog='Example: cpsd-bridge outbox cancel 5f2c9a1e --reason "no longer wanted"')(cancel)
    app.add_typer(outbox, name="outbox")


def list_(
    context: typer.Context,
    case: OfCase = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only dead letters, which block their lanes.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what is done or cancelled.")] = False,
    as_json: AsJson = False,
) -> None:
    """List deliveries in the order in which they were decided."""
    session = session_of(context)
    with session.store(session.configuration()) as store, store.reading() as tx:
        of_case = case_named(tx, case).sys_id if case else None
        found = [
            one
            for one in tx.deliveries(case=of_case, pending=not everything)
            if not dead or one.status is DeliveryStatus.DEAD
        ]
        rows = _rows(tx, found)
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(_SHOWN, rows)
    else:
        print_lines("nothing waits")


def show(context: typer.Context, delivery: TheDelivery, as_json: AsJson = False) -> None:
    """Show one delivery: what it is, how far it has come, and what went wrong."""
    session = session_of(context)
    with session.store(session.configuration()) as store, store.reading() as tx:
        found = _named(tx, delivery)
        (row,) = _rows(tx, [found])
    told = row | {"lane": found.lane, "message_id": found.message_id, "payload": dict(found.payload)}
    if as_json:
        print_json(told)
    else:
        print_mapping({name.replace("_", " "): value for name, value in told.items()})


def retry(context: typer.Context, delivery: TheDelivery, reason: Reason) -> None:
    """Try a dead or unknown delivery again now.

    After an unknown attempt the far side may have it already: then it gets it twice, the repeat marked.
    """
    _decide(session_of(context), "retry", delivery, DeliveryStatus.PENDING, reason)


def skip(context: typer.Context, delivery: TheDelivery, reason: Reason) -> None:
    """Count a dead or unknown delivery as done, because the far side has it or was told in another way."""
    _decide(session_of(context), "skip", delivery, DeliveryStatus.DONE, reason)


def cancel(context: typer.Context, delivery: TheDelivery, reason: Reason) -> None:
    """Give a dead or unknown delivery up: the far side does not get it, and its lane goes on."""
    _decide(session_of(context), "cancel", delivery, DeliveryStatus.CANCELLED, reason)


def _decide(session: Session, word: str, identity: str, status: DeliveryStatus, reason: str) -> None:
    if not reason.strip():
        raise UsageError("a reason is missing", remedy='write --reason "…"')
    from bridge.cli.decisions import settle

    with session.application() as application:
        settled = settle(session, application, word, lambda tx: _decidable(tx, identity), status, reason)
    print_lines(f"delivery {settled.id} is {status.value}")


def _decidable(tx: Transaction, identity: str) -> Delivery:
    delivery = _named(tx, identity)
    if delivery.status not in _DECIDABLE:
        raise UsageError(
            f"delivery {delivery.id} is {delivery.status.value}",
            remedy="only dead and unknown ones wait for a decision",
        )
    return delivery


def _named(tx: Transaction, identity: str) -> Delivery:
    """A delivery by its identity, or an unfinished one by the beginning of it. Raises `UsageError`."""
    from bridge.domain.ids import DeliveryId

    exact = tx.delivery(DeliveryId(identity))
    if exact is not None:
        return exact
    if len(identity) < _SHORTEST:
        raise UsageError(f"{identity!r} is too short", remedy=f"write at least {_SHORTEST} characters of the identity")
    found = [one for one in tx.deliveries(pending=True) if one.id.startswith(identity)]
    if not found:
        raise nothing_found(f"no delivery that waits begins with {identity}")
    if len(found) > 1:
        raise UsageError(f"{len(found)} deliveries begin with {identity}", remedy="write more of the identity")
    return found[0]


def _rows(tx: Transaction, deliveries: Sequence[Delivery]) -> list[dict[str, Json]]:
    records = tx.cases([one.case for one in deliveries if one.case])
    numbers = {sys_id: record.number for sys_id, record in records.items()}
    return [_row(one, numbers.get(one.case, "") if one.case else "") for one in deliveries]


def _row(delivery: Delivery, number: str) -> dict[str, Json]:
    payload = delivery.payload
    detail = next((payload[name] for name in ("kind", "purpose", "element", "code", "name") if payload.get(name)), "")
    return {
        "delivery": delivery.id,
        "status": delivery.status.value,
        "what": f"{delivery.kind.value} {detail}".strip(),
        "recipient": delivery.recipient,
        "case": number,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "last_error": delivery.last_error,
    }
