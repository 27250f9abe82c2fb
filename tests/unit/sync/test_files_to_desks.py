"""Files that people add to an engaged case go to its desks: each once, in order, within the agreement."""

import hashlib

import pytest

from bridge.domain.agreement import AttachmentRule, EmailMethod, PortalMethod, Share
from bridge.domain.errors import FarSideError, OutcomeUnknown, UntrustedAnswer
from bridge.mapping.entries import attachment_item
from bridge.sync.openings import Opening
from tests.syncing.desks import FakePortal
from tests.syncing.servicenow import OURS
from tests.syncing.world import DCC, LDSO, RESOLVER, desk

SHARE = Share(attachments=AttachmentRule(1000, ("pdf", "csv")))
READS = b"mpan,read\n1200050007920,17\n"


@pytest.fixture
def market(build_either):
    return build_either(desk("dcc", share=SHARE), desk("ldso", share=SHARE), desk("rec"))


@pytest.fixture
def quick(build_world):
    return build_world(desk("dcc", share=SHARE), desk("ldso", share=SHARE), desk("rec"))


def add(world, name="reads.csv", content=READS, by=RESOLVER):
    return world.servicenow.add_file(world.case, name, content, by, "text/csv")


def got(world, name=DCC):
    """Kind, words and files of each mail that a desk got, and that the bytes are right."""
    found = [(mail.kind, mail.told["text"], dict(mail.told["files"])) for mail in world.mails(name)]
    assert all(told == hashlib.sha256(READS).hexdigest() for *_, files in found for told in files.values())
    return [(kind, text, sorted(files)) for kind, text, files in found]


def left_out(world):
    return [(one.event.desk, one.event.personal["file_name"]) for one in world.events("file_left_out")]


def test_an_added_file_goes_to_every_engaged_desk_that_may_see_it_once(market):
    market.engaged()
    market.note("#engage @ldso")
    market.note("#engage @rec")
    market.cycle(3)
    add(market)
    market.cycle(4)
    update = ("update", "A file was added: reads.csv by priya.shah", ["reads.csv"])
    assert got(market) == [("open", "", []), update]
    assert got(market, LDSO) == [("open", "", []), update]
    assert [kind for kind, *_ in got(market, "rec")] == ["open"]


def test_files_from_before_go_with_the_opening_message_alone(market):
    case = market.raise_case()
    add(market)
    market.cycle(4)
    market.note("#engage @ldso", case=case)
    market.cycle(4)
    assert got(market) == got(market, LDSO) == [("open", "", ["reads.csv"])]


@pytest.mark.parametrize("upgraded", [False, True])
def test_an_old_file_that_is_found_late_is_not_sent_again(quick, monkeypatch, upgraded):
    monkeypatch.setattr(quick.servicenow, "file_rows", lambda _: [])
    if upgraded:
        facts = Opening.facts
        monkeypatch.setattr(Opening, "facts", lambda one: {k: v for k, v in facts(one).items() if k != "files"})
    case = quick.raise_case()
    add(quick)
    quick.cycle(2)
    with quick.store.transaction() as tx:
        assert tx.receive(attachment_item(quick.servicenow.files[0].entry)) is not None
    quick.cycle(2)
    assert got(quick) == [("open", "", ["reads.csv"])]
    assert len(quick.events("file_seen", case)) == 1


def test_a_file_that_comes_before_the_opening_is_written_goes_with_it(quick):
    with quick.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", "waits", "a test")
    quick.raise_case()
    quick.cycle(2)
    add(quick)
    quick.cycle(2)
    with quick.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", None, "a test")
    quick.cycle(3)
    assert got(quick) == [("open", "", ["reads.csv"])]


def test_files_keep_their_place_among_the_messages(quick):
    quick.engaged()
    quick.note("#desk: first")
    quick.cycle()
    add(quick)
    quick.cycle()
    quick.note("#desk: last")
    quick.cycle(3)
    assert [text or kind for kind, text, _ in got(quick)] == [
        "open",
        "first",
        "A file was added: reads.csv by priya.shah",
        "last",
    ]


