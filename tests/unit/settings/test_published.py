import json

import pytest

from bridge.configuration.document import read
from bridge.configuration.publish import schemas, with_tables
from tests.unit.settings.folders import ENVIRON, SHIPPED

DOCS = SHIPPED.parent / "docs"
REMEDY = "run: python -m bridge.configuration.publish docs"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_schema_is_the_current_one(name):
    assert (DOCS / "schemas" / name).read_text() == schemas()[name], REMEDY


def test_the_page_tells_every_key_as_it_is_now():
    page = (DOCS / "configuration.md").read_text()
    assert with_tables(page) == page, REMEDY


def test_every_key_has_a_meaning():
    def nameless(schema, path):
        for name, below in schema.get("properties", {}).items():
            # A part is described where it is defined.
            if not below.get("description") and "$ref" not in below:
                yield f"{path}.{name}"

    found = [
        missing
        for file, text in schemas().items()
        for definition in (json.loads(text), *json.loads(text).get("$defs", {}).values())
        for missing in nameless(definition, f"{file}:{definition.get('title', '')}")
    ]
    assert found == []


@pytest.mark.parametrize(
    "schema, files",
    [
        ("configuration-bridge", "bridge.yaml"),
        ("configuration-routes", "routes.yaml"),
        ("configuration-desk", "desks/*.yaml"),
    ],
)
def test_the_schema_knows_every_key_of_the_shipped_files(schema, files):
    known = json.loads(schemas()[f"{schema}.json"])["properties"]
    for path in SHIPPED.glob(files):
        assert set(read(path, ENVIRON).data) <= set(known), path
