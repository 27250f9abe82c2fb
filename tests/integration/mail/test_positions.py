from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.positions import Position, StorePositions
from bridge.ports import Cursor

MAIL = b"From: desk@dcc.example\r\nMessage-ID: <1@dcc.example>\r\nSubject: one\r\n\r\nhello\r\n"


def test_a_position_survives_in_the_store(store):
    positions = StorePositions(store)
    assert positions.load("mail:x") is None
    for position in (Position(3705581488, 4711, frozenset({3, 17})), Position(3705581488, 4712)):
        positions.save("mail:x", position)
        assert StorePositions(store).load("mail:x") == position


def test_mails_go_into_the_store_once_also_when_the_mailbox_is_read_anew(store, sandbox):
    def keep(item):
        with store.transaction() as tx:
            return tx.receive(item) is not None

    settings = sandbox.settings(sandbox.new_address())
    sandbox.put(settings.address, MAIL)
    collector = MailboxCollector(settings, store)
    assert collector.collect(keep) == 1
    with store.transaction() as tx:
        key = collector._key
        tx.save_cursor(key, Cursor(tx.now()))
    assert collector.collect(keep) == 1
    with store.transaction() as tx:
        (item,) = tx.unapplied(10)
    assert item.raw == MAIL
