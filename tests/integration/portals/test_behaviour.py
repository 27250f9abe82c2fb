"""Every connector that is shipped behaves as every connector must: by mail, by REST with two real systems."""

from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from urllib.parse import urlsplit

import pytest
from imap_tools import MailBoxUnencrypted

from bridge.connectors.email_desk import EmailDesk
from bridge.connectors.mail.reading import MailReader
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.ports import Desks
from bridge.store import open_store
from bridge.testing.desks import DeskBehaviour, DeskUnderTest
from tests.integration.portals.conftest import ROUNDUP, RT
from tests.integration.portals.describing import DESK, rest_desk
from tests.integration.portals.injecting import Injected, InjectingProxy
from tests.servers.processes import wait_until
from tests.servers.roundup import PASSWORD as ROUNDUP_PASSWORD
from tests.servers.tcp_proxy import Fault, FaultProxy


@pytest.fixture
def own_store(sqlite_store_url):
    opened = open_store(sqlite_store_url)
    yield opened
    opened.close()


@contextmanager
def behind_proxies(url, folder, text, own_store, **environ):
    """A described desk behind one proxy that breaks answers and one that breaks the wire."""
    with InjectingProxy(url) as injecting, FaultProxy(urlsplit(injecting.url).port) as wire:
        address = f"http://127.0.0.1:{wire.port}"
        desk = rest_desk(folder, text.replace(f"url: {url}", f"url: {address}"), own_store, **environ)

        @contextmanager
        def losing_answers():
            injecting.inject(Injected(500, arrives=True, method="POST"))
            yield

        yield desk, losing_answers, lambda: wire.fault(Fault.CUT)
        desk.close()


class TestRequestTracker(DeskBehaviour):
    """Request Tracker 5, described by its preset."""

    @pytest.fixture
    def desk_under_test(self, request_tracker, rt_user, queue, tmp_path, own_store):
        text = RT.format(url=request_tracker.url, user=rt_user, queue=queue.name)
        with behind_proxies(request_tracker.url, tmp_path, text, own_store) as (desk, losing_answers, away):
            yield DeskUnderTest(
                DESK,
                desk,
                own_store,
                openings=lambda reference: sum(
                    reference in queue.ticket(number)["Subject"] for number in queue.tickets()
                ),
                count=lambda text: sum(
                    entry.text.count(text) for number in queue.tickets() for entry in queue.entries(number)
                ),
                losing_answers=losing_answers,
                away=away,
                says=lambda record, text: queue.correspond(int(record), text),
            )


class TestRoundup(DeskBehaviour):
    """Roundup 2, described by its preset."""

    @pytest.fixture
    def desk_under_test(self, roundup, tmp_path, own_store):
        text = ROUNDUP.format(url=roundup.url, user=roundup.user)
        environ = {"PASSWORD": ROUNDUP_PASSWORD}
        with behind_proxies(roundup.url, tmp_path, text, own_store, **environ) as (desk, losing_answers, away):
            made = DeskUnderTest(
                DESK,
                desk,
                own_store,
                openings=lambda reference: len(roundup.issues(title=reference)),
                count=lambda text: sum(
                    said.count(text)
                    for number in roundup.issues(title=made.reference)
                    for _, said in roundup.said(number)
                ),
                losing_answers=losing_answers,
                away=away,
                says=lambda record, text: roundup.say(int(record), text),
            )
            yield made


class TestMail(DeskBehaviour):
    """Postfix and Dovecot."""

    @pytest.fixture
    def desk_under_test(self, mail_servers, own_store):
        address = mail_servers.new_address("behaving")
        with FaultProxy(mail_servers.smtp_port) as wire:
            settings = MailSettings(
                smtp_url=f"smtp+plain://127.0.0.1:{wire.port}",
                imap_url=f"imap+plain://{mail_servers.host}:{mail_servers.imap_port}",
                address="cpsd@bridge.example",
                keys=Keys((b"a key of sixteen bytes",)),
                allow_plaintext=True,
                allow=(address,),
                timeout=5.0,
            )
            method = EmailMethod((address,), from_domains=(address.partition("@")[2],))
            reader = MailReader(settings, Desks({}))
            desk = EmailDesk(DESK, method, settings, writer=Writer(settings), reader=reader)

            def mails():
                with MailBoxUnencrypted(mail_servers.host, mail_servers.imap_port).login(
                    address, mail_servers.password
                ) as mailbox:
                    raws = [mailbox.client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in mailbox.uids()]
                return [message_from_bytes(raw, policy=default) for raw in raws]

            def text_of(mail):
                return mail.get_body(("plain",)).get_content()

            def arrived(count):
                # A mail that the server has taken is on its way to the mailbox.
                if sent:
                    wait_until(lambda: len(mails()) >= len(sent), "the mails that were sent", seconds=60)
                return count()

            sent = []
            send = desk.send
            desk.send = lambda frozen, attempt: (send(frozen, attempt), sent.append(frozen))[0]
            yield DeskUnderTest(
                DESK,
                desk,
                own_store,
                openings=lambda reference: arrived(lambda: sum(reference in mail["Subject"] for mail in mails())),
                count=lambda text: arrived(lambda: sum(text_of(mail).count(text) for mail in mails())),
                losing_answers=lambda: wire.fault(Fault.DROP_ANSWER),
                away=lambda: wire.fault(Fault.CUT),
            )
