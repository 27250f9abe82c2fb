"""The life of an engagement as a table.

Every pair of a state and a kind of fact has rows; the first whose guard holds is taken, and the last row of a pair has
none. A row moves the engagement, keeps it where it is for a recorded reason, or refuses a command by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bridge.domain import acts as do
from bridge.domain import facts as f
from bridge.domain import situation as if_
from bridge.domain.acts import Act
from bridge.domain.engagement import State
from bridge.domain.facts import Fact, MessageKind, ReportKind
from bridge.domain.situation import Guard, always


class FactKind(StrEnum):
    """The columns of the table: reports by what they say, every other fact by its type."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    PROGRESS = "progress"
    QUESTION = "question"
    WORKAROUND = "workaround"
    RESOLVED = "resolved"
    DECLINED = "declined"
    COMMENT = "comment"
    ENGAGE = "engage"
    TELL = "tell"
    CONFIRM = "confirm"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    OVERRIDE = "override"
    COMPLETED = "completed"
    FIELDS_CHANGED = "fields_changed"
    CASE_RESOLVED_EARLY = "case_resolved_early"
    CASE_REOPENED = "case_reopened"
    CASE_CANCELLED = "case_cancelled"
    CASE_GONE = "case_gone"
    RAISER_ANSWERED = "raiser_answered"
    DELIVERED = "delivered"
    NEVER_ARRIVED = "never_arrived"
    DELIVERY_FAILED = "delivery_failed"
    BOUNCED = "bounced"
    ADDRESS_CORRECTED = "address_corrected"
    QUIET_OVER = "quiet_over"
    CHASE_DUE = "chase_due"
    DUPLICATE = "duplicate"


_KIND_BY_TYPE: Mapping[type[object], FactKind] = MappingProxyType(
    {
        f.Engage: FactKind.ENGAGE,
        f.Tell: FactKind.TELL,
        f.Confirm: FactKind.CONFIRM,
        f.Reject: FactKind.REJECT,
        f.Withdraw: FactKind.WITHDRAW,
        f.Override: FactKind.OVERRIDE,
        f.Completed: FactKind.COMPLETED,
        f.FieldsChanged: FactKind.FIELDS_CHANGED,
        f.CaseResolvedEarly: FactKind.CASE_RESOLVED_EARLY,
        f.CaseReopened: FactKind.CASE_REOPENED,
        f.CaseCancelled: FactKind.CASE_CANCELLED,
        f.CaseGone: FactKind.CASE_GONE,
        f.RaiserAnswered: FactKind.RAISER_ANSWERED,
        f.Delivered: FactKind.DELIVERED,
        f.NeverArrived: FactKind.NEVER_ARRIVED,
        f.DeliveryFailed: FactKind.DELIVERY_FAILED,
        f.Bounced: FactKind.BOUNCED,
        f.AddressCorrected: FactKind.ADDRESS_CORRECTED,
        f.QuietOver: FactKind.QUIET_OVER,
        f.ChaseDue: FactKind.CHASE_DUE,
        f.Duplicate: FactKind.DUPLICATE,
    }
)

_BY_PERSONS_ONLY = frozenset({ReportKind.ACKNOWLEDGED, ReportKind.COMMENT})


def kind_of(fact: Fact) -> FactKind:
    """A fact's column. What a machine acknowledges or remarks proves receipt and no more."""
    if isinstance(fact, f.Report):
        if fact.automatic and fact.kind in _BY_PERSONS_ONLY:
            return FactKind.RECEIVED
        return FactKind(fact.kind.value)
    return _KIND_BY_TYPE[type(fact)]


@dataclass(frozen=True, slots=True)
class Row:
    """One way a pair goes: where to (None stays), what is done, why, and when."""

    reason: str
    to: State | None = None
    acts: tuple[Act, ...] = ()
    when: Guard = always
    refused: bool = False


Pair = tuple[State, FactKind]

WORKING = (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION)
STARTED = (*WORKING, State.RESOLUTION_REPORTED)
ENDED = (State.CONFIRMED, State.DECLINED, State.WITHDRAWN)
EVERY = tuple(State)


def _moves(to: State, *acts: Act, reason: str, when: Guard = always) -> Row:
    return Row(reason, to, acts, when)


def _stays(*acts: Act, reason: str, when: Guard = always) -> Row:
    return Row(reason, None, acts, when)


def _refuses(reason: str, when: Guard = always) -> Row:
    return Row(reason, None, (do.note("refused_command"),), when, refused=True)


