"""Reading lists and files of a portal."""

import base64
from dataclasses import replace

import pytest

from bridge.connectors.rest.collecting import RestCollector
from bridge.connectors.rest.lists import Item, Lists
from bridge.connectors.rest.session import Answer
from bridge.domain.errors import BridgeError, ConfigurationError, FarSideError, UntrustedAnswer
from tests.integration.portals.describing import settings_of
from tests.unit.connectors.portals.remembering import Remembered
from tests.unit.connectors.rest.describing import described
from tests.unit.connectors.rest.test_collecting import DESK, NOW, engagement

TMF = """
    preset: tmf621
    url: https://tmf.example.org/api
    auth: {kind: basic, username: u, password: "${PASSWORD}"}
    settings: {web: https://tmf.example.org}
"""


class Ticket:
    """A session to a TMF621 system with one ticket, which has one file."""

    desk = DESK

    def __init__(self, settings, **file):
        self.settings = settings
        self.told = {"id": "7", "status": "resolved", "lastUpdate": "2026-07-21T08:00:00Z", "attachment": [file]}

    def read(self, request):
        payload = self.told if request.path.endswith("/7") else []
        return Answer(payload, b"", {}, "", NOW)

    def monotonic(self):
        return 0.0

    def now(self):
        return NOW


def collected(settings, **file):
    session, store = (
        Ticket(settings, id="a1", name="reads.csv", mimeType="text/csv", **file),
        Remembered([engagement()], NOW),
    )
    RestCollector(DESK, session, Lists(session), store).collect(store.keep)
    return store.items


def test_a_file_that_stands_in_the_list_is_taken_from_there(tmp_path):
    items = collected(settings_of(tmp_path, TMF), content="YWJj")
    told = items["file/7/a1"]
    assert base64.b64decode(told["file"]["content"]) == b"abc"
    assert told["file"]["size"] == 3
    assert "YWJj" not in str({**told, "file": None})
    assert "status/7/resolved/2026-07-21T08:00:00Z" in items


def test_a_file_of_which_nobody_says_where_it_is_is_left_out_and_hides_no_status(tmp_path):
    items = collected(settings_of(tmp_path, TMF))
    assert "address" in items["file/7/a1"]["left_out"]
    assert "status/7/resolved/2026-07-21T08:00:00Z" in items


@pytest.mark.parametrize(
    "content,error", [("YWJj", FarSideError), ("YWJ", UntrustedAnswer), (None, ConfigurationError)]
)
def test_a_file_of_the_list_is_as_large_and_as_whole_as_any_other(content, error):
    settings = replace(described(), largest_file=2)
    settings = replace(settings, requests={name: one for name, one in settings.requests.items() if name != "file"})
    lists = Lists(Ticket(settings))
    with pytest.raises(BridgeError) as raised:
        lists.file("7", Item({"id": "a1", "content": content}, {}))
    assert type(raised.value) is error
