"""Writes to ServiceNow that are due together go together, and each has an end of its own."""

from datetime import timedelta

import pytest

from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import OutcomeUnknown, TryLater, UntrustedAnswer
from bridge.sync.casework import RESOLVES
from bridge.sync.cycle import Cycle
from bridge.sync.writes import WritePerformer
from tests.syncing.servicenow import Fault
from tests.syncing.world import DCC, TIMING, desk

CASES = 7
SETTLED = TIMING.batch_settle_within.total_seconds()


@pytest.fixture
def together(build_world):
    """A world whose deliveries are worked off one batch after the other."""
    return build_world(desk("dcc"), concurrency=1)


@pytest.fixture
def reads(together):
    """The sys_ids that each read named: many at once, or one by itself."""
    many, one, seen = together.servicenow.read_many, together.servicenow.read, []

    def read_many(table, sys_ids):
        seen.append(len(sys_ids))
        return tuple(case for sys_id in sys_ids if (case := one(table, sys_id)) is not None)

    def read(table, sys_id):
        seen.append(1)
        return one(table, sys_id)

    together.servicenow.read_many, together.servicenow.read = read_many, read
    yield seen
    together.servicenow.read_many, together.servicenow.read = many, one


def raised(world, amount=CASES):
    return [world.raise_case() for _ in range(amount)]


def writes(world, case):
    return [one for one in world.deliveries(case) if one.recipient == "servicenow"]


def statuses(world, cases):
    return [one.status.value for case in cases for one in writes(world, case)]


def engaged_notes(world, cases):
    return [world.notes(case).count("dcc is engaged") for case in cases]


def test_many_cases_are_read_in_one_call_and_written_in_another(together, reads):
    cases = raised(together)
    together.cycle(1)
    assert together.servicenow.batches == [CASES]
    assert CASES in reads
    assert 1 not in reads
    assert engaged_notes(together, cases) == [1] * CASES
    together.written_once()


def test_a_single_write_goes_by_itself(together):
    together.raise_case()
    together.cycle(1)
    assert together.servicenow.batches == []
    assert "dcc is engaged" in together.notes()


def test_writes_of_one_case_never_go_together(together):
    cases = raised(together, 2)
    together.cycle(1)
    for case in cases:
        together.report("question", "Which meter?", case=case)
        together.report("progress", "Found it.", case=case)
    together.cycle(1)
    assert set(together.servicenow.batches) == {2}
    for case in cases:
        assert together.notes(case).index("asks") < together.notes(case).index("reports progress")


def test_no_more_go_together_than_may(together):
    cases = raised(together, 205)
    together = together.with_(max_new_engagements=1000)
    together.cycle(1)
    assert sorted(together.servicenow.batches) == [5, 100, 100]
    assert engaged_notes(together, cases) == [1] * 205


def test_one_that_is_refused_stops_none_of_the_others(together):
    cases = raised(together)
    together.servicenow.fail(Fault.REFUSED)
    together.cycle(1)
    assert sorted(statuses(together, cases)) == ["dead"] + ["done"] * (CASES - 1)
    together.cycle(1)
    assert "write_refused" in together.alerts.codes()


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LATE, Fault.NEVER])
def test_one_whose_answer_is_lost_is_settled_by_asking(together, fault):
    cases = raised(together)
    together.servicenow.fail(fault)
    together.cycle(1)
    assert sorted(statuses(together, cases)) == ["done"] * (CASES - 1) + ["unknown"]
    together.cycle(6, seconds=SETTLED)
    assert set(statuses(together, cases)) == {"done"}
    assert engaged_notes(together, cases) == [1] * CASES
    together.written_once()


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LATE, Fault.NEVER])
def test_all_of_a_lost_call_are_settled_by_one_question(together, fault):
    cases, asked = raised(together), []
    journals = together.servicenow.journals
    together.servicenow.fail(fault, times=CASES)
    together.cycle(1)
    assert set(statuses(together, cases)) == {"unknown"}
    together.servicenow.journals = lambda of, since: asked.append(len(of)) or journals(of, since)
    together.cycle(6, seconds=SETTLED)
    assert set(statuses(together, cases)) == {"done"}
    assert max(asked) == CASES
    assert engaged_notes(together, cases) == [1] * CASES
    together.written_once()


def test_absent_is_not_believed_while_the_last_call_may_still_be_carried_out(together):
    """The parts of a batch are written down together, and the call that holds the last begins later."""
    cases = raised(together)
    late = TIMING.batch_settle_within - timedelta(seconds=1)
    assert late > TIMING.settle_within - timedelta(seconds=1)
    together.servicenow.fail(Fault.LATE, times=CASES, after=late)
    together.cycle(1)
    together.cycle(40, seconds=1)
    assert engaged_notes(together, cases) == [1] * CASES
    together.written_once()


