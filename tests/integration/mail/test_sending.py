import email
import socket
import ssl
import threading

import pytest

from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.sending import Submission
from bridge.connectors.mail.settings import MailSettings, NotAllowed
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.domain.delivery import Delivery, DeliveryKind
from bridge.domain.errors import ConfigurationError, FarSideError, OutcomeUnknown, TryLater
from bridge.ports import Capabilities, CheckStatus
from bridge.sandbox.desk import content_digest
from bridge.sandbox.mail import MailServer
from tests.servers.processes import free_port
from tests.unit.connectors.mail.messages import DESK, NOW, outbound


def written(settings, *to):
    return Writer(settings).write(outbound(), EmailMethod(to=to), NOW)


@pytest.fixture
def faults(sandbox):
    faults = sandbox.sandbox.faults
    yield faults
    faults.lose_answers = faults.cut_data = faults.refuse_data = 0
    faults.recipients.clear()


def test_a_mail_reaches_its_desk_as_it_was_frozen(provider):
    desk = provider.new_address("desk")
    settings = provider.settings(provider.new_address("cpsd"))
    frozen = written(settings, desk)
    receipt = Submission(settings).send(frozen, 1)
    (raw,) = provider.mails(desk)
    assert receipt.far_id == frozen.message_id
    assert frozen.content.split(b"\r\n\r\n", 1)[1].strip() == raw.split(b"\r\n\r\n", 1)[1].strip()
    assert email.message_from_bytes(raw)["Message-ID"] == frozen.message_id


def test_a_repeat_has_the_same_message_id_and_contents_and_is_marked(provider):
    desk = provider.new_address("desk")
    settings = provider.settings(provider.new_address("cpsd"))
    frozen = written(settings, desk)
    for attempt in (1, 2):
        Submission(settings).send(frozen, attempt)
    first, second = sorted(provider.mails(desk, 2), key=lambda raw: b"X-CPSD-Attempt" in raw)
    assert email.message_from_bytes(first)["X-CPSD-Attempt"] is None
    assert email.message_from_bytes(second)["X-CPSD-Attempt"] == "2; possible repeat"
    assert email.message_from_bytes(first)["Message-ID"] == email.message_from_bytes(second)["Message-ID"]
    assert content_digest(first) == content_digest(second)


def test_lines_that_begin_with_a_dot_arrive_whole(provider):
    desk = provider.new_address("desk")
    settings = provider.settings(provider.new_address("cpsd"))
    message = outbound(text=".\n..\n.dot")
    frozen = Writer(settings).write(message, EmailMethod(to=(desk,)), NOW)
    Submission(settings).send(frozen, 1)
    (raw,) = provider.mails(desk)
    body = email.message_from_bytes(raw).get_payload()[0].get_payload()[0].get_payload(decode=True)
    assert b"\n.\n..\n.dot\n" in body.replace(b"\r\n", b"\n")


def test_without_a_server_the_mail_waits():
    settings = _settings_for(free_port())
    with pytest.raises(TryLater):
        Submission(settings).send(written(settings, "desk@mail.example"), 1)


def test_a_greeting_of_421_makes_the_mail_wait():
    with _silent_server([b"421 4.3.2 busy\r\n"]) as port:
        settings = _settings_for(port)
        mail = written(settings, "desk@mail.example")
        with pytest.raises(TryLater):
            Submission(settings).send(mail, 1)


def test_a_wrong_password_makes_mails_wait_instead_of_losing_them(sandbox):
    settings = sandbox.settings(sandbox.new_address(), password="wrong")
    with pytest.raises(TryLater, match="login"):
        Submission(settings).send(written(settings, "desk@mail.example"), 1)


def test_a_refusal_for_now_before_the_end_makes_the_mail_wait(sandbox, faults):
    faults.recipients["desk@mail.example"] = "450 4.2.1 mailbox busy"
    settings = sandbox.settings(sandbox.new_address())
    with pytest.raises(TryLater, match="450"):
        Submission(settings).send(written(settings, "desk@mail.example"), 1)


def test_a_refusal_for_good_is_told_with_its_code(sandbox, faults):
    faults.recipients["desk@mail.example"] = "550 5.1.1 no such user"
    settings = sandbox.settings(sandbox.new_address())
    with pytest.raises(FarSideError) as refused:
        Submission(settings).send(written(settings, "desk@mail.example"), 1, desk=DESK)
    assert (refused.value.status, refused.value.detail, refused.value.desk) == (550, "5.1.1", DESK)


def test_some_recipients_refused_is_a_delivery_that_says_who_was_left_out(sandbox, faults):
    good, bad = sandbox.new_address(), "gone@mail.example"
    faults.recipients[bad] = "550 5.1.1 no such user"
    settings = sandbox.settings(sandbox.new_address())
    receipt = Submission(settings).send(written(settings, good, bad), 1)
    assert receipt.detail["refused"] == {bad: "550 5.1.1 no such user"}
    assert len(sandbox.mails(good)) == 1


def test_all_recipients_refused_one_of_them_for_now_is_tried_again(sandbox, faults):
    faults.recipients.update({"a@mail.example": "550 5.1.1 gone", "b@mail.example": "450 4.2.1 busy"})
    settings = sandbox.settings(sandbox.new_address())
    with pytest.raises(TryLater):
        Submission(settings).send(written(settings, "a@mail.example", "b@mail.example"), 1)


@pytest.mark.parametrize(
    "reply, error", [("451 4.3.0 later", TryLater), ("554 5.7.1 spam", FarSideError), ("250 fine", None)]
)
def test_the_answer_to_the_whole_mail_decides(sandbox, faults, reply, error):
    faults.refuse_data, faults.data_reply = 1, reply
    settings = sandbox.settings(sandbox.new_address())
    if error is None:
        Submission(settings).send(written(settings, "desk@mail.example"), 1)
    else:
        with pytest.raises(error):
            Submission(settings).send(written(settings, "desk@mail.example"), 1)


