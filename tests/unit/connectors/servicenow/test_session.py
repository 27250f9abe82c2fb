"""How requests go out: who signs them, how long they wait, how many at a time, what they remember."""

import threading
from urllib.parse import parse_qs

import pytest

from bridge import __version__
from bridge.connectors.servicenow import Basic, ClientCredentials, Connection, Patience
from bridge.connectors.snow.manners import Limits
from bridge.domain.errors import ConfigurationError, NotPermitted, OutcomeUnknown, TryLater, UntrustedAnswer
from tests.pulling.connecting import PASSWORD, USER, connected
from tests.unit.connectors.servicenow.conftest import URL

CASE, ID = "sn_customerservice_case", "0" * 32
NONE = {"body": {"result": []}, "X_Total_Count": "0"}
TOKEN_PATH = "/oauth_token.do"
TABLES = "/api/now/table/sn_customerservice_case"
SECRET = "never-to-be-seen"


@pytest.fixture
def oauth(quiet):
    connection = Connection(URL)
    login = ClientCredentials(connection, "bridge-client", SECRET, monotonic=quiet.monotonic)
    made = connected(connection, quiet, login)
    yield made
    made.close()


def token(edge, name, lifetime=1799):
    body = {"access_token": name, "expires_in": lifetime, "token_type": "Bearer", "scope": "useraccount"}
    return edge.answers("POST", path=TOKEN_PATH, body=body)


def tokens_used(edge):
    return [request.headers["Authorization"] for request in edge.requests if TOKEN_PATH not in request.url]


