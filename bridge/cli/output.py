"""What commands print: data on standard output, as a table for people or JSON for programs; progress beside it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from bridge.ports import Json

# Mails and cases come from outside: nothing of theirs may steer the terminal (C0 and C1 controls, bidirectional marks).
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: where no terminal says how wide it is, a row stays in one line
_WIDE = 1000


def print_json(data: Json) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=_encoded) + "\n")


def print_lines(*lines: str) -> None:
    """Text for people."""
    for line in lines:
        sys.stdout.write(printable(line) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table for people, as wide as it must be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, title=title or None, title_justify="left", pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell(value))) for value in row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE)
    console.print(table)


def print_rows(names: Sequence[str], rows: Sequence[Mapping[str, object]], *, title: str = "") -> None:
    """The named values of rows, as a table for people."""
    columns = [name.replace("_", " ") for name in names]
    print_table(columns, [[row[name] for name in names] for row in rows], title=title)


def print_mapping(values: Mapping[str, object]) -> None:
    """Names and values, one pair a line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        print_lines(f"{name:<{width}}  {cell(value)}")


def cell(value: object) -> str:
    """A value as people read it."""
    match value:
        case None | "":
            return "-"
        case True | False:
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case list() | tuple():
            return ", ".join(cell(one) for one in value) or "-"
        case _:
            return str(value)


def printable(text: str) -> str:
    """A text that only shows, and does nothing to the terminal it is shown on."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


@contextmanager
def progress(what: str) -> Iterator[None]:
    """A bar on standard error for as long as the block takes; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        bar.add_task(what, total=None)
        yield


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error that is told how many of how many are done; None of how many where nobody knows."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(what, total=None)
        # Rows on the border of two pages are read twice, so a count may pass the total by a little.
        yield lambda done, total: bar.update(task, completed=min(done, total) if total else done, total=total)


def _encoded(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON")
