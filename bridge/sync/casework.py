"""One case inside one transaction.

`Casework` gathers what is decided about a case - engagements, messages, writes, events - and closes with the
compare-and-set of the case's version: of two that decided on the same picture, one decides again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import assert_never

from bridge.domain import effects as do
from bridge.domain.agreement import Agreement, Confirmation
from bridge.domain.case import Case
from bridge.domain.decide import decide
from bridge.domain.delivery import Delivery, DeliveryKind
from bridge.domain.effects import Decision, Effect, Send
from bridge.domain.engagement import Engagement, Standing, State
from bridge.domain.errors import StaleCase
from bridge.domain.facts import Delivered, Fact, MessageKind, Report, ReportKind
from bridge.domain.hold import Answer, Verdict, verdict
from bridge.domain.ids import DeliveryId, DeskName, EngagementId
from bridge.mapping.completeness import missing
from bridge.mapping.notes import note as note_text
from bridge.mapping.update import case_update, report_values
from bridge.ports import CaseRecord, TrailEvent, Transaction
from bridge.sync.alarm import raise_alert
from bridge.sync.kin import Kin, engaged_kin, shown
from bridge.sync.queued import decided_send, message_row, write_row
from bridge.sync.restored import with_free_ordinal
from bridge.sync.rounds import declined_without_successor, opened
from bridge.sync.surroundings import Surroundings
from bridge.sync.telling import engagement_event, fact_name, listed, personal_values

RESOLVES = "resolves"
REOPENS = "reopens"


@dataclass(frozen=True, slots=True)
class Cause:
    """Who and what brought a decision about."""

    who: str
    what: str


class Casework:
    """Decisions on one case; nothing is kept unless `close` succeeds."""

    def __init__(self, tx: Transaction, around: Surroundings, record: CaseRecord, cause: Cause) -> None:
        self.tx = tx
        self.around = around
        self.record = record
        self.cause = cause
        self.now = tx.now()
        self.engagements: list[Engagement] = list(tx.engagements(record.sys_id))
        self.quarantined = ""
        self._kin: tuple[Kin, ...] | None = None

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def agreement(self, engagement: Engagement) -> Agreement:
        """The version that a round is pinned to."""
        return self.around.desks.agreement(engagement)

    @property
    def case(self) -> Case:
        """The last revision that was decided upon."""
        return shown(self.record)

    def newest(self, desk: DeskName) -> Engagement | None:
        """The newest round of a desk."""
        rounds = [engagement for engagement in self.engagements if engagement.desk == desk]
        return max(rounds, key=lambda engagement: engagement.round, default=None)

    def open(self) -> list[Engagement]:
        """The rounds that go on."""
        return [engagement for engagement in self.engagements if engagement.is_open]

    def family(self, fresh: Case | None = None) -> list[Engagement]:
        """The engagements of the case, of the records it points at, and of those that point at it."""
        relatives = dict.fromkeys((*self.tx.relatives(self.case), *(self.tx.relatives(fresh) if fresh else ())))
        relatives.pop(self.record.sys_id, None)
        return [*self.engagements, *(one for relative in relatives for one in self.tx.engagements(relative))]

    def verdict(self, fresh: Case | None = None) -> Verdict:
        """The hold's answer for the case as decided so far; `fresh` is the record as it was read just before."""
        return verdict(self.family(fresh), self.agreement)

    # ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────

    def engage(
        self, desk: DeskName, by: str, *, agreement: Agreement, successor_to: Engagement | None = None
    ) -> Engagement:
        """Open a round with a desk. Contents that are missing hold it back and are named in a work note."""
        self._look_at_kin()
        lacking = missing(self.case, agreement)
        declined = successor_to or declined_without_successor(self.engagements, desk)
        engagement = opened(
            self.record,
            self.engagements,
            desk,
            instance=self.around.instance,
            agreement=agreement,
            hold=self.around.hold,
            complete=not lacking,
            now=self.now,
        )
        self.engagements.append(engagement)
        if self.record.journals_from is None and self.record.shadow is not None:
            self.record = replace(self.record, journals_from=self.record.shadow.updated_on)
        if declined is not None:
            self._keep(replace(declined, successor=engagement.id))
        self._event("engaged", engagement, {"state": engagement.state.value}, {"by": by})
        if lacking:
            self._perform(engagement, do.Note("incomplete", {"desk": desk, "by": by, "missing": listed(lacking)}))
        else:
            engagement = self._perform(engagement, Send(MessageKind.OPEN))
            wording = "engaged" if engagement.round == 1 else "new_round"
            self._perform(engagement, do.Note(wording, {"desk": desk, "by": by, "round": str(engagement.round)}))
        self._keep(self._current(engagement))
        return self._current(engagement)

    def apply(self, engagement: Engagement, fact: Fact) -> Decision:
        """Decide on a fact and carry out what the decision asks for; `StaleCase` if the engagement has changed."""
        self._require_current(engagement)
        self._look_at_kin()
        if self._proves_delivery(engagement, fact):
            engagement = self._settle_open_message(engagement)
        others = [other for other in self.engagements if other.id != engagement.id]
        ruling = self.verdict()
        decision = decide(engagement, fact, self.agreement(engagement), self.now, others)
        before, after = engagement.state, decision.engagement.state
        self._replace(decision.engagement)
        self._event(
            "decided",
            decision.engagement,
            {"fact": fact_name(fact), "from": before.value, "to": after.value, "reason": decision.reason},
            personal_values(fact),
        )
        current = decision.engagement
        for effect in decision.effects:
            current = self._perform(self._current(current), effect)
        self._keep(self._current(current))
        self.follow(ruling.answer)
        return decision

    def _proves_delivery(self, engagement: Engagement, fact: Fact) -> bool:
        """A report by mail or portal shows that the open message is there, whatever its attempt's end."""
        unsettled = engagement.standing in {Standing.UNKNOWN, Standing.FAILED}
        return isinstance(fact, Report) and fact.channel != "telephone" and unsettled

    def _settle_open_message(self, engagement: Engagement) -> Engagement:
        for delivery in self.tx.deliveries(engagement=engagement.id, pending=True):
            if delivery.payload.get("kind") == MessageKind.OPEN.value and delivery.attempts:
                self.tx.prove_delivered(delivery.id)
        engagement = replace(engagement, standing=Standing.SENT)
        self._replace(engagement)
        self.apply(engagement, Delivered(MessageKind.OPEN, 1))
        return self._current(engagement)

    def saw_status(self, engagement: Engagement, status: str, at: datetime) -> Engagement:
        """Remember which status the desk's own system shows, whatever follows from it; raises as `apply` does."""
        self._require_current(engagement)
        seen = replace(engagement, desk_status=status, desk_status_at=at)
        self._event("desk_status_seen", seen, {"status": status, "before": engagement.desk_status})
        self._keep(seen)
        return seen

    def _look_at_kin(self) -> None:
        """What the hold answers for the engaged relatives, before anything is decided."""
        if self._kin is None:
            self._kin = engaged_kin(self.tx, self.case, self.agreement)

    def follow(self, before: Answer) -> None:
        """Where the hold has come to another answer: resolve the case, or say that a person may."""
        ruling = self.verdict()
        if ruling.answer is before or self.case.phase.is_over:
            return
        match ruling.answer:
            case Answer.BRIDGE_MAY_RESOLVE:
                self.resolve(ruling.reason)
            case Answer.PERSON_MAY_RESOLVE:
                self.say("released", {"reason": ruling.reason})
            case Answer.KEEP_OPEN:
                pass
            case _:
                assert_never(ruling.answer)

    # ── writing to the case ──────────────────────────────────────────────────────────────────────────────────────

    def resolve(self, reason: str) -> None:
        """Put the resolving write into the lane; the verdict is asked again when it is claimed."""
        profile = self.case.profile
        confirmed = [engagement for engagement in self.engagements if engagement.state is State.CONFIRMED]
        if not confirmed:
            return
        if any(delivery.payload.get("purpose") == RESOLVES for delivery in self._unfinished_writes()):
            return
        text = "\n".join(f"{engagement.desk}: {engagement.resolution or 'resolved'}" for engagement in confirmed)
        code = self.agreement(confirmed[-1]).resolution_codes.get(self.record.table, "")
        fields = {**profile.targets["resolved"], profile.resolution_notes: text}
        if code:
            fields[profile.resolution_code] = code
        body = note_text("all_confirmed_resolving", {"reason": reason, "text": text})
        self.write(fields=fields, note=body, purpose=RESOLVES)

    def write(
        self, *, fields: Mapping[str, str] | None = None, note: str = "", comment: str = "", purpose: str = ""
    ) -> DeliveryId:
        """One PATCH of the case. Each carries a journal entry that ends with the delivery's reference."""
        element, text = ("comments", comment) if comment else ("work_notes", note)
        self.record = with_free_ordinal(self.tx, self.around, self.record, text)
        row = write_row(
            self.around.instance, self.record, fields=fields or {}, element=element, text=text, purpose=purpose
        )
        self.record = replace(self.record, next_ordinal=self.record.next_ordinal + 1)
        self.tx.enqueue(row)
        return row.id

    def say(self, name: str, values: Mapping[str, str]) -> DeliveryId:
        """A work note of ours."""
        return self.write(note=note_text(name, values))

    def reopen(self, reason: str, *, foreign: bool = True) -> None:
        """Undo an early resolution; a foreign one counts towards the three."""
        self.record = replace(self.record, reopens=self.record.reopens + foreign)
        fields = self.case.profile.targets["open"]
        body = note_text("early_resolution_reopened", {"reason": reason})
        self.write(fields=fields, note=body, purpose=REOPENS)

    def alert(self, code: str, text: str, *, about: EngagementId | None = None) -> None:
        """An alarm, once for each event that raises it, and for each engagement that it is about."""
        raise_alert(
            self.tx,
            self.around.instance,
            code,
            text,
            case=self.record.sys_id,
            number=self.record.number,
            cause=f"{self.cause.what} {about}" if about else self.cause.what,
        )

    def event(self, kind: str, facts: Mapping[str, object], personal: Mapping[str, str] | None = None) -> None:
        """A trail event about the case itself."""
        self.tx.record(
            TrailEvent(
                kind,
                self.cause.who,
                self.record.sys_id,
                self.record.number,
                cause=self.cause.what,
                facts=facts,
                personal=personal or {},
            )
        )

    def close(self) -> CaseRecord:
        """Compare-and-set of the version of the case and its engaged kin; `StaleCase` if somebody decided between.

        In one order everywhere, so that two decisions in one family do not wait for each other in a circle.
        """
        saved = {self.record.sys_id: self.record} | {kin.record.sys_id: self._follow_in(kin) for kin in self._kin or ()}
        for sys_id in sorted(saved):
            saved[sys_id] = self.tx.save_case(saved[sys_id])
        self.record, self._kin = saved[self.record.sys_id], None
        return self.record

    def _follow_in(self, kin: Kin) -> CaseRecord:
        """The record of a relative after what its own hold now says was put into its lane."""
        work = Casework(self.tx, self.around, kin.record, self.cause)
        work.follow(kin.before)
        return work.record

    # ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _perform(self, engagement: Engagement, effect: Effect) -> Engagement:
        match effect:
            case do.Send():
                return self._send(engagement, effect)
            case do.SendAgain():
                return self._send_again(engagement)
            case do.CancelUnsent():
                self._cancel_unsent(engagement)
            case do.Note(name, values):
                self.say(name, {"case": self.record.number, **values})
            case do.PushReport(report):
                return self._push(engagement, report)
            case do.Alert(code, text):
                self.alert(code, text, about=engagement.id)
            case do.Quarantine(why):
                self.quarantined = why
            case do.NewRound(by):
                self._open_new_round(engagement, by)
            case _:
                assert_never(effect)
        return engagement

    def _cancel_unsent(self, engagement: Engagement) -> list[Delivery]:
        cancelled = self.tx.cancel_unattempted(engagement.id)
        for delivery in cancelled:
            self._event("message_cancelled", engagement, {"delivery": delivery})
        return [one for one in self.tx.deliveries(engagement=engagement.id) if one.id in cancelled]

    def _send_again(self, engagement: Engagement) -> Engagement:
        for cancelled in self._cancel_unsent(engagement):
            engagement = self._send(engagement, decided_send(cancelled), replaces=cancelled.id)
        return engagement

    def _send(self, engagement: Engagement, effect: Send, *, replaces: str = "") -> Engagement:
        row = message_row(self.around.instance, engagement, effect)
        self.tx.enqueue(row)
        engagement = replace(engagement, next_ordinal=engagement.next_ordinal + 1)
        self._replace(engagement)
        self._event(
            "message_decided",
            engagement,
            {"message": effect.message.value, "delivery": row.id, **({"replaces": replaces} if replaces else {})},
            {"text": effect.text} if effect.text else {},
        )
        return engagement

    def _push(self, engagement: Engagement, report: Report) -> Engagement:
        agreement = self.agreement(engagement)
        others = [other for other in self.engagements if other.id != engagement.id]
        update = case_update(report, self.case, engagement, agreement, others)
        if update.comment:
            self.write(comment=update.comment)
        note = self._told_otherwise(report, engagement, agreement) or update.note
        expected = self._expected_values() if update.fields else {}
        fields = {name: value for name, value in update.fields.items() if value != expected.get(name, "")}
        if not (note or fields):
            return engagement
        # A state write always carries a note: it is by the note that ServiceNow can be asked whether it was done.
        note = note or note_text(f"report_{report.kind.value}", report_values(report, self.case, engagement))
        identity = self.write(fields=fields, note=note)
        if engagement.state is State.RESOLUTION_REPORTED and report.kind is ReportKind.RESOLVED:
            engagement = replace(engagement, resolution_note=identity)
            self._replace(engagement)
            self._ask_the_raiser(engagement, agreement)
        return engagement

    def _told_otherwise(self, report: Report, engagement: Engagement, agreement: Agreement) -> str:
        """The wording that asks the resolvers for their word stands for the plain one."""
        asks = agreement.confirmation is Confirmation.ELEXON and engagement.state is State.RESOLUTION_REPORTED
        if not asks or report.kind is not ReportKind.RESOLVED:
            return ""
        return note_text("resolution_reported_confirm", report_values(report, self.case, engagement))

    def _ask_the_raiser(self, engagement: Engagement, agreement: Agreement) -> None:
        if agreement.confirmation is Confirmation.RAISER:
            values = {"desk": engagement.desk, "text": engagement.resolution, "case": self.record.number}
            self.write(comment=note_text("raiser_confirm_request", values))

    def _open_new_round(self, engagement: Engagement, by: str) -> None:
        agreement = self.around.desks.by_name[engagement.desk].agreement_on(self.now.date()) or self.agreement(
            engagement
        )
        self.engage(engagement.desk, by, agreement=agreement)

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _expected_values(self) -> dict[str, str]:
        """The case's values once the writes that are in its lane are done."""
        fields = (delivery.payload["fields"] for delivery in self._unfinished_writes())
        return dict(chain(self.case.values.items(), *(written.items() for written in fields)))

    def _unfinished_writes(self) -> list[Delivery]:
        return [
            delivery
            for delivery in self.tx.deliveries(case=self.record.sys_id, pending=True)
            if delivery.kind is DeliveryKind.WRITE
        ]

    def _require_current(self, engagement: Engagement) -> None:
        """What was read before the case may be older than the version that the compare-and-set looks at."""
        if replace(self._current(engagement), standing=engagement.standing) != engagement:
            raise StaleCase("the engagement was decided upon by somebody else", case=self.record.number)

    def _current(self, engagement: Engagement) -> Engagement:
        return next((other for other in self.engagements if other.id == engagement.id), engagement)

    def _replace(self, engagement: Engagement) -> None:
        self.engagements = [engagement if other.id == engagement.id else other for other in self.engagements]

    def _keep(self, engagement: Engagement) -> None:
        self._replace(engagement)
        self.tx.save_engagement(engagement)

    def _event(
        self,
        kind: str,
        engagement: Engagement,
        facts: Mapping[str, object],
        personal: Mapping[str, str] | None = None,
    ) -> None:
        self.tx.record(engagement_event(engagement, kind, facts, personal, cause=self.cause.what, who=self.cause.who))