def test_every_request_says_who_it_is_and_has_its_timeouts(edge, quiet, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    patient = connected(Connection(URL, connect_timeout=3, read_timeout=44), quiet)
    edge.answers(**NONE)
    patient.read_many(CASE, [ID])
    (request,) = edge.requests
    assert request.headers["User-Agent"] == f"cpsd-bridge/{__version__}"
    assert request.req_kwargs["timeout"] == (3, 44)
    assert request.req_kwargs["verify"] is True
    assert "Cookie" not in request.headers


def test_certificates_are_checked_against_the_configured_bundle(edge, quiet, tmp_path):
    private = connected(Connection(URL, ca_bundle=tmp_path / "ca.pem"), quiet)
    edge.answers(**NONE)
    private.read_many(CASE, [ID])
    assert edge.requests[0].req_kwargs["verify"] == str(tmp_path / "ca.pem")


def test_no_cookie_is_kept(edge, servicenow):
    edge.answers(**NONE, Set_Cookie="JSESSIONID=1; Path=/")
    servicenow.read_many(CASE, [ID])
    servicenow.read_many(CASE, [ID])
    assert all("Cookie" not in request.headers for request in edge.requests)


def test_threads_share_no_session(edge, servicenow):
    edge.answers(**NONE)
    sessions = []

    def read():
        servicenow.read_many(CASE, [ID])
        sessions.append(servicenow._session._http())

    for _ in range(2):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert sessions[0] is not sessions[1]


def test_a_token_is_fetched_once_and_used_until_shortly_before_its_end(edge, oauth, quiet):
    first = token(edge, "one", lifetime=1000)
    edge.answers(path=TABLES, **NONE)
    for _ in range(3):
        oauth.read_many(CASE, [ID])
    quiet.forward(939)
    oauth.read_many(CASE, [ID])
    assert first.call_count == 1
    edge.mocked.remove(first)
    token(edge, "two")
    quiet.forward(1)
    oauth.read_many(CASE, [ID])
    assert tokens_used(edge) == ["Bearer one"] * 4 + ["Bearer two"]
    form = parse_qs(edge.requests[0].body)
    assert form == {"grant_type": ["client_credentials"], "client_id": ["bridge-client"], "client_secret": [SECRET]}
    assert "Authorization" not in edge.requests[0].headers


def test_a_token_that_is_refused_is_renewed_once(edge, oauth):
    for name in ("one", "two"):
        token(edge, name)
    edge.answers(path=TABLES, status=401, body={"error": {"message": "User Not Authenticated", "detail": None}})
    edge.answers(path=TABLES, **NONE)
    oauth.read_many(CASE, [ID])
    assert tokens_used(edge) == ["Bearer one", "Bearer two"]


def test_a_fresh_token_that_is_refused_too_is_no_permission(edge, oauth):
    token(edge, "any")
    refused = edge.answers(path=TABLES, status=401, body={"error": {"message": "User Not Authenticated"}})
    with pytest.raises(NotPermitted, match="User Not Authenticated"):
        oauth.read_many(CASE, [ID])
    assert refused.call_count == 2


def test_a_write_is_sent_again_after_a_refused_token_since_nothing_was_done(edge, oauth):
    for name in ("one", "two"):
        token(edge, name)
    row = {"sys_id": ID, "sys_mod_count": "1", "sys_updated_on": "2026-06-01 09:00:00"}
    edge.answers("PATCH", status=401, body={"error": {"message": "User Not Authenticated"}})
    edge.answers("PATCH", body={"result": row})
    assert oauth.write(CASE, ID, {"work_notes": "x"}).detail["sys_mod_count"] == "1"


def test_a_basic_login_that_is_refused_is_not_tried_again(edge, servicenow):
    edge.answers(status=401, body={"error": {"message": "User Not Authenticated"}})
    with pytest.raises(NotPermitted):
        servicenow.read_many(CASE, [ID])
    assert len(edge.requests) == 1


@pytest.mark.parametrize(
    "answer, kind",
    [
        ({"status": 401, "body": {"error": "server_error", "error_description": "access_denied"}}, NotPermitted),
        ({"status": 200, "body": "<html>hibernating</html>"}, TryLater),
        ({"status": 202, "body": ""}, TryLater),
        ({"status": 200, "body": {"expires_in": 1799}}, TryLater),
        ({"status": 503, "body": ""}, TryLater),
    ],
)
def test_without_a_token_a_write_was_certainly_not_sent(edge, oauth, answer, kind):
    edge.answers("POST", path=TOKEN_PATH, **answer)
    with pytest.raises(kind) as raised:
        oauth.write(CASE, ID, {"work_notes": "x"})
    assert SECRET not in f"{raised.value!r} {raised.value}"


def test_no_representation_shows_a_secret(quiet):
    login = ClientCredentials(Connection(URL), "bridge-client", SECRET, monotonic=quiet.monotonic)
    assert SECRET not in repr(login)
    assert PASSWORD not in repr(Basic(USER, PASSWORD))


@pytest.mark.parametrize(
    "url", ["sandbox.example", "ftp://x", "https://u:p@x.example", "https://x.example/api", "https://x.example/?a=b"]
)
def test_an_address_that_is_none_is_refused_with_a_remedy(url):
    with pytest.raises(ConfigurationError) as raised:
        Connection(url)
    assert raised.value.remedy
    assert ":p@" not in str(raised.value)


def test_reads_are_repeated_with_growing_jittered_waits_and_then_given_up(edge, servicenow, quiet):
    edge.answers(status=503, body="")
    with pytest.raises(TryLater):
        servicenow.read_many(CASE, [ID])
    assert len(edge.requests) == 4
    assert quiet.slept == [0.5, 1.0, 2.0]


def test_jitter_takes_any_part_of_the_wait(edge, servicenow, quiet):
    quiet.chance = 0.25
    edge.answers(body="<html></html>")
    with pytest.raises(UntrustedAnswer):
        servicenow.read_many(CASE, [ID])
    assert quiet.slept == [0.125, 0.25, 0.5]


def test_waits_are_capped(edge, quiet):
    patient = connected(Connection(URL, patience=Patience(attempts=8, first_wait=1.0, longest_wait=5.0)), quiet)
    edge.answers(status=503, body="")
    with pytest.raises(TryLater):
        patient.read_many(CASE, [ID])
    assert quiet.slept == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_retry_after_is_obeyed_before_a_read_is_repeated(edge, servicenow, quiet):
    edge.answers(status=429, body={"error": {"message": "Rate limit exceeded"}}, Retry_After="9")
    edge.answers(**NONE)
    assert servicenow.read_many(CASE, [ID]) == ()
    assert quiet.slept == [9.5]


def test_nobody_sleeps_through_a_long_retry_after(edge, servicenow, quiet):
    edge.answers(status=429, body={"error": {"message": "Rate limit exceeded"}}, Retry_After="3600")
    with pytest.raises(TryLater) as raised:
        servicenow.read_many(CASE, [ID])
    assert raised.value.retry_after == 3600
    assert (len(edge.requests), quiet.slept) == (1, [])


@pytest.mark.parametrize("status", [500, 503, 429, 202])
def test_a_write_is_never_repeated(edge, servicenow, quiet, status):
    edge.answers("PATCH", status=status, body="")
    with pytest.raises((OutcomeUnknown, TryLater)):
        servicenow.write(CASE, ID, {"work_notes": "x"})
    assert (len(edge.requests), quiet.slept) == (1, [])


def test_a_refusal_is_not_asked_again(edge, servicenow):
    edge.answers(status=403, body={"error": {"message": "Insufficient rights to query records", "detail": None}})
    with pytest.raises(NotPermitted):
        servicenow.read_many(CASE, [ID])
    assert len(edge.requests) == 1


def test_no_more_than_the_budget_of_requests_run_at_once(edge, quiet):
    running, most, gate = [], [], threading.Event()

    def slow(request):
        running.append(request)
        most.append(len(running))
        gate.wait(0.2)
        running.remove(request)
        return 200, {"Date": "Mon, 01 Jun 2026 09:00:00 GMT", "X-Total-Count": "0"}, '{"result": []}'

    edge.mocked.add_callback("GET", f"{URL}{TABLES}", callback=slow)
    shared = connected(Connection(URL, limits=Limits(concurrency=3)), quiet)
    threads = [threading.Thread(target=shared.read_many, args=(CASE, [ID])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 3


def test_servicenows_clock_is_taken_from_an_answer_that_just_came(edge, servicenow, quiet):
    edge.answers(**NONE)
    servicenow.read_many(CASE, [ID])
    assert servicenow.server_time() == quiet.now()
    assert len(edge.requests) == 1
    quiet.forward(1.5)
    servicenow.server_time()
    assert len(edge.requests) == 2
