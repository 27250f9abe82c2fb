"""What happens to the case and to our messages, and what time brings."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain import acts as do
from bridge.domain import situation as if_
from bridge.domain.engagement import State
from bridge.domain.facts import MessageKind
from bridge.domain.life.columns import FactKind
from bridge.domain.life.rows import ENDED, EVERY, STARTED, WORKING, Entry, moves, stays


def of_the_case() -> Iterable[Entry]:
    """What happened to the original case."""
    yield (
        (State.INCOMPLETE,),
        FactKind.COMPLETED,
        (
            moves(
                State.OPEN,
                do.start_chasing,
                do.send(MessageKind.OPEN),
                do.note("engaged"),
                reason="the contents are complete now",
            ),
        ),
    )
    yield (*STARTED, *ENDED), FactKind.COMPLETED, (stays(reason="nothing was held back"),)

    yield (State.INCOMPLETE,), FactKind.FIELDS_CHANGED, (stays(reason="the open message will carry the new values"),)
    yield (
        STARTED,
        FactKind.FIELDS_CHANGED,
        (stays(do.send(MessageKind.UPDATE), reason="the desk is told of the change"),),
    )
    yield ENDED, FactKind.FIELDS_CHANGED, (stays(reason="the round is over: the desk is not told"),)

    yield (State.INCOMPLETE,), FactKind.FILES_ADDED, (stays(reason="they go with the open message"),)
    yield STARTED, FactKind.FILES_ADDED, (stays(do.send(MessageKind.UPDATE), reason="the desk gets the files"),)
    yield ENDED, FactKind.FILES_ADDED, (stays(reason="the round is over: the desk gets no more files"),)

    yield (
        EVERY,
        FactKind.CASE_RESOLVED_EARLY,
        (stays(reason="the hold answers for the whole case: see the case's own event"),),
    )

    yield (State.INCOMPLETE, *WORKING), FactKind.CASE_REOPENED, (stays(reason="the work goes on"),)
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.CASE_REOPENED,
        (
            moves(
                State.IN_PROGRESS,
                do.take_back_resolution,
                do.send(MessageKind.REJECT),
                do.note("rejected"),
                reason="the case was put back to work; the desk is told",
            ),
        ),
    )
    yield (
        (State.CONFIRMED,),
        FactKind.CASE_REOPENED,
        (stays(do.note("round_proposed"), reason="the problem returned: a new round is proposed"),),
    )
    yield (State.DECLINED, State.WITHDRAWN), FactKind.CASE_REOPENED, (stays(reason="the round is over"),)

    yield (
        (State.INCOMPLETE, *STARTED),
        FactKind.CASE_CANCELLED,
        (stays(do.note("case_cancelled_propose_withdraw"), reason="the case was cancelled: a withdrawal is proposed"),),
    )
    yield ENDED, FactKind.CASE_CANCELLED, (stays(reason="the round is over"),)

    yield (
        (State.INCOMPLETE, *STARTED),
        FactKind.CASE_GONE,
        (stays(do.alert("case_gone"), reason="the case cannot be read as it was: a person decides"),),
    )
    yield ENDED, FactKind.CASE_GONE, (stays(reason="the round is over"),)


def of_deliveries() -> Iterable[Entry]:
    """What became of our messages."""
    yield (
        (State.AWAITING_INFORMATION,),
        FactKind.DELIVERED,
        (
            moves(
                State.IN_PROGRESS,
                do.question_answered,
                reason="the answer was delivered: the desk's clock runs again",
                when=if_.answer_delivered,
            ),
            moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send_wanted_withdraw,
                do.note("withdrawn"),
                do.end,
                reason="the open message arrived after all: the desk is told that it is void",
                when=if_.withdraw_waits_for_open,
            ),
            stays(reason="delivered"),
        ),
    )
    yield (
        (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS, State.RESOLUTION_REPORTED),
        FactKind.DELIVERED,
        (
            moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send_wanted_withdraw,
                do.note("withdrawn"),
                do.end,
                reason="the open message arrived after all: the desk is told that it is void",
                when=if_.withdraw_waits_for_open,
            ),
            stays(reason="delivered"),
        ),
    )
    yield (State.INCOMPLETE, *ENDED), FactKind.DELIVERED, (stays(reason="delivered"),)

    yield (
        STARTED,
        FactKind.NEVER_ARRIVED,
        (
            moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.note("withdrawn"),
                do.end,
                reason="the open message never arrived, so the withdrawal needs no message",
                when=if_.withdraw_waits_for_open,
            ),
            stays(reason="it never arrived and is sent again"),
        ),
    )
    yield (State.INCOMPLETE, *ENDED), FactKind.NEVER_ARRIVED, (stays(reason="it never arrived and is sent again"),)

    blocked = stays(
        do.note("dead_letter"), do.alert("dead_letter"), reason="the message could not be delivered: blocked"
    )
    yield (
        (State.OPEN,),
        FactKind.DELIVERY_FAILED,
        (
            stays(
                do.flag_undeliverable,
                do.note("dead_letter"),
                do.alert("dead_letter"),
                reason="the case could not be delivered to the desk: blocked until its contacts are corrected",
                when=if_.open_message_failed,
            ),
            blocked,
        ),
    )
    yield (
        (
            State.INCOMPLETE,
            State.ACKNOWLEDGED,
            State.IN_PROGRESS,
            State.AWAITING_INFORMATION,
            State.RESOLUTION_REPORTED,
            State.CONFIRMED,
            State.DECLINED,
        ),
        FactKind.DELIVERY_FAILED,
        (blocked,),
    )
    yield (
        (State.WITHDRAWN,),
        FactKind.DELIVERY_FAILED,
        (
            stays(
                do.note("withdraw_undelivered"),
                do.alert("withdraw_undelivered"),
                reason="withdrawn, and the desk does not know it",
            ),
        ),
    )

    yield (
        (State.OPEN,),
        FactKind.BOUNCED,
        (
            stays(
                do.remember_refusals,
                do.flag_undeliverable,
                do.note("undeliverable"),
                do.alert("undeliverable"),
                reason="every required recipient refused",
                when=if_.nobody_left,
            ),
            stays(do.remember_refusals, do.note("bounced"), do.alert("bounced"), reason="some recipients refused"),
        ),
    )
    yield (
        (
            State.INCOMPLETE,
            State.ACKNOWLEDGED,
            State.IN_PROGRESS,
            State.AWAITING_INFORMATION,
            State.RESOLUTION_REPORTED,
            State.CONFIRMED,
            State.DECLINED,
        ),
        FactKind.BOUNCED,
        (
            stays(
                do.remember_refusals,
                do.note("bounced"),
                do.alert("bounced"),
                reason="that message failed; the state of the work stands",
            ),
        ),
    )
    yield (
        (State.WITHDRAWN,),
        FactKind.BOUNCED,
        (
            stays(
                do.note("withdraw_undelivered"),
                do.alert("withdraw_undelivered"),
                reason="withdrawn, and the desk may not know it",
            ),
        ),
    )

    yield (
        STARTED,
        FactKind.ADDRESS_CORRECTED,
        (
            stays(
                do.clear_undeliverable,
                do.send_again,
                do.note("address_corrected"),
                reason="what was refused goes to the corrected address",
                when=if_.open_message_refused,
            ),
            stays(
                do.clear_undeliverable,
                do.send(MessageKind.OPEN),
                do.note("address_corrected"),
                reason="a new delivery to the corrected address supersedes the old one",
                when=if_.undeliverable,
            ),
            stays(reason="the next message goes to the new address"),
        ),
    )
    yield (
        (State.INCOMPLETE, *ENDED),
        FactKind.ADDRESS_CORRECTED,
        (stays(reason="the next message goes to the new address"),),
    )


def of_time() -> Iterable[Entry]:
    """What time brings."""
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.QUIET_OVER,
        (
            moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="nobody objected in the agreed time",
                when=if_.quiet_holds,
            ),
            stays(reason="too early, unread notes or an open question: silence is no consent"),
        ),
    )
    yield (State.INCOMPLETE, *WORKING, *ENDED), FactKind.QUIET_OVER, (stays(reason="no resolution waits for quiet"),)

    yield (
        (State.OPEN,),
        FactKind.CHASE_DUE,
        (
            stays(
                do.start_chasing,
                reason="the open message has not left, or is being withdrawn: nobody is chased for it",
                when=if_.nothing_to_chase,
            ),
            stays(do.send(MessageKind.CHASE), do.chased, do.note("chase_sent"), reason="nobody has acknowledged it"),
        ),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS),
        FactKind.CHASE_DUE,
        (
            stays(
                do.start_chasing,
                reason="it is about to be withdrawn: nobody is chased for it",
                when=if_.nothing_to_chase,
            ),
            stays(
                do.send(MessageKind.CHASE), do.chased, do.note("chase_sent"), reason="the date the desk named passed"
            ),
        ),
    )
    yield (
        (State.INCOMPLETE, State.AWAITING_INFORMATION, State.RESOLUTION_REPORTED, *ENDED),
        FactKind.CHASE_DUE,
        (stays(do.stop_chasing, reason="the desk owes nothing now"),),
    )

    yield EVERY, FactKind.DUPLICATE, (stays(reason="the same item again: recorded"),)
