import re
from pathlib import Path

import pytest
from typer.main import get_command

from bridge.cli import program

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
SECTIONS = dict(re.findall(r"^### `cpsd-bridge (.*?)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def leaves(command, path=()):
    """Every command that does something, with the words that lead to it."""
    if getattr(command, "invoke_without_command", False) and path:
        yield " ".join(path), command
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from leaves(each, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(leaves(get_command(program())))


def options(command):
    return {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }


def test_the_page_describes_every_command_and_no_other():
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_names_every_option_of_a_command_and_no_other(name):
    named = set(re.findall(r"--[a-z][a-z-]+", SECTIONS[name]))
    known = options(COMMANDS[name])
    assert known <= named
    assert named <= known | {"--help"}


def test_the_page_names_every_global_option():
    known = options(get_command(program()))
    assert known <= set(re.findall(r"--[a-z][a-z-]+", PAGE))
