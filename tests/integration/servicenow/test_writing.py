"""Guarantee 10, the connector's part: what is certain after a write, and what is not."""

import time
from datetime import UTC, datetime

import pytest

from bridge.domain.errors import BridgeError, FarSideError, NotFound, NotPermitted, OutcomeUnknown, TryLater

CASE = "sn_customerservice_case"
EVER = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def case(instance):
    return instance.create(short_description="No reads since Monday", state="10")


def note(servicenow, case):
    return servicenow.write(CASE, case, {"work_notes": "A note [CPSD 1]", "state": "18"})


def attach(servicenow, case):
    return servicenow.attach(CASE, case, "reads.csv", "text/csv", b"1,2,3")


WRITES = {"note and state": (note, "PATCH"), "file": (attach, "POST")}


def test_a_write_is_told_with_its_revision_and_seen_in_the_journal(servicenow, case):
    receipt = note(servicenow, case)
    record = servicenow.read(CASE, case)
    assert receipt.detail == {
        "sys_mod_count": record.values["sys_mod_count"],
        "sys_updated_on": record.values["sys_updated_on"],
    }
    assert record.values["state"] == "18"
    (entry,) = servicenow.journals([case], EVER)
    assert (entry.text, entry.author, entry.element, entry.case) == (
        "A note [CPSD 1]",
        "cpsd.bridge",
        "work_notes",
        case,
    )


@pytest.mark.parametrize("act, method", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    "fault, committed",
    [
        ({"kind": "lost_after_commit"}, 1),
        ({"kind": "half_answer"}, 1),
        ({"kind": "cut"}, 0),
        ({"kind": "hang", "seconds": 0.6}, 0),
        ({"kind": "slow", "seconds": 0.6, "when": "after_commit"}, 1),
        ({"kind": "status", "status": 500}, 0),
        ({"kind": "status", "status": 503, "when": "after_commit"}, 1),
        ({"kind": "status", "status": 502, "html": True}, 0),
        ({"kind": "result_and_error"}, 1),
        ({"kind": "result_and_error", "malformed": True}, 1),
        ({"kind": "html_200"}, 0),
        ({"kind": "html_200", "when": "after_commit"}, 1),
        ({"kind": "accepted_202"}, 0),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_write_without_a_certain_answer_is_unknown_and_never_repeated(
    servicenow, instance, case, act, method, fault, committed
):
    instance.fault(**fault, match={"method": method, "path_regex": "/api/now/"})
    with pytest.raises(OutcomeUnknown):
        act(servicenow, case)
    assert instance.sent(method) == 1
    assert len(instance.writes()) == committed


@pytest.mark.parametrize("act, method", WRITES.values(), ids=WRITES)
def test_a_write_that_commits_after_we_are_gone_is_unknown_and_seen_later(servicenow, instance, case, act, method):
    instance.fault("commit_after_client_gone", match={"method": method, "path_regex": "/api/now/"})
    with pytest.raises(OutcomeUnknown):
        act(servicenow, case)
    deadline = time.monotonic() + 5
    while not instance.writes() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(instance.writes()) == 1
    assert len(servicenow.journals([case], EVER)) + len(servicenow.attachments([case], EVER)) == 1


def test_a_file_whose_post_is_forbidden_after_its_commit_is_seen_to_be_there(servicenow, instance, case):
    instance.fault("status", status=403, when="after_commit", match={"method": "POST", "path_regex": "/attachment"})
    receipt = attach(servicenow, case)
    assert [file.sys_id for file in servicenow.attachments([case], EVER)] == [receipt.far_id]


def test_a_file_whose_post_is_forbidden_and_that_is_not_there_is_refused(servicenow, instance, case):
    servicenow.attach(CASE, case, "reads.csv", "text/csv", b"3,2,1")
    instance.fault("status", status=403, match={"method": "POST", "path_regex": "/attachment"})
    with pytest.raises(NotPermitted):
        attach(servicenow, case)


def test_a_file_whose_post_is_forbidden_and_that_nobody_can_look_for_stays_in_doubt(servicenow, instance, case):
    instance.fault("status", status=403, when="after_commit", match={"method": "POST", "path_regex": "/attachment"})
    instance.fault("status", status=403, match={"method": "GET", "path_regex": "sys_attachment"})
    with pytest.raises(OutcomeUnknown):
        attach(servicenow, case)


@pytest.mark.parametrize("act, method", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("rate_limit", [True, False])
def test_a_write_over_the_limit_was_not_done_and_may_be_tried_later(
    servicenow, instance, case, wall, act, method, rate_limit
):
    instance.fault(
        "status", status=429, retry_after=7, rate_limit=rate_limit, match={"method": method, "path_regex": "/api/now/"}
    )
    with pytest.raises(TryLater) as raised:
        act(servicenow, case)
    assert raised.value.retry_after == 7
    assert instance.writes() == []
    wall.forward(7)
    act(servicenow, case)
    assert len(instance.writes()) == 1


def test_refusals_are_definite_and_in_servicenows_own_words(servicenow, instance, case):
    with pytest.raises(FarSideError, match=r"mandatory|aborted"):
        servicenow.write(CASE, case, {"state": "6", "work_notes": "resolved"})
    with pytest.raises(NotFound, match="No Record found"):
        servicenow.write(CASE, "f" * 32, {"work_notes": "x"})
    with pytest.raises(FarSideError, match="Invalid table"):
        servicenow.write("no_such_table", case, {"work_notes": "x"})
    instance.admin("POST", "acl", kind="deny_write", table=CASE)
    with pytest.raises(NotPermitted) as raised:
        servicenow.write(CASE, case, {"work_notes": "x"})
    assert "ACL Exception" in raised.value.detail
    assert instance.writes() == []


def test_a_closed_case_refuses_updates(servicenow, instance, case):
    instance.change(case, state="6", resolution_code="1", close_notes="done")
    instance.change(case, state="3")
    with pytest.raises(FarSideError):
        note(servicenow, case)
    assert instance.writes() == []


def test_revoked_tokens_are_renewed_in_the_middle_of_the_work(servicenow, instance, case):
    note(servicenow, case)
    instance.admin("POST", "tokens/revoke")
    note(servicenow, case)
    assert len(instance.writes()) == 2


def test_no_error_of_any_fault_shows_the_secret(servicenow, instance, case):
    secret = instance.sandbox.description["oauth"]["client_secret"]
    for kind in ("lost_after_commit", "half_answer", "cut", "html_200", "accepted_202", "result_and_error"):
        instance.fault(kind, match={"method": "PATCH"})
        with pytest.raises(BridgeError) as raised:
            note(servicenow, case)
        assert secret not in f"{raised.value!r}{raised.value}{raised.value.__cause__!r}"
