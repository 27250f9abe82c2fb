"""The table of an engagement's life is total, and no row of it breaks the rules that hold for all rows."""

from collections import defaultdict
from itertools import product
from typing import get_args

import pytest

from bridge.domain.agreement import Confirmation
from bridge.domain.decide import decide
from bridge.domain.effects import Alert, CancelUnsent, NewRound, Note, Quarantine, Send
from bridge.domain.engagement import OVER, State
from bridge.domain.facts import (
    Bounced,
    Confirm,
    Duplicate,
    Fact,
    MessageKind,
    QuietOver,
    RaiserAnswered,
    Report,
    ReportKind,
)
from bridge.domain.life.columns import FactKind, kind_of
from bridge.domain.situation import Situation, always
from bridge.domain.transitions import TABLE
from bridge.mapping.notes import NOTES
from tests.unit.domain.samples import ENDED, EVERY_FACT, NOW, STARTED, WORKING, asks, everything, notes, sent

FURTHER = {State.ACKNOWLEDGED, State.IN_PROGRESS, State.AWAITING_INFORMATION, State.RESOLUTION_REPORTED, *ENDED}
LEGAL = {
    State.INCOMPLETE: {State.OPEN, State.WITHDRAWN},
    State.OPEN: FURTHER,
    State.ACKNOWLEDGED: FURTHER - {State.ACKNOWLEDGED},
    State.IN_PROGRESS: FURTHER - {State.ACKNOWLEDGED},
    State.AWAITING_INFORMATION: FURTHER - {State.ACKNOWLEDGED},
    State.RESOLUTION_REPORTED: {State.IN_PROGRESS, State.AWAITING_INFORMATION, *ENDED},
    State.CONFIRMED: set(),
    State.DECLINED: set(),
    State.WITHDRAWN: set(),
}
"""Where a round may go from a state, as the page on the life of an engagement says."""


@pytest.fixture(scope="module")
def decided():
    """Every combination that the table tells apart, decided."""
    return [(one, fact, agreed, decide(one, fact, agreed, NOW, others)) for one, fact, agreed, others in everything()]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", FactKind)
def test_every_pair_has_rows_and_only_the_last_is_unguarded(state, kind):
    *guarded, last = TABLE[state, kind]
    assert last.when is always
    assert all(row.when is not always for row in guarded)


def test_the_table_has_no_pair_beside_the_states_and_kinds():
    assert set(TABLE) == set(product(State, FactKind))


@pytest.mark.parametrize("kind", get_args(Fact))
def test_every_type_of_fact_has_a_column(kind):
    columns = {kind_of(fact) for fact in EVERY_FACT if type(fact) is kind}
    assert columns


def test_every_column_is_reached_by_a_fact():
    assert {kind_of(fact) for fact in EVERY_FACT} == set(FactKind)


