"""Several mailboxes: one mail is one item wherever it lies, and none is held up by another."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.logins import LoginRefused
from bridge.connectors.mail.mailboxes import Mailboxes, Visited
from bridge.connectors.mail.watching import MailboxWatch
from bridge.domain.errors import StoreUnavailable, TryLater
from bridge.ports import CheckStatus, RawItem
from tests.servers.processes import free_port

SOURCE = "mail:INBOX"
TICK = timedelta(seconds=30)
PATIENCE = 60


def mail(number, received="by mx.example"):
    header = f"Received: {received}\r\nFrom: desk@dcc.example\r\nMessage-ID: <{number}@dcc.example>\r\n"
    return f"{header}Subject: mail {number}\r\n\r\nhello\r\n".encode()


class Clock:
    """Seconds by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class Fake:
    """A mailbox with some items, which does something first."""

    def __init__(self, name, *items, first=lambda: None):
        self.name, self.items, self.first = name, items, first
        self.looks = 0

    def collect(self, keep):
        self.looks += 1
        self.first()
        return sum(keep(item) for item in self.items)

    def peek(self):
        self.first()
        yield from self.items

    def overlooked(self, received, since):
        self.first()
        yield from (item for item in self.items if item.identity not in received)

    def check(self):
        return iter(())


def item(identity):
    return RawItem(SOURCE, identity, b"raw", datetime.now(UTC))


def lost():
    raise TryLater("the IMAP server was lost", remedy="nothing is lost")


def together(*visited, clock=None):
    boxes = [one if isinstance(one, Visited) else Visited(one) for one in visited]
    return Mailboxes(SOURCE, boxes, tick=TICK, monotonic=clock or Clock())


@pytest.fixture
def kept(quick_store):
    """Keeps in a real store."""

    def keep(item):
        with quick_store.transaction() as tx:
            return tx.receive(item) is not None

    return keep


@pytest.fixture
def two(provider, quick_store):
    """Two mailboxes of one provider, and their addresses."""
    addresses = [provider.new_address("first"), provider.new_address("second")]
    boxes = [
        MailboxCollector(provider.settings(address), quick_store, name=name, source=SOURCE)
        for address, name in zip(addresses, ("", "second"), strict=True)
    ]
    return together(*boxes), addresses


def items(store):
    with store.reading() as tx:
        return tx.unapplied(100)


def test_each_mailbox_is_read_once_from_where_it_was_left(provider, two, quick_store, kept):
    boxes, (first, second) = two
    provider.put(first, mail(1))
    provider.put(second, mail(2))
    provider.put(second, mail(3))
    assert boxes.collect(kept) == 3
    assert boxes.collect(kept) == 0
    provider.put(first, mail(4))
    assert boxes.collect(kept) == 1
    assert len(items(quick_store)) == 4
    assert (provider.seen(first), provider.seen(second)) == (2, 2)
    with quick_store.transaction() as tx:
        keys = {
            f"mail:{address}@127.0.0.1/INBOX": tx.cursor(f"mail:{address}@127.0.0.1/INBOX")
            for address in (first, second)
        }
    assert all(keys.values())


def test_a_mail_that_went_to_both_is_one_item_and_seen_in_both(provider, two, quick_store, kept):
    boxes, (first, second) = two
    provider.put(first, mail(1))
    provider.put(second, mail(1, "by mx.example; another copy"))
    assert len(list(boxes.peek())) == 1
    boxes.collect(kept)
    (only,) = items(quick_store)
    assert only.source == SOURCE
    assert (provider.seen(first), provider.seen(second)) == (1, 1)
    with quick_store.reading() as tx:
        received = tx.received_since(boxes.name, datetime.now(UTC) - timedelta(days=1))
    assert list(boxes.overlooked(received, datetime.now(UTC) - timedelta(days=1))) == []


def test_a_mailbox_whose_server_is_away_is_named_and_the_other_is_read(provider, quick_store, kept):
    there, away = provider.new_address("there"), provider.new_address("away")
    url = f"imap+plain://127.0.0.1:{free_port()}"
    boxes = together(
        MailboxCollector(provider.settings(away, imap_url=url), quick_store, name="away", source=SOURCE),
        MailboxCollector(provider.settings(there), quick_store, name="there", source=SOURCE),
    )
    provider.put(there, mail(1))
    with pytest.raises(TryLater, match="mail:away: no connection"):
        boxes.collect(kept)
    assert len(items(quick_store)) == 1
    lines = {line.name: line.status for line in boxes.check()}
    assert lines == {"imap away": CheckStatus.FAILED, "imap there": CheckStatus.OK}


def test_a_mailbox_whose_server_hangs_holds_up_no_other():
    read = threading.Event()

    def hangs():
        assert read.wait(PATIENCE), "the other mailbox was not read meanwhile"
        lost()

    kept = []

    def keep(item):
        kept.append(item.identity)
        read.set()
        return True

    with pytest.raises(TryLater, match="mail:hung"):
        together(Fake("mail:hung", first=hangs), Fake("mail:other", item("a"))).collect(keep)
    assert kept == ["a"]


