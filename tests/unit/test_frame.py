"""The promises of the frame: pinned requirements, scripts that explain themselves, a package with all its files."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())


def pins(path):
    """The pinned versions of a requirements file by name, and for each the number of its hashes."""
    found, name = {}, None
    for line in path.read_text().splitlines():
        if pinned := re.match(r"([a-z0-9-]+)==(\S+)", line):
            name = pinned[1]
            found[name] = (pinned[2], 0)
        elif "--hash=sha256:" in line:
            version, hashes = found[name]
            found[name] = (version, hashes + 1)
    return found


def declared(*extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [each for extra in extras for each in project["optional-dependencies"][extra]]
    return {re.sub(r"[._]+", "-", re.match(r"[\w.-]+", each)[0]).lower() for each in wanted}


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_the_hashes_of_its_files(path):
    for name, (version, hashes) in pins(path).items():
        assert hashes > 0, f"{name}=={version}"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_no_requirement_names_an_address(path):
    assert not re.search(r"https?:|file:/|--(extra-)?index-url|--find-links|--trusted-host| @ ", path.read_text())


def test_the_development_requirements_hold_all_the_others_in_the_same_versions():
    everything = pins(ROOT / "requirements/dev.txt")

    for path in REQUIREMENTS:
        if path.name == "benchmarks.txt":  # for an environment of its own
            continue
        assert pins(path).items() <= everything.items(), path.name


def test_what_the_project_declares_is_what_is_pinned():
    assert declared() <= pins(ROOT / "requirements/runtime.txt").keys()
    assert declared("sandbox", "dev") <= pins(ROOT / "requirements/dev.txt").keys()


def test_the_service_is_installed_without_the_tools_of_the_tests():
    assert not {"pytest", "mypy", "ruff", "playwright", "pymap"} & pins(ROOT / "requirements/runtime.txt").keys()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_how_it_is_used_from_any_folder(script, tmp_path):
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=10)

    assert done.stdout.startswith(f"Usage: scripts/{script.name}")


def test_setup_refuses_what_it_does_not_understand():
    done = subprocess.run([ROOT / "scripts/setup", "--test"], capture_output=True, text=True, check=False, timeout=10)

    assert done.returncode == 2
    assert "Usage: scripts/setup" in done.stderr


def test_the_package_carries_every_file_that_it_needs(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "bridge", source / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    expected = {str(path.relative_to(source)) for path in source.rglob("bridge/**/*") if path.is_file()}

    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, check=True, timeout=60)
    (wheel,) = source.glob("*.whl")

    assert expected <= set(zipfile.ZipFile(wheel).namelist())
