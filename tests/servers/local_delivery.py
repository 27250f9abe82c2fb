"""A real mail server that delivers into Maildirs by itself: Postfix with virtual(8), for one site and no IMAP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP

from tests.servers.dovecot import MAIL_USER
from tests.servers.processes import (
    LOOPBACK,
    accepts_connections,
    as_root,
    free_port,
    program,
    run,
    running,
    server_folder,
    wait_until,
)

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
biff = no

virtual_mailbox_domains = example.org
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{folder}/maildirs
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
default_transport = error:no mail leaves this machine
relay_transport = error:no mail leaves this machine
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
"""

MASTER = """\
127.0.0.1:{port}   inet      n       -      n      -      -       smtpd
cleanup            unix      n       -      n      -      0       cleanup
qmgr               unix      n       -      n      300    1       qmgr
rewrite            unix      -       -      n      -      -       trivial-rewrite
bounce             unix      -       -      n      -      0       bounce
defer              unix      -       -      n      -      0       bounce
proxymap           unix      -       -      n      -      -       proxymap
error              unix      -       -      n      -      -       error
retry              unix      -       -      n      -      -       error
virtual            unix      -       n      n      -      -       virtual
anvil              unix      -       -      n      -      1       anvil
postlog            unix-dgram n      -      n      -      1       postlogd
"""

#: those who have a Maildir
NAMES = tuple(f"box-{number}" for number in range(40))


@dataclass(frozen=True)
class LocalDelivery:
    """Where mail goes in, and where the Maildirs are; their files belong to whoever runs the tests, or root's may."""

    smtp_port: int
    mail: Path
    _free: Iterator[str] = field(default_factory=lambda: iter(NAMES), compare=False, repr=False)

    def new_name(self) -> str:
        """Somebody whose Maildir no other test has."""
        return next(self._free)

    def maildir(self, name: str) -> Path:
        """Somebody's Maildir; Postfix makes it with the first mail."""
        return self.mail / name

    def deliver(self, name: str, *contents: bytes) -> None:
        """Send mails, one after the other, and wait until each lies there."""
        new = self.maildir(name) / "new"
        for content in contents:
            wanted = 1 + len(files(new))
            self.deliver_without_waiting(name, content)
            self._wait_for(new, wanted)

    def deliver_without_waiting(self, name: str, content: bytes) -> None:
        """Send a mail."""
        with SMTP(LOOPBACK, self.smtp_port) as server:
            server.sendmail("desk@dcc.example", [f"{name}@example.org"], content)

    @staticmethod
    def _wait_for(new: Path, wanted: int) -> None:
        wait_until(lambda: len(files(new)) >= wanted, f"{wanted} mails in {new}", seconds=60)


def files(folder: Path) -> list[Path]:
    """The files of a folder that may not be there yet."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def plain(number: int, text: str = "hello") -> bytes:
    """A mail."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "desk@dcc.example", "cpsd@example.org", f"mail {number}"
    mail["Message-ID"] = f"<{number}@dcc.example>"
    mail.set_content(text)
    return mail.as_bytes()


@contextmanager
def running_local_delivery() -> Iterator[LocalDelivery]:
    """Postfix for the length of the block."""
    postfix, port = program("postfix"), free_port()
    with server_folder("delivery") as folder:
        configuration, mail = folder / "postfix", folder / "mail"
        for each in (configuration, folder / "queue", folder / "data", mail):
            each.mkdir()
        # It delivers as nobody who is root.
        owner = mail.stat().st_uid or int(run(["id", "-u", MAIL_USER]))
        run(as_root(["chown", str(owner), str(mail)]))
        (folder / "maildirs").write_text("".join(f"{name}@example.org {name}/\n" for name in NAMES))
        main = MAIN.format(folder=folder, mail=mail, uid=owner, gid=mail.stat().st_gid or owner)
        (configuration / "main.cf").write_text(main)
        (configuration / "master.cf").write_text(MASTER.format(port=port))
        run(as_root(["chown", "-R", "root:root", str(configuration), str(folder / "queue")]))
        run(as_root(["chown", "postfix", str(folder / "data")]))
        command = [postfix, "-c", str(configuration)]
        with running(as_root([*command, "start-fg"]), log=folder / "postfix.out", port=port):
            try:
                yield LocalDelivery(port, mail)
            finally:
                run(as_root([*command, "stop"]))
                wait_until(lambda: not accepts_connections(port), "postfix stops")
