"""The presets whose systems nobody here has: held to how every desk behaves, against fakes made from descriptions."""

from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from bridge.connectors.rest.trial import Trial
from bridge.store import open_store
from bridge.testing.desks import DeskBehaviour, DeskUnderTest
from tests.integration.portals.describing import DESK, Clock, rest_desk
from tests.servers import freshdesk, jira, trouble_tickets, zendesk
from tests.servers.portal import Trouble
from tests.servers.tcp_proxy import Fault, FaultProxy


@pytest.fixture
def own_store(sqlite_store_url):
    opened = open_store(sqlite_store_url)
    yield opened
    opened.close()


@contextmanager
def under_test(portal, folder, text, own_store, password, **told):
    """A desk described by this, behind a wire that may break."""
    with FaultProxy(urlsplit(portal.url).port) as wire:

        @contextmanager
        def losing_answers():
            portal.fault(Trouble.FAILED_LATE, method="POST", path="request$|tickets|troubleTicket")
            yield

        portal.url = f"http://127.0.0.1:{wire.port}"  # the addresses that it names lead through the wire, too
        desk = rest_desk(folder, text.replace("URL", f"http://127.0.0.1:{wire.port}"), own_store, PASSWORD=password)
        yield DeskUnderTest(
            DESK, desk, own_store, losing_answers=losing_answers, away=lambda: wire.fault(Fault.CUT), **told
        )
        desk.close()


class Described(DeskBehaviour):
    """What all presets do besides."""

    def until_changes_are_told(self):
        """Let time pass at a portal that tells of changes late."""

    def test_the_trial_walks_through_everything(self, desk_under_test):
        walk = []
        for step in Trial(desk_under_test.connector, DESK, b"a token of this", Clock().now()).walk():
            walk.append(step)
            self.until_changes_are_told()
        assert [(step.name, step.detail) for step in walk if not step.ok] == []


class TestZendesk(Described):
    @pytest.fixture
    def desk_under_test(self, tmp_path, own_store):
        text = """
            preset: zendesk
            url: URL/api/v2
            auth: {kind: basic, username: bridge@elexon.example/token, password: "${PASSWORD}"}
            ours: ["401"]
            find_lag: 0s
            settings: {web: "https://desk.zendesk.example"}
        """
        with (
            zendesk.Zendesk() as portal,
            under_test(
                portal,
                tmp_path,
                text,
                own_store,
                zendesk.TOKEN,
                openings=lambda reference: sum(
                    one.fields.get("external_id") == reference for one in portal.tickets.values()
                ),
                count=lambda text: sum(
                    comment["body"].count(text) for one in portal.tickets.values() for comment in one.comments
                ),
                says=lambda record, text: portal.says(int(record), text),
            ) as made,
        ):
            self.until_changes_are_told = lambda: portal.later(minutes=1)
            yield made


class TestFreshdesk(Described):
    @pytest.fixture
    def desk_under_test(self, tmp_path, own_store):
        text = """
            preset: freshdesk
            url: URL/api/v2
            auth: {kind: basic, username: api-key-of-the-bridge, password: "${PASSWORD}"}
            ours: ["501"]
            find_lag: 0s
            settings: {email: bridge@elexon.example, web: "https://desk.freshdesk.example"}
        """
        with (
            freshdesk.Freshdesk() as portal,
            under_test(
                portal,
                tmp_path,
                text,
                own_store,
                "X",
                openings=lambda reference: sum(
                    one.fields["custom_fields"].get("cf_cpsd_reference") == reference for one in portal.tickets.values()
                ),
                count=lambda text: sum(
                    said["body_text"].count(text) for one in portal.tickets.values() for said in one.conversations
                ),
                says=lambda record, text: portal.says(int(record), text),
            ) as made,
        ):
            yield made


class TestTroubleTickets(Described):
    @pytest.fixture
    def desk_under_test(self, tmp_path, own_store):
        text = """
            preset: tmf621
            url: URL/tmf-api/troubleTicket/v4
            auth: {kind: client_credentials, token_url: TOKENS, client_id: bridge, client_secret: "${PASSWORD}"}
            settings: {web: "https://desk.example/tickets"}
        """
        with (
            trouble_tickets.TroubleTickets() as portal,
            under_test(
                portal,
                tmp_path,
                text.replace("TOKENS", f"{portal.url}/oauth/token"),
                own_store,
                trouble_tickets.SECRET,
                openings=lambda reference: sum(one.get("externalId") == reference for one in portal.tickets.values()),
                count=lambda text: sum(
                    note["text"].count(text) for one in portal.tickets.values() for note in one.get("note", [])
                ),
                says=portal.says,
            ) as made,
        ):
            yield made


class TestJira(Described):
    @pytest.fixture
    def desk_under_test(self, tmp_path, own_store):
        text = """
            preset: jira-service-management
            url: URL
            auth: {kind: basic, username: bridge@elexon.example, password: "${PASSWORD}"}
            ours: [bridge@elexon.example]
            find_lag: 0s
            settings: {desk: "10", type: "25", project: HELP, cancel: "901"}
        """
        with (
            jira.JiraServiceManagement() as portal,
            under_test(
                portal,
                tmp_path,
                text,
                own_store,
                jira.TOKEN,
                openings=lambda reference: sum(reference in one.fields["summary"] for one in portal.requests.values()),
                count=lambda text: sum(
                    comment["body"].count(text) for one in portal.requests.values() for comment in one.comments
                ),
                says=portal.says,
            ) as made,
        ):
            yield made
