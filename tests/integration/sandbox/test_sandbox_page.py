"""What docs/sandbox.md shows is what the sandbox does: every example of its own API is sent to it."""

import json
import re
from pathlib import Path

import pytest
import requests

from bridge.sandbox.servicenow import Identity, ServiceNowSandbox
from bridge.sandbox.servicenow.admin_api import AdminApi
from bridge.sandbox.servicenow.encoded_query import OPERATORS
from bridge.sandbox.servicenow.faults import KINDS
from bridge.sandbox.servicenow.tables import base_schema

PAGE = (Path(__file__).parents[3] / "docs/sandbox.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```http\n(.*?)```", PAGE, re.DOTALL)
EXAMPLE = re.compile(r"^(GET|POST|DELETE) (/sandbox/\S+)(?:\n(\{.*\}))?$", re.MULTILINE)
EXAMPLES = [example for block in BLOCKS for example in EXAMPLE.findall(block)]


@pytest.fixture
def sandbox():
    with ServiceNowSandbox(identity=Identity("secret")) as running:
        yield running


def test_every_example_is_answered_as_a_success(sandbox):
    with requests.Session() as admin:
        admin.auth = ("admin", "secret")
        for method, path, body in EXAMPLES:
            answer = admin.request(method, sandbox.url + path, data=body or None, timeout=20)
            assert answer.status_code == 200, f"{method} {path}: {answer.text}"
            assert "result" in answer.json()


def test_the_examples_are_the_whole_page():
    assert sum(len(EXAMPLE.findall(block)) for block in BLOCKS) == sum(
        line.startswith(("GET", "POST", "DELETE")) for block in BLOCKS for line in block.splitlines()
    )
    assert all(json.loads(body) for _, _, body in EXAMPLES if body)


def test_every_call_has_an_example(sandbox):
    shown = {(method, path.partition("?")[0].removeprefix("/sandbox/")) for method, path, _ in EXAMPLES}
    # A key has no place on a page.
    assert AdminApi(sandbox.instance)._handlers.keys() - shown == {("POST", "oauth/keys")}
    assert "POST /sandbox/oauth/keys" in PAGE


def test_every_fault_setting_and_operator_is_named(sandbox):
    about = PAGE.partition("## Limits")[2]
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
    assert all(name in about for name in vars(sandbox.instance.settings))
    exotic = {"EMPTYSTRING", "NOTIN", "NOTLIKE", "DOES NOT CONTAIN"}
    fields = {"GT_OR_EQUALS_FIELD", "LT_OR_EQUALS_FIELD", "RELATIVEGE", "RELATIVELT", "RELATIVELE", "RELATIVEEE"}
    assert all(f"`{operator}`" in PAGE for operator in OPERATORS.keys() - exotic - fields)


def test_every_table_of_tasks_is_named():
    assert all(f"`{table.name}`" in PAGE for table in base_schema().tables.values() if table.extends == "task")
