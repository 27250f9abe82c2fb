"""The hold: may the original case be resolved?

"Until the case is resolved between the two services the original case should remain open" is the rule of the Cross
Party Service Desk Approach 0.7, section 2 (c)(c), that the bridge exists for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.agreement import Afterwards, Agreement, Confirmation, OnEarlyResolution
from bridge.domain.engagement import Engagement, State
from bridge.domain.ids import DeskName, EngagementId

MOST_REOPENS = 3
"""A foreign early resolution is undone this often; then it is a matter between people."""

AgreementOf = Callable[[Engagement], Agreement]


class Answer(StrEnum):
    """The hold's three answers."""

    KEEP_OPEN = "keep_open"
    PERSON_MAY_RESOLVE = "person_may_resolve"
    BRIDGE_MAY_RESOLVE = "bridge_may_resolve"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and the reason in words."""

    answer: Answer
    reason: str


def verdict(engagements: Sequence[Engagement], agreement_of: AgreementOf) -> Verdict:
    """May the case be resolved, given all engagements of its family?

    Of each desk and case the newest round counts. Required ones must be confirmed or withdrawn; a declined one fixes
    nothing and needs a successor that confirms, or a resolver's decision.
    """
    required = [engagement for engagement in latest_rounds(engagements) if engagement.required]
    waiting = [reason for engagement in required if (reason := _waits(engagement, engagements))]
    if waiting:
        return Verdict(Answer.KEEP_OPEN, "; ".join(waiting))
    settling = {end.id: end for engagement in required if (end := _settled_by(engagement, engagements))}.values()
    confirmed = [engagement for engagement in settling if engagement.state is State.CONFIRMED]
    if not confirmed:
        return Verdict(Answer.PERSON_MAY_RESOLVE, "no desk that the case waits for has confirmed a resolution")
    if any(agreement_of(engagement).afterwards is Afterwards.RELEASE for engagement in confirmed):
        return Verdict(Answer.PERSON_MAY_RESOLVE, "confirmed; by agreement a person resolves the case")
    if any(engagement.state is State.DECLINED for engagement in settling):
        return Verdict(Answer.PERSON_MAY_RESOLVE, "a decline was accepted by a person, who resolves the case")
    names = ", ".join(engagement.desk for engagement in confirmed)
    return Verdict(Answer.BRIDGE_MAY_RESOLVE, f"confirmed: {names}")


def latest_rounds(engagements: Iterable[Engagement]) -> tuple[Engagement, ...]:
    """The newest round of each desk in each case."""
    newest: dict[tuple[str, DeskName], Engagement] = {}
    for engagement in engagements:
        key = (engagement.case, engagement.desk)
        if key not in newest or engagement.round > newest[key].round:
            newest[key] = engagement
    return tuple(newest.values())


def _waits(engagement: Engagement, engagements: Sequence[Engagement]) -> str:
    """Why the case waits for an engagement; empty if it does not."""
    if engagement.is_open:
        return f"{engagement.desk}: {engagement.state.value.replace('_', ' ')}"
    if _settled_by(engagement, engagements) is None:
        return f"{engagement.desk}: declined, without a successor that confirms or a resolver's decision"
    return ""


def _settled_by(ended: Engagement, engagements: Sequence[Engagement]) -> Engagement | None:
    """Whose end settles an engagement: its own, unless it declined.

    A decline is settled by a resolver who accepted it, or by its successor, of whose desk the newest round counts;
    the successor may have declined in turn. A successor that was withdrawn settles nothing.
    """
    if ended.state is not State.DECLINED:
        return ended
    newest = {(one.case, one.desk): one for one in latest_rounds(engagements)}
    by_id = {one.id: newest[one.case, one.desk] for one in engagements}
    seen: set[EngagementId] = set()
    step: Engagement | None = ended
    while step is not None and step.id not in seen:
        seen.add(step.id)
        if step.decline_accepted_by or step.state is State.CONFIRMED:
            return step
        step = by_id.get(step.successor) if step.successor else None
    return None


class Early(StrEnum):
    """What follows when somebody has resolved the case."""

    ALLOWED = "allowed"
    CONFIRMS = "confirms"
    REOPEN = "reopen"
    FLAG = "flag"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution by somebody else, judged."""

    what: Early
    reason: str


def judge_resolution(
    engagements: Sequence[Engagement],
    agreement_of: AgreementOf,
    *,
    closed: bool,
    reopens: int,
    note_was_there: Callable[[Engagement], bool],
) -> Resolution:
    """A foreign resolution counts as confirmation, is allowed, or came too early.

    It confirms only if every required engagement that is still open has reported its resolution under an agreement in
    which Elexon confirms, and our note saying so was in the case before; otherwise it is early, for all of them.
    """
    ruling = verdict(engagements, agreement_of)
    if ruling.answer is not Answer.KEEP_OPEN:
        return Resolution(Early.ALLOWED, ruling.reason)
    waiting = [one for one in latest_rounds(engagements) if one.required and _waits(one, engagements)]
    if _count_as_confirmation(waiting, agreement_of, note_was_there):
        return Resolution(Early.CONFIRMS, "every desk had reported its resolution, and the case said so")
    if closed:
        return Resolution(Early.CLOSED, ruling.reason)
    wants_reopen = any(
        agreement_of(engagement).on_early_resolution is OnEarlyResolution.REOPEN for engagement in waiting
    )
    if wants_reopen and reopens < MOST_REOPENS:
        return Resolution(Early.REOPEN, ruling.reason)
    return Resolution(Early.FLAG, ruling.reason)


def _count_as_confirmation(
    waiting: Sequence[Engagement], agreement_of: AgreementOf, note_was_there: Callable[[Engagement], bool]
) -> bool:
    return all(
        engagement.state is State.RESOLUTION_REPORTED
        and agreement_of(engagement).confirmation is Confirmation.ELEXON
        and note_was_there(engagement)
        for engagement in waiting
    )
