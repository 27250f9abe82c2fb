"""Logging in by tokens: a real Postfix and Dovecot that ask about each of them, and a token server over https."""

import json
import logging
import os
import socketserver
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import structlog
import time_machine
from pydantic import SecretStr

from bridge.connectors.mail.logins import Exchange, LoginRefused
from bridge.connectors.mail.mailbox import opened
from bridge.connectors.mail.sending import Submission
from bridge.connectors.mail.settings import tls_context
from bridge.connectors.mail.tokens import TokenHttp, TokenKeeper, applicant
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.errors import ConfigurationError, FarSideError, TryLater
from bridge.ports import CheckStatus
from bridge.settings import MailClient, MailDelegated
from tests.integration.mail.conftest import Provider as MailProvider
from tests.integration.mail.watches import PATIENCE, SOON, watching
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import PASSWORD
from tests.servers.serving import serving
from tests.servers.tcp_proxy import Fault, FaultProxy
from tests.servers.tokens import Provider, running_token_server
from tests.unit.connectors.mail.messages import NOW, outbound

SECRET = "a-secret-that-nobody-may-see"
SCOPE = ("mail/.default",)
PERSON = "ines@example.org"
_serial = count(1)


class Moment:
    """A clock by hand, in seconds."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@dataclass
class Desk:
    """One mailbox at the office, the token server that opens it, and who asks there."""

    tokens: Provider
    authority: str
    office: object
    mailbox: str
    client: str
    moment: Moment
    stack: ExitStack

    def by_client(self, **changes):
        values = {
            "authority": self.authority,
            "client_id": self.client,
            "client_secret": SecretStr(SECRET),
            "certificate": None,
            "scope": SCOPE,
        }
        return MailClient(**{**values, **changes})

    def by_person(self, file):
        return MailDelegated(self.authority, self.client, file, ("mail",))

    def applicant(self, auth, trusted=None):
        http = TokenHttp(10.0, lambda: tls_context(trusted or self.office.certificates.authority))
        return applicant(auth, http)

    def settings(self, auth=None, **changes):
        """The connectors' settings, with tokens of their own."""
        keeper = TokenKeeper(self.applicant(auth or self.by_client()), monotonic=self.moment)
        provider = MailProvider(self.office.smtp_port, self.office.imap_port, "")
        return provider.settings(self.mailbox, tokens=keeper, **changes)


@pytest.fixture
def desk(office, tmp_path):
    number = next(_serial)
    client, mailbox = f"client-{number}-{os.getpid()}", f"cpsd-{number}-{os.getpid()}@example.org"
    tokens = Provider(office.registry, secrets={client: SECRET}, mailboxes={client: mailbox})
    with ExitStack() as stack:
        authority = stack.enter_context(running_token_server(tokens, office.certificates))
        yield Desk(tokens, authority, office, mailbox, client, Moment(), stack)


def send(settings):
    to = settings.address
    return Submission(settings).send(Writer(settings).write(outbound(), EmailMethod(to=(to,)), NOW), 1)


def waiting(settings):
    """How many mails the mailbox has."""
    with opened(settings) as mailbox:
        return len(mailbox.uids("ALL"))


def logged_in_by_token(desk):
    return f"sasl_method=XOAUTH2, sasl_username={desk.mailbox}" in desk.office.smtp_log


def test_one_token_of_the_application_sends_and_reads(desk):
    settings = desk.settings()
    send(settings)
    assert logged_in_by_token(desk)
    assert waiting(settings) >= 0
    send(settings)
    (asked,) = desk.tokens.asked
    assert (asked["grant_type"], asked["scope"], asked["client_secret"]) == ("client_credentials", SCOPE[0], SECRET)


def test_an_application_may_prove_itself_by_its_certificate_and_sends_no_secret(desk, tmp_path):
    pem = make_certificates(tmp_path, "application").server.read_text()
    desk.tokens.certificates[desk.client] = pem
    send(desk.settings(desk.by_client(client_secret=None, certificate=SecretStr(pem))))
    (asked,) = desk.tokens.asked
    assert "client_secret" not in asked
    assert "PRIVATE KEY" not in json.dumps(asked)
    other = make_certificates(tmp_path, "stranger").server.read_text()
    with pytest.raises(TryLater, match="invalid_client"):
        send(desk.settings(desk.by_client(client_secret=None, certificate=SecretStr(other))))


