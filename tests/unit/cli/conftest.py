from collections.abc import Iterator

import pytest
import structlog
from typer.testing import CliRunner

from bridge.cli import program


@pytest.fixture
def cli():
    """Runs a command line in this process and gives its result."""

    def run(*arguments, **env):
        return CliRunner().invoke(program(), [str(one) for one in arguments], env={"COLUMNS": "200", **env})

    return run


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sends the logs to its own standard error, which ends with it."""
    yield
    structlog.reset_defaults()
