"""Whether a call to our webhook proves that it is the desk's own, by the ways that portals have."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from bridge.connectors.portals.hooks import HookRefused, proven
from bridge.domain.contacts import HookRules

NOW = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
SECRET, OTHER = b"a secret", b"another"
BODY = b'{"ticket": {"id": 42}}'
GITHUB = HookRules("hmac-sha256", (SECRET,), prefix="sha256=", record="ticket.id")
ZENDESK = HookRules(
    "hmac-sha256",
    (SECRET,),
    header="X-Zendesk-Webhook-Signature",
    encoding="base64",
    signed="{timestamp}{body}",
    timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
)
TOKEN = HookRules("token", (SECRET,), header="Authorization", prefix="Bearer ")


def hexed(body=BODY, secret=SECRET, algorithm="sha256"):
    return hmac.new(secret, body, algorithm).hexdigest()


def zendesk(at="2026-06-02T09:01:00Z", body=BODY, secret=SECRET):
    signature = base64.b64encode(hmac.new(secret, at.encode() + body, hashlib.sha256).digest()).decode()
    return {"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": at}


def accepted(rules, headers, body=BODY, now=NOW):
    return proven(rules, Headers(headers), body, now)


def test_a_signature_over_the_body_proves_it_and_the_record_is_found():
    assert accepted(GITHUB, {"x-hub-signature-256": f"sha256={hexed()}"}).record == "42"


def test_a_signature_over_time_and_body_proves_it_within_the_window():
    accepted(ZENDESK, zendesk())
    accepted(ZENDESK, zendesk(str(int(NOW.timestamp()))))
    accepted(ZENDESK, zendesk(str(int(NOW.timestamp() * 1000))))


@pytest.mark.parametrize("late", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_call_of_another_time_is_refused_although_it_is_signed(late):
    with pytest.raises(HookRefused, match="no time within 300 s"):
        accepted(ZENDESK, zendesk((NOW + late).isoformat()))


@pytest.mark.parametrize("at", ["", "yesterday", "1e400", "nan", "-1e30"])
def test_a_time_that_is_none_is_refused(at):
    with pytest.raises(HookRefused):
        accepted(ZENDESK, zendesk(at))


def test_a_token_proves_it():
    accepted(TOKEN, {"authorization": "Bearer a secret"})
    for wrong in ("a secret", "Bearer a secre", "Bearer ", "Bearer a secret ", "Basic a secret"):
        with pytest.raises(HookRefused):
            accepted(TOKEN, {"authorization": wrong})


def test_while_secrets_change_each_of_them_proves_it():
    both = HookRules("hmac-sha512", (OTHER, SECRET))
    for secret in (OTHER, SECRET):
        accepted(both, {"X-Hub-Signature-256": hexed(secret=secret, algorithm="sha512")})
    with pytest.raises(HookRefused):
        accepted(both, {"X-Hub-Signature-256": hexed(secret=b"a third", algorithm="sha512")})


@given(header=st.text(max_size=100), body=st.binary(max_size=100))
def test_nothing_else_proves_it(header, body):
    for rules in (GITHUB, TOKEN):
        with pytest.raises(HookRefused):
            proven(rules, {rules.header: header}, body, NOW)


def test_another_body_than_the_one_signed_is_refused():
    with pytest.raises(HookRefused):
        accepted(GITHUB, {"X-Hub-Signature-256": f"sha256={hexed()}"}, BODY + b" ")


def test_a_repetition_has_the_same_identity_and_another_call_another():
    first = accepted(ZENDESK, zendesk())
    assert accepted(ZENDESK, zendesk()).identity == first.identity
    assert accepted(ZENDESK, zendesk("2026-06-02T09:01:01Z")).identity != first.identity
    named = HookRules("token", (SECRET,), header="X-Token", identity_header="X-Delivery")
    one = accepted(named, {"X-Token": "a secret", "X-Delivery": "1"})
    assert accepted(named, {"X-Token": "a secret", "X-Delivery": "1"}, b"other").identity == one.identity
    assert accepted(named, {"X-Token": "a secret", "X-Delivery": "2"}).identity != one.identity


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"ticket": {"id": {"a": 1}}}', b"[" * 100_000])
def test_a_body_without_a_record_is_taken_all_the_same(body):
    assert accepted(GITHUB, {"X-Hub-Signature-256": f"sha256={hexed(body)}"}, body).record == ""


def test_secrets_are_not_shown():
    assert "a secret" not in repr(GITHUB)
