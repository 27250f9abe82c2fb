"""The decision on one engagement: reads the table of transitions, touches nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bridge.domain.agreement import Agreement
from bridge.domain.effects import Decision, Effect, Note, Quarantine
from bridge.domain.engagement import Engagement, State
from bridge.domain.facts import Fact, Report
from bridge.domain.life.columns import FactKind, kind_of
from bridge.domain.life.rows import Row
from bridge.domain.situation import Situation
from bridge.domain.transitions import TABLE

_ORDERED_STATES = frozenset(State) - {State.INCOMPLETE, State.CONFIRMED, State.DECLINED, State.WITHDRAWN}

_SAYS_NOTHING_OF_THE_WORK = frozenset({FactKind.RECEIVED, FactKind.COMMENT})
"""Columns that set no status, so that a status said before them and read after them is not late."""


def decide(
    engagement: Engagement, fact: Fact, agreement: Agreement, now: datetime, others: Sequence[Engagement] = ()
) -> Decision:
    """What a fact does to an engagement, and why. Total: every fact in every state has an answer."""
    situation = Situation(engagement, fact, agreement, now, tuple(others))
    if _is_older(engagement, fact):
        return Decision(
            engagement,
            (Note("late_report", _late_values(engagement, fact)),),
            "older than what the desk said last: filed",
        )
    row = next(row for row in TABLE[engagement.state, kind_of(fact)] if row.when(situation))
    return _apply(situation, row)


def _is_older(engagement: Engagement, fact: Fact) -> bool:
    """A late, older report is filed and never moves the state; an automatic acknowledgement moves none anyway."""
    return (
        isinstance(fact, Report)
        and kind_of(fact) is not FactKind.RECEIVED
        and fact.ordered
        and engagement.state in _ORDERED_STATES
        and engagement.last_report_at is not None
        and fact.at < engagement.last_report_at
    )


def _late_values(engagement: Engagement, fact: Fact) -> dict[str, str]:
    text = fact.text if isinstance(fact, Report) else ""
    kind = fact.kind.value if isinstance(fact, Report) else ""
    return {
        "desk": engagement.desk,
        "report": kind,
        "text": text,
        "reason": text,
        "round": str(engagement.round),
        "desk_reference": engagement.desk_reference,
        "by": "",
    }


def _apply(situation: Situation, row: Row) -> Decision:
    before, fact = situation.engagement, situation.fact
    changed = before
    effects: list[Effect] = []
    for act in row.acts:
        changed, asked = act(situation, changed)
        effects.extend(asked)
    if row.refused:
        effects = [_explained(effect, row.reason) for effect in effects]
    if row.to is not None:
        changed = replace(changed, state=row.to)
    if isinstance(fact, Report) and before.is_open:
        set_aside = any(isinstance(effect, Quarantine) for effect in effects)
        newest = before.last_report_at if set_aside else _newest(before, fact)
        changed = replace(changed, undeliverable=False, last_report_at=newest)
    return Decision(changed, tuple(effects), row.reason, row.refused)


def _newest(engagement: Engagement, report: Report) -> datetime | None:
    """The time of the newest report that orders later ones; receipts and free text order nothing."""
    if kind_of(report) in _SAYS_NOTHING_OF_THE_WORK or not report.ordered:
        return engagement.last_report_at
    return max(report.at, engagement.last_report_at or report.at)


def _explained(effect: Effect, reason: str) -> Effect:
    """A refused command is answered by a work note that says why."""
    if isinstance(effect, Note):
        return replace(effect, values={**effect.values, "reason": reason})
    return effect