def test_a_server_that_is_busy_is_left_alone_once_not_once_for_each(together):
    """One call went wrong: it counts once towards the breaker, and everything is tried again."""
    cases = raised(together)
    together.servicenow.fail(Fault.BUSY, times=CASES, after=timedelta(seconds=4))
    together.cycle(1)
    assert set(statuses(together, cases)) == {"pending"}
    assert "unreachable" not in together.alerts.codes()
    together.cycle(4, seconds=5)
    assert set(statuses(together, cases)) == {"done"}


def test_records_that_cannot_be_read_now_are_written_later(together):
    cases = raised(together)
    read_many, down = together.servicenow.read_many, []

    def read(table, sys_ids):
        if len(down) < 1:
            down.append(table)
            raise TryLater("503")
        return read_many(table, sys_ids)

    together.servicenow.read_many = read
    together.cycle(1)
    assert down
    assert together.servicenow.attempts == []
    assert set(statuses(together, cases)) == {"pending"}
    together.cycle(4)
    assert engaged_notes(together, cases) == [1] * CASES


def test_a_record_that_is_not_shown_waits_for_a_person_and_the_others_are_written(together):
    cases = raised(together)
    together.cycle(1)
    for case in cases:
        together.report("progress", "On it.", case=case)
    together.servicenow.hidden.add(cases[3])
    together.cycle(1)
    assert writes(together, cases[3])[-1].status is DeliveryStatus.DEAD
    others = [case for case in cases if case != cases[3]]
    assert all("reports progress" in together.notes(case) for case in others)


def test_each_case_has_a_verdict_of_its_own(together):
    """A case that somebody cancels after its resolution was decided is not resolved with the others."""
    cases = raised(together)
    together.cycle(1)
    for case in cases:
        together.report("resolved", "Restarted.", case=case)
    together.cycle(2)
    for case in cases:
        together.note("#confirm", case=case)
    read_many, cancelled = together.servicenow.read_many, []

    def read(table, sys_ids):
        found = read_many(table, sys_ids)
        if not cancelled and any(one.payload["purpose"] == RESOLVES for one in writes(together, cases[2])):
            # The records were read just now, and the batch is under way.
            cancelled.append(cases[2])
            together.servicenow.update(cases[2], "eve.other", state="7")
            return read_many(table, sys_ids)
        return found

    together.servicenow.read_many = read
    together.cycle(3)
    assert cancelled
    assert [together.phase(case) for case in cases] == ["resolved"] * 2 + ["cancelled"] + ["resolved"] * 4


def test_a_batch_that_cannot_end_within_its_lease_is_not_begun(together):
    """One was decided upon, too late; the others are read again, and all are written in the end."""
    cases, read_many, slow = raised(together), together.servicenow.read_many, []

    def read(table, sys_ids):
        if not slow and len(sys_ids) == CASES and len(writes(together, cases[0])) == 1:
            slow.append(len(together.servicenow.attempts))
            together.clock.forward(seconds=(TIMING.lease - TIMING.batch_timeout).total_seconds() + 1)
        return read_many(table, sys_ids)

    together.servicenow.read_many = read
    together.cycle(1)
    assert slow == [0]
    assert together.servicenow.batches == [CASES - 1]
    assert sorted(statuses(together, cases)) == ["done"] * (CASES - 1) + ["pending"]
    together.cycle(3)
    assert engaged_notes(together, cases) == [1] * CASES


def test_a_defect_in_the_call_leaves_all_unknown_and_none_lost(together):
    cases, write_many = raised(together), together.servicenow.write_many

    def broken(*_):
        raise RuntimeError("no bridge is without defects")

    together.servicenow.write_many = broken
    together.cycle(1)
    assert set(statuses(together, cases)) == {"unknown"}
    together.servicenow.write_many = write_many
    together.cycle(6, seconds=SETTLED)
    assert engaged_notes(together, cases) == [1] * CASES


def test_an_outcome_that_comes_after_the_lease_is_refused_for_that_write_alone(together):
    """Another worker took one of them over meanwhile; what the first one did is recorded, and the others stand."""
    cases, write_many = raised(together), together.servicenow.write_many
    taken = []

    def write(batch, within):
        outcomes = write_many(batch, within)
        if not taken:
            taken.append(True)
            together.clock.forward(seconds=TIMING.lease.total_seconds() + 1)
            taken.append(together.store.claim("another", TIMING.lease, excluded=[DCC, "alerts"]))
        return outcomes

    together.servicenow.write_many = write
    together.cycle(1)
    claim = taken[1]
    assert claim.settling
    stale = [case for case in cases if any(e.event.kind == "late_outcome" for e in together.story(case))]
    assert stale == [claim.delivery.case]
    assert sorted(statuses(together, cases)) == ["done"] * (CASES - 1) + ["unknown"]


