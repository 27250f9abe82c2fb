"""Who says that we are who we are: every way to log in, how long a token is used, and that no secret is ever shown."""

import logging
import traceback
from collections.abc import Iterator
from urllib.parse import parse_qs

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bridge.connectors.servicenow import Connection
from bridge.connectors.snow.grants import ByAssertion, ByClient, ByPassword, ByRefreshToken, Client
from bridge.connectors.snow.login import ApiKey, Basic, OAuth
from bridge.domain.errors import BridgeError, ConfigurationError, NotPermitted, TryLater
from tests.pulling.connecting import connected
from tests.unit.connectors.servicenow.conftest import URL

CASE, ID = "sn_customerservice_case", "0" * 32
NONE = {"body": {"result": []}, "X_Total_Count": "0"}
TOKEN_PATH = "/oauth_token.do"
TABLES = f"/api/now/table/{CASE}"
CLIENT_SECRET, PASSWORD, REFRESH, KEY = "Qx7-client-secret", "Qx7-password", "Qx7-refresh-token", "Qx7-api-key"
ACCESS = "Qx7-access-token"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


PEM = pem(PRIVATE)
SECRETS = (CLIENT_SECRET, PASSWORD, REFRESH, KEY, ACCESS, PEM.splitlines()[1])


def by_assertion(quiet, *, audience="bridge-client", key=PEM):
    return ByAssertion(
        "bridge-client",
        "cpsd@example.org",
        private_key=key,
        key_id="kid-1",
        audience=audience,
        clock=quiet,
        random=quiet,
    )


GRANTS = {
    "client_credentials": lambda _: ByClient(),
    "password": lambda _: ByPassword("cpsd.bridge", PASSWORD),
    "refresh_token": lambda _: ByRefreshToken(REFRESH),
    "jwt_bearer": by_assertion,
}


@pytest.fixture
def reach(quiet):
    made = []

    def connect(grant=None, *, login=None, secret=CLIENT_SECRET):
        connection = Connection(URL)
        if login is None:
            login = OAuth(connection, Client("bridge-client", secret), grant, monotonic=quiet.monotonic)
        made.append(connected(connection, quiet, login))
        return made[-1]

    yield connect
    for source in made:
        source.close()


def token(edge, name=ACCESS, lifetime=1000, **more):
    body = {"access_token": name, "expires_in": lifetime, "token_type": "Bearer", "scope": "useraccount", **more}
    return edge.answers("POST", path=TOKEN_PATH, body=body)


def refused(edge):
    body = {"error_description": "access_denied", "error": "server_error"}
    return edge.answers("POST", path=TOKEN_PATH, status=401, body=body)


def forms(edge):
    return [
        {name: values[0] for name, values in parse_qs(request.body).items()}
        for request in edge.requests
        if TOKEN_PATH in request.url
    ]


def used(edge):
    return [request.headers["Authorization"] for request in edge.requests if TOKEN_PATH not in request.url]


def test_a_password_is_sent_once_and_the_refresh_token_afterwards(edge, quiet, reach):
    source = reach(ByPassword("cpsd.bridge", PASSWORD))
    edge.mocked.assert_all_requests_are_fired = True
    for name in ("one", "two", "three"):
        token(edge, name, refresh_token=f"refresh of {name}")
    edge.answers(path=TABLES, **NONE)
    for _ in range(3):
        source.read_many(CASE, [ID])
        quiet.forward(950)
    client = {"client_id": "bridge-client", "client_secret": CLIENT_SECRET}
    assert forms(edge) == [
        {"grant_type": "password", "username": "cpsd.bridge", "password": PASSWORD, **client},
        {"grant_type": "refresh_token", "refresh_token": "refresh of one", **client},
        {"grant_type": "refresh_token", "refresh_token": "refresh of two", **client},
    ]
    assert used(edge) == ["Bearer one", "Bearer two", "Bearer three"]


def test_a_refresh_token_that_ended_is_given_up_for_the_grant_itself(edge, quiet, reach):
    source = reach(ByPassword("cpsd.bridge", PASSWORD))
    token(edge, "one", refresh_token="ended")
    refused(edge)
    token(edge, "two")
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    quiet.forward(950)
    source.read_many(CASE, [ID])
    assert [form["grant_type"] for form in forms(edge)] == ["password", "refresh_token", "password"]
    assert used(edge) == ["Bearer one", "Bearer two"]


def test_a_token_server_that_is_busy_does_not_make_the_password_be_sent_again(edge, quiet, reach):
    source = reach(ByPassword("cpsd.bridge", PASSWORD))
    token(edge, "one", refresh_token="alive")
    edge.answers("POST", path=TOKEN_PATH, status=429, body="", Retry_After="40")
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    quiet.forward(950)
    with pytest.raises(TryLater) as raised:
        source.write(CASE, ID, {"work_notes": "x"})
    assert raised.value.retry_after == 40
    assert [form["grant_type"] for form in forms(edge)] == ["password", "refresh_token"]


def test_a_401_is_answered_by_one_refresh_and_one_more_try(edge, reach):
    source = reach(ByRefreshToken(REFRESH))
    token(edge, "one", refresh_token="newer")
    token(edge, "two", refresh_token="newer")
    edge.answers(path=TABLES, status=401, body={"error": {"message": "User Not Authenticated", "detail": None}})
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    assert [form["refresh_token"] for form in forms(edge)] == [REFRESH, "newer"]
    assert used(edge) == ["Bearer one", "Bearer two"]


