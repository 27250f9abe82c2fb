"""The connector against the sandbox: a ServiceNow over HTTP, with faults, in a thread of the test's process."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from bridge.connectors.servicenow import ClientCredentials, Connection, Patience, ServiceNow
from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from tests.pulling.connecting import Wall

CASE = "sn_customerservice_case"
BRIDGE = "cpsd.bridge"


class Instance:
    """The sandbox as its administrator sees it."""

    def __init__(self, sandbox: ServiceNowSandbox, session: requests.Session) -> None:
        self.sandbox = sandbox
        self.url = sandbox.url
        self._session = session

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._session.request(method, self.url + path, timeout=20, **options)
        assert answer.ok, answer.text
        return answer.json()["result"] if answer.content else None

    def admin(self, method: str, path: str, **body: Any) -> Any:
        return self.call(method, f"/sandbox/{path}", json=body)

    def fault(
        self, kind: str, *, times: int | None = 1, match: dict[str, Any] | None = None, **parameters: Any
    ) -> None:
        self.admin("POST", "faults", match=match or {}, times=times, fault={"kind": kind, **parameters})

    def rows(self, table: str, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/api/now/table/{table}", params={"sysparm_query": query})
        return found

    def create(self, table: str = CASE, **fields: str) -> str:
        sys_id: str = self.call("POST", f"/api/now/table/{table}", json=fields)["sys_id"]
        return sys_id

    def change(self, sys_id: str, table: str = CASE, **fields: str) -> None:
        self.call("PATCH", f"/api/now/table/{table}/{sys_id}", json=fields)

    def put(self, table: str, *records: dict[str, str], **about: Any) -> None:
        self.admin("POST", "records", table=table, records=list(records), **about)

    def writes(self) -> list[dict[str, Any]]:
        """Committed writes of the bridge's own user."""
        return [effect for effect in self.admin("GET", "effects") if effect["user"] == BRIDGE]

    def requests(self) -> list[dict[str, Any]]:
        """Requests of the bridge's own user."""
        return [entry for entry in self.admin("GET", "ledger") if entry["user"] == BRIDGE]

    def sent(self, method: str) -> int:
        """How many requests of that method a rule has struck or seen, whether they were carried out or not."""
        entries = self.admin("GET", "ledger")
        return sum(entry["method"] == method and entry["user"] != "admin" for entry in entries if _is_api(entry))


def _is_api(entry: dict[str, Any]) -> bool:
    return bool(entry["path"].startswith("/api/now/"))


@pytest.fixture
def instance() -> Iterator[Instance]:
    with (
        ServiceNowSandbox(identity=Identity(admin_password="secret")) as sandbox,
        requests.Session() as session,
    ):
        sandbox.instance.settings.time_limit = 1.0
        session.auth = ("admin", "secret")
        yield Instance(sandbox, session)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def servicenow(instance: Instance, wall: Wall) -> Iterator[ServiceNow]:
    made = reach(instance, wall)
    yield made
    made.close()


def reach(instance: Instance, wall: Wall, *, secret: str = "", **options: Any) -> ServiceNow:
    """A connector that logs in with the sandbox's OAuth client, and waits no longer than a test may."""
    client = instance.sandbox.description["oauth"]
    connection = Connection(instance.url, read_timeout=0.4, batch_timeout=20, patience=Patience(attempts=6))
    login = ClientCredentials(
        connection, client["client_id"], secret or client["client_secret"], monotonic=wall.monotonic
    )
    return ServiceNow(
        connection, login, clock=wall, random=wall, user=BRIDGE, sleep=wall.sleep, monotonic=wall.monotonic, **options
    )
