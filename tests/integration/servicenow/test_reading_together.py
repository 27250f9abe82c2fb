"""Many records by their sys_ids: one call where there is a Batch API, and the same records whatever becomes of it."""

import pytest

from bridge.domain.ids import SysId
from tests.integration.servicenow.conftest import CASE

BATCH = "/api/now/v1/batch"


@pytest.fixture
def ids(instance):
    instance.admin("POST", "seed", cases=450)
    return [SysId(row["sys_id"]) for row in instance.rows(CASE, "ORDERBYsys_id")]


@pytest.fixture
def plainly(servicenow, ids):
    """The same records, read by what may wait: it leaves batches to the cases."""
    return {case.sys_id: case for case in servicenow.at_low_priority().read_many(CASE, ids)}


def calls(instance):
    return [(one["method"], one["path"].rpartition("/")[2]) for one in instance.requests()]


def read(servicenow, ids):
    found = servicenow.read_many(CASE, ids)
    assert len(found) == len({case.sys_id for case in found})
    return {case.sys_id: case for case in found}


def test_hundreds_of_records_take_one_call_after_one_that_finds_out_whether_they_may(
    servicenow, instance, ids, plainly
):
    assert plainly.keys() == set(ids)
    servicenow.read_many(CASE, ids)
    before = len(calls(instance))
    assert read(servicenow, ids) == plainly
    assert calls(instance)[before:] == [("POST", "batch")]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unserviced", "keep": 1},
        {"kind": "status", "status": 404, "message": "no"},
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "status", "status": 503},
        {"kind": "html_200"},
        {"kind": "accepted_202"},
        {"kind": "result_and_error"},
        {"kind": "half_answer"},
        {"kind": "lost_after_commit"},
    ],
    ids=lambda fault: fault["kind"] + str(fault.get("status", "")),
)
def test_whatever_becomes_of_the_batch_every_record_is_read(servicenow, instance, ids, plainly, fault):
    servicenow.read_many(CASE, ids)
    instance.fault(**fault, match={"path_regex": BATCH})
    assert read(servicenow, ids) == plainly


def test_a_part_whose_answer_names_other_records_is_asked_for_plainly(servicenow, instance, ids, plainly, monkeypatch):
    servicenow.read_many(CASE, ids)
    part = "bridge.connectors.snow.together.any_id"
    monkeypatch.setattr(part, lambda field, group: "sys_id!=x")
    assert read(servicenow, ids) == plainly


def test_records_that_are_hidden_or_gone_do_not_come(servicenow, instance, ids):
    instance.admin("POST", "acl", kind="hide", table=CASE, sys_ids=ids[:3])
    unknown = [SysId(f"{number:032x}") for number in range(250)]
    assert read(servicenow, [*ids, *unknown]).keys() == set(ids[3:])


def test_an_instance_without_batches_is_asked_plainly(servicenow, instance, ids, plainly):
    instance.fault(
        "status",
        status=400,
        message="Requested URI does not represent any resource",
        times=None,
        match={"path_regex": BATCH},
    )
    assert read(servicenow, ids) == plainly
    assert calls(instance)[-3:] == [("GET", CASE)] * 3
