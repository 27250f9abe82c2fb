"""The right to use the Batch API, and the time that its calls may take."""

import base64
import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
import requests

from bridge.connectors.snow.answers import Answer
from bridge.connectors.snow.batch import Batches, Part
from bridge.domain.errors import NotBegun, TryLater

PARTS = [Part("PATCH", "/a", b"{}")] * 3
WITHIN = 15.0


class Instance:
    """Takes batches until it refuses them with a status; single calls always work."""

    def __init__(self, status=200, probe_takes=0.0):
        self.status, self.probe_takes, self.time = status, probe_takes, 0.0
        self.batches, self.singles = [], 0

    def now(self):
        return datetime(2026, 11, 21, tzinfo=UTC)

    def batch(self, path, content, headers):
        parts = json.loads(content)["rest_requests"]
        self.batches.append((parts[0]["method"], self.time))
        self.time += self.probe_takes if parts[0]["method"] == "GET" else 1.0
        if self.status != 200:
            return answered(self.status, {"error": {"message": "Operation Failed", "detail": "ACL"}})
        body = base64.b64encode(b'{"result": {}}').decode()
        served = [{"id": part["id"], "status_code": 200, "body": body} for part in parts]
        return answered(200, {"serviced_requests": served, "unserviced_requests": []})

    def ask(self, method, path, **more):
        self.singles += 1
        return Answer({}, None, self.now())


def answered(status, payload):
    response = requests.Response()
    response.status_code, response.url, response.raw = status, "http://x", BytesIO(json.dumps(payload).encode())
    response.headers.update({"Date": "Sat, 21 Nov 2026 17:00:00 GMT", "Content-Type": "application/json"})
    response.request = requests.Request("POST", "http://x").prepare()
    return response


def sent(instance, batches):
    return [type(outcome) for outcome in batches.send(PARTS, WITHIN)]


@pytest.mark.parametrize("status", [401, 403])
def test_where_the_right_is_taken_away_the_next_writes_go_one_by_one(status):
    instance = Instance()
    batches = Batches(instance, monotonic=lambda: instance.time)
    assert sent(instance, batches) == [Answer] * 3
    instance.status = status
    assert Answer not in sent(instance, batches), "nobody knows what a refused batch of writes did"
    assert sent(instance, batches) == [Answer] * 3
    assert instance.singles == 3


def test_where_it_can_never_be_tried_plain_calls_are_made_after_some_tries():
    instance = Instance(503)
    batches = Batches(instance, monotonic=lambda: instance.time)
    outcomes = [sent(instance, batches) for _ in range(6)]
    assert TryLater in outcomes[0] or all(issubclass(one, TryLater) for one in outcomes[0])
    assert outcomes[-1] == [Answer] * 3
    assert instance.batches[-1][0] == "GET", "no write went out in a batch"


def test_no_write_begins_after_its_time_however_long_the_question_took():
    instance = Instance(probe_takes=44.0)
    batches = Batches(instance, monotonic=lambda: instance.time)
    assert sent(instance, batches) == [NotBegun] * 3
    assert [method for method, _ in instance.batches] == ["GET"]
    assert instance.singles == 0
