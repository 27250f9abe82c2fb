"""Mails that come together are committed together: the disk is waited for once, and none is flagged before that."""

import imaplib
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.mailbox import Mailbox
from bridge.domain.errors import StoreError, StoreUnavailable, TryLater
from bridge.sync.collect import Collecting
from tests.syncing.world import build


def mail(number, size=0):
    text = b"x" * 70 + b"\r\n"
    head = f"From: desk@dcc.example\r\nMessage-ID: <{number}@dcc.example>\r\nSubject: {number}\r\n\r\n".encode()
    return head + text * (size // len(text))


class Positions:
    """Where a mailbox was read up to."""

    def __init__(self):
        self.known = {}

    def now(self):
        return datetime.now(UTC)

    def load(self, key):
        return self.known.get(key)

    def save(self, key, position):
        self.known[key] = position


class Shelf:
    """Keeps mails together, and remembers how: `refused` is what it cannot keep."""

    def __init__(self, seen, refused=b"nothing"):
        self.seen = seen
        self.refused = refused
        self.commits = []
        self.flagged_at_commit = []

    def __call__(self, item):
        self.together([item])
        return True

    def together(self, items):
        if any(self.refused in item.raw for item in items):
            raise StoreError("cannot be stored")
        self.flagged_at_commit.append(self.seen())
        self.commits.append([item.identity.partition("@")[0].lstrip("<") for item in items])


@pytest.fixture
def settings(provider):
    return provider.settings(provider.new_address("cpsd"))


@pytest.fixture
def shelf_for(provider, settings):
    return lambda **how: Shelf(lambda: provider.seen(settings.address), **how)


def test_one_commit_keeps_several_and_they_are_flagged_afterwards(provider, settings, shelf_for):
    for number in range(7):
        provider.put(settings.address, mail(number))
    shelf = shelf_for()
    collector = MailboxCollector(settings, None, positions=Positions())
    assert collector.collect(shelf) == 7
    assert shelf.commits == [[str(number) for number in range(7)]]
    assert shelf.flagged_at_commit == [0]
    assert provider.seen(settings.address) == 7
    assert collector.collect(shelf) == 0


def test_large_mails_are_committed_alone(provider, settings, shelf_for):
    for number, size in enumerate((0, 3_000_000, 3_000_000, 0, 6_000_000, 0)):
        provider.put(settings.address, mail(number, size))
    shelf = shelf_for()
    assert MailboxCollector(settings, None, positions=Positions()).collect(shelf) == 6
    assert shelf.commits == [["0", "1"], ["2", "3"], ["4"], ["5"]]


def test_one_that_cannot_be_kept_keeps_none_of_the_others_out(provider, settings, shelf_for):
    for number in range(5):
        provider.put(settings.address, mail(number))
    positions = Positions()
    shelf = shelf_for(refused=b"<2@dcc.example>")
    assert MailboxCollector(settings, None, positions=positions).collect(shelf) == 4
    assert shelf.commits == [["0"], ["1"], ["3"], ["4"]]
    assert provider.seen(settings.address) == 4
    # It is tried again, and comes once it can be kept.
    later = shelf_for()
    assert MailboxCollector(settings, None, positions=positions).collect(later) == 1
    assert later.commits == [["2"]]


@pytest.mark.parametrize("trouble", ["refused", "left out"])
def test_what_the_server_does_not_give_together_is_asked_for_one_by_one(
    provider, settings, shelf_for, monkeypatch, trouble
):
    for number in range(4):
        provider.put(settings.address, mail(number))
    given = Mailbox.fetch_together

    def some(mailbox, uids):
        if trouble == "refused":
            raise imaplib.IMAP4.error("NO [SERVERBUG] one of them cannot be read")
        return {uid: raw for uid, raw in given(mailbox, uids).items() if uid != uids[1]}

    monkeypatch.setattr(Mailbox, "fetch_together", some)
    shelf = shelf_for()
    assert MailboxCollector(settings, None, positions=Positions()).collect(shelf) == 4
    assert shelf.commits == [["0", "1", "2", "3"]]


def test_one_over_which_the_server_hangs_up_keeps_none_of_those_before_it_out(
    provider, settings, shelf_for, monkeypatch
):
    for number in range(5):
        provider.put(settings.address, mail(number))

    def hanging_up(asked):
        def ask(mailbox, uids, **how):
            given = asked(mailbox, uids, **how)
            if any(b"<2@dcc.example>" in raw for raw in (given.values() if isinstance(given, dict) else [given])):
                raise imaplib.IMAP4.abort("the server closed the connection")
            return given

        return ask

    monkeypatch.setattr(Mailbox, "fetch", hanging_up(Mailbox.fetch))
    monkeypatch.setattr(Mailbox, "fetch_together", hanging_up(Mailbox.fetch_together))
    shelf, collector = shelf_for(), MailboxCollector(settings, None, positions=Positions())
    for _ in range(2):
        with pytest.raises(TryLater):
            collector.collect(shelf)
    assert shelf.commits == [["0"], ["1"]]
    monkeypatch.undo()
    assert collector.collect(shelf) == 3
    provider.put(settings.address, mail(5))
    provider.put(settings.address, mail(6))
    assert collector.collect(shelf) == 2
    assert shelf.commits[-1] == ["5", "6"], "after a pass without trouble they are kept together again"


def test_a_store_that_is_down_flags_nothing_and_lets_no_position_pass(provider, settings, shelf_for):
    for number in range(3):
        provider.put(settings.address, mail(number))
    positions, shelf = Positions(), shelf_for()

    class Down(Shelf):
        def together(self, items):
            raise StoreUnavailable("restarting")

    with pytest.raises(StoreUnavailable):
        MailboxCollector(settings, None, positions=positions).collect(Down(shelf.seen))
    assert provider.seen(settings.address) == 0
    assert MailboxCollector(settings, None, positions=positions).collect(shelf) == 3


def test_the_service_commits_what_comes_together_at_once(provider, settings, quick_store, hand_clock, monkeypatch):
    for number in range(5):
        provider.put(settings.address, mail(number))
    collector = MailboxCollector(settings, quick_store)
    around = build(quick_store, hand_clock).with_(collectors=[collector]).around
    commits, begun = [], quick_store.transaction

    @contextmanager
    def transaction():
        with begun() as tx:
            before = tx.newest_item()
            yield tx
            commits.append(tx.newest_item() - before)

    monkeypatch.setattr(quick_store, "transaction", transaction)
    assert Collecting(around).collect([collector]).received == 5
    assert [kept for kept in commits if kept] == [5]
