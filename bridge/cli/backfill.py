"""`backfill`: what was in ServiceNow before the bridge went live."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import AsJson
from bridge.cli.output import counting, print_json, print_rows
from bridge.cli.session import session_of
from bridge.domain.errors import UsageError

if TYPE_CHECKING:
    from bridge.app import Application
    from bridge.sync.backfill import Span
    from bridge.sync.surroundings import Source

#: before any ServiceNow there was
_EVER = datetime(2000, 1, 1)  # noqa: DTZ001 - a day as it is written on the command line, read as UTC


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: cpsd-bridge backfill --source cases --since 2025-01-01")(backfill)


def backfill(
    context: typer.Context,
    source: Annotated[
        str, typer.Option("--source", help="Only this source; all of them if left out.", metavar="NAME")
    ] = "",
    since: Annotated[
        datetime, typer.Option("--since", help="Cases changed since this day, UTC.", formats=["%Y-%m-%d"])
    ] = _EVER,
    page_size: Annotated[int, typer.Option("--page-size", min=10, max=10000, help="Rows a page.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Land the cases that changed before go-live, as known and not to be decided upon.

    Killed or interrupted, it goes on where it stood when it is run again with the same day. It may run beside the
    service.
    """
    from bridge.sync.backfill import Span
    from bridge.sync.backfill import backfill as land

    session = session_of(context)
    rows = []
    with session.application() as application:
        servicenow = application.servicenow.at_low_priority()
        chosen = _chosen(application, source)
        with application.store.transaction() as tx:
            session.record(
                tx, "backfill", {"sources": [one.cases.name for one in chosen], "since": f"{since:%Y-%m-%d}"}
            )
        for one in chosen:
            span = _span(application, Span, one, since.replace(tzinfo=UTC))
            with counting(one.cases.name) as told:
                report = land(servicenow, application.store, one.cases, span, page_size=page_size, told=told)
            rows.append({"source": one.cases.name, "cases": report.rows, "new": report.new, "until": span.until})
    if as_json:
        print_json(rows)
    else:
        print_rows(["source", "cases", "new", "until"], rows)


def _chosen(application: Application, name: str) -> list[Source]:
    sources = [one for one in application.around.sources if name in {"", one.cases.name}]
    if not sources:
        known = ", ".join(one.cases.name for one in application.around.sources)
        raise UsageError(f"no source is called {name}", remedy=f"take one of: {known}")
    return sources


def _span(application: Application, make: type[Span], source: Source, since: datetime) -> Span:
    """Up to go-live, from where on the pull reads; if that is to come, up to now."""
    now = (application.servicenow.server_time() - source.lag).replace(microsecond=0)
    until = min(application.configuration.go_live, now)
    if since >= until:
        raise UsageError(f"nothing lies between {since:%Y-%m-%d} and go-live", remedy="take an earlier day")
    return make(since, until)
