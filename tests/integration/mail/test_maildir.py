"""A Maildir as a mailbox: a real Postfix delivers into it, the real store keeps what comes."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.keeping import OVERSIZE_FIELD
from bridge.connectors.mail.mailboxes import Mailboxes, Visited
from bridge.connectors.mail.maildir import MaildirCollector, MaildirWatch
from bridge.domain.errors import StoreError, StoreUnavailable, TryLater
from bridge.ports import CheckStatus
from tests.servers.local_delivery import files, plain, running_local_delivery

SOURCE = "mail:INBOX"
LARGEST = 100_000
PATIENCE = 60
A_DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def delivery():
    """A Postfix that delivers by itself; give each test a name of its own."""
    with running_local_delivery() as running:
        yield running


@pytest.fixture
def box(tmp_path):
    """A Maildir without a server: mails are put into it as a server would."""
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    return tmp_path / "box"


def put(box, name, content, part="new"):
    written = box / "tmp" / name
    written.write_bytes(content)
    return written.rename(box / part / name)


class Kept:
    """Keeps in a real store."""

    def __init__(self, store):
        self.store = store
        self.offered = 0

    def __call__(self, item):
        self.offered += 1
        with self.store.transaction() as tx:
            return tx.receive(item) is not None

    @property
    def items(self):
        with self.store.reading() as tx:
            return tx.unapplied(1000)

    @property
    def identities(self):
        with self.store.reading() as tx:
            return tx.received_since(SOURCE, datetime.now(UTC) - A_DAY)


@pytest.fixture
def keep(quick_store, hand_clock):
    # Files have the machine's time.
    hand_clock.time = datetime.now(UTC)
    return Kept(quick_store)


def collector(path, store, **changes):
    values = {"largest": LARGEST, "store": store, "name": "local", "source": SOURCE} | changes
    return MaildirCollector(path, **values)


def moved(box):
    """What was moved, by its flags."""
    return sorted(path.name.partition(":")[2] for path in files(box / "cur"))


def test_what_postfix_delivers_is_kept_and_moved_as_seen(delivery, quick_store, keep):
    name = delivery.new_name()
    delivery.deliver(name, plain(1), plain(2))
    path = delivery.maildir(name)
    assert collector(path, quick_store).collect(keep) == 2
    assert files(path / "new") == []
    assert moved(path) == ["2,S", "2,S"]
    one, two = keep.items
    assert {one.source, two.source} == {SOURCE}
    assert b"\r\nMessage-ID: <1@dcc.example>\r\n" in one.raw
    assert b"\n" not in one.raw.replace(b"\r\n", b"")
    assert abs(one.received_at - datetime.now(UTC)) < timedelta(minutes=5)
    delivery.deliver(name, plain(3))
    assert collector(path, quick_store).collect(keep) >= 1
    assert len(keep.items) == 3


def test_a_mail_that_also_came_by_imap_is_one_item(delivery, provider, quick_store, keep):
    name = delivery.new_name()
    delivery.deliver(name, plain(1))
    path, settings = delivery.maildir(name), provider.settings(provider.new_address())
    provider.put(settings.address, files(path / "new")[0].read_bytes().replace(b"\n", b"\r\n"))
    by_imap = MailboxCollector(settings, quick_store, source=SOURCE)
    boxes = [Visited(by_imap), Visited(collector(path, quick_store))]
    Mailboxes(SOURCE, boxes, tick=timedelta(seconds=30), monotonic=lambda: 0.0).collect(keep)
    assert len(keep.items) == 1


def test_no_mail_is_moved_before_it_is_kept_and_a_crash_in_between_makes_no_second_item(box, quick_store, keep):
    put(box, "1.a.host", plain(1))
    seen = []

    def dies(item):
        keep(item)
        seen.append(len(files(box / "new")))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collector(box, quick_store).collect(dies)
    assert seen == [1]
    assert len(files(box / "new")) == 1
    collector(box, quick_store).collect(keep)
    assert len(keep.items) == 1
    assert moved(box) == ["2,S"]


def test_a_crash_before_the_commit_loses_nothing(box, quick_store, keep):
    put(box, "1.a.host", plain(1))

    def dies(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collector(box, quick_store).collect(dies)
    assert len(files(box / "new")) == 1
    assert collector(box, quick_store).collect(keep) == 1


def test_a_mail_that_somebody_opened_first_is_still_collected_once(box, quick_store, keep):
    mine = collector(box, quick_store)
    put(box, "1.a.host", plain(1))
    mine.collect(keep)
    put(box, "2.b.host", plain(2)).rename(box / "cur" / "2.b.host:2,S")
    assert mine.collect(keep) == 1
    assert mine.collect(keep) == 0
    assert len(keep.items) == 2
    assert (box / "cur" / "2.b.host:2,S").exists()


def test_after_a_restart_old_mails_are_not_read_again(box, quick_store, keep):
    for number in range(5):
        put(box, f"{number}.a.host", plain(number))
    first = collector(box, quick_store)
    first.collect(keep)
    first._positions.save(
        first._key, replace_changed(first._positions.load(first._key), datetime.now(UTC) + timedelta(hours=1))
    )
    offered = keep.offered
    assert collector(box, quick_store).collect(keep) == 0
    assert keep.offered == offered
    put(box, "9.a.host", plain(9))
    assert collector(box, quick_store).collect(keep) == 1


def replace_changed(position, at):
    return type(position)(at, position.missed)


def test_one_collector_reads_each_mail_once(box, quick_store, keep):
    put(box, "1.a.host", plain(1))
    mine = collector(box, quick_store)
    for _ in range(3):
        mine.collect(keep)
    assert keep.offered == 1


@pytest.mark.parametrize("part", ["new", "cur"])
def test_a_mail_that_cannot_be_read_is_passed_over_and_tried_again(box, quick_store, keep, part, monkeypatch):
    put(box, "1.a.host", plain(1), part)
    put(box, "2.a.host", plain(2), part)
    opened = os.open

    def refuses(path, *arguments, **named):
        if "1.a.host" in str(path):
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **named)

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(os, "open", refuses)
        assert collector(box, quick_store).collect(keep) == 1
    assert [log["place"] for log in logs if log["event"] == "mail_passed_over"] == ["1.a.host"]
    late = collector(box, quick_store)
    position = late._positions.load(late._key)
    assert position.missed == {"1.a.host"}
    late._positions.save(late._key, replace_changed(position, position.changed_at + timedelta(days=1)))
    assert late.collect(keep) == 1
    assert len(keep.items) == 2
    assert late._positions.load(late._key).missed == frozenset()


def test_a_poison_mail_does_not_stop_the_others_and_is_tried_again(box, quick_store, keep):
    for number in range(3):
        put(box, f"{number}.a.host", plain(number))

    def chokes(item):
        if b"<0@dcc.example>" in item.raw:
            raise StoreError("cannot be stored")
        return keep(item)

    mine = collector(box, quick_store)
    assert mine.collect(chokes) == 2
    assert [path.name for path in files(box / "new")] == ["0.a.host"]
    assert mine.collect(keep) == 1


def test_a_store_that_is_down_stops_the_pass_and_nothing_is_moved(box, quick_store, keep):
    put(box, "1.a.host", plain(1))

    def down(item):
        raise StoreUnavailable("restarting")

    mine = collector(box, quick_store)
    with pytest.raises(StoreUnavailable):
        mine.collect(down)
    assert len(files(box / "new")) == 1
    assert mine.collect(keep) == 1


def test_a_mail_that_is_too_large_is_kept_by_its_beginning_and_not_marked_as_seen(delivery, quick_store, keep):
    name = delivery.new_name()
    delivery.deliver(name, plain(1, "x" * 78 + "\n" + "y " * 2000))
    path = delivery.maildir(name)
    assert collector(path, quick_store, largest=1000).collect(keep) == 1
    (item,) = keep.items
    assert item.raw.startswith(f"{OVERSIZE_FIELD}: ".encode())
    assert moved(path) == ["2,"]
    assert collector(path, quick_store, largest=1000).collect(keep) <= 1
    assert len(keep.items) == 1


def test_a_mail_from_the_future_is_received_now(box, quick_store, keep):
    path = put(box, "1.a.host", plain(1))
    ahead = datetime.now(UTC).timestamp() + 86400
    os.utime(path, (ahead, ahead))
    collector(box, quick_store).collect(keep)
    (item,) = keep.items
    assert item.received_at <= datetime.now(UTC) + timedelta(minutes=1)


def test_mails_come_in_the_order_in_which_they_were_delivered(box, quick_store, keep):
    for number, name in enumerate(("c", "a", "b")):
        path = put(box, f"1.{name}.host", plain(number))
        os.utime(path, (1_790_000_000 + number, 1_790_000_000 + number))
    collector(box, quick_store).collect(keep)
    assert [b"<%d@" % number in item.raw for number, item in enumerate(keep.items)] == [True] * 3


def test_what_is_no_mail_is_left_alone(box, quick_store, keep, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("nobody's mail")
    (box / "new" / "1.link.host").symlink_to(secret)
    (box / "new" / "folder").mkdir()
    (box / "new" / ".hidden").write_bytes(plain(1))
    os.mkfifo(box / "new" / "1.pipe.host")
    with structlog.testing.capture_logs() as logs:
        assert collector(box, quick_store).collect(keep) == 0
    assert keep.items == ()
    assert not [log for log in logs if log["event"] == "mail_passed_over"]


def test_a_mail_that_cannot_be_moved_is_kept_once_and_moved_when_it_can_be(box, quick_store, keep, monkeypatch):
    put(box, "1.a.host", plain(1))
    mine = collector(box, quick_store)

    def refuses(self, target):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuses)
        assert mine.collect(keep) == 1
        assert mine.collect(keep) == 0
    assert mine.collect(keep) == 0
    assert keep.offered == 1
    assert moved(box) == ["2,S"]


def test_looking_keeps_nothing_and_moves_nothing(box, quick_store, keep):
    put(box, "1.a.host", plain(1))
    mine = collector(box, quick_store)
    assert [item.raw for item in mine.peek()] == [item.raw for item in mine.peek()]
    assert len(files(box / "new")) == 1
    mine.collect(keep)
    assert list(mine.peek()) == []


def test_a_mail_that_was_read_and_never_came_is_named(box, quick_store, keep):
    nameless = plain(3).replace(b"Message-ID: <3@dcc.example>\n", b"")
    for number, raw in enumerate((plain(1), plain(2), nameless)):
        put(box, f"{number}.a.host", raw)
    mine = collector(box, quick_store)
    mine.collect(keep)
    put(box, "9.a.host", plain(9))
    came, since = sorted(keep.identities), datetime.now(UTC) - A_DAY
    assert list(mine.overlooked(came, since)) == [], "what was not collected yet is not overlooked"
    for missing in came:
        (found,) = mine.overlooked([one for one in came if one != missing], since)
        assert found.identity == missing
    assert list(mine.overlooked([], datetime.now(UTC) + A_DAY)) == []


def test_a_maildir_that_is_not_there_is_waited_for(tmp_path, quick_store, keep):
    mine = collector(tmp_path / "nowhere", quick_store)
    with pytest.raises(TryLater, match="cannot be read: No such file"):
        mine.collect(keep)
    (line,) = mine.check()
    assert (line.name, line.status) == ("maildir local", CheckStatus.FAILED)
    assert line.remedy


def test_the_check_counts_what_waits_and_names_what_cannot_be_moved(box, quick_store, monkeypatch):
    put(box, "1.a.host", plain(1))
    mine = collector(box, quick_store)
    (line,) = mine.check()
    assert (line.status, line.detail) == (CheckStatus.OK, "1 new")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "cur")
    (line,) = mine.check()
    assert (line.status, "cur cannot be moved" in line.detail) == (CheckStatus.FAILED, True)


def test_a_delivery_is_noticed(delivery, quick_store, keep):
    name = delivery.new_name()
    told, noticed, stopping = threading.Event(), [], threading.Event()
    watch = MaildirWatch(delivery.maildir(name), noticed=lambda: noticed.append(1), glance=0.05)
    mine = collector(delivery.maildir(name), quick_store)

    def arrived():
        if files(delivery.maildir(name) / "new"):
            mine.collect(keep)
            told.set()

    thread = threading.Thread(target=watch.watch, args=(arrived, stopping))
    thread.start()
    try:
        delivery.deliver_without_waiting(name, plain(1))
        assert told.wait(PATIENCE)
    finally:
        stopping.set()
        thread.join(PATIENCE)
    assert noticed
    assert len(keep.items) == 1
