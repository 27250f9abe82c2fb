"""The checklist of mails that a desk's gateway must survive: message files, through a real IMAP server, into the store.

The server is Dovecot: the sandbox's, which parses what it keeps, does not survive all of these mails itself.
"""

import re
import shutil
from datetime import timedelta

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.identity import identity
from bridge.store import open_store
from tests.stores.fixtures import HandClock
from tests.unit.connectors.mail.reading_fixtures import CORPUS, RECEIVED, Memory, filled, reader
from tests.unit.connectors.mail.rows import ROWS, check

#: RFC 9051 allows no NUL in a mail, and Dovecot keeps 0x80 in its place
AS_KEPT = {"56-raw-8-bit-and-nul": {"text": "on\N{EURO SIGN} it"}}
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Received:
    """All files of the corpus put into one mailbox, collected into a store, and read from there."""

    def __init__(self, server, store):
        self._at = {}
        settings = server.settings(server.new_address("checklist"))
        put = [_LINE_END.sub(b"\r\n", filled((CORPUS / f"{row[0]}.eml").read_bytes())) for row in ROWS]
        with server.login(settings.address) as mailbox:
            for raw in put:
                mailbox.append(raw, "INBOX", dt=RECEIVED)
        self.collected = MailboxCollector(settings, store).collect(lambda item: _keep(store, item))
        self.seen = server.seen(settings.address)
        with store.reading() as tx:
            items = {item.identity: item for item in tx.unapplied(len(ROWS) + 1)}
        self.items = [items.get(identity(raw.replace(b"\0", server.nul))) for raw in put]

    def read(self, number):
        """How one of them is read, from the bytes that the store has."""
        item = self.items[number]
        assert item is not None, "the mail did not arrive as it was put there"
        return reader().receive(item.raw, item.received_at, Memory())


def _keep(store, item):
    with store.transaction() as tx:
        return tx.receive(item) is not None


@pytest.fixture(scope="module")
def received(distribution_provider, sqlite_template, tmp_path_factory):
    file = tmp_path_factory.mktemp("checklist") / "bridge.db"
    shutil.copy(sqlite_template, file)
    clock = HandClock()
    clock.time = RECEIVED + timedelta(minutes=1)
    store = open_store(f"sqlite:///{file}", clock=clock)
    yield Received(distribution_provider, store)
    store.close()


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row[0] for row in ROWS])
def test_the_mail_is_read_right(received, number):
    name, *expected, seen = ROWS[number]
    check(received.read(number), (name, *expected, {**seen, **AS_KEPT.get(name, {})}))


def test_every_mail_was_stored_before_it_was_flagged(received):
    assert received.collected == received.seen == len(ROWS)
