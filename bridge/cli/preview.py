"""`preview`: the mail that a desk would get now."""

from __future__ import annotations

import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import AsJson, TheDesk
from bridge.cli.output import print_json, print_lines, printable
from bridge.cli.session import desk_named, session_of
from bridge.domain.errors import UsageError
from bridge.ports import Json

if TYPE_CHECKING:
    from bridge.app import Application
    from bridge.sync.preview import Preview


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: cpsd-bridge preview CS0000871 --desk dcc-service-desk --eml > mail.eml")(preview)


def preview(
    context: typer.Context,
    case: Annotated[str, typer.Argument(help="The case's number.", metavar="CASE")],
    desk: TheDesk,
    eml: Annotated[bool, typer.Option("--eml", help="Print the mail's bytes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show exactly the mail that would go to a desk now: what waits in the outbox, or what #engage would send.

    Nothing is sent. Only the Date and the attempt's number can differ when it is.
    """
    from bridge.sync.preview import preview as made

    if eml and as_json:
        raise UsageError("--eml and --json exclude each other", remedy="take one of them")
    session = session_of(context)
    with session.application() as application:
        name = desk_named(application.configuration, desk).name
        shown = made(application.around, application.store.reading, case, name)
        refused = _refused(application, shown)
    if eml:
        sys.stdout.buffer.write(shown.frozen.content)
        sys.stdout.buffer.flush()
    elif as_json:
        print_json(_described(shown, refused))
    else:
        _print(shown, refused)


def _refused(application: Application, shown: Preview) -> tuple[str, ...]:
    """Recipients that may not be written to in this environment."""
    from bridge.connectors.mail.settings import NotAllowed

    refused = []
    for address in shown.frozen.recipients:
        try:
            application.mail.settings.refuse_strangers((address,))
        except NotAllowed:
            refused.append(address)
    return tuple(refused)


def _parsed(shown: Preview) -> EmailMessage:
    return message_from_bytes(shown.frozen.content, policy=policy.default)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain",))
    return str(body.get_content()) if body is not None else ""


def _notes(shown: Preview, refused: tuple[str, ...]) -> list[str]:
    return [*shown.notes, *(f"{address} is not on the allow-list" for address in refused)]


def _described(shown: Preview, refused: tuple[str, ...]) -> dict[str, Json]:
    mail = _parsed(shown)
    return {
        "case": shown.case,
        "desk": shown.desk,
        "kind": shown.kind.value,
        "delivery": shown.delivery,
        "decided": shown.decided,
        "message_id": shown.frozen.message_id,
        "recipients": list(shown.frozen.recipients),
        "subject": str(mail["Subject"]),
        "text": _text(mail),
        "attachments": [
            {"name": part.get_filename(), "type": part.get_content_type()} for part in mail.iter_attachments()
        ],
        "notes": _notes(shown, refused),
    }


def _print(shown: Preview, refused: tuple[str, ...]) -> None:
    mail = _parsed(shown)
    for name in ("From", "To", "Cc", "Reply-To", "Date", "Subject", "Message-ID", "In-Reply-To"):
        if mail[name]:
            print_lines(f"{name}: {mail[name]}")
    names = [part.get_filename() or part.get_content_type() for part in mail.iter_attachments()]
    print_lines(f"Attachments: {', '.join(names)}", "", _text(mail).rstrip())
    for note in _notes(shown, refused):
        typer.echo(f"note: {printable(note)}", err=True)
