"""A real mail provider: Postfix takes the mail in, Dovecot serves it by IMAP."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.servers.dovecot import DEFAULT_DOMAIN, MAIL_USER, PASSWORD, running_dovecot
from tests.servers.postfix import running_postfix
from tests.servers.processes import LOOPBACK, as_root, free_port, run, server_folder


@dataclass(frozen=True)
class MailServers:
    """The running pair. Every address of every domain has a mailbox, and a plus part belongs to the same one."""

    #: SMTP without TLS; loopback may send without a password, and may also log in with one.
    smtp_port: int
    #: SMTP that takes away whatever says to which mail another answers, or that a machine wrote it.
    stripping_smtp_port: int
    #: IMAP without TLS; the user name is the mail address.
    imap_port: int
    #: Holds one Maildir for each address.
    mail: Path
    #: Holds the configurations and logs.
    folder: Path
    host: str = LOOPBACK
    #: Opens every mailbox.
    password: str = PASSWORD
    _serial: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)

    def new_address(self, name: str = "box") -> str:
        """An address, and so a mailbox, that no other test has."""
        return f"{name}-{next(self._serial)}@{DEFAULT_DOMAIN}"

    def files(self, address: str) -> list[Path]:
        """The mails of an address's inbox, as they lie on disk; only root may read them."""
        inbox = self.mail / address.lower()
        return [
            Path(line) for line in run(as_root(["find", f"{inbox}/new", f"{inbox}/cur", "-type", "f"])).splitlines()
        ]


@contextlib.contextmanager
def running_mail_servers(commands: Mapping[str, Path] = MappingProxyType({})) -> Iterator[MailServers]:
    """Postfix and Dovecot for the length of the block. `commands` take the mails of their domains."""
    with server_folder("mail") as folder:
        mail, imap_port, smtp_port, stripping_port = folder / "mail", free_port(), free_port(), free_port()
        mail.mkdir()
        run(as_root(["chown", MAIL_USER, str(mail)]))
        with (
            running_dovecot(folder, mail, imap_port) as dovecot,
            running_postfix(folder, smtp_port, dovecot, stripping_port=stripping_port, commands=commands),
        ):
            yield MailServers(smtp_port, stripping_port, imap_port, mail, folder)


@pytest.fixture(scope="session")
def mail_servers() -> Iterator[MailServers]:
    """Postfix and Dovecot, shared by the tests of one process; give each test an address of its own."""
    with running_mail_servers() as servers:
        yield servers
