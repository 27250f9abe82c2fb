"""What every test may use: the real servers, and the rule that no test leaves this machine."""

import os

import hypothesis

from tests.servers.loopback import refuse_everything_but_loopback
from tests.servers.mail import mail_servers
from tests.servers.postgres import postgres_server, postgres_url
from tests.servers.request_tracker import request_tracker
from tests.servers.roundup import roundup
from tests.stores.fixtures import (
    clocked,
    hand_clock,
    postgres_store_url,
    sqlite_store_url,
    sqlite_template,
    store,
    store_url,
)
from tests.syncing.fixtures import build_either, build_world, either, quick_store, world

__all__ = [
    "build_either",
    "build_world",
    "clocked",
    "either",
    "hand_clock",
    "mail_servers",
    "postgres_server",
    "postgres_store_url",
    "postgres_url",
    "quick_store",
    "request_tracker",
    "roundup",
    "sqlite_store_url",
    "sqlite_template",
    "store",
    "store_url",
    "world",
]

refuse_everything_but_loopback()

# A box around an error breaks its lines by the terminal's width: no name shall be cut by the length of a folder's.
os.environ["COLUMNS"] = "200"

# A busy machine is not a failed test; a failed example must be repeatable from the log. The suite tries the same
# examples each time, so that a change is blamed for its own failures only; CPSD_EXPLORE=1 looks for new ones.
hypothesis.settings.register_profile("suite", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True)
hypothesis.settings.load_profile("explore" if os.environ.get("CPSD_EXPLORE") else "suite")