def test_a_line_cut_before_the_mail_is_whole_means_it_was_not_sent(sandbox, faults):
    faults.cut_data = 1
    desk = sandbox.new_address()
    settings = sandbox.settings(sandbox.new_address())
    with pytest.raises(TryLater):
        Submission(settings).send(written(settings, desk), 1)
    assert sandbox.mails(desk, 0) == []


def test_a_lost_answer_to_the_whole_mail_means_that_nobody_knows(sandbox, faults):
    faults.lose_answers = 1
    desk = sandbox.new_address()
    settings = sandbox.settings(sandbox.new_address())
    with pytest.raises(OutcomeUnknown):
        Submission(settings).send(written(settings, desk), 1)
    assert len(sandbox.mails(desk)) == 1


def test_no_answer_in_time_to_the_whole_mail_means_that_nobody_knows():
    script = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]
    with _silent_server(script) as port:
        settings = _settings_for(port, timeout=0.5)
        mail = written(settings, "desk@mail.example")
        with pytest.raises(OutcomeUnknown):
            Submission(settings).send(mail, 1)


def test_an_answer_that_is_none_means_that_nobody_knows():
    script = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"what?\r\n"]
    with _silent_server(script) as port:
        settings = _settings_for(port)
        mail = written(settings, "desk@mail.example")
        with pytest.raises(OutcomeUnknown):
            Submission(settings).send(mail, 1)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_mail_travels_over_tls(certificate, scheme):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with MailServer("p", tls=context) as server:
        port = server.smtp_port if scheme == "smtp" else server.smtps_port
        settings = _settings_for(port, scheme=scheme, username="a@mail.example", password="p", ca_file=certificate)
        Submission(settings).send(written(settings, "desk@mail.example"), 1)
        assert len(server.accepted) == 1
        stranger = _settings_for(port, scheme=scheme, username="a@mail.example", password="p")
        with pytest.raises(TryLater, match=r"(?i)certificate"):
            Submission(stranger).send(written(stranger, "desk@mail.example"), 1)
        assert len(server.accepted) == 1


def test_a_server_without_starttls_gets_neither_the_password_nor_the_mail(sandbox):
    settings = _settings_for(sandbox.smtp_port, scheme="smtp", username="a@mail.example", password=sandbox.password)
    before = len(sandbox.sandbox.accepted)
    with pytest.raises(TryLater, match="STARTTLS"):
        Submission(settings).send(written(settings, "desk@mail.example"), 1)
    assert len(sandbox.sandbox.accepted) == before


def test_plaintext_needs_the_explicit_switch():
    with pytest.raises(ConfigurationError, match="unencrypted"):
        _settings_for(25, allow_plaintext=False)


def test_outside_production_strangers_get_nothing_and_no_connection_is_made():
    settings = _settings_for(free_port(), environment="test", allow=("@mail.example", "one@other.example"))
    with pytest.raises(NotAllowed, match=r"real@dcc\.example"):
        Submission(settings).send(written(settings, "desk@mail.example", "real@dcc.example"), 1)
    with pytest.raises(TryLater):  # allowed, so it fails at the missing server only
        Submission(settings).send(written(settings, "desk@mail.example", "One@Other.example"), 1)


def test_an_address_that_only_ends_like_an_allowed_one_is_a_stranger():
    settings = _settings_for(free_port(), environment="test", allow=("@mail.example",))
    with pytest.raises(NotAllowed):
        Submission(settings).send(written(settings, "desk@evilmail.example"), 1)


def _desk(settings, *to):
    return EmailDesk(DESK, EmailMethod(to=to), settings, writer=Writer(settings), reader=None)


def test_the_check_tells_a_reachable_desk_from_one_that_is_not(sandbox):
    good = sandbox.settings(sandbox.new_address())
    assert [result.status for result in _desk(good, "desk@mail.example").check()] == [CheckStatus.OK] * 2
    bad = sandbox.settings(sandbox.new_address(), password="wrong", environment="test")
    results = list(_desk(bad, "desk@mail.example").check())
    assert [result.status for result in results] == [CheckStatus.FAILED] * 2
    assert all(result.remedy for result in results)


def test_mail_cannot_be_asked_for_and_does_not_pretend_to_be_absent(sandbox):
    desk = _desk(sandbox.settings(sandbox.new_address()), "desk@mail.example")
    assert desk.capabilities == Capabilities()
    with pytest.raises(OutcomeUnknown):
        desk.find(_delivery())


def _delivery():
    return Delivery(outbound().id, DeliveryKind.MESSAGE, DESK, "lane", {})


def _settings_for(port, *, scheme="smtp+plain", **changes):
    values = {
        "smtp_url": f"{scheme}://127.0.0.1:{port}",
        "imap_url": "imaps://127.0.0.1",
        "address": "cpsd@mail.example",
        "keys": Keys((b"a key of sixteen bytes",)),
        "allow_plaintext": True,
        "timeout": 5.0,
    }
    return MailSettings(**{**values, **changes})


class _silent_server:  # noqa: N801 - used like a function
    """Says its lines one after the other, one for each line it hears, and then nothing more."""

    def __init__(self, script):
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._done = threading.Event()

    def __enter__(self):
        self._thread.start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_):
        self._done.set()
        self._listener.close()
        self._thread.join(5)

    def _talk(self):
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as heard:
            connection.sendall(self._script[0])
            for line in self._script[1:]:
                if line == b"what?\r\n":
                    while heard.readline() != b".\r\n":
                        pass
                else:
                    heard.readline()
                connection.sendall(line)
            self._done.wait(5)
