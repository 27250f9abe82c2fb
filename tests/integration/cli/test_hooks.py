"""A desk's system calls our webhook: stored, answered, and taken as a reason to look."""

import hashlib
import hmac
import time
from contextlib import contextmanager

import pytest
import requests

from bridge.connectors.mail.links import Links
from bridge.connectors.mail.signing import Keys
from bridge.domain.contacts import HookRules
from bridge.domain.ids import DeskName
from bridge.web.listener import Listener
from bridge.web.public import Hooks, public_app
from bridge.web.public.hooks import LARGEST_HOOK
from tests.integration.cli.conftest import DCC, KEY
from tests.integration.cli.test_links import DAY, free_port

SECRET = b"a secret"
BODY = b'{"ticket": {"id": 42}}'


@contextmanager
def listening(bench, rung):
    """The public listener; each call that wakes the bridge is one entry of `rung`."""
    rules = {DeskName(DCC): HookRules("hmac-sha256", (SECRET,), record="ticket.id", identity_header="X-Delivery")}
    links = Links("http://127.0.0.1", Keys((KEY.encode(),)), 60 * DAY)
    port = free_port()
    with bench.store() as store:
        hooks = Hooks(store, rules, lambda: rung.append(time.monotonic()))
        with Listener(public_app(store, links, hooks), "127.0.0.1", port, "public"):
            yield f"http://127.0.0.1:{port}/hooks/"


@pytest.fixture
def rung():
    return []


@pytest.fixture
def hooks(bench, rung):
    with listening(bench, rung) as address:
        yield address


def call(address, body=BODY, desk=DCC, secret=SECRET, **headers):
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    sent = {"X-Hub-Signature-256": signature, **headers}
    return requests.post(f"{address}{desk}", data=body, headers=sent, timeout=20)


def stored(bench):
    with bench.store() as store, store.reading() as tx:
        return [item for item in tx.unapplied(100) if item.source == f"hook:{DCC}"]


def test_a_call_is_stored_as_it_came_and_wakes_the_bridge(bench, hooks, rung):
    assert call(hooks).status_code == 200
    (item,) = stored(bench)
    assert (item.raw, len(rung)) == (BODY, 1)


def test_the_same_call_again_is_told_so_and_stored_once(bench, hooks):
    assert call(hooks, X_Delivery="1").text == "stored\n"
    assert call(hooks, **{"X-Delivery": "7"}).text == "stored\n"
    assert call(hooks, **{"X-Delivery": "7"}).text == "known\n"
    assert len(stored(bench)) == 2


def test_a_call_that_proves_nothing_is_refused_and_kept_nowhere(bench, hooks, rung):
    assert call(hooks, secret=b"wrong").status_code == 401
    assert call(hooks, desk="ldso-help-desk").status_code == 404
    assert call(hooks, desk="nobody").status_code == 404
    assert requests.get(f"{hooks}{DCC}", timeout=20).status_code == 405
    assert call(hooks, b"x" * (LARGEST_HOOK + 1)).status_code == 413
    assert (stored(bench), rung) == ([], [])


def test_what_was_stored_is_filed_and_says_nothing_by_itself(bench, hooks):
    case = bench.raise_case()
    bench.run("once")
    call(hooks, b'{"ticket": {"id": 42}, "status": "resolved", "text": "#resolved: by somebody"}')
    bench.run("once")
    assert stored(bench) == []
    assert [one["state"] for one in bench.json("engagements")] == ["open"]
    assert bench.json("quarantine", "list") == []
    assert "resolved" not in " ".join(bench.journal(case))


@pytest.mark.parametrize(
    "hooks_,wrong",
    [
        ({"check": "token", "secrets": ["plain"]}, "plain text"),
        ({"check": "hmac-sha256", "secrets": []}, "secrets"),
        ({"check": "hmac-sha256", "secrets": ["${CPSD_KEY}"], "signed": "{timestamp}"}, "does not hold the body once"),
        ({"check": "hmac-sha256", "secrets": ["${CPSD_KEY}"], "timestamp_header": "X-Time"}, "only where it is signed"),
        ({"check": "hmac-sha256", "secrets": ["${CPSD_KEY}"], "record": "a..b"}, "no JMESPath expression"),
        ({"check": "hmac-sha256", "secrets": ["${CPSD_KEY}"]}, "nobody listens to hooks"),
    ],
)
def test_rules_that_prove_nothing_are_refused(bench, hooks_, wrong):
    bench.desks[DCC]["hooks"] = hooks_
    bench.write()
    assert wrong in " ".join(bench.run("check", exits=2).stdout.split())
