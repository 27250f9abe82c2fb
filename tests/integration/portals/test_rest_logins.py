"""How requests prove who sends them, and how many there are in a minute."""

import base64

import pytest

from bridge.connectors.rest.plan import Request
from bridge.domain.errors import NotBegun, NotPermitted, TryLater
from bridge.domain.facts import MessageKind
from tests.integration.portals.describing import Talk, rest_desk
from tests.integration.portals.injecting import Injected, InjectingProxy
from tests.servers import trouble_tickets

JSON = {"Content-Type": "application/json"}
FINE = Injected(200, b'{"items": []}', JSON)
ME = Request("GET", "me", {}, {})
BARE = """
    preset: request-tracker
    url: URL/api
    auth: AUTH
    ours: [bridge]
    settings: {queue: q, web: "https://rt.example"}
"""
LOGIN = """{kind: login, username: bridge, password: "${PASSWORD}", KIND
      request: {method: POST, path: login, body: {json: {user: "{{ username }}", secret: "{{ password }}"}}}}"""


@pytest.fixture
def portal():
    with InjectingProxy() as proxy:
        yield proxy


@pytest.fixture
def desk(portal, tmp_path):
    made = []

    def make(auth, **changes):
        text = BARE.replace("URL", portal.url).replace("AUTH", auth)
        made.append(rest_desk(tmp_path, text, changes=changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "auth,header,value",
    [
        (
            '{kind: basic, username: jürgen, password: "${PASSWORD}"}',
            "Authorization",
            "Basic " + base64.b64encode("jürgen:password".encode()).decode(),
        ),
        ('{kind: bearer, token: "${PASSWORD}"}', "Authorization", "Bearer password"),
        ('{kind: header, header: X-Key, prefix: "token ", key: "${PASSWORD}"}', "X-Key", "token password"),
    ],
)
def test_a_secret_of_its_own_goes_with_every_request_and_is_refused_once(portal, desk, auth, header, value):
    portal.inject(FINE, Injected(401, b"{}", JSON))
    session = desk(auth).session
    session.read(ME)
    with pytest.raises(NotPermitted):
        session.read(ME)
    assert [one.headers[header] for one in portal.asked] == [value, value]


def test_a_token_of_a_login_is_used_until_it_is_refused(portal, desk):
    session = desk(LOGIN.replace("KIND", "token: data.token, header: X-Session, prefix: '',")).session
    first, second = (Injected(200, b'{"data": {"token": "%s"}}' % one, JSON) for one in (b"one", b"two"))
    portal.inject(first, FINE, FINE, Injected(401, b"{}", JSON), second, FINE)
    for _ in range(3):
        session.read(ME)
    assert [one.headers.get("X-Session", "-") for one in portal.asked] == ["-", "one", "one", "one", "-", "two"]
    assert b'"secret":"password"' in portal.asked[0].body.replace(b" ", b"")


def test_a_cookie_of_a_login_is_all_that_is_kept_of_cookies(portal, desk):
    session = desk(LOGIN.replace("KIND", "")).session
    portal.inject(
        Injected(302, b"", {"Set-Cookie": "sid=abc; HttpOnly; Path=/"}),
        Injected(200, b"{}", {**JSON, "Set-Cookie": "tracking=1"}),
        FINE,
    )
    session.read(ME)
    session.read(ME)
    assert [one.headers.get("Cookie", "-") for one in portal.asked] == ["-", "sid=abc", "sid=abc"]


@pytest.mark.parametrize(
    "answer,error",
    [
        (Injected(200, b'{"data": {}}', JSON), NotPermitted),
        (Injected(401, b"{}", JSON), NotPermitted),
        (Injected(503, b"{}", JSON), TryLater),
    ],
)
def test_a_login_that_yields_nothing_sends_nothing_else(portal, desk, answer, error):
    session = desk(LOGIN.replace("KIND", "token: data.token,")).session
    portal.inject(answer)
    with pytest.raises(error) as caught:
        session.write(Request("POST", "tickets", {}, {}, {"json": {}}))
    assert len(portal.asked) == 1
    assert "password" not in str(caught.value)


def test_client_credentials_are_exchanged_again_when_the_token_counts_no_more(tmp_path):
    with trouble_tickets.TroubleTickets() as portal:
        text = f"""
            preset: tmf621
            url: {portal.url}/tmf-api/troubleTicket/v4
            auth: {{kind: client_credentials, token_url: "{portal.url}/oauth/token", client_id: bridge,
                    client_secret: "${{PASSWORD}}"}}
            settings: {{web: "https://desk.example"}}
        """
        talk = Talk(rest_desk(tmp_path, text, PASSWORD=trouble_tickets.SECRET))
        talk.open()
        talk.send(talk.message(MessageKind.TEXT, "First."))
        assert len(portal.asked("POST", "token")) == 1
        portal.end_sessions()
        talk.send(talk.message(MessageKind.TEXT, "Second."))
        assert len(portal.asked("POST", "token")) == 2
        (ticket,) = portal.tickets.values()
        assert len(ticket["note"]) == 2
        # One that is about to end is not used any more.
        talk.desk.session.monotonic = lambda: 10**9
        talk.send(talk.message(MessageKind.TEXT, "Third."))
        assert len(portal.asked("POST", "token")) == 3
        talk.desk.close()
        stranger = rest_desk(tmp_path, text, PASSWORD="wrong")
        with pytest.raises(NotPermitted):
            Talk(stranger).open()
        stranger.close()


def test_no_more_calls_are_made_in_a_minute_than_were_agreed(portal, desk):
    session = desk('{kind: bearer, token: "${PASSWORD}"}', rate=2).session
    portal.inject(FINE, FINE)
    session.read(ME)
    session.read(ME)
    with pytest.raises(NotBegun) as caught:
        session.read(ME)
    assert 0 < caught.value.retry_after <= 60
    assert len(portal.asked) == 2
