"""What desks say."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain import acts as do
from bridge.domain import situation as if_
from bridge.domain.engagement import State
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.life.columns import FactKind
from bridge.domain.life.rows import ENDED, WORKING, Entry, moves, stays

_LATE = stays(do.note("late_report"), do.alert("late_report"), reason="the round is over: filed and flagged")
_DESK_REOPENS = stays(
    do.note("round_proposed"),
    do.alert("desk_reopens"),
    reason="the desk works on it again: a new round is proposed",
    when=if_.desk_reopens,
)
_ACCEPTS_AFTER_ALL = stays(
    do.quarantine("the desk declined and now works on it: engage it again for a new round"),
    reason="declined before: a person decides whether a new round opens",
)
_NOTHING_SENT = stays(
    do.quarantine("a report came although nothing was sent to the desk"), reason="nothing was sent: a person decides"
)
_UNORDERED = stays(
    do.quarantine("it may be older than the reported resolution"),
    reason="not certain that it is newer than the reported resolution",
    when=if_.order_uncertain,
)

_TAKEN = (do.learn, do.acknowledge)


def while_working() -> Iterable[Entry]:
    """What desks say while they work."""
    yield (
        WORKING,
        FactKind.RECEIVED,
        (stays(do.learn, do.push, reason="the message arrived; nobody has acknowledged it yet, so chases go on"),),
    )

    yield (
        (State.OPEN,),
        FactKind.ACKNOWLEDGED,
        (moves(State.ACKNOWLEDGED, *_TAKEN, do.push, reason="the desk has taken the case"),),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION),
        FactKind.ACKNOWLEDGED,
        (stays(*_TAKEN, do.push, reason="acknowledged already; the work is further on"),),
    )

    yield (
        WORKING,
        FactKind.PROGRESS,
        (moves(State.IN_PROGRESS, *_TAKEN, do.wait_until, do.push, reason="the desk works on it"),),
    )
    yield (
        WORKING,
        FactKind.QUESTION,
        (
            moves(
                State.AWAITING_INFORMATION,
                *_TAKEN,
                do.ask,
                do.push,
                reason="the desk asks; its clock waits for the answer",
            ),
        ),
    )
    yield (
        WORKING,
        FactKind.WORKAROUND,
        (
            moves(
                State.IN_PROGRESS,
                *_TAKEN,
                do.worked_around,
                do.push,
                reason="a workaround meets the service level; the case stays open",
            ),
        ),
    )
    yield (
        WORKING,
        FactKind.RESOLVED,
        (
            moves(
                State.CONFIRMED,
                *_TAKEN,
                do.report_resolution,
                do.push,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="resolved, and by agreement the desk's word is enough",
                when=if_.confirmed_by_desk,
            ),
            moves(
                State.RESOLUTION_REPORTED,
                *_TAKEN,
                do.report_resolution,
                do.push,
                reason="resolved by the desk; it waits for confirmation",
            ),
        ),
    )
    yield (
        WORKING,
        FactKind.DECLINED,
        (
            moves(
                State.DECLINED,
                do.learn,
                do.remember_direction,
                do.remember_decline,
                do.push,
                do.cancel_unsent,
                do.show_decline_loop,
                do.end,
                reason="declined towards a desk that declined it too: a person decides",
                when=if_.decline_already_seen,
            ),
            moves(
                State.DECLINED,
                do.learn,
                do.remember_direction,
                do.remember_decline,
                do.push,
                do.cancel_unsent,
                do.propose_successor,
                do.end,
                reason="declined: it fixes nothing, so the hold stays until a successor confirms or a resolver decides",
            ),
        ),
    )
    yield (
        (State.OPEN,),
        FactKind.COMMENT,
        (moves(State.ACKNOWLEDGED, *_TAKEN, do.push, do.suggest, reason="a person at the desk has answered"),),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION),
        FactKind.COMMENT,
        (stays(*_TAKEN, do.push, do.suggest, reason="filed as a comment; free text sets no status"),),
    )


def after_a_resolution() -> Iterable[Entry]:
    """What desks say after they reported a resolution: the newer report wins, if it is certainly newer."""
    back = (*_TAKEN, do.take_back_resolution)
    reported = (State.RESOLUTION_REPORTED,)
    yield reported, FactKind.RECEIVED, (stays(do.learn, reason="the message arrived"),)
    yield (
        reported,
        FactKind.ACKNOWLEDGED,
        (stays(do.learn, do.push, reason="an acknowledgement takes no resolution back"),),
    )
    yield (
        reported,
        FactKind.PROGRESS,
        (
            _UNORDERED,
            moves(State.IN_PROGRESS, *back, do.wait_until, do.push, reason="the desk takes its resolution back"),
        ),
    )
    yield (
        reported,
        FactKind.WORKAROUND,
        (
            _UNORDERED,
            moves(State.IN_PROGRESS, *back, do.worked_around, do.push, reason="a workaround only, not a resolution"),
        ),
    )
    yield (
        reported,
        FactKind.QUESTION,
        (
            _UNORDERED,
            moves(
                State.AWAITING_INFORMATION,
                *back,
                do.ask,
                do.push,
                reason="the desk takes its resolution back and asks",
            ),
        ),
    )
    yield (
        reported,
        FactKind.DECLINED,
        (
            _UNORDERED,
            moves(
                State.DECLINED,
                *back,
                do.remember_direction,
                do.remember_decline,
                do.push,
                do.cancel_unsent,
                do.show_decline_loop,
                do.end,
                reason="declined after all, towards a desk that declined it too",
                when=if_.decline_already_seen,
            ),
            moves(
                State.DECLINED,
                *back,
                do.remember_direction,
                do.remember_decline,
                do.push,
                do.cancel_unsent,
                do.propose_successor,
                do.end,
                reason="the desk takes its resolution back and declines",
            ),
        ),
    )
    yield (
        reported,
        FactKind.RESOLVED,
        (stays(*_TAKEN, do.report_resolution, do.push, reason="the newer text of the resolution stands"),),
    )
    yield (
        reported,
        FactKind.COMMENT,
        (stays(do.learn, do.suspend_quiet, do.push, do.suggest, reason="filed as a comment; somebody should read it"),),
    )


def before_and_after() -> Iterable[Entry]:
    """What desks say before anything was sent to them, and when the round is over."""
    for kind in (FactKind.PROGRESS, FactKind.QUESTION, FactKind.WORKAROUND):
        yield (State.CONFIRMED,), kind, (_DESK_REOPENS, _LATE)
        yield (State.WITHDRAWN,), kind, (_LATE,)
        yield (State.DECLINED,), kind, (_ACCEPTS_AFTER_ALL,)
    for kind in (FactKind.ACKNOWLEDGED, FactKind.RESOLVED):
        yield (State.CONFIRMED, State.WITHDRAWN), kind, (_LATE,)
        yield (State.DECLINED,), kind, (_ACCEPTS_AFTER_ALL,)
    yield (State.CONFIRMED, State.WITHDRAWN), FactKind.DECLINED, (_LATE,)
    yield (State.DECLINED,), FactKind.DECLINED, (stays(reason="declined already"),)
    yield ENDED, FactKind.RECEIVED, (stays(reason="filed: the round is over"),)
    yield ENDED, FactKind.COMMENT, (_LATE,)
    for report in ReportKind:
        yield (State.INCOMPLETE,), FactKind(report.value), (_NOTHING_SENT,)
