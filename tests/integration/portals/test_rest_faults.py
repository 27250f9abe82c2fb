"""What goes wrong between the bridge and Request Tracker: nothing is done twice, and nothing is called done."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from bridge.connectors.rest.plan import Request
from bridge.domain.errors import BridgeError, FarSideError, NotPermitted, OutcomeUnknown, TryLater, UntrustedAnswer
from bridge.domain.facts import MessageKind
from bridge.ports import File
from tests.integration.portals.describing import Talk, rest_desk
from tests.integration.portals.injecting import Injected, InjectingProxy
from tests.servers.certificates import make_certificates
from tests.servers.processes import free_port
from tests.servers.tcp_proxy import Fault, FaultProxy

FILE = File("reads.txt", "text/plain", b"none")
PAGE = Injected(200, b"<html>Log in, please</html>", {"Content-Type": "text/html"})
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def injecting(request_tracker):
    with InjectingProxy(request_tracker.url) as proxy:
        yield proxy


@pytest.fixture
def through(tmp_path, rt_yaml, request_tracker, injecting):
    """An engagement whose requests pass the proxy."""
    desk = rest_desk(tmp_path, rt_yaml.replace(f"{request_tracker.url}/REST", f"{injecting.url}/REST"))
    yield Talk(desk)
    desk.close()


def settled(talk, message):
    """What the core does after an unknown end: it asks, and sends again if it is not there."""
    found = talk.desk.find(talk.delivery(message, talk.desk.freeze(message, datetime.now(UTC))))
    return found or talk.send(message, attempt=2)


@pytest.mark.parametrize(
    "fault",
    [
        Injected(500, arrives=True, method="POST"),
        Injected(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}, arrives=True, method="POST"),
        Injected(202, b"", {}, arrives=True, method="POST"),
        Injected(201, b'{"type":"tick', JSON, arrives=True, method="POST"),
        Injected(201, b'{"id":"1"}', JSON, arrives=True, method="POST", missing=40),
        Injected(201, b"{}", JSON, arrives=True, method="POST"),
        Injected(409, arrives=True, method="POST"),
    ],
    ids=["500", "502 page", "202", "half JSON", "cut short", "no id", "409"],
)
def test_an_answer_that_proves_nothing_leaves_the_end_unknown_and_makes_no_second_ticket(
    through, injecting, queue, fault
):
    message = through.message(files=[FILE])
    injecting.inject(fault)
    with pytest.raises(OutcomeUnknown):
        through.send(message)
    receipt = settled(through, message)
    (ticket,) = queue.tickets()
    assert receipt.far_id == str(ticket)
    assert [entry.files for entry in queue.entries(ticket)] == [(), ("reads.txt",)]


def test_a_500_of_a_request_that_was_not_carried_out_is_sent_again(through, injecting, queue):
    message = through.message()
    injecting.inject(Injected(500))
    with pytest.raises(OutcomeUnknown):
        through.send(message)
    assert queue.tickets() == []
    settled(through, message)
    assert len(queue.tickets()) == 1


def test_429_waits_as_long_as_the_portal_says_and_nobody_asks_meanwhile(through, injecting, queue):
    injecting.inject(Injected(429, b'{"message":"slow down"}', {**JSON, "Retry-After": "120"}))
    with pytest.raises(TryLater, match="slow down") as caught:
        through.open()
    assert caught.value.retry_after == 120
    asked = len(injecting.asked)
    with pytest.raises(TryLater) as again:
        through.open()
    assert 0 < again.value.retry_after <= 120
    assert len(injecting.asked) == asked
    assert queue.tickets() == []


def test_a_ticket_is_followed_though_one_of_its_files_is_refused_and_the_file_is_named(through, injecting, queue):
    message = through.message(files=[FILE])
    injecting.inject(Injected(413, b'{"message":"too large"}', method="POST", path="correspond"))
    receipt = through.send(message)
    (ticket,) = queue.tickets()
    assert receipt.far_id == str(ticket)
    assert "too large" in receipt.detail["files_refused"]["reads.txt"]
    assert [entry.files for entry in queue.entries(ticket)] == [()]


@pytest.mark.parametrize("answer", [PAGE, Injected(200, b'{"items": [', JSON), Injected(200, b"", JSON)])
def test_a_search_whose_answer_proves_nothing_never_means_that_there_is_none(through, injecting, queue, answer):
    message = through.message()
    through.send(message)
    injecting.inject(answer)
    with pytest.raises(UntrustedAnswer):
        through.send(message, attempt=2)
    assert len(queue.tickets()) == 1


def test_a_comment_whose_answer_was_lost_is_said_once(through, injecting, queue):
    through.open()
    (ticket,) = queue.tickets()
    message = through.message(MessageKind.TEXT, "Which meter is it?")
    injecting.inject(Injected(504, arrives=True, method="POST"))
    with pytest.raises(OutcomeUnknown):
        through.send(message)
    assert settled(through, message).far_id == str(ticket)
    assert [entry.text.count("Which meter") for entry in queue.entries(ticket)] == [0, 1]


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def wire(request_tracker):
    with FaultProxy(urlsplit(request_tracker.url).port) as proxy:
        yield proxy


@pytest.fixture
def wired(tmp_path, rt_yaml, request_tracker, wire):
    text = rt_yaml.replace(f"{request_tracker.url}/REST", f"http://127.0.0.1:{wire.port}/REST")
    desk = rest_desk(tmp_path, text, changes={"timeout": 1.5, "connect_timeout": 1.5})
    yield Talk(desk)
    desk.close()


@pytest.mark.parametrize("fault", [Fault.DROP_ANSWER, Fault.CUT, Fault.STALL], ids=lambda fault: fault.name)
def test_a_broken_wire_leaves_the_end_unknown_and_makes_no_second_ticket(tmp_path, rt_yaml, wired, wire, queue, fault):
    message = wired.message()
    with wire.fault(fault), pytest.raises(BridgeError) as caught:
        wired.send(message)
    assert isinstance(caught.value, OutcomeUnknown | TryLater)
    if fault is Fault.DROP_ANSWER:
        assert isinstance(caught.value, OutcomeUnknown)
        queue.wait_for_tickets()
    whole = Talk(rest_desk(tmp_path, rt_yaml), case=wired.case, ordinal=wired.ordinal)
    # What was held up arrives once the wire is whole; the core waits for longer than that before it asks.
    if fault is Fault.STALL:
        queue.wait_for_tickets()
    settled(whole, message)
    assert len(queue.tickets()) == 1
    whole.desk.close()


def test_nobody_there_is_no_attempt_at_all(tmp_path, rt_yaml, request_tracker):
    desk = rest_desk(tmp_path, rt_yaml.replace(f"{request_tracker.url}/REST", f"http://127.0.0.1:{free_port()}/REST"))
    with pytest.raises(TryLater, match="no connection"):
        Talk(desk).open()
    desk.close()


def test_a_certificate_of_nobody_we_trust_is_refused_before_anything_is_said(tmp_path, rt_yaml, request_tracker, queue):
    certificates = make_certificates(tmp_path)
    with InjectingProxy(request_tracker.url, certificates) as proxy:
        text = rt_yaml.replace(f"{request_tracker.url}/REST", f"{proxy.url}/REST")
        strange = rest_desk(tmp_path, text)
        with pytest.raises(TryLater, match="no connection"):
            Talk(strange).open()
        strange.close()
        assert proxy.asked == []
        trusted = rest_desk(tmp_path, f"{text}    ca_file: {certificates.authority}\n")
        Talk(trusted).open()
        trusted.close()
    assert len(queue.tickets()) == 1


@pytest.mark.parametrize("where", ["https://elsewhere.example/file", "//elsewhere.example/file"])
def test_no_other_host_is_ever_asked_whatever_the_portal_names(through, injecting, where):
    with pytest.raises(FarSideError, match="another host"):
        through.desk.session.download(Request("GET", where, {}, {}), limit=10)
    with pytest.raises(UntrustedAnswer, match="another host"):
        through.desk.session.read(Request("GET", where, {}, {}))
    assert injecting.asked == []


def test_nobody_is_followed_to_where_a_portal_sends_on(through, injecting):
    elsewhere = Injected(302, b"", {"Location": "https://elsewhere.example/file"})
    injecting.inject(elsewhere, elsewhere, elsewhere)
    with pytest.raises(FarSideError, match="elsewhere"):
        through.desk.session.download(Request("GET", "file", {}, {}), limit=10)
    with pytest.raises(UntrustedAnswer):
        through.desk.session.read(Request("GET", "file", {}, {}))
    with pytest.raises(OutcomeUnknown):
        through.open()
    assert len(injecting.asked) == 3


def test_a_file_of_more_bytes_than_are_allowed_is_not_read_to_its_end(through, injecting):
    injecting.inject(Injected(200, b"x" * 100_000, {"Content-Type": "text/plain"}))
    with pytest.raises(FarSideError, match="more than 10 bytes"):
        through.desk.session.download(Request("GET", "file", {}, {}), limit=10)


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LOGIN = """
    preset: request-tracker
    url: {proxy}/REST/2.0
    auth:
      kind: login
      username: {user}
      password: "${{PASSWORD}}"
      request:
        method: POST
        path: /NoAuth/Login.html
        body: {{form: {{user: "{{{{ username }}}}", pass: "{{{{ password }}}}"}}}}
    ours: [{user}]
    settings: {{queue: {queue}, web: "{url}"}}
