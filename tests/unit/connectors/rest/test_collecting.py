"""Collecting from a portal: each thing once, only from tickets of ours, and never for ever."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.rest.collecting import RestCollector
from bridge.connectors.rest.lists import Item, TooManyPages
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.engagement import Engagement
from bridge.domain.errors import (
    BridgeError,
    ConfigurationError,
    FarSideError,
    NotBegun,
    NotFound,
    NotPermitted,
    StoreUnavailable,
    TryLater,
    UntrustedAnswer,
)
from bridge.domain.ids import DeskName, EngagementId, Reference, SysId
from tests.unit.connectors.portals.remembering import Remembered
from tests.unit.connectors.rest.describing import described

DESK = DeskName("portal")
NOW = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)


def engagement(record="7", **changes):
    values = {
        "id": EngagementId(f"e{record}"),
        "reference": Reference("ABCDEFGHJK"),
        "case": SysId("c"),
        "case_number": "CS1",
        "desk": DESK,
        "round": 1,
        "agreement_version": 1,
        "opened_at": NOW - timedelta(hours=1),
        "desk_record": record,
    }
    return Engagement(**{**values, **changes})


@dataclass
class Portal:
    """Tickets, as `Lists` and `Session` would show them."""

    settings: object = field(default_factory=described)
    tickets: dict = field(
        default_factory=lambda: {"7": {"id": "7", "status": "new", "updated": "2026-07-21T08:00:00Z"}}
    )
    said: dict = field(default_factory=dict)
    stored: dict = field(default_factory=dict)
    #: file -> what comes instead of its bytes
    broken: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    time: float = 0.0
    #: seconds that looking at a ticket takes
    slow: float = 0.0
    without: set = field(default_factory=set)

    def has(self, name):
        return name in self.settings.requests and name not in self.without

    def changed(self, since):
        self.asked.append(("changed", since))
        if isinstance(self.changes, Exception):
            raise self.changes
        return [item(id=record) for record in self.changes], NOW

    def ticket(self, record):
        self.asked.append(("ticket", record))
        self.time += self.slow
        if isinstance(self.tickets[record], Exception):
            raise self.tickets[record]
        return Item(self.tickets[record], self.tickets[record])

    def messages(self, record):
        return [item(**one) for one in self.said.get(record, [])]

    def message(self, record, one):
        return one

    def files(self, record):
        return [item(**one) for one in self.stored.get(record, [])]

    about_file = message

    def file(self, record, one):
        self.asked.append(("file", one.id))
        if one.id in self.broken:
            raise self.broken[one.id]
        return b"content"

    def monotonic(self):
        return self.time

    def now(self):
        return NOW


def item(**parts):
    return Item(parts, parts)


@pytest.fixture
def store():
    return Remembered([engagement()], NOW)


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def collector(store, portal):
    return RestCollector(DESK, portal, portal, store)


def test_a_status_a_comment_and_a_file_come_once_each_words_before_the_status(collector, store, portal):
    portal.said["7"] = [{"id": "1", "author": "jo", "text": "Hello", "public": True}]
    portal.stored["7"] = [{"id": "5", "author": "jo", "name": "a.txt", "size": "7"}]
    assert collector.collect(store.keep) == 3
    assert [told["kind"] for told in store.items.values()] == ["comment", "file", "status"]
    assert list(store.items) == ["comment/7/1", "file/7/5", "status/7/new/2026-07-21T08:00:00Z"]
    portal.changes = ["7"]
    assert collector.collect(store.keep) == 0
    assert portal.asked.count(("file", "5")) == 1


def test_what_we_wrote_what_is_private_and_a_known_status_are_not_collected(collector, store, portal):
    portal.said["7"] = [
        {"id": "1", "author": "bridge", "text": "ours"},
        {"id": "2", "author": "jo", "text": "for us alone", "public": False},
    ]
    portal.stored["7"] = [{"id": "5", "author": "bridge", "name": "ours.txt"}]
    store.engagements = [engagement(desk_status="new")]
    assert collector.collect(store.keep) == 0
    assert store.items == {}


def test_a_file_that_is_too_large_is_told_and_not_fetched(collector, store, portal):
    portal.stored["7"] = [{"id": "5", "author": "jo", "name": "a.iso", "size": str(10**10)}]
    collector.collect(store.keep)
    assert "content" not in store.items["file/7/5"]["file"]
    assert store.items["file/7/5"]["left_out"] == "more than 10000000 bytes"
    assert ("file", "5") not in portal.asked


def test_changes_are_asked_for_from_where_they_were_read_to_with_an_overlap(collector, store, portal):
    collector.collect(store.keep)
    collector.collect(store.keep)
    first, second = [since for what, since in portal.asked if what == "changed"]
    assert first == NOW - timedelta(hours=1, seconds=120)
    assert second == NOW - timedelta(seconds=120)


def test_tickets_of_others_are_not_looked_at_and_ours_only_when_they_changed_or_it_is_time(collector, store, portal):
    portal.changes = ["7", "8"]
    collector.collect(store.keep)
    portal.changes = []
    collector.collect(store.keep)
    assert [record for what, record in portal.asked if what == "ticket"] == ["7"]
    portal.time += 901
    collector.collect(store.keep)
    assert [record for what, record in portal.asked if what == "ticket"] == ["7", "7"]


def test_nobody_is_asked_while_no_ticket_is_ours(collector, store, portal):
    store.engagements = []
    assert collector.collect(store.keep) == 0
    assert portal.asked == []


def test_a_pass_ends_when_its_time_is_over_and_the_rest_comes_first_in_the_next(collector, store, portal):
    records = [str(number) for number in range(1, 7)]
    portal.tickets = {one: {"id": one, "status": "new", "updated": one} for one in records}
    store.engagements = [engagement(one) for one in records]
    portal.changes, portal.slow = records, 8.0
    collector.collect(store.keep)
    assert [record for what, record in portal.asked if what == "ticket"] == ["1", "2", "3"]
    portal.changes = []
    collector.collect(store.keep)
    assert [record for what, record in portal.asked if what == "ticket"] == records


@pytest.mark.parametrize("how", ["no changes", "too many changes"])
def test_where_changes_do_not_tell_each_ticket_is_looked_at(collector, store, portal, how):
    if how == "no changes":
        portal.without.add("changes")
    else:
        portal.changes = TooManyPages("too many")
    collector.collect(store.keep)
    collector.collect(store.keep)
    assert [record for what, record in portal.asked if what == "ticket"] == ["7", "7"]


def test_a_ticket_that_is_gone_or_is_another_now_is_told_once(collector, store, portal):
    portal.without.add("changes")
    portal.tickets = {"7": NotFound("not there"), "8": {"id": "9", "status": "open"}}
    store.engagements = [engagement("7"), engagement("8")]
    assert [collector.collect(store.keep), collector.collect(store.keep)] == [2, 0]
    assert list(store.items) == ["gone/7", "moved/8/9"]


def passes(collector, store, portal, count):
    """So many passes; the errors that they end with."""
    errors = []
    for _ in range(count):
        portal.time += 30
        try:
            collector.collect(store.keep)
        except BridgeError as error:
            errors.append(error)
    return errors


PASSING = [TooManyPages("more than 20 pages"), UntrustedAnswer("its JSON is broken"), TryLater("answered 500")]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("error", PASSING)
def test_a_ticket_that_cannot_be_read_keeps_none_of_the_others_waiting_and_is_told(
    collector, store, portal, error, listed
):
    if not listed:
        portal.without.add("changes")
    portal.changes = ["6", "7"]
    portal.tickets["6"] = error
    store.engagements = [engagement("6"), engagement("7")]
    errors = passes(collector, store, portal, 3)
    assert [str(told) for told in errors] == [f"ticket 6 cannot be read: {error} (portal)"] * 3
    assert all(told.retryable for told in errors)
    assert list(store.items) == ["status/7/new/2026-07-21T08:00:00Z"]
    assert [record for what, record in portal.asked if what == "ticket"] == ["6", "7", "7", "6", "7", "6"]
    portal.tickets["6"] = {"id": "6", "status": "open", "updated": "1"}
    assert passes(collector, store, portal, 1) == []
    assert "status/6/open/1" in store.items


@pytest.mark.parametrize("error", PASSING[1:])
def test_a_file_that_cannot_be_fetched_hides_neither_other_files_nor_the_status(collector, store, portal, error):
    portal.without.add("changes")
    broken = {"id": "5", "author": "jo", "name": "a.txt", "created": "2026-07-21T08:30:00Z"}
    portal.broken["5"] = error
    portal.stored["7"] = [broken, {"id": "6", "author": "jo", "name": "b.txt"}]
    assert len(passes(collector, store, portal, 2)) == 2
    assert list(store.items) == ["file/7/6", "status/7/new/2026-07-21T08:00:00Z"]
    del portal.broken["5"]
    assert passes(collector, store, portal, 1) == []
    assert "content" in store.items["file/7/5"]["file"]


def test_a_file_whose_bytes_never_come_whole_is_left_out_in_the_end_and_says_why(collector, store, portal):
    portal.broken["5"] = UntrustedAnswer("no base64")
    portal.stored["7"] = [{"id": "5", "name": "a.txt", "created": "2026-07-21T07:30:00Z"}]
    collector.collect(store.keep)
    assert store.items["file/7/5"]["left_out"] == "no base64"


def refuse(portal, place, error):
    """Let one kind of request fail."""

    def fail(*_):
        raise error

    setattr(portal, place, fail)


@pytest.fixture
def solved(portal):
    """A ticket with a comment and a file that was solved, and is looked at in each pass."""
    portal.without.add("changes")
    portal.tickets["7"]["status"] = "solved"
    portal.said["7"] = [{"id": "1", "author": "jo", "public": True}]
    portal.stored["7"] = [{"id": "5", "author": "jo", "name": "a.txt"}]
    return portal


STATUS = "status/7/solved/2026-07-21T08:00:00Z"
PLACES = [("message", "comment/7/1", "file/7/5"), ("about_file", "file/7/5", "comment/7/1")]
PLACES += [("file", "file/7/5", "comment/7/1"), ("files", "file/7/5", "comment/7/1")]


@pytest.mark.parametrize("error", [NotFound("deleted meanwhile"), ConfigurationError("no such name")])
@pytest.mark.parametrize("place,part,other", PLACES[:3])
def test_a_part_that_cannot_be_read_for_good_is_left_out_and_said_to_be(
    collector, store, solved, place, part, other, error
):
    refuse(solved, place, error)
    assert passes(collector, store, solved, 2) == []
    assert set(store.items) == {part, other, STATUS}
    assert store.items[part]["left_out"] == error.message
    assert "content" not in store.items[part].get("file", {})
    assert store.items[STATUS]["ordered"] is (place != "message")


@pytest.mark.parametrize("error", [*PASSING, NotPermitted("login refused", status=401)])
@pytest.mark.parametrize("place,part,other", PLACES)
def test_a_part_that_may_be_read_later_hides_nothing_else_and_is_told(
    collector, store, solved, place, part, other, error
):
    kept = getattr(solved, place)
    refuse(solved, place, error)
    errors = passes(collector, store, solved, 2)
    assert [told.retryable for told in errors] == [True, True]
    assert set(store.items) == {other, STATUS}
    assert store.items[STATUS]["ordered"] is (place != "message")
    setattr(solved, place, kept)
    assert passes(collector, store, solved, 1) == []
    assert "left_out" not in store.items[part]


def test_a_list_of_files_that_is_refused_hides_neither_comments_nor_the_status(collector, store, solved):
    refuse(solved, "files", FarSideError("no right to see them"))
    store.engagements = [engagement(), engagement("8")]
    solved.tickets["8"] = NotFound("not there")
    assert passes(collector, store, solved, 2) == []
    assert set(store.items) == {"comment/7/1", STATUS, "unread/7", "gone/8"}


def test_a_list_of_comments_that_is_refused_hides_neither_files_nor_the_status(collector, store, solved):
    refuse(solved, "messages", FarSideError("no right to see them"))
    store.engagements = [engagement(), engagement("8")]
    solved.tickets["8"] = NotFound("not there")
    assert passes(collector, store, solved, 2) == []
    assert set(store.items) == {"file/7/5", STATUS, "unread/7", "gone/8"}
    assert store.items[STATUS]["ordered"] is False


@pytest.mark.parametrize("error", [*PASSING, NotPermitted("login refused", status=401)])
def test_a_status_waits_for_words_that_cannot_be_listed_and_not_for_ever(collector, store, solved, error):
    kept = solved.messages
    refuse(solved, "messages", error)
    assert len(passes(collector, store, solved, 1)) == 1
    solved.time += 14 * 60
    assert len(passes(collector, store, solved, 1)) == 1
    assert store.items == {}
    solved.time += 2 * 60
    assert [told.retryable for told in passes(collector, store, solved, 1)] == [True]
    assert set(store.items) == {"file/7/5", STATUS}
    assert store.items[STATUS]["ordered"] is False
    solved.messages = kept
    assert passes(collector, store, solved, 1) == []
    assert "left_out" not in store.items["comment/7/1"]


def test_words_that_can_be_listed_again_are_waited_for_anew(collector, store, solved):
    kept = solved.messages
    for _ in range(3):
        refuse(solved, "messages", TryLater("answered 503"))
        assert len(passes(collector, store, solved, 1)) == 1
        solved.time += 10 * 60
        solved.messages = kept
        solved.tickets["7"]["status"] = "open"
        passes(collector, store, solved, 1)
        solved.tickets["7"]["status"] = "solved"
        solved.time += 10 * 60
    assert STATUS not in store.items


def test_a_list_that_was_not_asked_for_in_our_own_time_is_waited_for(collector, store, solved):
    refuse(solved, "messages", NotBegun("the calls of this minute are made"))
    passes(collector, store, solved, 1)
    solved.time += 100 * 3600
    assert len(passes(collector, store, solved, 1)) == 1
    assert store.items == {}


@pytest.mark.parametrize("place,part,other", PLACES[:3])
@pytest.mark.parametrize(
    "error,hours", [(UntrustedAnswer("half of it"), 1), (TryLater("500"), 12), (NotPermitted("login", status=401), 12)]
)
def test_a_part_that_never_comes_is_left_out_in_the_end(collector, store, solved, place, part, other, error, hours):
    refuse(solved, place, error)
    assert len(passes(collector, store, solved, 1)) == 1
    solved.time += hours * 3600 - 60
    assert len(passes(collector, store, solved, 1)) == 1
    assert part not in store.items
    assert passes(collector, store, solved, 2) == []
    assert store.items[part]["left_out"] == error.message


def test_what_was_not_asked_for_in_our_own_time_is_never_left_out(collector, store, solved):
    refuse(solved, "file", NotBegun("the calls of this minute are made"))
    passes(collector, store, solved, 1)
    solved.time += 100 * 3600
    assert len(passes(collector, store, solved, 1)) == 1
    assert "file/7/5" not in store.items


def test_a_ticket_that_uses_up_the_time_of_a_pass_leaves_the_next_one_to_the_others(collector, store, portal):
    portal.changes, portal.slow = ["6", "7", "8"], 15.0
    portal.tickets |= {"6": TryLater("answered 500"), "8": {"id": "8", "status": "new", "updated": "1"}}
    store.engagements = [engagement("6"), engagement("7"), engagement("8")]
    passes(collector, store, portal, 2)
    assert [record for what, record in portal.asked if what == "ticket"] == ["6", "7", "8", "7"]


def test_a_portal_that_asks_to_be_left_alone_is_left_alone_and_goes_on_with_the_others(collector, store, portal):
    portal.without.add("changes")
    portal.tickets["6"] = TryLater("answered 503", retry_after=60)
    store.engagements = [engagement("6"), engagement("7")]
    passes(collector, store, portal, 1)
    assert [record for what, record in portal.asked if what == "ticket"] == ["6"]
    passes(collector, store, portal, 1)
    assert [record for what, record in portal.asked if what == "ticket"] == ["6", "7", "6"]


def test_a_ticket_of_which_the_portal_will_not_tell_is_shown_to_a_person_once(collector, store, portal):
    portal.without.add("changes")
    portal.tickets["6"] = FarSideError("no right to see it")
    store.engagements = [engagement("6"), engagement("7")]
    assert passes(collector, store, portal, 3) == []
    assert list(store.items) == ["status/7/new/2026-07-21T08:00:00Z", "unread/6"]
    assert store.items["unread/6"]["words"] == "no right to see it"


def test_a_portal_that_tells_of_no_ticket_any_more_is_away_and_shows_none_to_a_person(collector, store, portal):
    portal.changes = ["6", "7"]
    portal.tickets = {"6": FarSideError("no right"), "7": FarSideError("no right")}
    store.engagements = [engagement("6"), engagement("7")]
    errors = passes(collector, store, portal, 3)
    assert [(type(error), error.message) for error in errors] == [(TryLater, "no right")] * 3
    assert store.items == {}


def test_a_store_that_fails_ends_the_pass_and_nothing_is_passed_by(collector, store, portal):
    def refuse(item):
        raise StoreUnavailable("locked")

    with pytest.raises(StoreUnavailable):
        collector.collect(refuse)
    assert store.cursors == {}
    assert collector.collect(store.keep) == 1


def test_a_portal_that_refuses_to_be_asked_is_away_and_what_it_changed_is_asked_for_again(collector, store, portal):
    portal.changes = FarSideError("no right")
    with pytest.raises(TryLater, match="no right"):
        collector.collect(store.keep)
    assert store.cursors == {}


def rejected(store):
    """We have rejected what the desk solved, and its system has taken it."""
    payload = {"kind": "reject"}
    store.sent = [Delivery("d1", DeliveryKind.MESSAGE, DESK, "lane", payload, status=DeliveryStatus.DONE)]
    store.told("message_delivered", "delivery:d1")
    store.engagements = [engagement(desk_status="solved")]


def test_a_status_that_our_message_has_set_is_ours_until_it_was_taken_in(collector, store, portal):
    portal.without.add("changes")
    rejected(store)
    portal.tickets["7"] = {"id": "7", "status": "open", "updated": "1"}
    collector.collect(store.keep)
    collector.collect(store.keep)
    assert [(name, told["ours"]) for name, told in store.items.items()] == [("status/7/open/by/d1", True)]
    store.told("desk_status_seen", "portal:portal:1")
    store.engagements = [engagement(desk_status="new")]
    portal.tickets["7"] = {"id": "7", "status": "open", "updated": "2"}
    collector.collect(store.keep)
    assert store.items["status/7/open/2"]["ours"] is False


def test_a_status_that_we_set_and_nobody_saw_is_the_desks_after_another_one(collector, store, portal):
    portal.without.add("changes")
    rejected(store)
    portal.tickets["7"] = {"id": "7", "status": "solved again", "updated": "1"}
    collector.collect(store.keep)
    store.told("desk_status_seen", "portal:portal:1")
    store.engagements = [engagement(desk_status="solved again")]
    portal.tickets["7"] = {"id": "7", "status": "open", "updated": "2"}
    collector.collect(store.keep)
    assert store.items["status/7/open/2"]["ours"] is False


def test_a_status_given_again_is_told_again_though_nobody_says_when_it_was_given(collector, store, portal):
    portal.without.add("changes")
    taken = {}
    for number, status in enumerate(("solved", "open", "solved", "open", "solved")):
        portal.tickets["7"] = {"id": "7", "status": status}
        store.engagements = [engagement(**taken)]
        passes(collector, store, portal, 2)
        assert len(store.items) == number + 1
        taken = {"desk_status": status, "desk_status_at": NOW + timedelta(minutes=number)}
    assert [told["status"] for told in store.items.values()] == ["solved", "open", "solved", "open", "solved"]


def test_a_status_that_nobody_explained_is_told_once_however_often_the_ticket_changes(collector, store, portal):
    portal.without.add("changes")
    for updated in ("1", "2"):
        portal.tickets["7"] = {"id": "7", "status": "mystery", "updated": updated}
        collector.collect(store.keep)
    assert list(store.items) == ["status/7/mystery"]


def test_what_was_overlooked_is_what_never_came(collector, store, portal):
    portal.said["7"] = [{"id": "1", "author": "jo", "text": "Hello"}]
    found = list(collector.overlooked({"status/7/new/2026-07-21T08:00:00Z"}, NOW))
    assert [one.identity for one in found] == ["comment/7/1"]
    assert store.items == {}


def test_what_was_overlooked_in_others_is_found_beside_a_ticket_that_cannot_be_read(collector, store, portal):
    portal.tickets["6"] = UntrustedAnswer("its JSON is broken")
    store.engagements = [engagement("6"), engagement("7")]
    found = []
    with pytest.raises(UntrustedAnswer):
        found.extend(collector.overlooked(set(), NOW))
    assert [one.identity for one in found] == ["status/7/new/2026-07-21T08:00:00Z"]


def test_the_newest_engagement_of_a_ticket_counts(collector, store, portal):
    older = engagement(desk_status="", opened_at=NOW - timedelta(days=2))
    store.engagements = [engagement(desk_status="new"), replace(older, id=EngagementId("old"))]
    assert collector.collect(store.keep) == 0
