import getpass
import json
import sys

import pytest
import typer
from typer.main import get_command

import bridge
from bridge.cli import failures, main, program
from bridge.cli.failures import ExitCode, exit_code
from bridge.cli.session import Session, session_of
from bridge.domain import errors


def leaves(command, path=()):
    """Every command that does something, with the words that lead to it."""
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from leaves(each, (*path, name))
    else:
        yield path, command


ALL = dict(leaves(get_command(program())))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_says_what_it_does_and_shows_an_example(path):
    command = ALL[path]
    assert command.help.strip().endswith(".") or "\n" in command.help
    assert command.epilog.startswith(f"Example: cpsd-bridge {' '.join(path)}") or path == ("run",)


@pytest.mark.parametrize("path", [path for path in ALL if path[0] != "sandbox"], ids=" ".join)
def test_every_command_answers_help(cli, path):
    result = cli(*path, "--help")
    assert result.exit_code == 0
    assert "Example: " in result.stdout


def test_the_commands_are_those_of_the_architecture():
    assert {path[0] for path in ALL} == {
        *("run", "once", "health", "migrate", "check", "trace", "engagements", "preview", "mail", "quarantine"),
        *("outbox", "desks", "pause", "resume", "demo", "sandbox", "backfill", "reconcile"),
    }
    assert {path[1] for path in ALL if path[0] == "outbox"} == {"list", "show", "retry", "skip", "cancel"}
    assert {path[1] for path in ALL if path[0] == "quarantine"} == {"list", "show", "apply", "file", "drop"}


def test_help_tells_the_exit_codes(cli):
    assert "1 a check failed" in cli("--help").stdout


def test_the_version_is_told_on_standard_output(cli):
    assert cli("--version").stdout == f"cpsd-bridge {bridge.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("unknown",), ("trace",), ("once", "--surely"), ("quarantine", "show", "seven"), ("outbox", "retry", "abc")],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_says_so_on_standard_error(cli, arguments):
    result = cli(*arguments)
    assert result.exit_code == ExitCode.WRONG_USAGE
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize(
    "error,code",
    [
        (errors.ConfigurationError("a"), 2),
        (errors.UsageError("a"), 2),
        (errors.StoreError("a"), 2),
        (errors.StoreUnavailable("a"), 3),
        (errors.TryLater("a"), 3),
        (errors.OutcomeUnknown("a"), 3),
        (errors.UntrustedAnswer("a"), 3),
        (errors.FarSideError("a"), 1),
        (errors.NotPermitted("a"), 1),
        (errors.StaleWorker("a"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_an_error_is_told_in_one_line_with_its_remedy_and_without_a_traceback(cli, monkeypatch):
    def refuse(_):
        raise errors.TryLater("ServiceNow does not answer", remedy="try again later")

    monkeypatch.setattr(Session, "configuration", refuse)
    result = cli("trace", "CS0000001")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert result.stderr == "error: ServiceNow does not answer: try again later\n"
    assert result.stdout == ""


def test_what_nobody_foresaw_is_logged_with_its_traceback_and_ends_with_1(monkeypatch, capsys):
    def break_(_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Session, "configuration", break_)
    monkeypatch.setattr(sys, "argv", ["cpsd-bridge", "--log-format", "json", "trace", "CS0000001"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.out == ""
    event = json.loads(told.err)
    assert event["event"] == "command_failed"
    assert "ZeroDivisionError: a defect" in event["exception"]


def test_a_wrong_configuration_names_file_line_and_remedy_and_ends_with_2(cli, tmp_path):
    (tmp_path / "bridge.yaml").write_text("environment: test\ngo_live: yesterday\n")
    result = cli("--config", tmp_path, "once")
    assert result.exit_code == ExitCode.WRONG_USAGE
    assert f"{tmp_path}/bridge.yaml:2: go_live: 'yesterday' is no instant; write it" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def seen_session(cli, monkeypatch, *options, **env):
    """The session that a command line begins."""
    seen = []

    def look(session):
        seen.append(session)
        raise errors.UsageError("enough")

    monkeypatch.setattr(Session, "configuration", look)
    cli(*options, "migrate", **env)
    return seen[0]


def test_the_operator_is_the_login_name_unless_another_is_given(cli, monkeypatch):
    assert seen_session(cli, monkeypatch).who == f"operator:{getpass.getuser()}"
    assert seen_session(cli, monkeypatch, CPSD_OPERATOR="ines").who == "operator:ines"
    assert seen_session(cli, monkeypatch, "--operator", "tom", CPSD_OPERATOR="ines").who == "operator:tom"


def test_a_user_without_a_name_is_known_by_number(cli, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert seen_session(cli, monkeypatch).operator.isdigit()


def test_the_configuration_is_looked_for_where_told(cli, monkeypatch, tmp_path):
    assert str(seen_session(cli, monkeypatch).folder) == "config"
    assert seen_session(cli, monkeypatch, CPSD_CONFIG=str(tmp_path)).folder == tmp_path


def test_a_command_without_a_session_is_a_defect():
    with pytest.raises(TypeError):
        session_of(typer.Context(get_command(program())))


def test_finding_nothing_ends_with_1(capsys):
    assert failures.nothing_found("there is no item 7").exit_code == ExitCode.FAILED
    assert capsys.readouterr().err == "there is no item 7\n"
