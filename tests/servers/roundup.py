"""A real portal that is not ours: Roundup with its classic tracker, reached by its REST interface.

Whoever writes there sends `X-Requested-With` and the tracker's own `Origin`, or is refused with 400; who changes an
item sends the ETag under which he read it, as `If-Match` or `@etag`, or is refused with 412.
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.processes import LOOPBACK, free_port, run, running, server_folder

ROOT = Path(__file__).parents[2]
ADMIN = Path(sys.executable).parent / "roundup-admin"
DOMAIN = "roundup.example"
#: Who uses the interface from outside, and who works there.
USER, STAFF = "bridge", "jo.watt"
PASSWORD = "loopback-only"
TIMEOUT = 60


@dataclass(frozen=True)
class Roundup:
    """The running tracker; all tests of a process share it, so each looks at its own issues only."""

    url: str
    folder: Path
    user: str = USER
    password: str = PASSWORD
    _serial: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)

    def call(self, method: str, path: str, *, by: str = STAFF, **body: Any) -> Any:
        """A request to `/rest/data/`; returns what is under `data` in the answer.

        Raises:
            requests.HTTPError: it was refused.
        """
        address = f"{self.url}/rest/data/{path}"
        headers = {"X-Requested-With": "rest", "Origin": self.url}
        auth = (by, self.password)
        if method in {"PUT", "PATCH"}:
            headers["If-Match"] = requests.get(address, auth=auth, timeout=TIMEOUT).headers["ETag"]
        answer = requests.request(method, address, json=body or None, headers=headers, auth=auth, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()["data"]

    def issues(self, **wanted: str) -> list[int]:
        """The numbers of the issues whose properties have, or whose texts contain, what is wanted."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        found = self.call("GET", f"issue?{query}&@sort=id")
        return [int(issue["id"]) for issue in found["collection"]]

    def issue(self, number: int) -> dict[str, Any]:
        """The properties of an issue, with its status by name."""
        found: dict[str, Any] = self.call("GET", f"issue/{number}?@verbose=2")["attributes"]
        return found | {"status": (found["status"] or {}).get("name")}

    def say(self, number: int, text: str, *, by: str = STAFF) -> None:
        """Somebody writes into an issue."""
        message = self.call("POST", "msg", by=by, content=text, author=by)["id"]
        self.call("PATCH", f"issue/{number}", by=by, messages=[message], **{"@op": "add"})

    def change(self, number: int, **properties: str) -> None:
        """A member of the staff changes properties, such as `status`."""
        self.call("PATCH", f"issue/{number}", **properties)

    def said(self, number: int) -> list[tuple[str, str]]:
        """Author and text of each message of an issue, oldest first."""
        ids = sorted(int(message["id"]) for message in self.issue(number)["messages"])
        told = [self.call("GET", f"msg/{one}?@verbose=2")["attributes"] for one in ids]
        return [(message["author"]["username"], self._text(message)) for message in told]

    def _text(self, message: dict[str, Any]) -> str:
        content = message["content"]
        if isinstance(content, str):
            return content
        answer = requests.get(content["link"], auth=(STAFF, self.password), timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.text


@contextlib.contextmanager
def running_roundup() -> Iterator[Roundup]:
    """Roundup for the length of the block.

    Raises:
        ServerUnavailable: it did not start.
    """
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with server_folder("roundup") as folder:
        home = folder / "tracker"
        home.mkdir()
        settings = {
            "tracker_web": f"{url}/",
            "mail_domain": DOMAIN,
            "mail_host": LOOPBACK,
            "mail_debug": str(folder / "mails"),
            "password_pbkdf2_default_rounds": "1000",  # every request logs in anew
        }
        admin = [str(ADMIN), "-i", str(home)]
        run([*admin, "install", "classic", "sqlite", ",".join(f"{name}={value}" for name, value in settings.items())])
        run([*admin, "initialise", PASSWORD])
        for user in (USER, STAFF):
            who = f"username={user} password={PASSWORD} roles=User address={user}@{DOMAIN}"
            run([*admin, "create", "user", *who.split()])
        command = [
            "env",
            f"PYTHONPATH={ROOT}",
            sys.executable,
            "-m",
            "tests.servers.roundup_wsgi",
            str(home),
            str(port),
        ]
        with running(command, log=folder / "server.log", port=port):
            yield Roundup(url, folder)


@pytest.fixture(scope="session")
def roundup() -> Iterator[Roundup]:
    """Roundup, shared by the tests of one process."""
    with running_roundup() as tracker:
        yield tracker
