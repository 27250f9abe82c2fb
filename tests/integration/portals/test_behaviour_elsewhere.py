"""Connectors behave as every connector must: a ServiceNow of the desk's own, and the example of the documentation."""

import importlib
import os
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from bridge.app import SystemClock, SystemRandom
from bridge.connectors.servicenow import Basic, Connection, Patience, ServiceNow
from bridge.connectors.servicenow_desk import ServiceNowDesk
from bridge.domain.contacts import ServiceNowContact
from bridge.ports import DeskServices
from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from bridge.store import open_store
from bridge.testing.desks import DeskBehaviour, DeskUnderTest
from tests.integration.portals.describing import DESK
from tests.servers.tcp_proxy import Fault, FaultProxy

EXAMPLE = Path(__file__).parents[3] / "docs" / "example-desk"
OURS, THEIRS = "cpsd.bridge", "priya.shah"


@pytest.fixture
def own_store(sqlite_store_url):
    opened = open_store(sqlite_store_url)
    yield opened
    opened.close()


class TestServiceNow(DeskBehaviour):
    """The sandbox, as the desk's instance."""

    @pytest.fixture
    def desk_under_test(self, own_store):
        with (
            ServiceNowSandbox(identity=Identity(admin_password="secret")) as sandbox,
            FaultProxy(urlsplit(sandbox.url).port) as wire,
        ):
            passwords = sandbox.instance.accounts.passwords
            connection = Connection(
                f"http://127.0.0.1:{wire.port}", connect_timeout=2, read_timeout=5, patience=Patience(attempts=1)
            )
            client = ServiceNow(
                connection,
                Basic(OURS, passwords[OURS]),
                clock=SystemClock(),
                random=SystemRandom(),
                user=OURS,
            )
            desk = ServiceNowDesk(DESK, ServiceNowContact("incident", OURS), client, own_store, address=sandbox.url)

            def ask(method, path, by=THEIRS, **options):
                auth = (by, "secret" if by == "admin" else passwords[by])
                answer = requests.request(method, f"{sandbox.url}{path}", auth=auth, timeout=20, **options)
                assert answer.ok, answer.text
                return answer.json()["result"] if answer.content else None

            def rows(table, query):
                return ask("GET", f"/api/now/table/{table}", params={"sysparm_query": query})

            def says(record, text):
                # Of two entries in one second the platform does not tell which came first.
                sandbox.instance.clock.skew_seconds += 1
                ask("PATCH", f"/api/now/table/incident/{record}", json={"comments": text})

            @contextmanager
            def losing_answers():
                fault = {"kind": "lost_after_commit"}
                match = {"method": "POST", "path_regex": "/table/incident"}
                ask("POST", "/sandbox/faults", "admin", json={"match": match, "times": 1, "fault": fault})
                yield

            yield DeskUnderTest(
                DESK,
                desk,
                own_store,
                openings=lambda reference: len(rows("incident", f"correlation_id={reference}")),
                count=lambda text: sum(text in row["value"] for row in rows("sys_journal_field", "name=incident")),
                losing_answers=losing_answers,
                away=lambda: wire.fault(Fault.CUT),
                says=says,
            )
            desk.close()


class TestFolder(DeskBehaviour):
    """A connector that somebody else made."""

    @pytest.fixture
    def desk_under_test(self, tmp_path, own_store, monkeypatch):
        monkeypatch.syspath_prepend(str(EXAMPLE))
        example = importlib.import_module("folder_desk")
        path = tmp_path / "shared"
        path.mkdir()
        settings = example.FolderSettings(path=path)
        desk = example.KIND.connect(DESK, settings, DeskServices(own_store, SystemClock(), 30.0, str))
        moved = tmp_path / "elsewhere"

        @contextmanager
        def away():
            path.rename(moved)
            path.touch()
            try:
                yield
            finally:
                path.unlink()
                moved.rename(path)

        def says(record, text):
            place = path / "from-desk" / record
            place.mkdir(parents=True, exist_ok=True)
            number = len(list(place.iterdir()))
            (place / f"{number}.txt").write_text(text)
            at = time.time() + number
            os.utime(place / f"{number}.txt", (at, at))

        def messages():
            return [file.read_text() for file in path.glob("to-desk/*/*.txt")]

        return DeskUnderTest(
            DESK,
            desk,
            own_store,
            openings=lambda reference: len(list(path.glob(f"to-desk/{reference}"))),
            count=lambda text: sum(text in one for one in messages()),
            # Nothing lies between this desk and its folder that could lose an answer.
            losing_answers=away,
            away=away,
            says=says,
        )
