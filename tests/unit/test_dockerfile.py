import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions():
    """The Dockerfile's instructions as (word, rest), continued lines joined, in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def image():
    """The instructions of the last stage, the one that is shipped."""
    everything = instructions()
    start = max(index for index, (word, _) in enumerate(everything) if word == "FROM")
    return everything[start:]


def only(word):
    (rest,) = [rest for each, rest in image() if each == word]
    return rest


def test_the_bridge_is_started_without_a_shell_so_that_signals_reach_it():
    assert json.loads(only("ENTRYPOINT")) == ["cpsd-bridge"]
    assert json.loads(only("CMD")) == ["run"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_the_image_says_whether_it_is_well():
    options, _, command = only("HEALTHCHECK").partition(" CMD ")

    assert json.loads(command) == ["cpsd-bridge", "health"]
    assert "--timeout=" in options
    assert "--start-period=" in options


def test_the_bridge_does_not_run_as_root():
    user = only("USER")
    after = image()[[word for word, _ in image()].index("USER") :]

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "RUN" not in [word for word, _ in after]


def test_what_is_written_lies_on_a_volume():
    assert json.loads(only("VOLUME")) == ["/config", "/var/lib/cpsd-bridge"]
    assert only("WORKDIR") == "/var/lib/cpsd-bridge"


def test_everything_is_installed_by_hash_or_from_the_checkout():
    steps = [step for word, rest in instructions() if word == "RUN" for step in rest.split("&&")]
    installs = [step for step in steps if "pip install" in step]

    assert installs
    for install in installs:
        assert ("--require-hashes" in install) != ("--no-index" in install), install
        assert "--no-build-isolation" in install or "--only-binary :all:" in install, install


@pytest.mark.parametrize("word", ["ADD", "SHELL"])
def test_nothing_is_fetched_or_wrapped_by_the_builder(word):
    assert word not in [each for each, _ in instructions()]


def test_every_stage_starts_from_the_supported_python():
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]

    assert set(bases) == {"python:3.11-slim-bookworm"}


def test_the_builder_is_sent_what_it_copies_and_nothing_else():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    copied = {source.split("/")[0] for sources in copies for source in sources}

    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