def test_what_is_wrong_with_the_store_is_nobody_else_s_fault():
    def down(item):
        raise StoreUnavailable("restarting")

    boxes = together(Fake("mail:lost", first=lost), Fake("mail:other", item("a")), Fake("mail:third", item("b")))
    with pytest.raises(StoreUnavailable):
        boxes.collect(down)


def test_mails_of_several_mailboxes_are_kept_one_at_a_time():
    inside, most = [], []

    def keep(item):
        inside.append(item)
        most.append(len(inside))
        barrier_passed.wait(0.01)
        inside.pop()
        return True

    barrier_passed = threading.Event()
    fakes = [Fake(f"mail:{name}", *(item(f"{name}{number}") for number in range(5))) for name in "abcd"]
    assert together(*fakes).collect(keep) == 20
    assert set(most) == {1}


def test_the_rest_is_looked_at_before_a_lost_mailbox_is_named():
    boxes = together(Fake("mail:lost", first=lost), Fake("mail:b", item("x"), item("y")), Fake("mail:c", item("y")))
    for look in (boxes.peek, lambda: boxes.overlooked([], datetime.now(UTC))):
        seen = []
        with pytest.raises(TryLater, match="mail:lost"):
            seen.extend(one.identity for one in _noting(look(), seen))
        assert sorted(set(seen)) == ["x", "y"]


def _noting(found, seen):
    for one in found:
        seen.append(one.identity)
        yield one


def test_a_mailbox_that_is_looked_into_less_often_waits_its_time_and_not_longer():
    clock = Clock()
    often, seldom = Fake("mail:often"), Fake("mail:seldom")
    boxes = together(often, Visited(seldom, timedelta(seconds=120)), clock=clock)
    for passes in range(1, 10):
        boxes.collect(lambda _: True)
        assert often.looks == passes
        clock.now += TICK.total_seconds() - 0.01 * (passes % 3)  # a pass is never on the second
    assert seldom.looks == 3


def test_what_is_noticed_in_a_mailbox_is_read_at_the_next_pass():
    seldom = Visited(Fake("mail:seldom"), timedelta(hours=1))
    boxes = together(Fake("mail:often"), seldom)
    boxes.collect(lambda _: True)
    boxes.collect(lambda _: True)
    assert seldom.box.looks == 1
    seldom.notice()
    boxes.collect(lambda _: True)
    assert seldom.box.looks == 2


def refused():
    raise LoginRefused("the IMAP server refuses our login")


def test_a_server_that_refuses_our_login_is_asked_less_and_less_often_and_at_once_after_it_let_us_in():
    clock, fake = Clock(), Fake("mail:shut", first=refused)
    boxes = together(fake, Fake("mail:other"), clock=clock)
    asked = []
    for _ in range(2 * 60 * 2):
        looks = fake.looks
        with suppress(TryLater):
            boxes.collect(lambda _: True)
        if fake.looks > looks:
            asked.append(clock.now)
        clock.now += TICK.total_seconds()
    assert asked[:7] == [0, 30, 90, 210, 450, 930, 1830]
    assert {later - earlier for earlier, later in pairwise(asked[6:])} == {900}
    clock.now = asked[-1] + 900
    fake.first = lambda: None
    boxes.collect(lambda _: True)
    looks = fake.looks
    clock.now += TICK.total_seconds()
    boxes.collect(lambda _: True)
    assert fake.looks == looks + 1


def test_a_server_that_is_away_is_asked_at_every_pass():
    fake = Fake("mail:away", first=lost)
    boxes = together(fake, Fake("mail:other"))
    for _ in range(5):
        with pytest.raises(TryLater):
            boxes.collect(lambda _: True)
    assert fake.looks == 5


def test_each_mailbox_has_a_watch_of_its_own_that_says_which_one_to_look_into(sandbox, quick_store, kept):
    first, second = sandbox.new_address("first"), sandbox.new_address("second")
    visited = []
    for address, name in ((first, "first"), (second, "second")):
        settings = sandbox.settings(address)
        one = Visited(MailboxCollector(settings, quick_store, name=name, source=SOURCE), timedelta(hours=1))
        one.watch = MailboxWatch(settings, retry=timedelta(milliseconds=50), noticed=one.notice)
        visited.append(one)
    boxes = together(*visited)
    boxes.collect(kept)
    collecting, stopping, came = threading.Lock(), threading.Event(), threading.Event()

    def arrived():
        with collecting, suppress(TryLater):
            boxes.collect(kept)
        if len(items(quick_store)) == 2:
            came.set()

    threads = [threading.Thread(target=watch.watch, args=(arrived, stopping)) for watch in boxes.watches]
    for thread in threads:
        thread.start()
    try:
        sandbox.put(first, mail(1))
        sandbox.put(second, mail(2))
        assert came.wait(PATIENCE)
    finally:
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
