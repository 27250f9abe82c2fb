"""A sandbox per test, in a thread of the test's process, and clients that talk to it over HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox

CASE = "sn_customerservice_case"


class Client:
    """A user of the sandbox: a session, and short forms of the calls that tests make."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self.session = requests.Session()
        self.session.auth = (user, password)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=20, **options)

    def get(self, table: str, sys_id: str = "", **parameters: Any) -> requests.Response:
        path = f"/api/now/table/{table}" + (f"/{sys_id}" if sys_id else "")
        return self.call("GET", path, params=parameters)

    def rows(self, table: str, query: str = "", **parameters: Any) -> list[dict[str, Any]]:
        answer = self.get(table, sysparm_query=query, **parameters)
        assert answer.status_code == 200, answer.text
        result: list[dict[str, Any]] = answer.json()["result"]
        return result

    def create(self, table: str = CASE, **fields: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/api/now/table/{table}", json=fields)
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()["result"]
        return record

    def patch(self, sys_id: str, table: str = CASE, **fields: Any) -> requests.Response:
        return self.call("PATCH", f"/api/now/table/{table}/{sys_id}", json=fields)

    def admin(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, f"/sandbox/{path}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture
def sandbox() -> Iterator[ServiceNowSandbox]:
    with ServiceNowSandbox(identity=Identity(admin_password="secret")) as running:
        running.instance.settings.time_limit = 1.0
        yield running


@pytest.fixture
def login() -> Iterator[Callable[[str, str, str], Client]]:
    """Log in anywhere; the sessions are closed when the test ends."""
    with ExitStack() as opened:

        def connect(url: str, user: str, password: str) -> Client:
            client = Client(url, user, password)
            opened.enter_context(client.session)
            return client

        yield connect


@pytest.fixture
def admin(sandbox, login) -> Client:
    return login(sandbox.url, "admin", "secret")


@pytest.fixture
def bridge(sandbox, login) -> Client:
    return login(sandbox.url, "cpsd.bridge", sandbox.instance.accounts.passwords["cpsd.bridge"])


@pytest.fixture
def resolver(sandbox, login) -> Client:
    return login(sandbox.url, "priya.shah", sandbox.instance.accounts.passwords["priya.shah"])


@pytest.fixture
def recordings() -> tuple[list[str], list[str]]:
    """The field names of a real case and of a real incident, as recorded from live instances."""
    names = json.loads((Path(__file__).parent / "recorded_fields.json").read_text(encoding="utf-8"))
    return names[CASE], names["incident"]
