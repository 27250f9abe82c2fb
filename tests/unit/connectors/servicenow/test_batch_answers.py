"""Answers of the Batch API that tell less than they should: what they leave open is unknown, never done or failed."""

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.domain.delivery import Receipt
from bridge.domain.errors import OutcomeUnknown, TryLater
from bridge.ports import RecordWrite

CASE, BATCH = "sn_customerservice_case", "/api/now/v1/batch"
IDS = ("a" * 32, "b" * 32)
WRITES = [RecordWrite(CASE, one, {"work_notes": "n"}) for one in IDS]


def row(sys_id):
    return {"sys_id": sys_id, "sys_mod_count": "1", "sys_updated_on": "2026-06-01 09:00:00"}


def part(number, body=None, status=200, **more):
    content = json.dumps({"result": row(IDS[number])} if body is None else body).encode()
    return {"id": str(number), "status_code": status, "body": base64.b64encode(content).decode(), **more}


def batch(edge, *serviced, unserviced=(), **more):
    body = {"batch_request_id": "1", "serviced_requests": serviced, "unserviced_requests": unserviced, **more}
    return edge.answers("POST", path=BATCH, body=body)


@pytest.fixture
def allowed(edge):
    """The first batch, by which it is found out that there may be more."""
    batch(edge, part(0, {"result": [{"sys_id": "c"}]}))


def outcomes(servicenow):
    return [type(one) for one in servicenow.write_many(WRITES, timedelta(minutes=1))]


CANCELLED = {"result": row(IDS[1]), "error": {"message": "Transaction cancelled"}}
ODD = {
    "told twice": [part(0), part(1), part(1)],
    "not told": [part(0)],
    "another record": [part(0), part(1, {"result": row("c" * 32)})],
    "no record": [part(0), part(1, {"result": []})],
    "cancelled": [part(0), part(1, CANCELLED)],
    "no result": [part(0), part(1, {})],
    "no base64": [part(0), part(1) | {"body": "%%%"}],
    "no body": [part(0), part(1) | {"body": None}],
    "no status": [part(0), {"id": "1", "body": ""}],
    "a status that is none": [part(0), part(1, status="done")],
    "accepted": [part(0), part(1, status=202)],
    "its transaction was cancelled": [part(0), part(1, {"error": {"message": "maximum execution time"}}, 500)],
    "nothing readable": [part(0), "1"],
}


@pytest.mark.parametrize("serviced", ODD.values(), ids=ODD)
def test_what_is_not_told_for_certain_is_unknown_and_its_neighbour_is_not(edge, servicenow, allowed, serviced):
    batch(edge, *serviced)
    assert outcomes(servicenow) == [Receipt, OutcomeUnknown]
    assert len(edge.requests) == 2


def test_a_request_that_is_told_as_done_and_not_begun_is_unknown(edge, servicenow, allowed):
    batch(edge, part(0), part(1), unserviced=["1"])
    assert outcomes(servicenow) == [Receipt, OutcomeUnknown]


def test_a_part_over_the_limit_may_be_tried_later(edge, servicenow, allowed):
    batch(edge, part(0), part(1, {"error": {"message": "Rate limit exceeded"}}, 429))
    assert outcomes(servicenow) == [Receipt, TryLater]


@pytest.mark.parametrize(
    "more", [{"error": {"message": "cancelled"}}, {"serviced_requests": None}, {"unserviced_requests": "1"}]
)
def test_a_batch_that_is_not_whole_tells_nothing(edge, servicenow, allowed, more):
    batch(edge, part(0), part(1), **more)
    assert outcomes(servicenow) == [OutcomeUnknown, OutcomeUnknown]


def test_the_batch_says_what_a_single_call_says(edge, servicenow, allowed):
    batch(edge, part(0), part(1))
    outcomes(servicenow)
    sent = json.loads(edge.requests[1].body)["rest_requests"]
    edge.answers("PATCH", body={"result": row(IDS[0])})
    servicenow.write(CASE, IDS[0], {"work_notes": "n"})
    single = edge.requests[2]
    batched = urlsplit(sent[0]["url"])
    assert batched.path == urlsplit(single.url).path
    assert parse_qs(batched.query) == parse_qs(urlsplit(single.url).query)
    assert json.loads(base64.b64decode(sent[0]["body"])) == json.loads(single.body)
    assert sent[0]["method"] == single.method
    assert len(edge.requests[1].req_kwargs["timeout"]) == 2
    assert edge.requests[1].req_kwargs["timeout"][1] > 30