@pytest.mark.parametrize("pair", TABLE, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_every_row_has_a_reason_and_a_legal_target(pair):
    for row in TABLE[pair]:
        assert row.reason
        assert row.to is None or row.to in LEGAL[pair[0]]
        assert not (row.refused and row.to)


def test_no_row_is_shadowed_by_the_rows_before_it():
    taken = defaultdict(set)
    for one, fact, agreed, others in everything():
        pair = one.state, kind_of(fact)
        situation = Situation(one, fact, agreed, NOW, others)
        taken[pair].add(next(number for number, row in enumerate(TABLE[pair]) if row.when(situation)))
    assert {pair: numbers for pair, rows in TABLE.items() if (numbers := taken[pair]) != set(range(len(rows)))} == {}


def test_every_decision_has_a_reason(decided):
    assert all(decision.reason for *_, decision in decided)


def test_what_is_refused_changes_nothing_and_is_answered_by_a_note_that_says_why(decided):
    for one, _, _, decision in decided:
        if decision.refused:
            assert decision.engagement == one
            (note,) = decision.effects
            assert isinstance(note, Note)
            assert (note.name, note.values["reason"]) == ("refused_command", decision.reason)


def test_only_commands_are_refused(decided):
    refused = {kind_of(fact) for _, fact, _, decision in decided if decision.refused}
    commands = {"engage", "tell", "confirm", "reject", "withdraw", "override"}
    assert refused == {FactKind(name) for name in commands}


def test_nothing_moves_out_of_an_ended_state(decided):
    for one, _, _, decision in decided:
        if one.state in OVER:
            assert decision.engagement.state is one.state
            assert decision.engagement.ended_at == one.ended_at


def test_a_desk_is_sent_nothing_before_the_contents_are_complete(decided):
    for one, fact, _, decision in decided:
        if one.state is State.INCOMPLETE and sent(decision):
            assert kind_of(fact) in {FactKind.COMPLETED, FactKind.OVERRIDE}
            assert sent(decision) == [MessageKind.OPEN]
            assert decision.engagement.state is State.OPEN


def test_after_the_end_only_a_disputed_decline_is_told_to_the_desk(decided):
    told = {(one.state, kind_of(fact), *sent(decision)) for one, fact, _, decision in decided if one.state in OVER}
    assert {row for row in told if len(row) > 2} == {(State.DECLINED, FactKind.REJECT, MessageKind.REJECT)}


def test_what_ends_a_round_notes_the_instant_stops_the_chases_and_cancels_before_it_sends(decided):
    for one, _, _, decision in decided:
        if decision.engagement.state in OVER and one.is_open:
            assert decision.engagement.ended_at == NOW
            assert decision.engagement.next_chase_at is None
            assert decision.engagement.withdraw_wanted == ""
            kinds = [type(effect) for effect in decision.effects if isinstance(effect, CancelUnsent | Send)]
            assert kinds in ([CancelUnsent], [CancelUnsent, Send]) or one.state is State.INCOMPLETE


def test_a_round_is_confirmed_only_by_the_word_that_was_agreed(decided):
    ways = {
        (agreed.confirmation, one.state, type(fact))
        for one, fact, agreed, decision in decided
        if decision.engagement.state is State.CONFIRMED and one.is_open
    }
    reported = State.RESOLUTION_REPORTED
    by_person = {(way, reported, Confirm) for way in Confirmation if way is not Confirmation.RAISER}
    by_desk = {(Confirmation.DESK, state, Report) for state in WORKING}
    others = {(Confirmation.RAISER, reported, RaiserAnswered), (Confirmation.QUIET, reported, QuietOver)}
    assert ways == by_person | by_desk | others


def test_only_a_report_of_resolution_confirms_by_the_desks_word(decided):
    for one, fact, _, decision in decided:
        if isinstance(fact, Report) and decision.engagement.state is State.CONFIRMED and one.is_open:
            assert fact.kind is ReportKind.RESOLVED


def test_free_text_and_what_a_machine_acknowledges_never_report_a_resolution(decided):
    for one, fact, _, decision in decided:
        if kind_of(fact) in {FactKind.COMMENT, FactKind.RECEIVED}:
            assert decision.engagement.state in {one.state, State.ACKNOWLEDGED}
            assert decision.engagement.resolution == one.resolution


def test_an_automatic_acknowledgement_or_remark_counts_as_received(decided):
    for one, fact, _, decision in decided:
        if isinstance(fact, Report) and fact.automatic and fact.kind in {ReportKind.ACKNOWLEDGED, ReportKind.COMMENT}:
            assert decision.engagement.state is one.state
            assert decision.engagement.acknowledged_at == one.acknowledged_at
            assert decision.engagement.next_chase_at == one.next_chase_at


def test_a_bounce_and_a_dead_letter_never_move_the_work(decided):
    for one, fact, _, decision in decided:
        if isinstance(fact, Bounced) or kind_of(fact) is FactKind.DELIVERY_FAILED:
            assert decision.engagement.state is one.state
            assert asks(decision, Alert)


def test_a_report_older_than_the_last_never_moves_the_state(decided):
    for one, fact, _, decision in decided:
        if isinstance(fact, Report) and fact.ordered and one.last_report_at and fact.at < one.last_report_at:
            assert decision.engagement.state is one.state


def test_what_takes_a_resolution_back_without_a_certain_order_goes_to_quarantine(decided):
    back = {ReportKind.PROGRESS, ReportKind.QUESTION, ReportKind.WORKAROUND, ReportKind.DECLINED}
    for one, fact, _, decision in decided:
        if one.state is State.RESOLUTION_REPORTED and isinstance(fact, Report) and fact.kind in back:
            certain = fact.ordered and one.last_report_at is not None and fact.at != one.last_report_at
            assert asks(decision, Quarantine) is not certain


def test_a_duplicate_does_nothing(decided):
    for one, fact, _, decision in decided:
        if isinstance(fact, Duplicate):
            assert (decision.engagement, decision.effects) == (one, ())


def test_a_new_round_opens_only_after_the_end_and_by_a_persons_command(decided):
    for one, fact, _, decision in decided:
        if asks(decision, NewRound):
            assert one.state in OVER
            assert kind_of(fact) is FactKind.ENGAGE
            assert not fact.automatic


def test_whatever_a_desk_says_while_the_round_goes_on_clears_undeliverable(decided):
    for one, fact, _, decision in decided:
        late = decision.reason.startswith("older")
        if isinstance(fact, Report) and one.state in STARTED and not late:
            assert not decision.engagement.undeliverable


def test_every_note_that_may_be_asked_for_has_a_wording(decided):
    assert {name for *_, decision in decided for name in notes(decision)} <= NOTES
