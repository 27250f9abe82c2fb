"""A record that the bridge creates is there once, whatever becomes of the answer."""

import pytest

from bridge.domain.errors import FarSideError, OutcomeUnknown, TryLater

IDENTITY = "7KX2M9QWZR"
BODY = {"short_description": "No reads since Monday", "correlation_display": "CS0001234"}


def created(instance):
    return instance.rows("incident", f"correlation_id={IDENTITY}")


def test_a_record_is_created_under_our_identity(servicenow, instance):
    record = servicenow.create("incident", IDENTITY, BODY)
    (row,) = created(instance)
    assert (record.sys_id, record.number) == (row["sys_id"], row["number"])
    assert row["correlation_display"] == "CS0001234"


def test_asked_for_again_the_record_that_is_there_is_the_answer(servicenow, instance):
    first = servicenow.create("incident", IDENTITY, BODY)
    again = servicenow.create("incident", IDENTITY, {**BODY, "short_description": "other"})
    assert again.sys_id == first.sys_id
    assert len(created(instance)) == 1


@pytest.mark.parametrize(
    "fault, committed",
    [
        ({"kind": "lost_after_commit"}, 1),
        ({"kind": "half_answer"}, 1),
        ({"kind": "cut"}, 0),
        ({"kind": "slow", "seconds": 0.6, "when": "after_commit"}, 1),
        ({"kind": "status", "status": 500}, 0),
        ({"kind": "status", "status": 503, "when": "after_commit"}, 1),
        ({"kind": "status", "status": 403, "when": "after_commit"}, 1),
        ({"kind": "result_and_error"}, 1),
        ({"kind": "accepted_202"}, 0),
    ],
)
def test_without_a_certain_answer_it_is_unknown_and_settled_by_asking(servicenow, instance, fault, committed):
    instance.fault(match={"method": "POST", "path_regex": "/table/incident"}, **fault)
    with pytest.raises(OutcomeUnknown):
        servicenow.create("incident", IDENTITY, BODY)
    assert len(created(instance)) == committed
    assert len(servicenow.correlated("incident", IDENTITY)) == committed
    servicenow.create("incident", IDENTITY, BODY)
    assert len(created(instance)) == 1


def test_a_search_that_fails_creates_nothing(servicenow, instance):
    instance.fault("status", status=500, times=None, match={"method": "GET", "path_regex": "/table/incident"})
    with pytest.raises(TryLater):
        servicenow.create("incident", IDENTITY, BODY)
    instance.admin("DELETE", "faults")
    assert created(instance) == []


def test_a_filter_that_the_instance_drops_finds_no_record_of_others(servicenow, instance):
    instance.create("incident", short_description="of somebody else")
    instance.create("incident", short_description="another", correlation_id="OTHER")
    assert servicenow.correlated("incident", IDENTITY) == ()


def test_a_refusal_is_a_refusal(servicenow, instance):
    with pytest.raises(FarSideError):
        servicenow.create("no_such_table_here", IDENTITY, BODY)
