"""A real SMTP server: Postfix, which hands the mail of every domain to Dovecot and sends nothing outside.

The mail of single domains may go to commands instead. A second port takes mails in as the first one does, but takes
every header away that says to which mail they answer, or that a machine wrote them, as some gateways on the way do.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.servers.dovecot import MAIL_USER
from tests.servers.processes import accepts_connections, as_root, program, run, running, wait_until

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
recipient_delimiter = +
message_size_limit = {message_size_limit}

# Every domain is ours, and every address of it has a mailbox; what follows the plus is no part of its name.
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all
virtual_transport = mailbox
mailbox_destination_recipient_limit = 1
command_destination_recipient_limit = 1
transport_maps = texthash:{folder}/transports
default_transport = error:no mail leaves this machine
relay_transport = error:no mail leaves this machine

smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/sasl
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_error_sleep_time = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_tls_security_level = none
"""

MASTER = """\
# service          type      private unpriv chroot wakeup maxproc command
127.0.0.1:{port}   inet      n       -      n      -      -       smtpd
127.0.0.1:{stripping_port} inet n    -      n      -      -       smtpd
  -o cleanup_service_name=strip
cleanup            unix      n       -      n      -      0       cleanup
strip              unix      n       -      n      -      0       cleanup
  -o header_checks=regexp:{folder}/stripped
qmgr               unix      n       -      n      300    1       qmgr
rewrite            unix      -       -      n      -      -       trivial-rewrite
bounce             unix      -       -      n      -      0       bounce
defer              unix      -       -      n      -      0       bounce
trace              unix      -       -      n      -      0       bounce
verify             unix      -       -      n      -      1       verify
flush              unix      n       -      n      1000?  0       flush
proxymap           unix      -       -      n      -      -       proxymap
error              unix      -       -      n      -      -       error
retry              unix      -       -      n      -      -       error
mailbox            unix      -       n      n      -      -       pipe
  flags=DRhu user={user} argv=/usr/lib/dovecot/dovecot-lda -c {dovecot} -f ${{sender}} -d ${{user}}@${{domain}}
command            unix      -       n      n      -      -       pipe
  flags=Ru user=nobody argv=${{nexthop}} ${{user}}
anvil              unix      -       -      n      -      1       anvil
postlog            unix-dgram n      -      n      -      1       postlogd
"""

#: What a mail loses at the second port: who answers whom, and that nobody wrote it. Postfix gives a new Message-ID.
STRIPPED = """\
/^(Message-ID|In-Reply-To|References|Thread-[a-z]+):/ IGNORE
/^(Auto-Submitted|Precedence|Return-Path|Sender|List-[a-z-]+):/ IGNORE
/^X-[a-z-]+:/ IGNORE
/^Managed-By:/ IGNORE
"""
#: Small, so that "552 message too large" is quick to provoke.
MESSAGE_SIZE_LIMIT = 5_000_000


@contextlib.contextmanager
def running_postfix(
    folder: Path, port: int, dovecot: Path, *, stripping_port: int, commands: Mapping[str, Path]
) -> Iterator[None]:
    """Postfix for the length of the block.

    Args:
        folder: for its own files; every user must be able to enter it. Dovecot's `sasl` socket is there.
        port: for SMTP, without TLS.
        dovecot: the configuration of the Dovecot that takes the mail.
        stripping_port: for SMTP that takes headers away, without TLS.
        commands: domain -> the program that takes its mails, run as nobody, with the name before the @ as its
            argument and the mail as its input.

    Raises:
        ServerUnavailable: it is missing or did not start.
    """
    postfix, configuration = program("postfix"), folder / "postfix"
    for each in (configuration, folder / "queue", folder / "data"):
        each.mkdir()
    (configuration / "main.cf").write_text(MAIN.format(folder=folder, message_size_limit=MESSAGE_SIZE_LIMIT))
    master = MASTER.format(port=port, stripping_port=stripping_port, folder=folder, user=MAIL_USER, dovecot=dovecot)
    (configuration / "master.cf").write_text(master)
    (folder / "stripped").write_text(STRIPPED)
    (folder / "transports").write_text("".join(f"{domain} command:{path}\n" for domain, path in commands.items()))
    run(as_root(["chown", "-R", "root:root", str(configuration), str(folder / "queue")]))
    run(as_root(["chown", "postfix", str(folder / "data")]))
    command = [postfix, "-c", str(configuration)]
    with running(as_root([*command, "start-fg"]), log=folder / "postfix.out", port=port):
        try:
            yield
        finally:
            # Its own way to end takes its children along; the signal that follows then finds nobody.
            run(as_root([*command, "stop"]))
            wait_until(lambda: not accepts_connections(port), "postfix stops")
