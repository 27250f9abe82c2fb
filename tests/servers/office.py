"""A mail provider that takes access tokens: Postfix and Dovecot, which ask about each token whether it is good."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.certificates import Certificates, make_certificates
from tests.servers.dovecot import INTROSPECTION, MAIL_USER, WITH_TLS, WITH_TOKENS, running_dovecot
from tests.servers.postfix import running_postfix
from tests.servers.processes import as_root, free_port, run, server_folder
from tests.servers.tokens import Registry, running_introspection


@dataclass(frozen=True)
class Office:
    """Where it is. Every address has a mailbox; passwords work as well."""

    #: SMTP without TLS
    smtp_port: int
    #: IMAP, without TLS or by STARTTLS
    imap_port: int
    #: IMAP in TLS
    imaps_port: int
    certificates: Certificates
    #: holds the servers' logs
    folder: Path
    #: the tokens that are good; token servers write them in
    registry: Registry = field(repr=False)

    @property
    def smtp_log(self) -> str:
        """What Postfix wrote down."""
        return run(as_root(["cat", str(self.folder / "postfix.log")]))


@contextmanager
def running_office() -> Iterator[Office]:
    """The provider for the length of the block."""
    registry: Registry = {}
    with server_folder("office") as folder, running_introspection(registry) as introspection:
        mail, certificates = folder / "mail", make_certificates(folder)
        mail.mkdir()
        run(as_root(["chown", MAIL_USER, str(mail)]))
        asked = folder / "introspection.conf"
        asked.write_text(INTROSPECTION.format(url=introspection))
        imap, imaps, smtp = free_port(), free_port(), free_port()
        more = WITH_TLS.format(certificate=certificates.server, port=imaps) + WITH_TOKENS.format(introspection=asked)
        with (
            running_dovecot(folder, mail, imap, more=more) as dovecot,
            running_postfix(folder, smtp, dovecot, stripping_port=free_port(), commands={}),
        ):
            yield Office(smtp, imap, imaps, certificates, folder, registry)