_LATE = _stays(do.note("late_report"), do.alert("late_report"), reason="the round is over: filed and flagged")
_DESK_REOPENS = _stays(
    do.note("round_proposed"),
    do.alert("desk_reopens"),
    reason="the desk works on it again: a new round is proposed",
    when=if_.desk_reopens,
)
_ACCEPTS_AFTER_ALL = _stays(
    do.quarantine("the desk declined and now works on it: engage it again for a new round"),
    reason="declined before: a person decides whether a new round opens",
)
_NOTHING_SENT = _stays(
    do.quarantine("a report came although nothing was sent to the desk"), reason="nothing was sent: a person decides"
)
_UNORDERED = _stays(
    do.quarantine("it may be older than the reported resolution"),
    reason="not certain that it is newer than the reported resolution",
    when=if_.order_uncertain,
)

_TAKEN = (do.learn, do.acknowledge)


def _reports() -> Iterable[tuple[Iterable[State], FactKind, tuple[Row, ...]]]:
    """What desks say."""
    yield (
        WORKING,
        FactKind.RECEIVED,
        (_stays(do.learn, do.push, reason="the message arrived; nobody has acknowledged it yet, so chases go on"),),
    )
    yield (State.RESOLUTION_REPORTED,), FactKind.RECEIVED, (_stays(do.learn, reason="the message arrived"),)
    yield ENDED, FactKind.RECEIVED, (_stays(reason="filed: the round is over"),)

    yield (
        (State.OPEN,),
        FactKind.ACKNOWLEDGED,
        (_moves(State.ACKNOWLEDGED, *_TAKEN, do.push, reason="the desk has taken the case"),),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION),
        FactKind.ACKNOWLEDGED,
        (_stays(*_TAKEN, do.push, reason="acknowledged already; the work is further on"),),
    )
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.ACKNOWLEDGED,
        (_stays(do.learn, do.push, reason="an acknowledgement takes no resolution back"),),
    )

    yield (
        WORKING,
        FactKind.PROGRESS,
        (_moves(State.IN_PROGRESS, *_TAKEN, do.wait_until, do.push, reason="the desk works on it"),),
    )
    yield (
        WORKING,
        FactKind.QUESTION,
        (
            _moves(
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
            _moves(
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
            _moves(
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
            _moves(
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
            _moves(
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
            _moves(
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
        (_moves(State.ACKNOWLEDGED, *_TAKEN, do.push, do.suggest, reason="a person at the desk has answered"),),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION),
        FactKind.COMMENT,
        (_stays(*_TAKEN, do.push, do.suggest, reason="filed as a comment; free text sets no status"),),
    )

    back = (*_TAKEN, do.take_back_resolution)
    reported = (State.RESOLUTION_REPORTED,)
    yield (
        reported,
        FactKind.PROGRESS,
        (
            _UNORDERED,
            _moves(State.IN_PROGRESS, *back, do.wait_until, do.push, reason="the desk takes its resolution back"),
        ),
    )
    yield (
        reported,
        FactKind.WORKAROUND,
        (
            _UNORDERED,
            _moves(State.IN_PROGRESS, *back, do.worked_around, do.push, reason="a workaround only, not a resolution"),
        ),
    )
    yield (
        reported,
        FactKind.QUESTION,
        (
            _UNORDERED,
            _moves(
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
            _moves(
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
            _moves(
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
        (_stays(*_TAKEN, do.report_resolution, do.push, reason="the newer text of the resolution stands"),),
    )
    yield (
        reported,
        FactKind.COMMENT,
        (
            _stays(
                do.learn, do.suspend_quiet, do.push, do.suggest, reason="filed as a comment; somebody should read it"
            ),
        ),
    )

    for kind in (FactKind.PROGRESS, FactKind.QUESTION, FactKind.WORKAROUND):
        yield (State.CONFIRMED,), kind, (_DESK_REOPENS, _LATE)
        yield (State.WITHDRAWN,), kind, (_LATE,)
        yield (State.DECLINED,), kind, (_ACCEPTS_AFTER_ALL,)
    for kind in (FactKind.ACKNOWLEDGED, FactKind.RESOLVED):
        yield (State.CONFIRMED, State.WITHDRAWN), kind, (_LATE,)
        yield (State.DECLINED,), kind, (_ACCEPTS_AFTER_ALL,)
    yield (State.CONFIRMED, State.WITHDRAWN), FactKind.DECLINED, (_LATE,)
    yield (State.DECLINED,), FactKind.DECLINED, (_stays(reason="declined already"),)
    yield ENDED, FactKind.COMMENT, (_LATE,)
    for report in ReportKind:
        yield (State.INCOMPLETE,), FactKind(report.value), (_NOTHING_SENT,)


def _commands() -> Iterable[tuple[Iterable[State], FactKind, tuple[Row, ...]]]:
    """What resolvers, routes and the raiser say in ServiceNow."""
    yield (
        (State.INCOMPLETE,),
        FactKind.ENGAGE,
        (
            _stays(reason="engaged already; contents are missing", when=if_.engaged_by_route),
            _refuses("the engagement waits for missing contents; add them, or send it with #override and a reason"),
        ),
    )
    yield (
        STARTED,
        FactKind.ENGAGE,
        (
            _stays(reason="engaged already", when=if_.engaged_by_route),
            _refuses("the desk is engaged already"),
        ),
    )
    yield (
        ENDED,
        FactKind.ENGAGE,
        (
            _stays(reason="a route never opens a second round by itself", when=if_.engaged_by_route),
            _refuses("the desk is engaged already", when=if_.another_round_open),
            _stays(do.new_round, reason="engaged again: a new round opens"),
        ),
    )

    yield (
        (State.INCOMPLETE,),
        FactKind.TELL,
        (_refuses("nothing was sent to the desk yet; add the missing contents, or use #override and a reason"),),
    )
    yield (
        (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS),
        FactKind.TELL,
        (_stays(do.send(MessageKind.TEXT), reason="passed on to the desk"),),
    )
    yield (
        (State.AWAITING_INFORMATION,),
        FactKind.TELL,
        (_stays(do.answer_question, do.send(MessageKind.TEXT), reason="the answer is on its way to the desk"),),
    )
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.TELL,
        (
            _stays(
                do.suspend_quiet, do.send(MessageKind.TEXT), reason="passed on; silence is no consent until the answer"
            ),
        ),
    )
    yield ENDED, FactKind.TELL, (_refuses("this round is over; open a new one with #engage"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.CONFIRM,
        (
            _refuses("by agreement only who raised the case can confirm", when=if_.confirmed_by_raiser),
            _moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="the resolution is accepted",
            ),
        ),
    )
    yield (State.INCOMPLETE,), FactKind.CONFIRM, (_refuses("nothing was sent to the desk yet"),)
    yield (
        WORKING,
        FactKind.CONFIRM,
        (_refuses("the desk has reported no resolution; write down what it said by telephone with #heard first"),),
    )
    yield (State.CONFIRMED,), FactKind.CONFIRM, (_stays(reason="confirmed already"),)
    yield (
        (State.DECLINED,),
        FactKind.CONFIRM,
        (_stays(do.accept_decline, reason="a resolver accepts the decline; the hold no longer waits for this desk"),),
    )
    yield (State.WITHDRAWN,), FactKind.CONFIRM, (_refuses("this engagement was withdrawn"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.REJECT,
        (
            _moves(
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
        (_stays(do.note("round_proposed"), reason="confirmed before: a new round is proposed"),),
    )
    yield (
        (State.DECLINED,),
        FactKind.REJECT,
        (
            _stays(
                do.dispute_decline,
                do.send(MessageKind.REJECT),
                do.note("decline_disputed"),
                do.alert("decline_disputed"),
                reason="the decline is disputed; both sides are told",
            ),
        ),
    )
    yield (State.INCOMPLETE,), FactKind.REJECT, (_refuses("nothing was sent to the desk yet"),)
    yield WORKING, FactKind.REJECT, (_refuses("the desk has reported nothing that could be rejected"),)
    yield (State.WITHDRAWN,), FactKind.REJECT, (_refuses("this engagement was withdrawn"),)

    yield (
        (State.INCOMPLETE,),
        FactKind.WITHDRAW,
        (_moves(State.WITHDRAWN, do.note("withdrawn"), do.end, reason="withdrawn before anything was sent"),),
    )
    yield (
        STARTED,
        FactKind.WITHDRAW,
        (
            _moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.note("withdrawn"),
                do.end,
                reason="withdrawn; the open message never left, so nothing is sent",
                when=if_.never_attempted,
            ),
            _stays(
                do.want_withdraw,
                do.note("withdraw_waiting"),
                reason="it is not known whether the open message arrived; the withdrawal waits for that",
                when=if_.delivery_unknown,
            ),
            _moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send(MessageKind.WITHDRAW),
                do.note("withdrawn"),
                do.end,
                reason="withdrawn; the desk is told",
            ),
        ),
    )
    yield (State.CONFIRMED,), FactKind.WITHDRAW, (_refuses("this engagement is confirmed"),)
    yield (
        (State.DECLINED,),
        FactKind.WITHDRAW,
        (_stays(do.accept_decline, reason="a resolver decides that nobody succeeds the desk that declined"),),
    )
    yield (State.WITHDRAWN,), FactKind.WITHDRAW, (_stays(reason="withdrawn already"),)

    yield (
        (State.INCOMPLETE,),
        FactKind.OVERRIDE,
        (
            _moves(
                State.OPEN,
                do.start_chasing,
                do.send(MessageKind.OPEN),
                do.note("override"),
                reason="sent although contents are missing, by a resolver's decision",
            ),
        ),
    )
    yield STARTED, FactKind.OVERRIDE, (_refuses("nothing is held back: the desk is engaged already"),)
    yield ENDED, FactKind.OVERRIDE, (_refuses("this round is over; open a new one with #engage"),)

    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.RAISER_ANSWERED,
        (
            _moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="who raised the case accepts",
                when=if_.raiser_accepts,
            ),
            _moves(
                State.IN_PROGRESS,
                do.take_back_resolution,
                do.send(MessageKind.REJECT),
                do.note("rejected"),
                reason="who raised the case does not accept",
                when=if_.raiser_refuses,
            ),
            _stays(reason="the raiser's word is recorded; by agreement it does not confirm"),
        ),
    )
    yield (
        (State.CONFIRMED,),
        FactKind.RAISER_ANSWERED,
        (
            _stays(
                do.note("round_proposed"), reason="confirmed before: a new round is proposed", when=if_.raiser_refuses
            ),
            _stays(reason="confirmed already"),
        ),
    )
    yield (
        (State.INCOMPLETE, *WORKING, State.DECLINED, State.WITHDRAWN),
        FactKind.RAISER_ANSWERED,
        (_stays(reason="no resolution waits for the raiser's word"),),
    )


def _case() -> Iterable[tuple[Iterable[State], FactKind, tuple[Row, ...]]]:
    """What happened to the original case."""
    yield (
        (State.INCOMPLETE,),
        FactKind.COMPLETED,
        (
            _moves(
                State.OPEN,
                do.start_chasing,
                do.send(MessageKind.OPEN),
                do.note("engaged"),
                reason="the contents are complete now",
            ),
        ),
    )
    yield (*STARTED, *ENDED), FactKind.COMPLETED, (_stays(reason="nothing was held back"),)

    yield (State.INCOMPLETE,), FactKind.FIELDS_CHANGED, (_stays(reason="the open message will carry the new values"),)
    yield (
        STARTED,
        FactKind.FIELDS_CHANGED,
        (_stays(do.send(MessageKind.UPDATE), reason="the desk is told of the change"),),
    )
    yield ENDED, FactKind.FIELDS_CHANGED, (_stays(reason="the round is over: the desk is not told"),)

    yield (
        EVERY,
        FactKind.CASE_RESOLVED_EARLY,
        (_stays(reason="the hold answers for the whole case: see the case's own event"),),
    )

    yield (State.INCOMPLETE, *WORKING), FactKind.CASE_REOPENED, (_stays(reason="the work goes on"),)
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.CASE_REOPENED,
        (
            _moves(
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
        (_stays(do.note("round_proposed"), reason="the problem returned: a new round is proposed"),),
    )
    yield (State.DECLINED, State.WITHDRAWN), FactKind.CASE_REOPENED, (_stays(reason="the round is over"),)

    yield (
        (State.INCOMPLETE, *STARTED),
        FactKind.CASE_CANCELLED,
        (
            _stays(
                do.note("case_cancelled_propose_withdraw"), reason="the case was cancelled: a withdrawal is proposed"
            ),
        ),
    )
    yield ENDED, FactKind.CASE_CANCELLED, (_stays(reason="the round is over"),)

    yield (
        (State.INCOMPLETE, *STARTED),
        FactKind.CASE_GONE,
        (_stays(do.alert("case_gone"), reason="the case cannot be read as it was: a person decides"),),
    )
    yield ENDED, FactKind.CASE_GONE, (_stays(reason="the round is over"),)


def _delivery() -> Iterable[tuple[Iterable[State], FactKind, tuple[Row, ...]]]:
    """What became of our messages."""
    yield (
        (State.AWAITING_INFORMATION,),
        FactKind.DELIVERED,
        (
            _moves(
                State.IN_PROGRESS,
                do.question_answered,
                reason="the answer was delivered: the desk's clock runs again",
                when=if_.answer_delivered,
            ),
            _moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send_wanted_withdraw,
                do.note("withdrawn"),
                do.end,
                reason="the open message arrived after all: the desk is told that it is void",
                when=if_.withdraw_waits_for_open,
            ),
            _stays(reason="delivered"),
        ),
    )
    yield (
        (State.OPEN, State.ACKNOWLEDGED, State.IN_PROGRESS, State.RESOLUTION_REPORTED),
        FactKind.DELIVERED,
        (
            _moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.send_wanted_withdraw,
                do.note("withdrawn"),
                do.end,
                reason="the open message arrived after all: the desk is told that it is void",
                when=if_.withdraw_waits_for_open,
            ),
            _stays(reason="delivered"),
        ),
    )
    yield (State.INCOMPLETE, *ENDED), FactKind.DELIVERED, (_stays(reason="delivered"),)

    yield (
        STARTED,
        FactKind.NEVER_ARRIVED,
        (
            _moves(
                State.WITHDRAWN,
                do.cancel_unsent,
                do.note("withdrawn"),
                do.end,
                reason="the open message never arrived, so the withdrawal needs no message",
                when=if_.withdraw_waits_for_open,
            ),
            _stays(reason="it never arrived and is sent again"),
        ),
    )
    yield (State.INCOMPLETE, *ENDED), FactKind.NEVER_ARRIVED, (_stays(reason="it never arrived and is sent again"),)

    blocked = _stays(
        do.note("dead_letter"), do.alert("dead_letter"), reason="the message could not be delivered: blocked"
    )
    yield (
        (State.OPEN,),
        FactKind.DELIVERY_FAILED,
        (
            _stays(
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
            _stays(
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
            _stays(
                do.remember_refusals,
                do.flag_undeliverable,
                do.note("undeliverable"),
                do.alert("undeliverable"),
                reason="every required recipient refused",
                when=if_.nobody_left,
            ),
            _stays(do.remember_refusals, do.note("bounced"), do.alert("bounced"), reason="some recipients refused"),
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
            _stays(
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
            _stays(
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
            _stays(
                do.clear_undeliverable,
                do.send(MessageKind.OPEN),
                do.note("address_corrected"),
                reason="a new delivery to the corrected address supersedes the old one",
                when=if_.undeliverable,
            ),
            _stays(reason="the next message goes to the new address"),
        ),
    )
    yield (
        (State.INCOMPLETE, *ENDED),
        FactKind.ADDRESS_CORRECTED,
        (_stays(reason="the next message goes to the new address"),),
    )


def _clock() -> Iterable[tuple[Iterable[State], FactKind, tuple[Row, ...]]]:
    """What time brings."""
    yield (
        (State.RESOLUTION_REPORTED,),
        FactKind.QUIET_OVER,
        (
            _moves(
                State.CONFIRMED,
                do.cancel_unsent,
                do.send(MessageKind.ACCEPT),
                do.note("confirmed"),
                do.end,
                reason="nobody objected in the agreed time",
                when=if_.quiet_holds,
            ),
            _stays(reason="too early, unread notes or an open question: silence is no consent"),
        ),
    )
    yield (State.INCOMPLETE, *WORKING, *ENDED), FactKind.QUIET_OVER, (_stays(reason="no resolution waits for quiet"),)

    yield (
        (State.OPEN,),
        FactKind.CHASE_DUE,
        (
            _stays(
                do.start_chasing,
                reason="the open message has not left, or is being withdrawn: nobody is chased for it",
                when=if_.nothing_to_chase,
            ),
            _stays(do.send(MessageKind.CHASE), do.chased, do.note("chase_sent"), reason="nobody has acknowledged it"),
        ),
    )
    yield (
        (State.ACKNOWLEDGED, State.IN_PROGRESS),
        FactKind.CHASE_DUE,
        (
            _stays(
                do.start_chasing,
                reason="it is about to be withdrawn: nobody is chased for it",
                when=if_.nothing_to_chase,
            ),
            _stays(
                do.send(MessageKind.CHASE), do.chased, do.note("chase_sent"), reason="the date the desk named passed"
            ),
        ),
    )
    yield (
        (State.INCOMPLETE, State.AWAITING_INFORMATION, State.RESOLUTION_REPORTED, *ENDED),
        FactKind.CHASE_DUE,
        (_stays(do.stop_chasing, reason="the desk owes nothing now"),),
    )

    yield EVERY, FactKind.DUPLICATE, (_stays(reason="the same item again: recorded"),)


def _build() -> Mapping[Pair, tuple[Row, ...]]:
    table: dict[Pair, tuple[Row, ...]] = {}
    for part in (_reports(), _commands(), _case(), _delivery(), _clock()):
        for states, kind, rows in part:
            for state in states:
                if (state, kind) in table:
                    raise ValueError(f"two entries for {state.value} and {kind.value}")
                table[state, kind] = rows
    return MappingProxyType(table)


TABLE: Mapping[Pair, tuple[Row, ...]] = _build()
