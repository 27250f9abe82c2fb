"""`check`: everything that must be right before the bridge may run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.failures import ExitCode
from bridge.cli.options import AsJson
from bridge.cli.output import print_json, print_table, progress
from bridge.cli.session import Session, session_of
from bridge.domain.agreement import Mode
from bridge.domain.errors import BridgeError, ConfigurationError
from bridge.ports import CheckResult, CheckStatus

if TYPE_CHECKING:
    from bridge.app import Application
    from bridge.settings import Configuration

OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED
#: seconds of difference between the database's clock and ours that are worth a word
_CLOCK_TOLERANCE = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: cpsd-bridge check --json | jq '.checks[] | select(.status != \"ok\")'")(check)


def check(
    context: typer.Context,
    write: Annotated[
        list[str] | None,
        typer.Option("--write", help="Also write a work note into this case, one made for trials.", metavar="NUMBER"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check configuration, store, ServiceNow, mail, alarms and clocks, and say what to do about what is wrong."""
    session = session_of(context)
    with progress("Checking"):
        configuration, results = _checked_configuration(session)
        if configuration is not None:
            results.extend(_results(session, configuration, write or []))
    _print(results, as_json)
    if configuration is None:
        raise typer.Exit(ExitCode.WRONG_USAGE)
    if any(result.status is FAILED for result in results):
        raise typer.Exit(ExitCode.FAILED)


def _print(results: list[CheckResult], as_json: bool) -> None:
    if as_json:
        checks = [
            {"name": one.name, "status": one.status.value, "detail": one.detail, "remedy": one.remedy}
            for one in results
        ]
        print_json({"ok": all(one.status is not FAILED for one in results), "checks": checks})
        return
    rows = [(one.status.value, one.name, one.detail, one.remedy) for one in results]
    print_table(["result", "check", "detail", "what to do"], rows)


def _checked_configuration(session: Session) -> tuple[Configuration | None, list[CheckResult]]:
    from bridge.configuration import InvalidConfigurationError

    try:
        configuration = session.configuration()
    except InvalidConfigurationError as error:
        problems = error.problems
        return None, [
            CheckResult(f"{problem.file}:{problem.line}", FAILED, problem.what, problem.remedy) for problem in problems
        ]
    desks = configuration.desks.by_name
    detail = f"{len(desks)} desks, {len(configuration.sources)} sources, {len(configuration.router.routes)} routes"
    return configuration, [CheckResult("configuration", OK, f"{session.folder}: {detail}")]


def _results(session: Session, configuration: Configuration, write: Sequence[str]) -> Iterator[CheckResult]:
    yield _environment(configuration)
    yield _go_live(configuration)
    yield _allow_list(configuration)
    yield _alarms(configuration)
    store = _store(configuration)
    yield store
    if store.status is FAILED:
        return
    try:
        with session.application() as application:
            yield _database_clock(application)
            yield from _far_sides(application, write)
    except ConfigurationError as error:
        yield CheckResult("configuration", FAILED, error.message, error.remedy)


def _environment(configuration: Configuration) -> CheckResult:
    modes = [desk.mode for desk in configuration.desks.by_name.values()]
    counts = ", ".join(f"{modes.count(mode)} {mode.value}" for mode in Mode if mode in modes)
    return CheckResult("environment", OK, f"{configuration.environment.value}; desks: {counts}")


def _go_live(configuration: Configuration) -> CheckResult:
    at = configuration.go_live
    if at > datetime.now(UTC):
        return CheckResult("go_live", WARNING, f"{at.isoformat()} is still to come: until then nothing is acted upon")
    return CheckResult("go_live", OK, f"{at.isoformat()}: what happened before is never acted upon")


def _allow_list(configuration: Configuration) -> CheckResult:
    from bridge.settings import Environment

    mail = configuration.mail
    if configuration.environment is Environment.PRODUCTION:
        return CheckResult("allow-list", OK, "not used in production")
    if mail is None or not mail.allow:
        detail = f"empty: in environment {configuration.environment.value} no mail may go to any desk"
        return CheckResult("allow-list", WARNING, detail, "add addresses or @domains to mail.allow")
    return CheckResult("allow-list", OK, ", ".join(mail.allow))


def _alarms(configuration: Configuration) -> CheckResult:
    alerts = configuration.alerts
    ways = [*alerts.mail, *(["webhook"] if alerts.webhook else [])]
    if not ways:
        return CheckResult("alerts", WARNING, "nobody is told of alarms", "add alerts.mail or alerts.webhook")
    return CheckResult("alerts", OK, ", ".join(ways))


def _store(configuration: Configuration) -> CheckResult:
    from bridge.store import schema_state

    try:
        state = schema_state(configuration.store.get_secret_value())
    except BridgeError as error:
        return CheckResult("store", FAILED, error.message, error.remedy)
    if state.unknown:
        return CheckResult("store", FAILED, f"shuts this release out ({state.unknown})", "install a newer release")
    if not state.is_usable:
        return CheckResult("store", FAILED, f"{len(state.pending)} migrations to apply", "run cpsd-bridge migrate")
    return CheckResult("store", OK, f"at migration {state.current}")


def _database_clock(application: Application) -> CheckResult:
    with application.store.reading() as tx:
        ahead = (tx.now() - datetime.now(UTC)).total_seconds()
    detail = f"the database's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if abs(ahead) <= _CLOCK_TOLERANCE:
        return CheckResult("database clock", OK, detail)
    return CheckResult("database clock", WARNING, detail, "set the clocks; deadlines are measured by the database's")


def _senders(application: Application) -> Iterator[CheckResult]:
    """Whether anybody finds out that a mail is from whom it says."""
    if application.mail.verifier is not None:
        yield from application.mail.verifier.check()
    elif authserv_id := application.mail.settings.authserv_id:
        yield CheckResult("senders", OK, f"{authserv_id} is believed")
    else:
        remedy = "set mail.authserv_id to the host that stamps Authentication-Results, or mail.dkim_verify: true"
        yield CheckResult("senders", WARNING, "nobody verifies who mails are from", remedy)


def _far_sides(application: Application, write: Sequence[str]) -> Iterator[CheckResult]:
    sources = application.around.sources
    streams = [stream for source in sources for stream in (source.cases, source.journals, source.attachments)]
    yield from application.servicenow.check(streams, application.configuration.fields)
    tables = list(dict.fromkeys(source.cases.table for source in sources))
    for number in write:
        yield from application.servicenow.check_writing(tables, number)
    if not write:
        yield CheckResult("writes", OK, "not tried; check --write NUMBER tries them on a case made for trials")
    if application.mail.settings.tokens is not None:
        yield from application.mail.settings.tokens.check("mail token")
    for connector in application.around.connectors.values():
        yield from connector.check()
    yield from application.mail.collector.check()
    yield from _senders(application)
    mail = application.mail
    if mail.dkim is not None:
        yield from mail.dkim.check(mail.names)
    if mail.smime is not None:
        yield from mail.smime.check(mail.settings.address, datetime.now(UTC))
    if application.mail.scanner is None:
        yield CheckResult("scanner", WARNING, "inbound files are not scanned", "add mail.scan with clamd or a command")
    else:
        yield from application.mail.scanner.check()