def test_an_assertion_says_who_for_whom_until_when_and_is_signed(edge, quiet, reach):
    source = reach(by_assertion(quiet), secret="")
    token(edge)
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    (form,) = forms(edge)
    assert form.keys() == {"grant_type", "assertion", "client_id"}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert jwt.get_unverified_header(form["assertion"]) == {"alg": "RS256", "kid": "kid-1", "typ": "JWT"}
    claims = jwt.decode(
        form["assertion"],
        PRIVATE.public_key(),
        algorithms=["RS256"],
        audience="bridge-client",
        options={"verify_exp": False, "verify_iat": False},
    )
    issued = int(quiet.now().timestamp())
    assert claims == {
        "iss": "bridge-client",
        "sub": "cpsd@example.org",
        "aud": "bridge-client",
        "iat": issued,
        "exp": issued + 300,
        "jti": "00" * 16,
    }


def test_each_token_needs_an_assertion_of_its_own(edge, quiet, reach):
    source = reach(by_assertion(quiet))
    for name in ("one", "two"):
        token(edge, name)
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    quiet.forward(950)
    source.read_many(CASE, [ID])
    times = [jwt.decode(form["assertion"], options={"verify_signature": False})["iat"] for form in forms(edge)]
    assert times[1] - times[0] == 950


@pytest.mark.parametrize("text", ["", "no key", PEM[:400], pem(ELLIPTIC)], ids=["empty", "text", "cut", "elliptic"])
def test_a_private_key_that_is_none_is_refused_without_showing_it(quiet, text):
    with pytest.raises(ConfigurationError) as raised:
        by_assertion(quiet, key=text)
    assert "private_key" in raised.value.message
    assert raised.value.__context__ is None


def test_an_api_key_is_sent_in_its_own_header_and_a_401_is_final(edge, reach):
    source = reach(login=ApiKey(KEY))
    edge.answers(path=TABLES, **NONE)
    source.read_many(CASE, [ID])
    assert edge.requests[0].headers["x-sn-apikey"] == KEY
    assert "Authorization" not in edge.requests[0].headers
    edge.mocked.reset()
    edge.answers(path=TABLES, status=401, body={"error": {"message": "User Not Authenticated"}})
    with pytest.raises(NotPermitted):
        source.read_many(CASE, [ID])
    assert len(edge.requests) == 1


@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)
def test_a_refusal_says_what_to_look_at(edge, quiet, reach, grant):
    source = reach(grant(quiet))
    refused(edge)
    with pytest.raises(NotPermitted) as raised:
        source.read_many(CASE, [ID])
    assert raised.value.remedy == grant(quiet).remedy
    assert len(edge.requests) == 1


TROUBLES = {
    "refused": {"status": 401, "body": {"error": "server_error", "error_description": "access_denied"}},
    "cut": {"body": requests.ConnectionError("cut")},
    "no token": {"body": {"expires_in": 1799, "refresh_token": REFRESH}},
    "no lifetime": {"body": {"access_token": ACCESS, "expires_in": "soon"}},
    "a page": {"body": f"<html>{ACCESS}</html>"},
    "a list": {"body": [ACCESS]},
}


def shown(error: BaseException) -> Iterator[str]:
    """Everything that a log or a debugger could show of an error: texts, and the local variables of every frame."""
    seen, waiting = [], [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield f"{one!r} {one} {vars(one)}"
        yield "".join(traceback.TracebackException.from_exception(one, capture_locals=True).format())
        waiting += [one.__cause__, one.__context__]


def silent(error, caplog):
    # The test's own frames hold the secrets themselves; the connector's begin at its modules.
    error.__traceback__ = error.__traceback__.tb_next
    text = "\n".join([*shown(error), caplog.text])
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)
def test_no_secret_is_in_a_log_an_error_or_a_trace_when_there_is_no_token(edge, quiet, reach, caplog, grant, trouble):
    caplog.set_level(logging.DEBUG)
    source = reach(grant(quiet))
    edge.answers("POST", path=TOKEN_PATH, **trouble)
    with pytest.raises(BridgeError) as raised:
        source.write(CASE, ID, {"work_notes": "x"})
    silent(raised.value, caplog)


LOGINS = {
    "basic": lambda quiet: Basic("cpsd.bridge", PASSWORD),
    "api key": lambda quiet: ApiKey(KEY),
    "oauth": lambda quiet: OAuth(
        Connection(URL), Client("bridge-client", CLIENT_SECRET), ByClient(), monotonic=quiet.monotonic
    ),
}


@pytest.mark.parametrize("answer", [{"body": requests.ConnectionError("cut")}, {"status": 401, "body": ""}])
@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_no_secret_is_in_a_log_an_error_or_a_trace_when_a_request_fails(edge, quiet, reach, caplog, login, answer):
    caplog.set_level(logging.DEBUG)
    source = reach(login=login(quiet))
    token(edge)
    edge.answers("PATCH", **answer)
    with pytest.raises(BridgeError) as raised:
        source.write(CASE, ID, {"work_notes": "x"})
    silent(raised.value, caplog)


def test_no_representation_shows_a_secret(quiet):
    logins = [login(quiet) for login in LOGINS.values()]
    parts = [Client("bridge-client", CLIENT_SECRET), *(grant(quiet) for grant in GRANTS.values())]
    text = repr([*logins, *parts])
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_short_lived_token_is_still_used_for_most_of_its_life(edge, quiet, reach):
    source = reach(ByClient())
    token(edge, "one", lifetime=20)
    token(edge, "two", lifetime=20)
    edge.answers(path=TABLES, **NONE)
    for seconds in (0, 17.9, 0.2):
        quiet.forward(seconds)
        source.read_many(CASE, [ID])
    assert used(edge) == ["Bearer one", "Bearer one", "Bearer two"]