def test_what_is_not_agreed_or_ours_stays(quick):
    quick.engaged()
    add(quick, "reads.exe")
    add(quick, "huge.csv", b"x" * 1001)
    add(quick, "ours.csv", by=OURS)
    quick.cycle(3)
    assert [kind for kind, *_ in got(quick)] == ["open"]
    assert left_out(quick) == [("dcc", "reads.exe"), ("dcc", "huge.csv")]


def test_no_file_goes_where_the_round_is_over(quick):
    quick.engaged()
    quick.note("#withdraw @dcc: not needed")
    quick.cycle(2)
    add(quick)
    quick.cycle(2)
    assert [kind for kind, *_ in got(quick)] == ["open", "withdraw"]


def test_a_file_that_cannot_be_read_is_tried_three_times_and_then_said_to_be_missing(quick):
    quick.engaged()
    quick.servicenow.download_faults = [UntrustedAnswer("a web page came")] * 3
    add(quick)
    quick.cycle(20, seconds=60)
    assert len(quick.events("file_unread")) == 3
    _, (kind, text, files) = got(quick)
    assert (kind, files) == ("update", [])
    assert text == "A file was added: reads.csv by priya.shah\n\nIt could not be attached."


def test_a_file_that_was_deleted_meanwhile_is_said_to_be_gone(quick):
    quick.engaged()
    with quick.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", "waits", "a test")
    add(quick)
    quick.cycle(2)
    quick.servicenow.files.clear()
    with quick.store.transaction() as tx:
        tx.set_control("pause/desk/dcc", None, "a test")
    quick.cycle(3)
    assert got(quick)[-1][1].endswith("It could not be attached: it is not in the case any more.")


def test_a_lost_answer_sends_the_same_bytes_again(quick):
    quick.engaged()
    quick.desks[DCC].fail(OutcomeUnknown("cut"), arrives=True)
    add(quick)
    quick.cycle(20)
    _, first, second = quick.mails()
    assert (first.message_id, first.content) == (second.message_id, second.content)


def test_what_goes_again_to_a_corrected_address_brings_each_file_once(quick):
    quick.desks[DCC].fail(FarSideError("no such mailbox"))
    quick.raise_case()
    quick.cycle(2)
    add(quick)
    quick.cycle(2)
    assert quick.engagement().undeliverable
    quick.desks[DCC].addresses = ("new@dcc.example",)
    world = quick.with_desk(desk("dcc", share=SHARE, method=EmailMethod(("new@dcc.example",))))
    world.cycle(4)
    assert got(world) == [("open", "", []), ("update", "A file was added: reads.csv by priya.shah", ["reads.csv"])]


@pytest.fixture
def ticketing(build_world):
    """A world whose desk has a portal, and the portal."""
    world = build_world(desk("dcc", share=SHARE, method=PortalMethod("rest", object())))
    fake = FakePortal(DCC, world.clock)
    world.desks[DCC] = fake
    return world.with_(connectors=dict(world.desks), collectors=[*world.around.collectors, fake.collector()]), fake


def test_a_portal_gets_added_files_too(ticketing):
    world, _ = ticketing
    world.engaged()
    add(world)
    world.cycle(3)
    assert got(world)[-1] == ("update", "A file was added: reads.csv by priya.shah", ["reads.csv"])


def test_a_file_that_the_portal_refuses_is_named_with_its_words_and_the_ticket_is_followed(ticketing):
    world, portal = ticketing
    portal.files_refused = {"reads.csv": "portal answered 413: too large"}
    world.raise_case()
    add(world)
    add(world, "more.csv", b"4,5")
    world.cycle(3)
    assert world.engagement().desk_record == "1"
    (event,) = [one.event for one in world.events("file_left_out")]
    assert (event.personal["file_name"], event.facts["why"]) == ("reads.csv", "portal answered 413: too large")
    assert "The message to dcc has arrived without these files, which its system refused:" in world.notes()
    assert world.notes().count("- reads.csv: portal answered 413: too large") == 1
    assert "more.csv:" not in world.notes()


def test_an_added_file_that_the_portal_refuses_is_named_too(ticketing):
    world, portal = ticketing
    world.engaged()
    portal.files_refused = {"reads.csv": "too large"}
    add(world)
    world.cycle(3)
    assert "- reads.csv: too large" in world.notes()