"""


def test_a_session_that_has_ended_is_begun_again_and_the_request_made_once(
    tmp_path, request_tracker, injecting, rt_user, queue
):
    text = LOGIN.format(proxy=injecting.url, url=request_tracker.url, user=rt_user, queue=queue.name)
    desk = rest_desk(tmp_path, text)
    talk = Talk(desk)
    talk.open()
    injecting.inject(Injected(401, b'{"message":"Unauthorized"}', path="correspond"))
    talk.send(talk.message(MessageKind.TEXT, "Still there?"))
    assert [one.path for one in injecting.asked].count("/NoAuth/Login.html") == 2
    (ticket,) = queue.tickets()
    assert [entry.text.count("Still there?") for entry in queue.entries(ticket)] == [0, 1]
    assert {entry.creator for entry in queue.entries(ticket)} == {rt_user}
    desk.close()


def test_a_login_that_is_refused_is_told_and_nothing_is_sent(tmp_path, request_tracker, injecting, rt_user, queue):
    text = LOGIN.format(proxy=injecting.url, url=request_tracker.url, user=rt_user, queue=queue.name)
    desk = rest_desk(tmp_path, text)
    injecting.inject(Injected(403, b"{}", path="Login"))
    with pytest.raises(NotPermitted, match="refused the login"):
        Talk(desk).open()
    assert queue.tickets() == []
    desk.close()
