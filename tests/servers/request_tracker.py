"""A real service desk that is not ours: Request Tracker 5, with its mail gateway, its automatic reply and its REST API.

Its mails go out through Postfix and come in from Postfix, so whoever shares that Postfix can correspond with it.
"""

import base64
import contextlib
import itertools
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.mail import MailServers, running_mail_servers
from tests.servers.processes import LOOPBACK, free_port, program, run, running, server_folder, wait_until

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
#: The super-user that the package's own set-up makes.
USER, PASSWORD = "root", "password"
#: How it calls itself in subjects: `[desk.example #12]`.
NAME = "desk.example"
#: Mails to and from queues at this domain lose on the way whatever says that they are automatic or answers.
STRIPPED_DOMAIN = "stripped.example"
REFERENCE = r"desk\.example #\d+"
#: Queues whose name begins so answer every mail of a requestor automatically, not only the first, in these words.
EAGER = "eager"
THANKS = "We have got your message and will look into it."
#: Enough that one connection that a test holds open keeps nobody else waiting.
WORKERS = 3
PATIENCE = 60

CONFIGURATION = """\
Set($rtname, '{name}');
Set($Organization, '{name}');
Set($Timezone, 'Europe/London');
Set($WebDomain, '{host}');
Set($WebPort, {port});
Set($WebPath, '');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/database');
Set($CorrespondAddress, 'rt@{name}');
Set($CommentAddress, 'rt-comment@{name}');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '{folder}/sendmail');
Set($SetOutgoingMailFrom, 1);
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'info');
# Nothing here is secret, and every request of the API logs in anew.
Set($BcryptCost, 4);
$RT::VarPath = '{folder}';
$RT::MasonDataDir = '{folder}/pages';
$RT::MasonSessionDir = '{folder}/sessions';
1;
"""

# Strangers may open tickets by mail and write in theirs, users work on all; the eager queues' automatic replies.
CONTENT = """\
@ACL = map {{ {{ GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_ }} }}
    qw(CreateTicket ReplyToTicket SeeQueue);
push @ACL, map {{ {{ GroupDomain => 'SystemInternal', GroupType => 'Privileged', Right => $_ }} }}
    qw(ShowTicket ModifyTicket TakeTicket OwnTicket);
@Templates = ({{
    Queue => 0,
    Name => 'Thanks',
    Content => "Subject: {{\\$Ticket->Subject}}\n\n{thanks}\n",
}});
@Scrips = ({{
    Description => 'Acknowledge everything',
    ScripCondition => 'User Defined',
    ScripAction => 'Autoreply To Requestors',
    Template => 'Thanks',
    CustomIsApplicableCode => q{{
        my $is_by_mail = $self->TransactionObj->CreatorObj->Name ne '{user}';
        return $self->TransactionObj->Type eq 'Correspond' && $is_by_mail
            && $self->TicketObj->QueueObj->Name =~ /^{eager}/;
    }},
}});
1;
"""

# Standard input is the mail, the argument the queue.
GATE = """\
#!/bin/sh
exec {mailgate} --queue "$1" --action correspond --url {url}
"""
SENDMAIL = """\
#!/bin/sh
cd {root}
exec {python} -m tests.servers.sendmail {smtp_port} {stripped}={stripping_port} -- "$@"
"""


@dataclass(frozen=True)
class Entry:
    """One piece of correspondence in a ticket: a mail that came in, or an answer of the staff."""

    creator: str
    #: `Create`, `Correspond` or `Comment`
    kind: str
    text: str
    message_id: str
    #: the file names of what came with it
    files: tuple[str, ...]


