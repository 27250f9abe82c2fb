"""The ways to prove who one is, beside user and password."""

import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture
def trusted(admin):
    for key in (OTHER, KEY):
        admin.admin("POST", "oauth/keys", json={"public_key": public(key)})


@pytest.fixture
def ask(sandbox):
    def post(**form):
        return requests.post(f"{sandbox.url}/oauth_token.do", data=form, timeout=20)

    return post


@pytest.fixture
def assertion(sandbox):
    client = sandbox.description["oauth"]["client_id"]

    def sign(key=KEY, **claims):
        now = int(time.time())
        standard = {"iss": client, "aud": client, "sub": "tom.hughes", "iat": now, "exp": now + 60}
        given = {name: value for name, value in (standard | claims).items() if value is not None}
        return jwt.encode(given, key, algorithm="RS256")

    return sign


def reads(sandbox, token):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{sandbox.url}/api/now/table/incident", headers=headers, timeout=20).status_code


def last_user(admin):
    return admin.admin("GET", "ledger")[-1]["user"]


@pytest.mark.usefixtures("trusted")
def test_an_assertion_that_the_client_signed_logs_its_subject_in(sandbox, admin, ask, assertion):
    for subject in ("tom.hughes", "tom.hughes@sandbox.example"):
        answer = ask(grant_type=BEARER, assertion=assertion(sub=subject), **sandbox.description["oauth"])
        assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
        assert reads(sandbox, answer.json()["access_token"]) == 200
        assert last_user(admin) == "tom.hughes"


@pytest.mark.usefixtures("trusted")
def test_an_application_without_a_secret_is_proven_by_its_signature(sandbox, ask, assertion):
    address = f"{sandbox.url}/oauth_token.do"
    assert ask(grant_type=BEARER, assertion=assertion(aud=address)).status_code == 200
    client = sandbox.description["oauth"]["client_id"]
    wrong = ask(grant_type=BEARER, assertion=assertion(), client_id=client, client_secret="wrong")
    assert wrong.status_code == 401


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000},
        {"exp": None},
        {"iss": "somebody"},
        {"aud": "https://elsewhere.example/oauth_token.do"},
        {"sub": "nobody"},
        {"sub": ""},
        {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
    ],
    ids=["ended", "without end", "issuer", "audience", "unknown", "empty", "unknown key"],
)
def test_an_assertion_that_does_not_fit_is_refused(sandbox, ask, assertion, claims):
    answer = ask(grant_type=BEARER, assertion=assertion(**claims), **sandbox.description["oauth"])
    assert answer.status_code == 401
    assert answer.json() == {"error_description": "access_denied", "error": "server_error"}


def test_an_assertion_is_refused_when_no_key_is_trusted(sandbox, ask, assertion):
    assert ask(grant_type=BEARER, assertion=assertion(), **sandbox.description["oauth"]).status_code == 401


def test_only_a_public_key_can_be_trusted(admin):
    assert admin.call("POST", "/sandbox/oauth/keys", json={"public_key": "nonsense"}).status_code == 400


def test_an_api_key_logs_in_by_header_and_by_parameter(sandbox, admin):
    key = admin.admin("POST", "api_keys", json={"user_name": "cpsd.bridge"})["key"]
    address = f"{sandbox.url}/api/now/table/incident"
    assert requests.get(address, headers={"x-sn-apikey": key}, timeout=20).status_code == 200
    assert last_user(admin) == "cpsd.bridge"
    assert requests.get(address, params={"x-sn-apikey": key}, timeout=20).status_code == 200
    refused = requests.get(address, headers={"x-sn-apikey": "wrong"}, timeout=20)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'BASIC realm="Service-now"')
    assert admin.call("POST", "/sandbox/api_keys", json={"user_name": "nobody"}).status_code == 400


def test_parts_of_a_batch_run_as_the_owner_of_the_api_key(sandbox, admin):
    key = admin.admin("POST", "api_keys", json={"user_name": "cpsd.bridge", "key": "known"})["key"]
    parts = [{"id": "1", "method": "GET", "url": "/api/now/table/incident", "headers": []}]
    body = {"batch_request_id": "1", "rest_requests": parts}
    answer = requests.post(f"{sandbox.url}/api/now/v1/batch", json=body, headers={"x-sn-apikey": key}, timeout=20)
    assert answer.json()["serviced_requests"][0]["status_code"] == 200
