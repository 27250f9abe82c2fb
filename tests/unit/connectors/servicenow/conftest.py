"""The HTTP edge of the connector: answers are made up, no server runs."""

import re
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any

import pytest
import responses

from bridge.connectors.servicenow import Connection
from tests.pulling.connecting import Quiet, connected

URL = "https://sandbox.example"
ANYWHERE = re.compile(f"{URL}/.*")


class Edge:
    """Made-up answers of an instance."""

    def __init__(self, mocked: responses.RequestsMock, quiet: Quiet) -> None:
        self.mocked = mocked
        self.quiet = quiet

    def answers(self, method: str = "GET", *, body: Any = None, status: int = 200, path: str = "", **headers: str):
        """The next answer to a method; a body that is not text is sent as JSON."""
        told = {"Date": format_datetime(self.quiet.now(), usegmt=True)} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        told = {name: value for name, value in told.items() if value}
        content = {"body": body} if isinstance(body, str | bytes | Exception) else {"json": body}
        kind = told.pop("Content-Type", None)
        return self.mocked.add(
            method, f"{URL}{path}" if path else ANYWHERE, status=status, headers=told, content_type=kind, **content
        )

    @property
    def requests(self):
        return [call.request for call in self.mocked.calls]


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def edge(quiet: Quiet) -> Iterator[Edge]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield Edge(mocked, quiet)


@pytest.fixture
def servicenow(quiet: Quiet):
    made = connected(Connection(URL), quiet)
    yield made
    made.close()