@dataclass(frozen=True)
class RequestTracker:
    """The running server. Give each test a queue of its own."""

    url: str
    mail: MailServers
    folder: Path
    user: str = USER
    password: str = PASSWORD
    _serial: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """A request of the staff's to `/REST/2.0/`; returns the JSON of the answer.

        Raises:
            requests.HTTPError: it was refused.
        """
        answer = requests.request(
            method,
            f"{self.url}/REST/2.0/{path}",
            json=body or None,
            auth=(self.user, self.password),
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        return answer.json()

    def new_user(self, name: str = "bridge") -> str:
        """The name of a new user, who may read and change every ticket, and has the password of all."""
        name = f"{name}-{next(self._serial)}"
        self.call("POST", "user", Name=name, Password=self.password, Privileged=1, EmailAddress=f"{name}@{NAME}")
        return name

    def new_queue(self, name: str = "desk", *, domain: str = NAME) -> "Queue":
        """A queue, with the mail address whose mails become its tickets."""
        name = f"{name}-{next(self._serial)}"
        address = f"{name}@{domain}"
        self.call("POST", "queue", Name=name, CorrespondAddress=address, CommentAddress=address)
        return Queue(self, name, address)


@dataclass(frozen=True)
class Queue:
    """One desk: a queue, and what its staff does there."""

    tracker: RequestTracker
    name: str
    address: str

    def tickets(self) -> list[int]:
        """The numbers of its tickets, oldest first."""
        found = self.tracker.call("GET", f"tickets?query=Queue='{self.name}'&orderby=id&per_page=100")
        return [int(ticket["id"]) for ticket in found["items"]]

    def wait_for_tickets(self, amount: int = 1) -> list[int]:
        """Its tickets, once there are so many."""
        wait_until(lambda: len(self.tickets()) >= amount, f"{amount} tickets in {self.name}", seconds=PATIENCE)
        return self.tickets()

    def ticket(self, number: int) -> Any:
        """All that the API tells of a ticket."""
        return self.tracker.call("GET", f"ticket/{number}")

    def correspond(self, ticket: int, text: str) -> None:
        """A member of the staff answers, which goes to the requestor by mail."""
        self.tracker.call("POST", f"ticket/{ticket}/correspond", Content=text, ContentType="text/plain")

    def change(self, ticket: int, **fields: str) -> None:
        """A member of the staff changes fields, such as `Status`."""
        self.tracker.call("PUT", f"ticket/{ticket}", **fields)

    def entries(self, ticket: int) -> list[Entry]:
        """What was written in a ticket, oldest first."""
        told = self.tracker.call("GET", f"ticket/{ticket}/history?fields=Type,Creator&per_page=100")
        written = [each for each in told["items"] if each["Type"] in {"Create", "Correspond", "Comment"}]
        return [self._entry(each) for each in written]

    def wait_for_entries(self, ticket: int, amount: int) -> list[Entry]:
        """What was written in a ticket, once there is so much."""
        wait_until(
            lambda: len(self.entries(ticket)) >= amount, f"{amount} entries in ticket {ticket}", seconds=PATIENCE
        )
        return self.entries(ticket)

    def _entry(self, transaction: Any) -> Entry:
        listed = self.tracker.call("GET", f"transaction/{transaction['id']}/attachments")
        parts = [self.tracker.call("GET", f"attachment/{each['id']}") for each in listed["items"]]
        texts = [part for part in parts if part["ContentType"] == "text/plain" and not part.get("Filename")]
        return Entry(
            transaction["Creator"]["id"],
            transaction["Type"],
            base64.b64decode(texts[0]["Content"]).decode() if texts else "",
            next((part["MessageId"] for part in parts if part.get("MessageId")), ""),
            tuple(part["Filename"] for part in parts if part.get("Filename")),
        )


@contextlib.contextmanager
def running_request_tracker() -> Iterator[RequestTracker]:
    """Request Tracker, with mail servers around it, for the length of the block.

    Raises:
        ServerUnavailable: it is missing or did not start.
    """
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with server_folder("rt") as folder:
        gate = _script(folder / "gate", GATE.format(mailgate=program("rt-mailgate-5"), url=url))
        with running_mail_servers(dict.fromkeys((NAME, STRIPPED_DOMAIN), gate)) as mail:
            settings = _prepare(folder, port, mail)
            server = program(str(SERVER))
            options = ["--host", LOOPBACK, "--port", str(port), "--max-workers", str(WORKERS)]
            with running([*settings, server, *options], log=folder / "server.log", port=port, seconds=PATIENCE):
                yield RequestTracker(url, mail, folder)


def _prepare(folder: Path, port: int, mail: MailServers) -> list[str]:
    """Writes the configuration and fills the database; returns what stands before every command of the server's."""
    sendmail = SENDMAIL.format(
        root=shlex.quote(str(Path(__file__).parents[2])),
        python=shlex.quote(sys.executable),
        smtp_port=mail.smtp_port,
        stripped=STRIPPED_DOMAIN,
        stripping_port=mail.stripping_smtp_port,
    )
    _script(folder / "sendmail", sendmail)
    for each in ("pages", "sessions", "none"):
        (folder / each).mkdir()
    configuration, content = folder / "RT_SiteConfig.pm", folder / "content"
    configuration.write_text(CONFIGURATION.format(name=NAME, host=LOOPBACK, port=port, folder=folder))
    content.write_text(CONTENT.format(user=USER, eager=EAGER, thanks=THANKS))
    # The second one keeps it from reading the configuration that the package's installation wrote.
    settings = ["env", f"RT_SITE_CONFIG={configuration}", f"RT_SITE_CONFIG_DIR={folder / 'none'}"]
    setup = [*settings, program("rt-setup-database-5"), "--skip-create", "--action"]
    run([*setup, "init"], seconds=PATIENCE)
    run([*setup, "insert", "--datafile", str(content)], seconds=PATIENCE)
    return settings


def _script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def request_tracker() -> Iterator[RequestTracker]:
    """Request Tracker, shared by the tests of one process; give each test a queue of its own."""
    with running_request_tracker() as tracker:
        yield tracker
