"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept in the trail.", show_default=False)]
OfCase: TypeAlias = Annotated[str | None, typer.Option("--case", help="The case's number.", metavar="CASE")]
OfDesk: TypeAlias = Annotated[str | None, typer.Option("--desk", help="The desk's configured name.", metavar="DESK")]
TheDesk: TypeAlias = Annotated[str, typer.Option("--desk", help="The desk's configured name.", metavar="DESK")]
