import smtplib
from dataclasses import replace

import pytest
from imap_tools.errors import MailboxLoginError

from bridge.sandbox.mail import MailServer

MAIL = "From: a@mail.example\r\nSubject: one\r\n\r\nhello\r\n"


def submit(server, to, password):
    with smtplib.SMTP(server.host, server.smtp_port, local_hostname="test", timeout=5) as client:
        client.login("a@mail.example", password)
        client.sendmail("a@mail.example", [to], MAIL)


def test_a_mailbox_is_there_when_it_is_first_used_and_case_and_detail_do_not_matter(sandbox):
    address = sandbox.new_address()
    assert sandbox.mails(address, 0) == []
    submit(sandbox.sandbox, address.replace("@", "+detail@").upper(), sandbox.password)
    assert len(sandbox.mails(address)) == 1


def test_a_wrong_password_opens_nothing(sandbox):
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submit(sandbox.sandbox, "b@mail.example", "wrong")
    with pytest.raises(MailboxLoginError):
        replace(sandbox, password="wrong").mails("b@mail.example", 0)


def test_without_a_login_nothing_is_taken(sandbox):
    with (
        smtplib.SMTP(sandbox.host, sandbox.smtp_port, local_hostname="test", timeout=5) as client,
        pytest.raises(smtplib.SMTPSenderRefused),
    ):
        client.sendmail("a@mail.example", ["b@mail.example"], MAIL)


def test_mails_kept_in_a_folder_are_back_after_a_restart(tmp_path, provider_at):
    for expected in (1, 2):
        with MailServer("p", folder=tmp_path) as server:
            submit(server, "b@mail.example", "p")
            assert len(list((tmp_path / "b@mail.example").glob("*.eml"))) == expected
            provider = provider_at(server.smtp_port, server.imap_port, "p")
            assert len(provider.mails("b@mail.example", expected)) == expected
