import imaplib
import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.keeping import OVERSIZE_FIELD
from bridge.connectors.mail.mailbox import Mailbox
from bridge.connectors.mail.positions import Position, StorePositions
from bridge.domain.errors import StoreError, StoreUnavailable, TryLater
from bridge.ports import CheckStatus
from bridge.sandbox.mail import MailServer
from tests.servers.processes import free_port
from tests.servers.tcp_proxy import Fault, FaultProxy


def mail(number, text="hello"):
    return (
        f"From: desk@dcc.example\r\nMessage-ID: <{number}@dcc.example>\r\nSubject: mail {number}\r\n\r\n{text}\r\n"
    ).encode()


class CursorStore:
    """As much of a store as a mailbox's position needs."""

    def __init__(self):
        self.cursors = {}

    @contextmanager
    def transaction(self):
        yield self

    def now(self):
        return datetime.now(UTC)

    def cursor(self, name):
        return self.cursors.get(name)

    def save_cursor(self, name, cursor):
        self.cursors[name] = cursor


class Inbox:
    """Keeps items by identity, as the store does."""

    def __init__(self):
        self.items = {}
        self.offered = 0

    def keep(self, item):
        self.offered += 1
        new = item.identity not in self.items
        self.items[item.identity] = item
        return new

    @property
    def subjects(self):
        return [line for item in self.items.values() for line in item.raw.decode().split("\r\n") if "Subject" in line]


@pytest.fixture
def store():
    return CursorStore()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def settings(provider):
    return provider.settings(provider.new_address("cpsd"))


def test_new_mails_are_kept_as_they_are_in_order_and_flagged(provider, settings, store, inbox):
    for number in range(3):
        provider.put(settings.address, mail(number))
    collector = MailboxCollector(settings, store)
    assert collector.collect(inbox.keep) == 3
    assert [item.raw for item in inbox.items.values()] == [mail(number) for number in range(3)]
    assert {item.source for item in inbox.items.values()} == {"mail:INBOX"}
    assert provider.seen(settings.address) == 3


def test_a_mail_is_collected_once(provider, settings, store, inbox):
    provider.put(settings.address, mail(1))
    MailboxCollector(settings, store).collect(inbox.keep)
    assert MailboxCollector(settings, store).collect(inbox.keep) == 0
    provider.put(settings.address, mail(2))
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1
    assert inbox.offered == 2


def test_a_mail_that_lies_behind_the_position_and_never_came_is_named(provider, settings, store, inbox):
    nameless = mail(4).replace(b"Message-ID: <4@dcc.example>\r\n", b"")
    for raw in (mail(1), mail(2), mail(3), nameless):
        provider.put(settings.address, raw)
    collector = MailboxCollector(settings, store)
    collector.collect(inbox.keep)
    provider.put(settings.address, mail(5))
    came = list(inbox.items)
    a_day_ago = datetime.now(UTC) - timedelta(days=1)
    assert list(collector.overlooked(came, a_day_ago)) == [], "what was not collected yet is not overlooked"
    missed = list(collector.overlooked([came[0], came[2]], a_day_ago))
    assert [item.raw for item in missed] == [mail(2), nameless]
    assert [item.identity for item in missed] == [came[1], came[3]]
    (only,) = collector.overlooked(came[:3], a_day_ago)
    assert only.raw == nameless
    assert list(collector.overlooked([], datetime.now(UTC) + timedelta(hours=1))) == []


def test_a_mail_that_a_person_opened_first_is_still_collected(provider, settings, store, inbox):
    MailboxCollector(settings, store).collect(inbox.keep)
    provider.put(settings.address, mail(1), seen=True)
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1


def test_no_mail_is_flagged_before_it_is_kept(provider, settings, store, inbox):
    provider.put(settings.address, mail(1))
    provider.put(settings.address, mail(2))
    seen = []

    def keep(item):
        seen.append(provider.seen(settings.address))
        return inbox.keep(item)

    MailboxCollector(settings, store).collect(keep)
    assert seen == [0, 0]
    assert provider.seen(settings.address) == 2


def test_a_crash_before_the_commit_loses_nothing(provider, settings, store, inbox):
    provider.put(settings.address, mail(1))

    def dies(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        MailboxCollector(settings, store).collect(dies)
    assert provider.seen(settings.address) == 0
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1


def test_a_crash_between_commit_and_flag_makes_no_second_item(provider, settings, store, inbox, monkeypatch):
    provider.put(settings.address, mail(1))

    def dies(self, uids):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "mark_seen", dies)
        with pytest.raises(KeyboardInterrupt):
            MailboxCollector(settings, store).collect(inbox.keep)
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1
    assert len(inbox.items) == 1
    assert provider.seen(settings.address) == 1


