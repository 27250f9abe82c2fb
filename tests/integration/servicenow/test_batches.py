"""Many writes in few calls: each keeps an outcome of its own, whatever becomes of the call that it was in."""

from datetime import timedelta

import pytest

from bridge.domain.delivery import Receipt
from bridge.domain.errors import FarSideError, NotBegun, NotFound, OutcomeUnknown, TryLater, UsageError
from bridge.domain.ids import SysId
from bridge.ports import RecordWrite
from tests.integration.servicenow.conftest import BRIDGE, CASE

BATCH = "/api/now/v1/batch"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def cases(instance):
    return [SysId(instance.create(short_description=f"case {number}", state="10")) for number in range(5)]


def notes(cases, state="18"):
    return [RecordWrite(CASE, case, {"work_notes": f"note of {case}", "state": state}) for case in cases]


def calls(instance, path):
    """Requests to write of the bridge; those that a fault kept from being read have no user."""
    sent = instance.admin("GET", "ledger")
    return [
        one for one in sent if one["user"] != "admin" and path in one["path"] and one["method"] in {"POST", "PATCH"}
    ]


def written(instance, cases):
    """Work notes by case."""
    entries = instance.rows("sys_journal_field", "element=work_notes")
    return {case: sum(one["element_id"] == case for one in entries) for case in cases}


def kinds(outcomes):
    return [type(one) for one in outcomes]


def test_many_writes_take_one_call_after_one_that_finds_out_whether_they_may(servicenow, instance, cases):
    outcomes = servicenow.write_many(notes(cases), MINUTE)
    assert kinds(outcomes) == [Receipt] * 5
    for case, receipt in zip(cases, outcomes, strict=True):
        record = servicenow.read(CASE, case)
        assert record.values["state"] == "18"
        assert receipt.detail["sys_mod_count"] == record.values["sys_mod_count"]
    assert written(instance, cases) == dict.fromkeys(cases, 1)
    assert len(calls(instance, BATCH)) == 2
    servicenow.write_many(notes(cases, "10"), MINUTE)
    assert len(calls(instance, BATCH)) == 3


def test_more_than_a_batch_holds_is_sent_in_several(servicenow, instance):
    many = [SysId(instance.create(short_description=str(number))) for number in range(101)]
    assert kinds(servicenow.write_many(notes(many, "1"), MINUTE)) == [Receipt] * 101
    assert (len(calls(instance, BATCH)), len(calls(instance, "/table/"))) == (1 + 2, 1)
    assert written(instance, many) == dict.fromkeys(many, 1)


def test_one_write_needs_no_batch(servicenow, instance, cases):
    assert kinds(servicenow.write_many(notes(cases[:1]), MINUTE)) == [Receipt]
    assert calls(instance, BATCH) == []


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_what_a_batch_did_not_begin_is_sent_again_once(servicenow, instance, cases, keep):
    instance.fault("unserviced", keep=keep, match={"path_regex": BATCH, "body_regex": "PATCH"})
    assert kinds(servicenow.write_many(notes(cases), MINUTE)) == [Receipt] * 5
    assert written(instance, cases) == dict.fromkeys(cases, 1)


def test_a_batch_that_never_begins_anything_gives_way_to_plain_calls(servicenow, instance, cases):
    instance.fault("unserviced", keep=0, times=None, match={"path_regex": BATCH, "body_regex": "PATCH"})
    assert kinds(servicenow.write_many(notes(cases), MINUTE)) == [Receipt] * 5
    assert len(calls(instance, "/table/")) == 5


def test_a_refused_write_is_its_own_affair(servicenow, instance, cases):
    missing = SysId("f" * 32)
    writes = [*notes(cases[:2]), *notes([missing]), RecordWrite(CASE, cases[2], {"state": "6"}), *notes(cases[3:])]
    outcomes = servicenow.write_many(writes, MINUTE)
    assert kinds(outcomes) == [Receipt, Receipt, NotFound, type(outcomes[3]), Receipt, Receipt]
    assert isinstance(outcomes[3], FarSideError)
    assert not isinstance(outcomes[3], OutcomeUnknown)
    assert written(instance, cases) == dict(zip(cases, (1, 1, 0, 1, 1), strict=True))


