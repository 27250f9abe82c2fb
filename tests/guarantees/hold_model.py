"""A case with several desks in memory, and what must hold of it whatever comes in whatever order.

`Casebook` carries decisions out as the steps do: effects become messages in lanes, rounds open, deliveries settle. What
it remembers of what was said is kept apart from the engagements, so that the promises are judged by it and not by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain import facts as f
from bridge.domain import ids
from bridge.domain.agreement import Afterwards, Agreement, Confirmation
from bridge.domain.decide import decide
from bridge.domain.effects import CancelUnsent, Decision, NewRound, Send
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.facts import Fact, MessageKind, Report, ReportKind
from bridge.domain.hold import Answer, Early, Verdict, judge_resolution, verdict
from bridge.domain.ids import DeskName, EngagementId
from tests.unit.domain.samples import CASE, INSTANCE, QUIET_TIME, START

STATUSES = frozenset(ReportKind) - {ReportKind.RECEIVED, ReportKind.COMMENT}
BACK = frozenset({ReportKind.PROGRESS, ReportKind.QUESTION, ReportKind.WORKAROUND, ReportKind.DECLINED})
LAST_WORDS = {
    State.CONFIRMED: MessageKind.ACCEPT,
    State.DECLINED: MessageKind.REJECT,
    State.WITHDRAWN: MessageKind.WITHDRAW,
}
"""What may still be sent when a round is over."""

URGENT = frozenset({MessageKind.CHASE, MessageKind.ESCALATION})


@dataclass
class Message:
    """A row of the outbox: pending, unknown, sent, dead or cancelled."""

    kind: MessageKind
    ordinal: int
    status: str = "pending"
    attempted: bool = False


@dataclass
class Said:
    """What was said about one round, as it came."""

    #: certain times of reports that say how the work stands, with what they said
    statuses: list[tuple[datetime, ReportKind]] = field(default_factory=list)
    #: the resolution that was heard last and that nobody refused or took back since
    resolved_at: datetime | None = None
    #: the desk has said anything at all
    heard: bool = False
    #: something was asked or remarked since, which silence does not answer
    open_question: bool = False

    def newest(self) -> datetime | None:
        return max((when for when, _ in self.statuses), default=None)


class Casebook:
    """The case, its desks and what was decided."""

    def __init__(self, terms: Mapping[DeskName, Agreement], required: frozenset[DeskName]) -> None:
        self.terms = terms
        self.required = required
        self.now = START
        self.rounds: dict[EngagementId, Engagement] = {}
        self.messages: dict[EngagementId, list[Message]] = {}
        self.said: dict[EngagementId, Said] = {}
        self.confirmed_by: dict[EngagementId, Fact] = {}

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def agreement(self, engagement: Engagement) -> Agreement:
        return self.terms[engagement.desk]

    def engagements(self) -> list[Engagement]:
        return [self.engagement(identity) for identity in self.rounds]

    def engagement(self, identity: EngagementId) -> Engagement:
        opens = [one for one in self.messages[identity] if one.kind is MessageKind.OPEN and one.status != "cancelled"]
        return replace(self.rounds[identity], standing=_standing(opens[-1]) if opens else Standing.NONE)

    def newest(self) -> dict[DeskName, Engagement]:
        """The newest round of each desk, by our own counting."""
        return {one.desk: one for one in sorted(self.engagements(), key=lambda one: one.round)}

    def verdict(self) -> Verdict:
        return verdict(self.engagements(), self.agreement)

    def head(self, identity: EngagementId, *, urgent: bool) -> Message | None:
        lane = [one for one in self.messages[identity] if (one.kind in URGENT) is urgent]
        return next((one for one in lane if one.status not in {"sent", "cancelled"}), None)

    # ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def engage(self, desk: DeskName, *, complete: bool = True, successor_to: EngagementId | None = None) -> None:
        earlier = self.newest().get(desk)
        assert earlier is None or not earlier.is_open, "at most one round of a desk is open"
        number = earlier.round + 1 if earlier else 1
        identity = ids.engagement_id(INSTANCE, CASE, desk, number)
        self.rounds[identity] = Engagement(
            id=identity,
            reference=ids.reference(identity),
            case=CASE,
            case_number="CS0000001",
            desk=desk,
            round=number,
            agreement_version=3,
            opened_at=self.now,
            state=State.OPEN if complete else State.INCOMPLETE,
            required=desk in self.required,
        )
        self.messages[identity] = []
        self.said[identity] = Said()
        if complete:
            self._send(identity, Send(MessageKind.OPEN))
        if successor_to is not None:
            self.rounds[successor_to] = replace(self.rounds[successor_to], successor=identity)

    def apply(self, identity: EngagementId, fact: Fact) -> Decision:
        """Decide and carry out; a report by mail proves that the open message is there."""
        before = self.engagement(identity)
        if isinstance(fact, Report) and fact.channel != "telephone" and before.standing is Standing.UNKNOWN:
            opening = next(one for one in self.messages[identity] if one.kind is MessageKind.OPEN)
            self.settle(identity, opening, arrived=True)
            before = self.engagement(identity)
        others = [one for one in self.engagements() if one.id != identity]
        decision = decide(before, fact, self.agreement(before), self.now, others)
        self._check_step(before, fact, decision)
        self.rounds[identity] = decision.engagement
        for effect in decision.effects:
            self._perform(before, effect)
        self._remember(before, fact, decision)
        return decision

    def attempt(self, identity: EngagementId, message: Message, outcome: str) -> None:
        message.attempted = True
        message.status = {"done": "sent", "lost": "unknown", "refused": "dead"}[outcome]
        if outcome == "done":
            self.apply(identity, f.Delivered(message.kind, message.ordinal))
        if outcome == "refused":
            self.apply(identity, f.DeliveryFailed(message.kind, "no such user"))

    def settle(self, identity: EngagementId, message: Message, *, arrived: bool) -> None:
        message.status = "sent" if arrived else "pending"
        settled = f.Delivered(message.kind, message.ordinal) if arrived else f.NeverArrived(message.kind)
        self.apply(identity, settled)

    def resolve_by_person(self, noted: frozenset[DeskName]) -> Early:
        """A resolver resolves the case; it confirms for all or is early for all."""
        judged = judge_resolution(
            self.engagements(),
            self.agreement,
            closed=False,
            reopens=0,
            note_was_there=lambda one: one.desk in noted,
        )
        waiting = [one for one in self.newest().values() if one.required and not self._settled(one)]
        confirms = all(
            one.state is State.RESOLUTION_REPORTED
            and one.desk in noted
            and self.agreement(one).confirmation is Confirmation.ELEXON
            for one in waiting
        )
        assert (judged.what is Early.ALLOWED) == (not waiting)
        assert (judged.what is Early.CONFIRMS) == (bool(waiting) and confirms)
        if judged.what is Early.CONFIRMS:
            for one in waiting:
                self.apply(one.id, f.Confirm("a resolver", "resolve"))
        return judged.what

    def _perform(self, before: Engagement, effect: object) -> None:
        match effect:
            case Send():
                self._send(before.id, effect)
            case CancelUnsent():
                for message in self.messages[before.id]:
                    if message.status == "pending":
                        message.status = "cancelled"
            case NewRound():
                self.engage(before.desk)
            case _:
                pass

    def _send(self, identity: EngagementId, effect: Send) -> None:
        one = self.rounds[identity]
        self.messages[identity].append(Message(effect.message, one.next_ordinal))
        self.rounds[identity] = replace(one, next_ordinal=one.next_ordinal + 1)

    def _remember(self, before: Engagement, fact: Fact, decision: Decision) -> None:
        said, after = self.said[before.id], decision.engagement
        if after.state is State.CONFIRMED and before.is_open:
            self.confirmed_by[before.id] = fact
        if not before.is_open or before.state is State.INCOMPLETE:
            return
        match fact:
            case Report():
                said.heard = True
                self._remember_report(said, fact)
            case f.Tell() if before.state is State.RESOLUTION_REPORTED:
                said.open_question = True
            case f.Reject() | f.CaseReopened() | f.RaiserAnswered(accepted=False):
                said.resolved_at = None
            case _:
                pass

    def _remember_report(self, said: Said, fact: Report) -> None:
        newest = said.newest()
        late = fact.ordered and newest is not None and fact.at < newest
        by_machine = fact.automatic and fact.kind is ReportKind.ACKNOWLEDGED
        if late or by_machine:
            return
        if fact.kind is ReportKind.RESOLVED:
            said.resolved_at, said.open_question = self.now, False
        if fact.kind is ReportKind.COMMENT and not fact.automatic and said.resolved_at is not None:
            said.open_question = True
        if fact.kind in BACK and fact.ordered and newest is not None and fact.at > newest:
            said.resolved_at = None
        if fact.kind in STATUSES and fact.ordered and not self._doubtful(said, fact):
            said.statuses.append((fact.at, fact.kind))

    def _doubtful(self, said: Said, fact: Report) -> bool:
        """It would take a resolution back and is not certainly newer, so it counts for nothing."""
        newest = said.newest()
        return fact.kind in BACK and said.resolved_at is not None and (newest is None or fact.at <= newest)

    # ── what must hold of one decision ───────────────────────────────────────────────────────────────────────────

    def _check_step(self, before: Engagement, fact: Fact, decision: Decision) -> None:
        after = decision.engagement
        sends = [effect.message for effect in decision.effects if isinstance(effect, Send)]
        if not before.is_open:
            assert after.state is before.state, "nothing moves out of an ended state"
        if before.state is State.INCOMPLETE:
            assert sends == ([MessageKind.OPEN] if after.state is State.OPEN else []), "incomplete: nothing is sent"
        if before.state is State.WITHDRAWN:
            assert sends == [], "after the withdrawal nothing is sent"
        if after.state is State.WITHDRAWN and before.is_open:
            assert sends in ([], [MessageKind.WITHDRAW])
            knows = self.said[before.id].heard or any(message.attempted for message in self.messages[before.id])
            assert knows or not sends, "nobody is told that something is void that was never sent"
        if isinstance(fact, Report):
            self._check_report(before, fact, after)
        if after.state is State.CONFIRMED and before.is_open:
            assert self._agreed_way(before, fact), f"{fact} confirmed under {self.agreement(before).confirmation}"

    def _check_report(self, before: Engagement, fact: Report, after: Engagement) -> None:
        newest = self.said[before.id].newest()
        if fact.ordered and newest is not None and fact.at < newest:
            assert after.state is before.state, "an older report moves nothing"
        if before.state is State.RESOLUTION_REPORTED and (
            not fact.ordered or self._doubtful(self.said[before.id], fact)
        ):
            assert after.state is before.state, "what is not certainly newer takes no resolution back"
        if fact.kind in {ReportKind.RECEIVED, ReportKind.COMMENT} or (
            fact.automatic and fact.kind is ReportKind.ACKNOWLEDGED
        ):
            assert after.state in {before.state, State.ACKNOWLEDGED}, "free text and receipts set no status"

    def _agreed_way(self, before: Engagement, fact: Fact) -> bool:
        said, agreed = self.said[before.id], self.agreement(before).confirmation
        match fact:
            case Report(kind=ReportKind.RESOLVED):
                return agreed is Confirmation.DESK
            case f.Confirm(how="command"):
                return agreed is not Confirmation.RAISER and said.resolved_at is not None
            case f.Confirm(how="resolve"):
                return agreed is Confirmation.ELEXON and said.resolved_at is not None
            case f.RaiserAnswered(accepted=True):
                return agreed is Confirmation.RAISER and said.resolved_at is not None
            case f.QuietOver():
                return agreed is Confirmation.QUIET and self._was_quiet(said, fact)
            case _:
                return False

    def _was_quiet(self, said: Said, fact: f.QuietOver) -> bool:
        return (
            said.resolved_at is not None
            and not said.open_question
            and not fact.unread_notes
            and fact.pulled_to - said.resolved_at >= QUIET_TIME
        )

    # ── what must hold at every instant ──────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        self._check_hold()
        for desk in self.terms:
            open_rounds = [one for one in self.engagements() if one.desk == desk and one.is_open]
            assert len(open_rounds) <= 1, "at most one round of a desk is open"
        for identity, one in self.rounds.items():
            unsent = [m.kind for m in self.messages[identity] if m.status == "pending" and not m.attempted]
            if one.state is State.INCOMPLETE:
                assert self.messages[identity] == [], "incomplete: the desk is sent nothing"
            if one.state in LAST_WORDS:
                assert set(unsent) <= {LAST_WORDS[one.state]}, "what was never attempted is cancelled at the end"

    def _check_hold(self) -> None:
        ruling = self.verdict()
        required = [one for one in self.newest().values() if one.required]
        settled = [one for one in required if self._settled(one)]
        assert (ruling.answer is Answer.KEEP_OPEN) == (len(settled) < len(required)), ruling
        if ruling.answer is Answer.BRIDGE_MAY_RESOLVE:
            ends = [end for one in required if (end := self._end_of(one))]
            assert any(end.id in self.confirmed_by for end in ends), "somebody confirmed"
            assert not any(end.decline_accepted_by for end in ends), "what a person accepted a person resolves"
            assert all(self.agreement(end).afterwards is Afterwards.RESOLVE for end in ends), "it was agreed"

    def _settled(self, one: Engagement) -> bool:
        return one.state in {State.CONFIRMED, State.WITHDRAWN} or (
            one.state is State.DECLINED and self._end_of(one) is not None
        )

    def _end_of(self, one: Engagement, steps: int = 20) -> Engagement | None:
        """The engagement in the chain of successors that confirmed or whose decline a person accepted."""
        if one.state is State.CONFIRMED or one.decline_accepted_by:
            return one
        if one.state is not State.DECLINED or one.successor is None or steps == 0:
            return None
        return self._end_of(self.newest()[self.rounds[one.successor].desk], steps - 1)


_STANDINGS = {
    "pending": Standing.PENDING,
    "unknown": Standing.UNKNOWN,
    "sent": Standing.SENT,
    "dead": Standing.FAILED,
}


def _standing(opening: Message) -> Standing:
    return _STANDINGS[opening.status]
