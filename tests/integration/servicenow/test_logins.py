"""Logging in at a real token endpoint, with tokens that end or are taken back."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bridge.connectors.servicenow import Connection, Patience, ServiceNow
from bridge.connectors.snow.grants import ByAssertion, ByPassword, ByRefreshToken, Client
from bridge.connectors.snow.login import ApiKey, Basic, OAuth
from bridge.domain.errors import NotPermitted
from tests.integration.servicenow.conftest import BRIDGE, CASE

NOBODY = "0" * 32
PASSWORD = "Hy7-a-password"


@pytest.fixture
def connection(instance):
    instance.sandbox.instance.accounts.set_password(BRIDGE, PASSWORD)
    return Connection(instance.url, patience=Patience(attempts=1))


@pytest.fixture
def enter(connection, instance, wall):
    """A connector with a login of any kind."""
    made = []

    def connect(grant=None, *, login=None):
        known = instance.sandbox.description["oauth"]
        client = Client(known["client_id"], known["client_secret"])
        login = login or OAuth(connection, client, grant, monotonic=wall.monotonic)
        made.append(ServiceNow(connection, login, clock=wall, random=wall, monotonic=wall.monotonic))
        return made[-1]

    yield connect
    for source in made:
        source.close()


def asked_for_tokens(instance):
    return sum(entry["path"] == "/oauth_token.do" for entry in instance.admin("GET", "ledger"))


def test_a_name_and_a_password_are_enough(enter, instance):
    assert enter(login=Basic(BRIDGE, PASSWORD)).read(CASE, NOBODY) is None
    with pytest.raises(NotPermitted):
        enter(login=Basic(BRIDGE, "wrong")).read(CASE, NOBODY)


def test_a_password_is_exchanged_once_and_refreshed_before_the_token_ends(enter, instance, wall):
    source = enter(ByPassword(BRIDGE, PASSWORD))
    source.read(CASE, NOBODY)
    source.read(CASE, NOBODY)
    assert asked_for_tokens(instance) == 1
    instance.sandbox.instance.accounts.set_password(BRIDGE, "changed since")
    wall.forward(1790)
    source.read(CASE, NOBODY)
    assert asked_for_tokens(instance) == 2


def test_a_token_that_was_taken_back_is_replaced_by_one_refresh(enter, instance):
    source = enter(ByPassword(BRIDGE, PASSWORD))
    source.read(CASE, NOBODY)
    instance.sandbox.instance.accounts.revoke_all()
    source.read(CASE, NOBODY)
    assert asked_for_tokens(instance) == 2


def test_a_refresh_token_from_elsewhere_logs_in(enter, instance):
    _, refresh = instance.sandbox.instance.accounts.issue(BRIDGE)
    assert enter(ByRefreshToken(refresh)).read(CASE, NOBODY) is None
    with pytest.raises(NotPermitted) as raised:
        enter(ByRefreshToken("ended")).read(CASE, NOBODY)
    assert "refresh token has ended" in raised.value.remedy


def test_an_assertion_that_we_signed_logs_in_and_one_by_another_key_does_not(enter, instance, wall):
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    known = keys[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    instance.admin("POST", "oauth/keys", public_key=known)
    client_id = instance.sandbox.description["oauth"]["client_id"]

    def signed_by(key):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return ByAssertion(client_id, BRIDGE, private_key=pem, key_id="k1", audience=client_id, clock=wall, random=wall)

    assert enter(signed_by(keys[0])).read(CASE, NOBODY) is None
    with pytest.raises(NotPermitted) as raised:
        enter(signed_by(keys[1])).read(CASE, NOBODY)
    assert "key_id" in raised.value.remedy


def test_an_api_key_logs_in_and_an_unknown_one_does_not(enter, instance):
    instance.admin("POST", "api_keys", user_name=BRIDGE, key="Hy7-an-api-key")
    assert enter(login=ApiKey("Hy7-an-api-key")).read(CASE, NOBODY) is None
    with pytest.raises(NotPermitted):
        enter(login=ApiKey("another")).read(CASE, NOBODY)
