"""`mail.mailboxes`: more mailboxes to read, whose login each uses, and what is refused."""

from datetime import timedelta

import pytest

from bridge.configuration import load
from bridge.connectors.mail.configured import mail_settings, mailboxes, person
from bridge.connectors.mail.signing import Keys
from bridge.domain.errors import UsageError
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

PASSWORD = "password: ${MAIL_PASSWORD}"
IMAP = "imap: imaps://mail.example.org"
AUTH = "{kind: client_credentials, client_id: an-id, client_secret: ${MAIL_PASSWORD}, tenant: example.org}"
DELEGATED = "{kind: delegated, client_id: an-id, tenant: example.org, token_file: /var/tokens.json}"


@pytest.fixture
def folder(tmp_path):
    return shipped_copy(tmp_path)


def write(folder, *boxes, login=PASSWORD):
    listed = "".join(f"\n    - {{{box}}}" for box in boxes)
    spoil(folder / "bridge.yaml", PASSWORD, f"{login}\n  mailboxes:{listed}")


def boxes(folder):
    return load(folder, ENVIRON).mail.mailboxes


def test_without_a_word_about_it_there_is_the_one_mailbox_that_always_was(folder):
    configured = load(folder, ENVIRON).mail
    assert configured.mailboxes == ()
    settings = mail_settings(configured, load(folder, ENVIRON).environment, Keys((b"k" * 32,)))
    made = mailboxes(configured, settings, store=None)
    assert made.name == "mail:INBOX"
    assert len(made.watches) == 1
    assert settings.own_addresses == ("cpsd@example.org",)


def test_another_folder_is_read_by_the_same_login(folder):
    write(folder, "name: archive, folder: Archive")
    (box,) = boxes(folder)
    assert (box.imap, box.folder, box.username) == ("imaps://mail.example.org", "Archive", "cpsd@example.org")
    assert box.password.get_secret_value() == ENVIRON["MAIL_PASSWORD"]
    assert (box.every, box.idle) == (timedelta(seconds=30), True)


def test_another_mailbox_has_its_own_name_and_login_and_time(folder):
    place = "name: other, imap: imaps://else.example.org, address: Other@example.org"
    write(folder, f"{place}, auth: {AUTH}, every: 5m, idle: false")
    (box,) = boxes(folder)
    assert (box.username, box.password, box.tokens.client_id) == ("Other@example.org", None, "an-id")
    configured = load(folder, ENVIRON).mail
    settings = mail_settings(configured, load(folder, ENVIRON).environment, Keys((b"k" * 32,)))
    made = mailboxes(configured, settings, store=None)
    assert [visited.box.name for visited in made._visited] == ["mail:INBOX", "mail:other"]
    assert {visited.box.source for visited in made._visited} == {"mail:INBOX"}
    assert [visited.every for visited in made._visited] == [None, timedelta(minutes=5)]
    assert len(made.watches) == 1
    assert settings.own_addresses == ("cpsd@example.org", "other@example.org")


def test_mailboxes_that_share_a_login_by_token_share_the_tokens(folder):
    write(
        folder,
        "name: other, address: other@example.org",
        f"name: third, folder: Third, auth: {AUTH}",
        login=f"auth: {AUTH}",
    )
    configured = load(folder, ENVIRON).mail
    settings = mail_settings(configured, load(folder, ENVIRON).environment, Keys((b"k" * 32,)))
    made = mailboxes(configured, settings, store=None)
    assert len({id(visited.box._settings.tokens) for visited in made._visited}) == 1
    assert [visited.box._settings.user for visited in made._visited] == [
        "cpsd@example.org",
        "other@example.org",
        "cpsd@example.org",
    ]


def test_the_first_mailbox_may_be_left_out_where_others_are_read(folder):
    write(folder, "name: only, imap: imaps://else.example.org")
    spoil(folder / "bridge.yaml", f"  {IMAP}\n", "")
    configured = load(folder, ENVIRON).mail
    settings = mail_settings(configured, load(folder, ENVIRON).environment, Keys((b"k" * 32,)))
    assert [visited.box.name for visited in mailboxes(configured, settings, store=None)._visited] == ["mail:only"]


def test_a_maildir_needs_no_server_and_no_login(folder):
    write(folder, "name: local, maildir: /var/mail/cpsd/, address: local@example.org, every: 10s")
    spoil(folder / "bridge.yaml", f"  {IMAP}\n", "")
    configured = load(folder, ENVIRON).mail
    (box,) = configured.mailboxes
    assert (str(box.maildir), box.imap, box.password) == ("/var/mail/cpsd", "", None)
    settings = mail_settings(configured, load(folder, ENVIRON).environment, Keys((b"k" * 32,)))
    made = mailboxes(configured, settings, store=None)
    assert [(visited.box.name, visited.box.source) for visited in made._visited] == [("mail:local", "mail:INBOX")]
    assert len(made.watches) == 1
    assert settings.own_addresses == ("cpsd@example.org", "local@example.org")


def test_who_logs_in_for_the_bridge_says_for_which_mailbox(folder):
    write(folder, f"name: other, address: other@example.org, auth: {DELEGATED}", "name: third, folder: Third")
    configured = load(folder, ENVIRON).mail
    assert person(configured, "other") is not None
    for mailbox, says in (("", "nobody has to log in"), ("third", "nobody has to"), ("fourth", "no mailbox is called")):
        with pytest.raises(UsageError, match=says):
            person(configured, mailbox)


@pytest.mark.parametrize(
    "listed,says",
    [
        (("name: a, folder: A", "name: a, folder: B"), "two mailboxes are called 'a'"),
        (("name: a, folder: INBOX",), "read twice"),
        (("name: a, folder: A", "name: b, folder: A"), "read twice"),
        (("name: a, imap: imap+plain://mail.example.org",), "unprotected"),
        (("name: INBOX, folder: A",), "no name"),
        (("name: a, maildir: /var/mail/a, folder: A",), "is a Maildir and on a server"),
        ((f"name: a, maildir: /var/mail/a, {PASSWORD}",), "is a Maildir and on a server"),
        (("name: a, maildir: var/mail",), "depends on where the bridge is started"),
        (("name: a, maildir: /var/mail/a", "name: b, maildir: /var/mail/../mail/a/"), "read twice"),
        ((f"name: a, folder: A, {PASSWORD}, auth: {AUTH}",), "both say how to log in"),
    ],
)
def test_mailboxes_that_cannot_be_are_refused(folder, listed, says):
    write(folder, *listed)
    (problem,) = problems_of(folder)
    assert says in problem.what
    assert problem.line > 0
    assert problem.remedy


def test_a_bridge_that_reads_no_mailbox_is_refused(folder):
    spoil(folder / "bridge.yaml", f"  {IMAP}\n", "")
    (problem,) = problems_of(folder)
    assert "no mailbox is read" in problem.what


def test_no_desk_may_have_the_address_of_one_of_our_mailboxes(folder):
    desk = next(path for path in sorted((folder / "desks").glob("*.yaml")))
    address = next(iter(load(folder, ENVIRON).desks.by_name.values())).latest.email.to[0]
    write(folder, f"name: other, address: {address.upper()}")
    assert any("bridge's own address" in problem.what and problem.file == desk for problem in problems_of(folder))