@pytest.mark.parametrize("pem", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_said_to_be_none_and_not_shown(desk, pem):
    with pytest.raises(ConfigurationError, match=r"mail\.auth\.certificate") as raised:
        desk.applicant(desk.by_client(client_secret=None, certificate=SecretStr(pem)))
    assert not pem or pem not in str(raised.value)


@pytest.mark.parametrize("use", [send, waiting])
def test_a_token_that_is_refused_is_replaced_once_and_the_login_goes_on(desk, use):
    settings = desk.settings()
    use(settings)
    desk.tokens.revoke()
    use(settings)
    assert len(desk.tokens.asked) == 2


def test_a_token_that_ended_before_its_time_is_replaced(desk):
    settings = desk.settings()
    desk.tokens.really = -1
    with pytest.raises(LoginRefused):
        send(settings)
    desk.tokens.really = 3600
    desk.moment.seconds += 601
    send(settings)
    assert len(desk.tokens.asked) == 3


@pytest.mark.parametrize("use", [send, waiting])
def test_refused_tokens_are_not_replaced_over_and_over(desk, use):
    desk.tokens.mailboxes[desk.client] = "somebody-else@example.org"
    settings = desk.settings()
    for _ in range(2):
        with pytest.raises(LoginRefused, match="refuses our login") as raised:
            use(settings)
    assert "SMTP.SendAsApp" in raised.value.remedy
    assert len(desk.tokens.asked) == 2


def test_a_token_is_renewed_before_it_ends(desk):
    keeper = desk.settings().tokens
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        first = keeper.current()
        clock.shift(timedelta(minutes=54))
        assert keeper.current() == first
        clock.shift(timedelta(minutes=2))
        assert keeper.current() != first
    assert len(desk.tokens.asked) == 2


def test_while_the_token_server_is_away_mails_wait_and_then_go(desk):
    settings = desk.settings()
    desk.tokens.broken = 503
    for use in (send, waiting):
        with pytest.raises(TryLater, match="token server cannot be asked") as raised:
            use(settings)
        assert raised.value.retryable
        assert "mails wait" in raised.value.remedy
    desk.tokens.broken = 0
    send(settings)


def test_a_token_server_that_cannot_be_reached_is_waited_for(desk):
    settings = desk.settings(desk.by_client(authority="https://127.0.0.1:9/a-tenant"))
    with pytest.raises(TryLater, match="token server cannot be asked"):
        send(settings)
    assert desk.tokens.asked == []


@pytest.mark.parametrize(
    "nonsense",
    [[], "a portal's page", 5, {}, {"access_token": 5}, {"access_token": "x", "expires_in": None}],
)
def test_an_answer_that_holds_no_token_is_waited_out(desk, nonsense, caplog):
    settings = desk.settings()
    desk.tokens.nonsense = nonsense
    with pytest.raises(TryLater, match="token server"):
        settings.tokens.current()
    desk.tokens.nonsense = None
    desk.moment.seconds += 61
    assert settings.tokens.current() in desk.tokens.given


def test_what_is_left_of_a_token_is_used_while_the_token_server_is_away(desk):
    desk.tokens.lifetime = 200
    settings = desk.settings()
    send(settings)
    desk.tokens.broken = 503
    desk.moment.seconds += 160
    send(settings)
    desk.moment.seconds += 20
    with pytest.raises(TryLater):
        send(settings)


def test_a_token_server_with_a_certificate_of_nobody_knows_whom_is_told_nothing(desk, tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    stranger = make_certificates(tmp_path, "stranger").authority
    keeper = TokenKeeper(desk.applicant(desk.by_client(), stranger), monotonic=desk.moment)
    with pytest.raises(TryLater, match="SSLError"):
        keeper.current()
    assert desk.tokens.asked == []


def test_a_wrong_secret_is_said_to_be_wrong_shown_nowhere_and_not_tried_at_once_again(desk, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    wrong = "another-secret-that-nobody-may-see"
    settings = desk.settings(desk.by_client(client_secret=SecretStr(wrong)))
    with structlog.testing.capture_logs() as logs:
        (told,) = settings.tokens.check("mail token")
        for use in (send, waiting):
            with pytest.raises(TryLater, match="invalid_client") as raised:
                use(settings)
    assert (told.status, told.detail) == (CheckStatus.FAILED, "the token server gives no token: invalid_client")
    assert "client_secret" in told.remedy
    assert len(desk.tokens.asked) == 1
    output = capfd.readouterr()
    shown = f"{told} {raised.value!r} {logs} {caplog.text} {output.out} {output.err} {settings!r} {settings.tokens!r}"
    assert wrong not in shown
    desk.moment.seconds += 61
    with pytest.raises(TryLater):
        send(settings)
    assert len(desk.tokens.asked) == 2


def test_no_token_is_shown(desk, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    settings = desk.settings()
    with structlog.testing.capture_logs() as logs:
        send(settings)
        desk.tokens.mailboxes[desk.client] = "somebody-else@example.org"
        desk.tokens.revoke()
        with pytest.raises(LoginRefused) as raised:
            send(settings)
    output = capfd.readouterr()
    shown = f"{raised.value!r} {raised.value.__cause__!r} {logs} {caplog.text} {output.out} {output.err} {settings!r}"
    for token in desk.tokens.given:
        assert token not in shown


MAIL = b"From: desk@dcc.example\r\nMessage-ID: <1@dcc.example>\r\nSubject: hello\r\n\r\nhello\r\n"


def test_a_watch_goes_on_with_a_new_token_whenever_it_begins_anew(desk):
    desk.tokens.lifetime = 60  # so each login asks for a new one
    with watching(desk.settings(), renewed_after=SOON, retry=SOON) as told:
        for _ in range(3):
            told.get(timeout=PATIENCE)
    assert len(desk.tokens.given) >= 3


def test_a_watch_whose_token_ends_while_it_waits_logs_in_again_and_tells(desk, provider_at):
    provider = provider_at(desk.office.smtp_port, desk.office.imap_port, PASSWORD)
    with FaultProxy(desk.office.imap_port) as proxy:
        settings = desk.settings(imap_url=f"imap+plain://127.0.0.1:{proxy.port}")
        with watching(settings, retry=SOON) as told:
            told.get(timeout=PATIENCE)
            desk.tokens.revoke()
            proxy.set(Fault.CUT)
            proxy.set(Fault.NONE)
            told.get(timeout=PATIENCE)
            while not told.empty():
                told.get_nowait()
            provider.put(desk.mailbox, MAIL)
            told.get(timeout=PATIENCE)
    assert len(desk.tokens.asked) == 2


class _Answers(socketserver.StreamRequestHandler):
    """A server that says one thing to whoever logs in."""

    def handle(self):
        server = self.server
        self.wfile.write(server.greeting)
        for line in self.rfile:
            tag, _, command = line.upper().partition(b" ")
            if server.is_smtp:
                answer = {b"EHLO": b"250-us\r\n250 AUTH XOAUTH2\r\n", b"AUTH": server.says}.get(tag[:4].strip())
                self.wfile.write(answer or b"221 bye\r\n")
                continue
            if command.startswith(b"CAPABILITY"):
                self.wfile.write(b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n")
            if command.startswith(b"AUTHENTICATE"):
                self.wfile.write(b"+ \r\n")
                self.rfile.readline()
                self.wfile.write(tag + b" " + server.says)
                continue
            self.wfile.write(tag + b" OK done\r\n")


@contextmanager
def answering(says, *, smtp):
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answers)) as server:
        server.daemon_threads = True
        server.says, server.is_smtp = says, smtp
        server.greeting = b"220 ready\r\n" if smtp else b"* OK ready\r\n"
        yield server.server_address[1]


@pytest.mark.parametrize("says", [b"454 4.7.0 temporary\r\n", b"504 5.5.4 unrecognised\r\n", b"432 4.7.12 no\r\n"])
def test_what_is_not_about_the_token_does_not_replace_it_at_smtp(desk, says):
    with answering(says, smtp=True) as port:
        settings = desk.settings(smtp_url=f"smtp+plain://127.0.0.1:{port}")
        with pytest.raises(TryLater, match=says[:3].decode()) as raised:
            send(settings)
    assert not isinstance(raised.value, LoginRefused)
    assert len(desk.tokens.asked) == 1


@pytest.mark.parametrize(
    "says,refused",
    [
        (b"NO AUTHENTICATE failed.\r\n", True),
        (b"NO [AUTHENTICATIONFAILED] no\r\n", True),
        (b"NO [UNAVAILABLE] the directory is away\r\n", False),
        (b"BAD what\r\n", False),
    ],
)
def test_what_is_not_about_the_token_does_not_replace_it_at_imap(desk, says, refused):
    with answering(says, smtp=False) as port:
        settings = desk.settings(imap_url=f"imap+plain://127.0.0.1:{port}")
        with pytest.raises(TryLater) as raised:
            waiting(settings)
    assert isinstance(raised.value, LoginRefused) is refused
    assert len(desk.tokens.asked) == (2 if refused else 1)


def test_a_server_that_takes_no_tokens_gets_none(desk, sandbox):
    elsewhere = {
        "smtp_url": f"smtp+plain://127.0.0.1:{sandbox.smtp_port}",
        "imap_url": f"imap+plain://127.0.0.1:{sandbox.imap_port}",
    }
    settings = desk.settings(**elsewhere)
    for use in (send, waiting):
        with pytest.raises(TryLater, match="XOAUTH2"):
            use(settings)


def test_the_challenge_of_a_refusal_is_answered_with_nothing():
    exchange = Exchange("box@example.org", "a token")
    assert exchange(b"") == "user=box@example.org\1auth=Bearer a token\1\1"
    assert exchange(b'{"status":"401","schemes":"bearer"}') == ""
    assert exchange.status == "401"
    for strange in (b"", b"no json", b"[]", b'{"status": "\\u001b[31m"}'):
        assert exchange(strange) == ""
        assert exchange.status == ""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tokens.json"


@pytest.fixture
def granted(desk, file):
    """Somebody has logged in, and may read their own mailbox."""
    desk.mailbox = desk.tokens.person = f"ines-{desk.mailbox}"
    shown = []
    assert desk.applicant(desk.by_person(file)).login(shown.append) == desk.tokens.person
    assert "ABCD-EFGH" in shown[0]
    return desk


def test_what_a_person_granted_is_kept_for_the_bridge_alone_and_opens_the_mailbox(granted, file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    settings = granted.settings(granted.by_person(file))
    send(settings)
    assert logged_in_by_token(granted)
    assert waiting(settings) >= 0
    assert [form["grant_type"].rpartition(":")[2] for form in granted.tokens.asked] == ["device_code"]


def test_what_is_renewed_is_written_back_and_good_after_a_restart(granted, file):
    before = file.read_text()
    for _ in range(2):  # each refresh token is good once
        settings = granted.settings(granted.by_person(file))
        granted.tokens.revoke()
        send(settings)
        assert file.read_text() != before
        before = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, f"{file.name}.lock"]


def test_two_who_renew_at_once_do_not_use_up_each_other_s_refresh_token(desk, file):
    desk.mailbox = desk.tokens.person = f"ines-{desk.mailbox}"
    desk.tokens.lifetime = 60  # each look renews
    desk.applicant(desk.by_person(file)).login(lambda _: None)
    keepers = [desk.settings(desk.by_person(file)).tokens for _ in range(3)]
    together = threading.Barrier(len(keepers))

    def renew(keeper):
        together.wait(PATIENCE)
        return [keeper.current() for _ in range(4)]

    with ThreadPoolExecutor(len(keepers)) as pool:
        tokens = [token for some in pool.map(renew, keepers) for token in some]
    assert len(set(tokens)) == 12
    assert len(desk.tokens.refresh) == 1


def test_a_disk_that_fails_while_it_is_written_back_leaves_the_old_file_whole_and_the_mail_goes(
    granted, file, monkeypatch
):
    before = file.read_text()
    granted.tokens.revoke()

    def fails(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with structlog.testing.capture_logs() as logs:
        send(granted.settings(granted.by_person(file)))
    assert file.read_text() == before
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["mail_tokens_not_kept"]


def test_without_tokens_mails_wait_for_somebody_to_log_in(desk, file):
    with pytest.raises(TryLater, match="no tokens") as raised:
        send(desk.settings(desk.by_person(file)))
    assert raised.value.remedy == "run cpsd-bridge mail login"
    assert desk.tokens.asked == []


def test_tokens_that_others_can_read_are_not_used(granted, file):
    file.chmod(0o640)
    with pytest.raises(TryLater, match="by others") as raised:
        send(granted.settings(granted.by_person(file)))
    assert "chmod 600" in raised.value.remedy


@pytest.mark.parametrize("content", ["{", "[]", "\0"])
def test_a_spoilt_file_is_not_used(granted, file, content):
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(TryLater, match="holds no tokens"):
        send(granted.settings(granted.by_person(file)))


def test_what_was_taken_back_waits_for_a_new_login_which_is_used_at_once(granted, file):
    settings = granted.settings(granted.by_person(file))
    send(settings)
    granted.tokens.revoke()
    granted.tokens.refresh.clear()
    granted.moment.seconds += 601
    for _ in range(2):
        with pytest.raises(TryLater, match="invalid_grant") as raised:
            send(settings)
    assert "mail login again" in raised.value.remedy
    assert len(granted.tokens.asked) == 2
    granted.applicant(granted.by_person(file)).login(lambda _: None)
    send(settings)


def test_a_login_that_is_refused_keeps_nothing(desk, file):
    with pytest.raises(TryLater, match="cannot be asked"):
        desk.applicant(replace(desk.by_person(file), authority="https://127.0.0.1:9/a-tenant")).login(lambda _: None)
    desk.tokens.broken = 400
    with pytest.raises((TryLater, FarSideError)):
        desk.applicant(desk.by_person(file)).login(lambda _: None)
    assert not file.exists()