LOST = {
    "lost": ({"kind": "lost_after_commit"}, 1),
    "half": ({"kind": "half_answer"}, 1),
    "cut": ({"kind": "cut"}, 0),
    "page": ({"kind": "html_200", "when": "after_commit"}, 1),
    "dropped": ({"kind": "accepted_202"}, 0),
    "500": ({"kind": "status", "status": 500}, 0),
    "503 afterwards": ({"kind": "status", "status": 503, "when": "after_commit"}, 1),
    "403 afterwards": ({"kind": "status", "status": 403, "when": "after_commit"}, 1),
}


@pytest.mark.parametrize("fault, committed", LOST.values(), ids=LOST)
def test_a_batch_without_a_certain_answer_leaves_each_write_unknown_and_repeats_none(
    servicenow, instance, cases, fault, committed
):
    instance.fault(**fault, match={"path_regex": BATCH, "body_regex": "PATCH"})
    outcomes = servicenow.write_many(notes(cases), MINUTE)
    assert [isinstance(outcome, OutcomeUnknown) for outcome in outcomes] == [True] * 5
    assert written(instance, cases) == dict.fromkeys(cases, committed)


def test_a_batch_over_the_limit_was_not_done_and_may_be_tried_later(servicenow, instance, cases, wall):
    instance.fault("status", status=429, retry_after=7, match={"path_regex": BATCH, "body_regex": "PATCH"})
    outcomes = servicenow.write_many(notes(cases), MINUTE)
    assert kinds(outcomes) == [TryLater] * 5
    assert {one.retry_after for one in outcomes} == {7}
    assert written(instance, cases) == dict.fromkeys(cases, 0)
    wall.forward(7)
    assert kinds(servicenow.write_many(notes(cases), MINUTE)) == [Receipt] * 5


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_where_batches_are_refused_plain_calls_do_the_same(servicenow, instance, cases, wall, status):
    instance.fault("status", status=status, message="no", times=None, match={"path_regex": BATCH})
    for state in ("18", "10"):
        assert kinds(servicenow.write_many(notes(cases, state), MINUTE)) == [Receipt] * 5
    assert written(instance, cases) == dict.fromkeys(cases, 2)
    assert (len(calls(instance, BATCH)), len(calls(instance, "/table/"))) == (1, 10)
    instance.admin("DELETE", "faults")
    wall.forward(3601)
    servicenow.write_many(notes(cases), MINUTE)
    assert len(calls(instance, "/table/")) == 10


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "status", "status": 503}, {"kind": "html_200"}])
def test_nothing_is_written_while_it_is_unknown_whether_batches_may_be_used(servicenow, instance, cases, fault):
    instance.fault(**fault, match={"path_regex": BATCH})
    assert kinds(servicenow.write_many(notes(cases), MINUTE)) == [TryLater] * 5
    assert instance.writes() == []
    assert kinds(servicenow.write_many(notes(cases), MINUTE)) == [Receipt] * 5


def test_no_call_begins_after_the_time_for_it(servicenow, instance, cases):
    instance.fault("status", status=404, message="no", times=None, match={"path_regex": BATCH})
    assert kinds(servicenow.write_many(notes(cases), timedelta())) == [NotBegun] * 5
    assert instance.writes() == []


def test_a_record_is_written_once_in_one_go(servicenow, instance, cases):
    with pytest.raises(UsageError):
        servicenow.write_many(notes([cases[0], cases[0]]), MINUTE)
    assert instance.writes() == []


def test_a_thousand_state_writes_with_the_read_before_each_take_less_than_forty_calls(servicenow, instance, wall):
    instance.admin("POST", "seed", cases=1000)
    ids = [SysId(row["sys_id"]) for row in instance.rows(CASE, "state!=3")]
    before = len(instance.requests())
    read = servicenow.read_many(CASE, ids)
    outcomes = servicenow.write_many(
        [RecordWrite(CASE, case.sys_id, {"work_notes": "n"}) for case in read], MINUTE * 10
    )
    made = len(instance.requests()) - before
    assert set(kinds(outcomes)) == {Receipt}
    assert len(outcomes) > 900
    assert made <= 40
    assert {one["user"] for one in instance.requests()} == {BRIDGE}
