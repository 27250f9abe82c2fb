"""Which of a case's files go with a message, and what happens where one cannot be read."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bridge.domain.agreement import AttachmentRule
from bridge.domain.errors import BridgeError, NotFound, TryLater, UntrustedAnswer
from bridge.domain.ids import SysId
from bridge.ports import AttachmentEntry
from bridge.sync.files import shared_files

CASE = SysId("c" * 32)
RULE = AttachmentRule(1000, ("csv", "pdf"))


def entry(name, size=10):
    at = datetime(2026, 6, 1, tzinfo=UTC)
    return AttachmentEntry(SysId(name), CASE, "incident", name, "text/csv", size, "", "ewa.nowak", at)


@dataclass
class Files:
    """A ServiceNow of which only the files are asked."""

    entries: list[AttachmentEntry]
    failures: dict[str, BridgeError] = field(default_factory=dict)
    limits: list[int] = field(default_factory=list)

    def attachments(self, cases, since):
        assert cases == [CASE]
        return tuple(self.entries)

    def download(self, attachment, limit):
        self.limits.append(limit)
        if attachment.file_name in self.failures:
            raise self.failures[attachment.file_name]
        return b"x" * attachment.size


def taken(source, rule=RULE, **more):
    """Names of the files that go, and of those that stay with the reason."""
    stays = {}
    files = shared_files(
        source, source.attachments([CASE], None), rule, lambda one, why: stays.update({one.file_name: why}), **more
    )
    return [file.name for file in files], stays


def test_only_agreed_types_go_whatever_their_case():
    names = ["a.csv", "b.PDF", "c.exe", "d.csv.exe", "csv", "", "e."]
    goes, stays = taken(Files([entry(name) for name in names]))
    assert goes == ["a.csv", "b.PDF"]
    assert stays.keys() == {"c.exe", "d.csv.exe", "csv", "", "e."}


def test_all_files_of_a_message_share_the_agreed_size():
    source = Files([entry("a.csv", 600), entry("b.csv", 500), entry("c.csv", 400), entry("d.csv", 1)])
    assert taken(source)[0] == ["a.csv", "c.csv"]
    assert source.limits == [1000, 400]


@pytest.mark.parametrize("error", [TryLater("503"), UntrustedAnswer("a web page came")])
def test_what_may_pass_is_waited_for(error):
    source = Files([entry("a.csv"), entry("b.csv")], {"a.csv": error})
    with pytest.raises(type(error)):
        taken(source)


def test_what_is_gone_or_refused_stays_behind_with_the_reason():
    source = Files([entry("a.csv"), entry("b.csv")], {"a.csv": NotFound("No Record found")})
    assert taken(source) == (["b.csv"], {"a.csv": "No Record found"})


def test_what_came_instead_of_a_file_is_told_and_never_goes():
    source = Files([entry("a.csv"), entry("b.csv")], {"a.csv": UntrustedAnswer("a web page came")})
    told = []

    def go_on(one, why):
        told.append((one.file_name, why))
        return True

    assert taken(source, unread=go_on) == (["b.csv"], {"a.csv": "a web page came"})
    assert told == [("a.csv", "a web page came")]


def test_a_server_that_is_away_is_no_fault_of_the_file():
    source = Files([entry("a.csv")], {"a.csv": TryLater("503")})
    with pytest.raises(TryLater):
        taken(source, unread=lambda *_: True)