def test_a_new_uidvalidity_means_reading_everything_again_without_a_second_item(provider, settings, store, inbox):
    for number in range(3):
        provider.put(settings.address, mail(number))
    collector = MailboxCollector(settings, store)
    collector.collect(inbox.keep)
    positions = StorePositions(store)
    (key,) = store.cursors
    positions.save(key, replace(positions.load(key), uid_validity=1))
    assert collector.collect(inbox.keep) == 3
    assert len(inbox.items) == 3


def test_a_mailbox_that_was_made_anew_is_read_again_without_a_second_item(provider, store, inbox):
    settings = provider.settings(provider.new_address("cpsd"), mailbox="Desk")

    def fill(numbers):
        with provider.login(settings.address) as mailbox:
            mailbox.folder.create("Desk")
            for number in numbers:
                mailbox.append(mail(number), "Desk")

    fill([1, 2, 3])
    collector = MailboxCollector(settings, store)
    assert collector.collect(inbox.keep) == 3
    (key,) = store.cursors
    before = StorePositions(store).load(key)
    with provider.login(settings.address) as mailbox:
        mailbox.folder.delete("Desk")
    fill([2, 4])
    assert collector.collect(inbox.keep) == 2
    assert StorePositions(store).load(key).uid_validity != before.uid_validity
    assert sorted(inbox.subjects) == [f"Subject: mail {number}" for number in (1, 2, 3, 4)]
    assert collector.collect(inbox.keep) == 0


def test_a_poison_mail_first_does_not_stop_the_others_and_is_tried_again(provider, settings, store, inbox):
    for number in range(5):
        provider.put(settings.address, mail(number))

    def chokes(item):
        if b"<0@dcc.example>" in item.raw:
            raise StoreError("cannot be stored")
        return inbox.keep(item)

    collector = MailboxCollector(settings, store)
    assert collector.collect(chokes) == 4
    assert provider.seen(settings.address) == 4
    assert collector.collect(chokes) == 0
    assert collector.collect(inbox.keep) == 1
    assert provider.seen(settings.address) == 5


def test_a_mail_that_the_server_cannot_give_does_not_stop_the_others(provider, settings, store, inbox, monkeypatch):
    for number in range(3):
        provider.put(settings.address, mail(number))
    given = Mailbox.fetch

    def fetch(self, uid, *, first=None):
        if uid == min(self.uids("ALL")):
            raise imaplib.IMAP4.error("UID FETCH: NO")
        return given(self, uid, first=first)

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "fetch", fetch)
        assert MailboxCollector(settings, store).collect(inbox.keep) == 2
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1


def test_a_store_that_is_down_stops_the_pass_and_nothing_is_flagged(provider, settings, store, inbox):
    for number in range(3):
        provider.put(settings.address, mail(number))

    def down(item):
        raise StoreUnavailable("restarting")

    with pytest.raises(StoreUnavailable):
        MailboxCollector(settings, store).collect(down)
    assert provider.seen(settings.address) == 0
    assert MailboxCollector(settings, store).collect(inbox.keep) == 3


def test_a_store_that_goes_down_halfway_keeps_what_was_kept(provider, settings, store, inbox):
    for number in range(3):
        provider.put(settings.address, mail(number))

    def halfway(item):
        if len(inbox.items) == 2:
            raise StoreUnavailable("restarting")
        return inbox.keep(item)

    with pytest.raises(StoreUnavailable):
        MailboxCollector(settings, store).collect(halfway)
    assert provider.seen(settings.address) == 2
    assert MailboxCollector(settings, store).collect(inbox.keep) == 1


def test_without_a_server_collecting_waits(store, inbox, sandbox):
    settings = sandbox.settings(sandbox.new_address(), imap_url=f"imap+plain://127.0.0.1:{free_port()}")
    with pytest.raises(TryLater):
        MailboxCollector(settings, store).collect(inbox.keep)


def test_a_wrong_password_makes_collecting_wait(provider, store, inbox):
    settings = provider.settings(provider.new_address(), password="wrong")
    with pytest.raises(TryLater, match="login"):
        MailboxCollector(settings, store).collect(inbox.keep)


def test_a_line_cut_in_between_loses_and_doubles_nothing(provider, store, inbox):
    address = provider.new_address()
    for number in range(4):
        provider.put(address, mail(number))
    with FaultProxy(provider.imap_port) as wire:
        settings = provider.settings(address, imap_url=f"imap+plain://127.0.0.1:{wire.port}", timeout=2.0)

        def keep(item):
            if len(inbox.items) == 1:
                wire.set(Fault.CUT)
            return inbox.keep(item)

        with pytest.raises(TryLater):
            MailboxCollector(settings, store).collect(keep)
        wire.set(Fault.NONE)
        MailboxCollector(settings, store).collect(inbox.keep)
    assert len(inbox.items) == 4
    assert provider.seen(address) == 4


