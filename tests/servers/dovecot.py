"""A real IMAP server: Dovecot over a folder of Maildirs, one for each mail address."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.servers.processes import ServerUnavailable, as_root, program, run, running

#: Who owns the mail folders, a user that every distribution has; Dovecot refuses to serve root's.
MAIL_USER = "mail"
PASSWORD = "loopback-only"
#: Appended to a user name without a domain.
DEFAULT_DOMAIN = "example.org"
UNDERSTOOD_VERSION = "2.3."

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
mailbox_idle_check_interval = 1s
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
first_valid_gid = 1
auth_default_realm = {domain}
mail_location = maildir:{mail}/%Lu
postmaster_address = postmaster@{domain}

# Every mailbox exists, and all have one password.
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={mail}/%Lu allow_all_users=yes
}}

namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
# The submission server asks here whether a password is right.
service auth {{
  unix_listener {folder}/sasl {{
    mode = 0666
  }}
  # The delivery agent asks here where a mailbox is.
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
# Wrong passwords are part of the tests: no penalty for whoever tries next.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
# The delivery agent runs as the owner of the mail, who may not write the server's log.
protocol lda {{
  log_path = {folder}/delivery.log
}}
"""


#: Adds TLS: at a port of its own from the first byte, and by STARTTLS at the other.
WITH_TLS = """
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
service imap-login {{
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""

#: Adds access tokens beside passwords; a token server is asked about each (RFC 7662).
WITH_TOKENS = """
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {introspection}
}}
"""
INTROSPECTION = """\
introspection_mode = post
introspection_url = {url}
force_introspection = yes
username_attribute = email
active_attribute = active
active_value = true
"""


@contextlib.contextmanager
def running_dovecot(folder: Path, mail: Path, port: int, *, more: str = "") -> Iterator[Path]:
    """Dovecot for the length of the block; yields its configuration, for the delivery agent.

    A submission server may ask the socket `sasl` in the folder whether a password is right.

    Args:
        folder: for its own files; every user must be able to enter it.
        mail: where the Maildirs are, one folder for each address, in lower case.
        port: for IMAP, without TLS.
        more: configuration that is added to ours or replaces it.

    Raises:
        ServerUnavailable: it is missing, of a version whose configuration reads otherwise, or did not start.
    """
    dovecot = program("dovecot")
    version = run([dovecot, "--version"])
    if not version.startswith(UNDERSTOOD_VERSION):
        raise ServerUnavailable(f"the tests configure Dovecot {UNDERSTOOD_VERSION}x, this is {version}")
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, mail=mail, port=port, user=MAIL_USER, domain=DEFAULT_DOMAIN, password=PASSWORD
        )
        + more
    )
    (folder / "delivery.log").touch()
    run(as_root(["chown", MAIL_USER, str(folder / "delivery.log")]))
    command = as_root([dovecot, "-F", "-c", str(configuration)])
    with running(command, log=folder / "dovecot.out", port=port):
        yield configuration
