"""What resolvers, routes and the raiser say in ServiceNow."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain import acts as do
from bridge.domain import situation as if_
from bridge.domain.engagement import State
from bridge.domain.facts import MessageKind
from bridge.domain.life.columns import FactKind
from bridge.domain.life.rows import ENDED, STARTED, WORKING, Entry, moves, refuses, stays


def commands() -> Iterable[Entry]:
    """What resolvers, routes and the raiser say in ServiceNow."""
    yield (
        (State.INCOMPLETE,),
        FactKind.ENGAGE,
        (
            stays(reason="engaged already; contents are missing", when=if_.engaged_by_route),
            refuses("the engagement waits for missing contents; add them, or send it with #override and a reason"),
        ),
    )
    yield (
        STARTED,
        FactKind.ENGAGE,
        (
            stays(reason="engaged already", when=if_.engaged_by_route),
            refuses("the desk is engaged already"),
        ),
    )
    yield (
        ENDED,
        FactKind.ENGAGE,
        (
            stays(reason="a route never opens a second round by itself", when=if_.engaged_by_route),
            refuses("the desk is engaged already", when=if_.another_round_open),
            stays(do.new_round, reason="engaged again: a new round opens"),
        ),
    )

    yield (
        (State.INCOMPLETE,),
        FactKind.TELL,
        (refuses("nothing was sent to the desk yet; add the missing contents, or use #override and a reason"),),
    )
    yield (
        (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS),
        FactKind.TELL,
        (stays(do.send(MessageKind.TEXT), reason="passed on to the desk"),),
    )
    yield (
        (State.AWAITING_INFORMATION,),
        FactKind.TELL,
        (stays(do.answer_question, do.send(MessageKind.TEXT), reason="the answer is on its way to the desk"),),
    )
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.TELL,
        (
            stays(
                do.suspend_quiet, do.send(MessageKind.TEXT), reason="passed on; silence is no consent until the answer"
            ),
        ),
    )
    yield ENDED, FactKind.TELL, (refuses("this round is over; open a new one with #engage"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.CONFIRM,
        (
            refuses("by agreement only who raised the case can confirm", when=if_.confirmed_by_raiser),
            moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="the resolution is accepted",
            ),
        ),
    )
    yield (State.INCOMPLETE,), FactKind.CONFIRM, (refuses("nothing was sent to the desk yet"),)
    yield (
        WORKING,
        FactKind.CONFIRM,
        (refuses("the desk has reported no resolution; write down what it said by telephone with #heard first"),),
    )
    yield (State.CONFIRMED,), FactKind.CONFIRM, (stays(reason="confirmed already"),)
    yield (
        (State.DECLINED,),
        FactKind.CONFIRM,
        (stays(do.accept_decline, reason="a resolver accepts the decline; the hold no longer waits for this desk"),),
    )
    yield (State.WITHDRAWN,), FactKind.CONFIRM, (refuses("this engagement was withdrawn"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.REJECT,
        (
            moves(
                State.IN_PROGRESS,
                do.take_back_resolution,
                do.send(MessageKind.REJECT),
                do.note("rejected"),
                reason="the resolution is not accepted; the reason goes to the desk",
            ),
        ),
    )
    yield (
        (State.CONFIRMED,),
        FactKind.REJECT,
        (stays(do.note("round_proposed"), reason="confirmed before: a new round is proposed"),),
    )
    yield (
        (State.DECLINED,),
        FactKind.REJECT,
        (
            stays(
                do.dispute_decline,
                do.send(MessageKind.REJECT),
                do.note("decline_disputed"),
                do.alert("decline_disputed"),
                reason="the decline is disputed; both sides are told",
            ),
        ),
    )
    yield (State.INCOMPLETE,), FactKind.REJECT, (refuses("nothing was sent to the desk yet"),)
    yield WORKING, FactKind.REJECT, (refuses("the desk has reported nothing that could be rejected"),)
    yield (State.WITHDRAWN,), FactKind.REJECT, (refuses("this engagement was withdrawn"),)

    yield (
        (State.INCOMPLETE,),
        FactKind.WITHDRAW,
        (moves(State.WITHDRAWN, do.note("withdrawn"), do.end, reason="withdrawn before anything was sent"),),
    )
    yield (
        STARTED,
        FactKind.WITHDRAW,
        (
            moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.note("withdrawn"),
                do.end,
                reason="withdrawn; the open message never left, so nothing is sent",
                when=if_.never_attempted,
            ),
            stays(
                do.want_withdraw,
                do.note("withdraw_waiting"),
                reason="it is not known whether the open message arrived; the withdrawal waits for that",
                when=if_.delivery_unknown,
            ),
            moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send(MessageKind.WITHDRAW),
                do.note("withdrawn"),
                do.end,
                reason="withdrawn; the desk is told",
            ),
        ),
    )
    yield (State.CONFIRMED,), FactKind.WITHDRAW, (refuses("this engagement is confirmed"),)
    yield (
        (State.DECLINED,),
        FactKind.WITHDRAW,
        (stays(do.accept_decline, reason="a resolver decides that nobody succeeds the desk that declined"),),
    )
    yield (State.WITHDRAWN,), FactKind.WITHDRAW, (stays(reason="withdrawn already"),)

    yield (
        (State.INCOMPLETE,),
        FactKind.OVERRIDE,
        (
            moves(
                State.OPEN,
                do.start_chasing,
                do.send(MessageKind.OPEN),
                do.note("override"),
                reason="sent although contents are missing, by a resolver's decision",
            ),
        ),
    )
    yield STARTED, FactKind.OVERRIDE, (refuses("nothing is held back: the desk is engaged already"),)
    yield ENDED, FactKind.OVERRIDE, (refuses("this round is over; open a new one with #engage"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.RAISER_ANSWERED,
        (
            moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="who raised the case accepts",
                when=if_.raiser_accepts,
            ),
            moves(
                State.IN_PROGRESS,
                do.take_back_resolution,
                do.send(MessageKind.REJECT),
                do.note("rejected"),
                reason="who raised the case does not accept",
                when=if_.raiser_refuses,
            ),
            stays(reason="the raiser's word is recorded; by agreement it does not confirm"),
        ),
    )
    yield (
        (State.CONFIRMED,),
        FactKind.RAISER_ANSWERED,
        (
            stays(
                do.note("round_proposed"), reason="confirmed before: a new round is proposed", when=if_.raiser_refuses
            ),
            stays(reason="confirmed already"),
        ),
    )
    yield (
        (State.INCOMPLETE, *WORKING, State.DECLINED, State.WITHDRAWN),
        FactKind.RAISER_ANSWERED,
        (stays(reason="no resolution waits for the raiser's word"),),
    )
