"""`mail read`: how a mail would be read, and why; `mail login`: letting the bridge into its mailbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import TheDesk
from bridge.cli.output import print_json, print_lines, printable
from bridge.cli.session import desk_named, session_of
from bridge.domain.agreement import Desk
from bridge.domain.engagement import Engagement, Standing
from bridge.domain.errors import FarSideError, UsageError
from bridge.domain.ids import DeskName, EngagementId, Reference, SysId, engagement_id, reference
from bridge.ports import Json, Reading

if TYPE_CHECKING:
    from bridge.app import Application

#: stamps the authentication of a mail that `--text` makes up; no real mail can carry it
_OWN_BORDER = "text.cpsd-bridge.invalid"


def register(app: typer.Typer) -> None:
    """Add the command."""
    mail = typer.Typer(help="How mails are read, and the bridge's own mailbox.", no_args_is_help=True)
    mail.command(epilog="Example: cpsd-bridge mail read answer.eml --desk dcc-service-desk | jq .verdict")(read)
    mail.command(epilog="Example: cpsd-bridge mail login")(login)
    app.add_typer(mail, name="mail")


def read(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The mail.", metavar="FILE.eml")
    ],
    desk: TheDesk,
    text: Annotated[
        bool,
        typer.Option(
            "--text", help="The file is plain text: the body of an authenticated reply to an open engagement."
        ),
    ] = False,
    _as_json: Annotated[bool, typer.Option("--json", help="Print JSON, which is what is printed anyhow.")] = False,
) -> None:
    """Say how a mail would be read and why, as JSON. The store is only read; nothing is applied."""
    session = session_of(context)
    with session.application() as application:
        configured = desk_named(application.configuration, desk)
        reading = _of_text(application, configured, file) if text else _of_mail(application, file)
    print_json(described(reading))
    if reading.desk is not None and reading.desk != configured.name:
        typer.echo(f"note: the sender speaks for {reading.desk}, not for {desk}", err=True)


def login(
    context: typer.Context,
    mailbox: Annotated[
        str, typer.Option("--mailbox", help="For this one of mail.mailboxes; else the first.", metavar="NAME")
    ] = "",
) -> None:
    """Log in for the bridge (`mail.auth` of kind `delegated`): shows a code to type in elsewhere, keeps the tokens."""
    from bridge.connectors.mail.configured import person

    asking = person(session_of(context).configuration().mail, mailbox)
    who = asking.login(lambda text: typer.echo(printable(text), err=True))
    print_lines(f"{who or 'Somebody'} has logged in; see cpsd-bridge check")


def described(reading: Reading) -> dict[str, Json]:
    """A reading as programs get it."""
    return {
        "match": {
            "engagement": reading.engagement,
            "by": reading.matched_by or None,
            "conflict": reading.conflict,
        },
        "kind": reading.kind,
        "report": reading.report.value if reading.report else None,
        "suggests": reading.suggests.value if reading.suggests else None,
        "desk_reference": reading.desk_reference,
        "text": reading.text,
        "attachments": [
            {"name": one.name, "type": one.content_type, "size": one.size, "sha256": one.sha256}
            for one in reading.attachments
        ],
        "sender": {"from": reading.sender, "authenticated": reading.authenticated, "desk": reading.desk},
        "verdict": reading.verdict,
        "reasons": list(reading.reasons),
    }


def _of_mail(application: Application, file: Path) -> Reading:
    from bridge.sync.replies import verified_now

    raw, now = _as_collected(file, application.mail.settings.largest_mail), datetime.now(UTC)
    if harm := _harm(application, raw):
        return Reading("review", "quarantine", (harm,))
    found = verified_now(application.around, raw, now)
    with application.store.reading() as tx:
        return application.mail.reader.receive(raw, now, tx, found)


def _as_collected(file: Path, largest: int) -> bytes:
    """The bytes of a mail, of one above the limit only what would be fetched of it from a mailbox."""
    from bridge.connectors.mail.keeping import OVERSIZE_BYTES, marked

    size = file.stat().st_size
    if size <= largest:
        return file.read_bytes()
    with file.open("rb") as opened:
        return marked(size, opened.read(OVERSIZE_BYTES))


def _harm(application: Application, raw: bytes) -> str:
    """Why a mail would not be read at all, by the scanner's word. Raises `ScannerAway`: then no mail would be read."""
    scanner = application.mail.scanner
    if scanner is None:
        return ""
    try:
        found = scanner.scan(raw)
    except FarSideError as error:
        return str(error)
    if not found:
        typer.echo("note: scanned, and nothing was found", err=True)
    return f"the scanner found {found}" if found else ""


def _of_text(application: Application, desk: Desk, file: Path) -> Reading:
    from bridge.connectors.mail.reading import MailReader

    settings = replace(application.mail.settings, authserv_id=_OWN_BORDER)
    engaged = _OneEngagement(desk)
    tag = settings.keys.sign_reference(engaged.one.reference)
    now = datetime.now(UTC)
    reply = _reply(desk, settings.address, tag, file.read_text(encoding="utf-8", errors="replace"), now)
    return MailReader(settings, application.configuration.desks).receive(reply.as_bytes(), now, engaged)


def _reply(desk: Desk, to: str, tag: str, text: str, now: datetime) -> EmailMessage:
    """An answer of the desk to our opening mail."""
    email = desk.latest.email
    if email is None:
        raise UsageError(f"{desk.name} is not reached by mail", remedy="name a desk that is")
    domain = next(iter(email.from_domains), "") or email.to[0].rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Authentication-Results"] = f"{_OWN_BORDER}; dmarc=pass header.from={domain}"
    mail["From"] = f"{desk.name}@{domain}"
    mail["To"] = to
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<text.{int(now.timestamp() * 1000)}@{domain}>"
    mail["Subject"] = f"Re: [CPSD {tag}]"
    mail.set_content(text)
    return mail


class _OneEngagement:
    """A correspondence that consists of one open engagement, whose opening mail was sent."""

    def __init__(self, desk: Desk) -> None:
        case = SysId("0" * 32)
        identity = engagement_id("text", case, desk.name, 1)
        self.one = Engagement(
            identity,
            reference(identity),
            case,
            "TEXT",
            desk.name,
            1,
            desk.latest.version,
            datetime.now(UTC),
            standing=Standing.SENT,
        )

    def by_message_id(self, message_id: str) -> EngagementId | None:
        """No mail is known by its Message-ID."""
        del message_id
        return None

    def by_reference(self, given: Reference) -> EngagementId | None:
        """The one engagement, if it is named."""
        return self.one.id if given == self.one.reference else None

    def by_desk_reference(self, desk: DeskName, given: str) -> EngagementId | None:
        """The desk has given no reference yet."""
        del desk, given
        return None

    def by_desk_record(self, desk: DeskName, record: str) -> EngagementId | None:
        """Mail knows no records."""
        del desk, record
        return None

    def engagement(self, engagement: EngagementId) -> Engagement | None:
        """The one engagement, if it is meant."""
        return self.one if engagement == self.one.id else None