@pytest.mark.parametrize("step", ["fetch", "mark_seen"])
@pytest.mark.parametrize("fault", [Fault.DROP_ANSWER, Fault.CUT])
def test_a_line_lost_while_a_mail_is_fetched_or_flagged_loses_and_doubles_nothing(
    provider, store, inbox, monkeypatch, step, fault
):
    address = provider.new_address()
    for number in range(3):
        provider.put(address, mail(number, "x" * 50_000))
    with FaultProxy(provider.imap_port) as wire:
        settings = provider.settings(address, imap_url=f"imap+plain://127.0.0.1:{wire.port}", timeout=2.0)
        done, calls = getattr(Mailbox, step), []

        def breaks(self, *arguments, **named):
            calls.append(arguments)
            if len(calls) == (2 if step == "fetch" else 1):
                wire.set(fault)
            return done(self, *arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Mailbox, step, breaks)
            with pytest.raises(TryLater):
                MailboxCollector(settings, store).collect(inbox.keep)
        wire.set(Fault.NONE)
        MailboxCollector(settings, store).collect(inbox.keep)
    assert sorted(inbox.subjects) == [f"Subject: mail {number}" for number in range(3)]
    assert len(inbox.items) == 3
    assert provider.seen(address) == 3


def test_a_mail_that_is_too_large_is_kept_by_its_beginning_and_stays_unseen(provider, store, inbox):
    settings = provider.settings(provider.new_address(), largest_mail=1000)
    provider.put(settings.address, mail(1, "x" * 2000))
    provider.put(settings.address, mail(2))
    collector = MailboxCollector(settings, store)
    assert collector.collect(inbox.keep) == 2
    large, small = inbox.items.values()
    assert large.raw.startswith(f"{OVERSIZE_FIELD}: ".encode())
    assert not small.raw.startswith(OVERSIZE_FIELD.encode())
    assert provider.seen(settings.address) == 1
    assert collector.collect(inbox.keep) == 0


def test_mails_come_with_the_time_at_which_the_server_took_them(provider, settings, store, inbox):
    provider.put(settings.address, mail(1))
    MailboxCollector(settings, store).collect(inbox.keep)
    (item,) = inbox.items.values()
    assert abs(item.received_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_mail_from_the_future_is_received_now(provider, settings, store, inbox):
    with provider.login(settings.address) as mailbox:
        mailbox.append(mail(1), "INBOX", dt=datetime.now(UTC) + timedelta(days=300))
    MailboxCollector(settings, store).collect(inbox.keep)
    (item,) = inbox.items.values()
    assert item.received_at <= datetime.now(UTC)


def test_the_check_tells_an_open_mailbox_from_one_that_is_not(provider, settings, store):
    provider.put(settings.address, mail(1))
    (good,) = MailboxCollector(settings, store).check()
    assert (good.status, good.detail) == (CheckStatus.OK, "1 unseen")
    (bad,) = MailboxCollector(replace(settings, password="wrong"), store).check()
    assert bad.status is CheckStatus.FAILED
    assert bad.remedy


def test_starttls_is_required_where_it_is_configured(sandbox, store, inbox):
    settings = sandbox.settings(sandbox.new_address(), imap_url=f"imap://127.0.0.1:{sandbox.imap_port}")
    with pytest.raises(TryLater, match="TLS"):
        MailboxCollector(settings, store).collect(inbox.keep)


def test_mail_is_collected_over_tls(certificate, store, inbox, provider_at):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with MailServer("p", tls=context) as server:
        provider = provider_at(server.smtp_port, server.imap_port, "p")
        url = f"imaps://127.0.0.1:{server.imaps_port}"
        settings = provider.settings("cpsd@mail.example", imap_url=url, ca_file=certificate)
        server.deliver("cpsd@mail.example", mail(1))
        assert MailboxCollector(settings, store).collect(inbox.keep) == 1
        with pytest.raises(TryLater, match=r"(?i)certificate"):
            MailboxCollector(replace(settings, ca_file=None), store).collect(inbox.keep)


def test_a_position_is_what_it_was_before(store):
    positions = StorePositions(store)
    assert positions.load("mail:x") is None
    position = Position(3705581488, 4711, frozenset({3, 17}))
    positions.save("mail:x", position)
    assert positions.load("mail:x") == position
