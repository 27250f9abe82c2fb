"""A connector that somebody else made and installed: the example of the documentation, as its reader would use it."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import DCC

EXAMPLE = Path(__file__).parents[3] / "docs" / "example-desk"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The example package as an installer leaves it: its module, and the metadata that name its entry point."""
    site = tmp_path / "site"
    about = site / "cpsd_bridge_folder_desk-1.0.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cpsd-bridge-folder-desk\nVersion: 1.0.0\n")
    entry_points = (
        "[cpsd_bridge.desks]\nfolder = folder_desk:KIND\nbroken = folder_desk:NOTHING\nodd = folder_desk:json\n"
    )
    (about / "entry_points.txt").write_text(entry_points)
    (site / "folder_desk.py").write_text((EXAMPLE / "folder_desk.py").read_text())
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def folder(bench, installed):
    path = bench.folder / "shared"
    path.mkdir()
    bench.desks[DCC]["agreement"]["method"] = {"folder": {"path": str(path)}}
    bench.bridge["portals"] = {"allow": ["folder"]}
    bench.write()
    return path


def test_outside_production_an_installed_method_must_be_named(bench, folder):
    del bench.bridge["portals"]
    bench.write()
    assert "the method 'folder' may not be used" in bench.attempt("check").stdout


def said(folder, text, name="1"):
    (reference,) = (folder / "to-desk").iterdir()
    place = folder / "from-desk" / reference.name
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.txt").write_text(text)


def test_the_example_names_its_entry_point_as_the_bridge_looks_for_it():
    assert (
        '[project.entry-points."cpsd_bridge.desks"]\nfolder = "folder_desk:KIND"'
        in (EXAMPLE / "pyproject.toml").read_text()
    )


def test_a_case_goes_to_the_folder_and_what_the_desk_puts_there_comes_back(bench, folder):
    case = bench.raise_case()
    bench.run("once")
    bench.run("once")
    (message,) = (folder / "to-desk").glob("*/*.txt")
    assert message.read_text().startswith(case["number"])
    said(folder, "#resolved: the job was restarted")
    bench.run("once")
    bench.later()
    bench.run("once")
    assert [one["state"] for one in bench.json("engagements")] == ["resolution_reported"]
    assert any("the job was restarted" in note for note in bench.journal(case))
    assert bench.json("desks", "list")[0]["method"] == "folder"


def test_check_asks_the_installed_connector(bench, folder):
    assert f"folder {DCC}" in bench.attempt("check").stdout


@pytest.mark.parametrize(
    "method,wrong",
    [
        ({"folder": {}}, "'path' is missing"),
        ({"folder": {"path": "/", "pth": 1}}, "unknown key 'pth'"),
        ({"fodler": {}}, "no method of contact is called 'fodler'"),
        ({"broken": {}}, "cannot be loaded (AttributeError"),
        ({"odd": {}}, "is no kind of desk"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_place(bench, installed, method, wrong):
    bench.desks[DCC]["agreement"]["method"] = method
    bench.write()
    told = json.loads(bench.run("check", "--json", exits=2).stdout)
    assert wrong in json.dumps(told), told
    assert f"{DCC}.yaml:1" in json.dumps(told)
