"""What items from a portal say."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.rest.lists import Item
from bridge.connectors.rest.reading import RestReader, is_ours
from bridge.domain.engagement import State
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName, EngagementId
from tests.unit.connectors.rest.describing import described

DESK = DeskName("portal")
NOW = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)


class Known:
    """An engagement whose ticket is 7."""

    def __init__(self, state=State.OPEN):
        self._state = state

    def by_desk_record(self, desk, record):
        return EngagementId("e") if (desk, record) == (DESK, "7") else None

    def engagement(self, engagement):
        return type("Engagement", (), {"state": self._state})()


def read(state=State.OPEN, settings=None, **told):
    raw = orjson.dumps({"record": "7", **told})
    return RestReader(DESK, settings or described()).receive(raw, NOW, Known(state))


def test_a_status_reports_what_was_agreed_at_the_time_of_the_portal():
    reading = read(kind="status", status="solved", updated="2026-07-21T08:00:00Z", resolution="Restarted.")
    assert (reading.verdict, reading.report, reading.desk_status) == ("apply", ReportKind.RESOLVED, "solved")
    assert (reading.at, reading.text) == (NOW - timedelta(hours=1), "Restarted.")
    assert (reading.engagement, reading.channel) == ("e", "portal")


def test_a_time_in_the_future_does_not_count():
    assert read(kind="status", status="open", updated="2027-01-01T00:00:00Z").at == NOW


@pytest.mark.parametrize("status,ours", [("new", False), ("open", True), ("mystery", True)])
def test_a_status_without_meaning_or_set_by_us_is_remembered_and_reports_nothing(status, ours):
    reading = read(kind="status", status=status, ours=ours)
    assert (reading.verdict, reading.report, reading.desk_status) == ("apply", None, status)


def test_a_status_that_nobody_explained_is_for_a_person():
    reading = read(kind="status", status="mystery")
    assert (reading.verdict, reading.reasons) == ("quarantine", ("unknown_status",))
    assert "'mystery'" in reading.text


@pytest.mark.parametrize("state", [State.RESOLUTION_REPORTED, State.CONFIRMED, State.WITHDRAWN])
def test_what_is_resolved_already_is_not_resolved_again(state):
    reading = read(state, kind="status", status="solved")
    assert (reading.report, reading.desk_status, reading.reasons) == (None, "solved", ("resolved_already",))


def test_words_are_a_comment_and_commands_are_commands():
    reading = read(kind="comment", text="It is resolved.\r\nBye", author="jo", created="2026-07-21T08:00:00Z")
    assert (reading.report, reading.suggests, reading.sender) == (ReportKind.COMMENT, ReportKind.RESOLVED, "jo")
    assert reading.text == "It is resolved.\nBye"
    assert read(kind="comment", text="#resolved: restarted").report is ReportKind.RESOLVED


def test_a_file_is_taken_with_its_hash_and_one_without_content_is_filed():
    file = {"name": "a.txt", "type": "text/plain", "size": 3, "sha256": "ab", "content": "YWJj"}
    reading = read(kind="file", file=file)
    assert (reading.verdict, reading.attachments[0].name, reading.attachments[0].size) == ("apply", "a.txt", 3)
    left = read(kind="file", file={"name": "a.txt"}, left_out="too large")
    assert (left.verdict, left.report, left.reasons) == ("apply", None, ("file_left_out", "too large"))
    assert left.attachments[0].missing == "too large"


def test_a_comment_that_cannot_be_read_is_for_a_person():
    reading = read(kind="comment", author="jo", left_out="not there", created="2026-07-21T08:00:00Z")
    assert (reading.verdict, reading.reasons) == ("quarantine", ("comment_left_out", "not there"))
    assert (reading.engagement, reading.at) == ("e", NOW - timedelta(hours=1))
    assert reading.text == "jo has written something in the ticket that cannot be read (not there). Look at it there."


@pytest.mark.parametrize("kind", ["gone", "moved", "unread"])
def test_a_ticket_that_is_not_where_it_was_is_for_a_person(kind):
    reading = read(kind=kind, to="9", words="not found")
    assert (reading.verdict, reading.reasons, reading.engagement) == ("quarantine", (f"ticket_{kind}",), "e")


def test_a_ticket_of_no_engagement_is_for_a_person():
    reading = RestReader(DESK, described()).receive(b'{"record": "8", "kind": "comment"}', NOW, Known())
    assert (reading.verdict, reading.reasons) == ("quarantine", ("unknown_ticket",))


@given(st.binary() | st.recursive(st.none() | st.integers(-9, 9) | st.text(), st.lists).map(orjson.dumps))
def test_nothing_that_arrives_raises(raw):
    assert RestReader(DESK, described()).receive(raw, NOW, Known()).verdict == "quarantine"


@given(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["comment", "status", "file", "gone", "moved", "unread", "other"]),
            "record": st.just("7"),
        },
        optional={
            name: st.none()
            | st.text()
            | st.integers(0, 9)
            | st.lists(st.text())
            | st.dictionaries(st.text(), st.text())
            for name in ("status", "text", "file", "created", "updated", "author", "to", "words", "ours")
        },
    )
)
def test_nothing_that_a_portal_says_raises(told):
    raw = orjson.dumps(told)
    assert RestReader(DESK, described()).receive(raw, NOW, Known()).verdict in {"apply", "file", "quarantine"}


@pytest.mark.parametrize(
    "author,text,ours",
    [
        ("bridge", "anything", True),
        ("jo", "Which meter?\n[cpsd:7KD31VMY1H]", False),
        ("", "Which meter?\n[cpsd:7KD31VMY1H]", True),
        ("", "You wrote [cpsd:7KD31VMY1H] there", False),
    ],
)
def test_what_we_wrote_is_known_by_its_author_or_where_nobody_says_by_its_mark(author, text, ours):
    assert is_ours(Item({"id": "1", "author": author, "text": text}, None), described()) is ours
