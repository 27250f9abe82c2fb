import smtplib
import time

import pytest
from imap_tools import MailBoxUnencrypted
from imap_tools.errors import MailboxLoginError

from tests.servers import dovecot, processes

MAIL = "From: desk@dcc.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nReceived.\r\n"


def send(servers, to, subject="INC000000000042", login=None):
    with smtplib.SMTP(servers.host, servers.smtp_port, timeout=10) as client:
        if login:
            client.login(*login)
        client.sendmail("desk@dcc.example", [to], MAIL.format(to=to, subject=subject))


def mailbox(servers, address):
    return MailBoxUnencrypted(servers.host, servers.imap_port).login(address, servers.password)


def wait_for_mail(client):
    processes.wait_until(lambda: bool(client.uids()), "the mail arrives")
    return list(client.fetch(mark_seen=False))


def test_a_mail_sent_by_smtp_is_read_by_imap_and_stays_unseen(mail_servers):
    address = mail_servers.new_address()
    send(mail_servers, address)

    with mailbox(mail_servers, address) as client:
        (mail,) = wait_for_mail(client)
        (again,) = client.fetch("UNSEEN", mark_seen=False)

    assert mail.subject == again.subject == "INC000000000042"
    assert "\\Seen" not in again.flags


def test_a_mail_to_a_plus_address_arrives_in_the_mailbox_without_it(mail_servers):
    address = mail_servers.new_address()
    send(mail_servers, address.replace("@", "+case-1a2b@"))

    with mailbox(mail_servers, address) as client:
        (mail,) = wait_for_mail(client)

    assert mail.headers["delivered-to"] == (address.replace("@", "+case-1a2b@"),)


def test_desks_of_different_domains_have_mailboxes_of_their_own(mail_servers):
    name = mail_servers.new_address("servicedesk").partition("@")[0]
    send(mail_servers, f"{name}@dcc.example", subject="for dcc")
    send(mail_servers, f"{name}@ldso.example", subject="for ldso")

    for domain, subject in (("dcc.example", "for dcc"), ("ldso.example", "for ldso")):
        with mailbox(mail_servers, f"{name}@{domain}") as client:
            assert [mail.subject for mail in wait_for_mail(client)] == [subject]


def test_the_maildir_on_disk_holds_what_imap_shows(mail_servers):
    address = mail_servers.new_address()
    send(mail_servers, address)

    with mailbox(mail_servers, address) as client:
        wait_for_mail(client)

    (held,) = mail_servers.files(address)
    assert "Subject: INC000000000042" in processes.run(processes.as_root(["cat", str(held)]))


def test_a_sender_may_log_in_with_the_password(mail_servers):
    address = mail_servers.new_address()
    send(mail_servers, address, login=("cpsd@example.org", mail_servers.password))

    with mailbox(mail_servers, address) as client:
        assert len(wait_for_mail(client)) == 1


def test_a_wrong_password_is_refused_by_both(mail_servers):
    address = mail_servers.new_address()

    client = MailBoxUnencrypted(mail_servers.host, mail_servers.imap_port)
    with pytest.raises(MailboxLoginError):
        client.login(address, "wrong")
    client.client.shutdown()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send(mail_servers, address, login=(address, "wrong"))


def test_idle_reports_a_mail_when_it_comes(mail_servers):
    address = mail_servers.new_address()
    with mailbox(mail_servers, address) as client, client.idle as idle:
        send(mail_servers, address)
        responses = []
        deadline = time.monotonic() + 10
        while not any(b"EXISTS" in each for each in responses) and time.monotonic() < deadline:
            responses += idle.poll(timeout=1)

    assert b"* 1 EXISTS" in responses


def test_a_version_of_dovecot_that_is_configured_otherwise_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(dovecot, "UNDERSTOOD_VERSION", "1.0.")

    with (
        pytest.raises(processes.ServerUnavailable, match=r"configure Dovecot 1\.0\.x, this is 2\."),
        dovecot.running_dovecot(tmp_path, tmp_path, processes.free_port()),
    ):
        pass
