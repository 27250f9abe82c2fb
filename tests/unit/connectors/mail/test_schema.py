import json
from pathlib import Path

from bridge.connectors.mail.schema import json_schema

PUBLISHED = Path(__file__).parents[4] / "docs/schemas/cpsd-message-1.json"


def test_the_published_schema_is_the_one_that_is_written_to():
    assert json.loads(PUBLISHED.read_text()) == json_schema()


def test_names_in_the_schema_are_in_camel_case_as_in_tmf621():
    assert {"externalIdentifier", "requestedResponseDate", "creationDate"} <= set(json_schema()["properties"])