def test_a_question_about_lost_answers_that_finds_nobody_is_asked_again(together):
    cases, journals = raised(together), together.servicenow.journals
    together.servicenow.fail(Fault.LOST, times=CASES)
    together.cycle(1)

    def down(of, since):
        raise OutcomeUnknown("no answer")

    together.servicenow.journals = down
    together.cycle(1, seconds=SETTLED)
    assert set(statuses(together, cases)) == {"unknown"}
    together.servicenow.journals = journals
    together.cycle(6, seconds=SETTLED)
    assert set(statuses(together, cases)) == {"done"}
    together.written_once()


def test_a_record_that_a_query_leaves_out_is_asked_for_by_itself(together):
    """Rules for queries may hide what may be read."""
    cases, read_many = raised(together), together.servicenow.read_many
    together.servicenow.read_many = lambda table, sys_ids: read_many(table, [one for one in sys_ids if one != cases[4]])
    together.cycle(1)
    assert engaged_notes(together, cases) == [1] * CASES


@pytest.fixture
def slowly(monkeypatch):
    """Lets each decision upon a write take so many seconds, and calls something first."""

    def make(world, seconds, first=lambda claim: None):
        intend = WritePerformer.intend

        def slow(self, claim, *rest):
            first(claim)
            world.clock.forward(seconds=seconds)
            return intend(self, claim, *rest)

        monkeypatch.setattr(WritePerformer, "intend", slow)

    return make


def test_decisions_that_take_long_are_not_settled_before_the_far_side_is_over(together, slowly):
    cases = raised(together)
    slowly(together, 3)
    late = TIMING.batch_timeout + TIMING.far_limit - timedelta(seconds=1)
    together.servicenow.fail(Fault.LATE, times=CASES, after=late)
    together.cycle(40, seconds=1)
    together.cycle(5, seconds=20)
    assert engaged_notes(together, cases) == [1] * CASES
    together.written_once()


def test_decisions_that_take_long_are_made_all_the_same(together, slowly):
    cases = raised(together)
    slowly(together, 4)
    together.cycle(30, seconds=10)
    assert engaged_notes(together, cases) == [1] * CASES


def test_what_was_read_long_ago_is_read_again_before_a_case_is_resolved(together, slowly):
    """A person resolves a case while the others of its batch are decided upon."""
    cases = raised(together)
    together.cycle(2)
    for case in cases:
        together.report("resolved", "done", case=case)
    together.cycle(2)
    for case in cases:
        together.note("#confirm", case=case)
    decided = []

    def somebody_is_faster(claim):
        if claim.delivery.payload["purpose"] == RESOLVES:
            decided.append(claim.delivery.case)
            if len(decided) == 3:
                last = next(case for case in cases if case not in decided)
                together.servicenow.update(last, "eve.other", state="6", close_notes="by eve")

    slowly(together, 3, somebody_is_faster)
    together.cycle(4)
    assert [together.servicenow.value(case, "close_notes") for case in cases].count("by eve") == 1


@pytest.mark.parametrize("error", [ValueError("a time that is none"), UntrustedAnswer("a row without a sys_id")])
def test_a_record_that_cannot_be_read_stops_none_of_the_others(together, error):
    cases = raised(together)
    cycle, read = Cycle(together.around), together.servicenow.read
    together.clock.forward(seconds=2)
    for source in together.around.sources:
        cycle.pull_source(source)

    def poisoned(table, sys_id):
        if sys_id == cases[3]:
            raise error
        return read(table, sys_id)

    together.servicenow.read = poisoned
    for _ in range(20):
        together.clock.forward(seconds=40)
        cycle.work()
    assert engaged_notes(together, cases) == [1, 1, 1, 0, 1, 1, 1]


def test_a_journal_that_cannot_be_read_keeps_no_other_lost_answer_unsettled(together):
    cases, journals = raised(together), together.servicenow.journals
    together.servicenow.fail(Fault.LOST, times=CASES)
    together.cycle(1)

    def poisoned(asked, since):
        if cases[3] in asked:
            raise ValueError("a time that is none")
        return journals(asked, since)

    together.servicenow.journals = poisoned
    for _ in range(6):
        together.clock.forward(seconds=SETTLED)
        Cycle(together.around).work()
    assert sorted(statuses(together, cases)) == ["done"] * (CASES - 1) + ["unknown"]
