"""Files that desks send are put into the case: once, within the agreement, whatever goes wrong on the way."""

from datetime import timedelta

import pytest

from bridge.domain.agreement import Accept, AttachmentRule, PortalMethod, Share
from bridge.domain.delivery import DeliveryStatus
from bridge.domain.errors import ScannerAway
from bridge.sync.dispatch import PAUSED_ALL
from tests.syncing.desks import FakePortal, sent
from tests.syncing.servicenow import OURS, Fault
from tests.syncing.world import DCC, TIMING, desk

PDF = b"%PDF-1.7 the analysis"
RULE = AttachmentRule(1000, ("pdf", "csv"))
ACCEPTED = Accept(RULE)


@pytest.fixture
def market(build_either):
    return build_either(desk("dcc", accept=ACCEPTED), desk("ldso"))


@pytest.fixture
def quick(build_world):
    return build_world(desk("dcc", accept=ACCEPTED), desk("ldso"))


def kept(world):
    return world.servicenow.stored(world.case, OURS)


def told(world, kind):
    return [(one.event.personal["file_name"], one.event.facts) for one in world.events(kind)]


def names(body):
    return "file_name" in body


def test_a_file_comes_into_the_case_with_the_same_bytes_and_each_step_is_in_the_story(market):
    market.engaged()
    market.report("progress", "see the analysis", files=[sent("analysis.pdf", PDF)])
    market.cycle(2)
    assert kept(market) == [("analysis.pdf", PDF)]
    ((name, facts),) = told(market, "file_stored")
    assert (name, facts["attachment"]) == ("analysis.pdf", market.servicenow.files[0].entry.sys_id)
    assert [name for name, _ in told(market, "file_taken_in")] == ["analysis.pdf"]
    assert "not taken in" not in market.notes()


def test_the_bytes_stay_in_the_inbox_and_are_in_no_row_of_the_outbox(quick):
    quick.engaged()
    quick.report("progress", files=[sent("analysis.pdf", PDF)])
    quick.cycle(2)
    (file,) = [one for one in quick.deliveries() if one.kind.value == "file"]
    assert file.frozen is None
    assert not any(PDF.decode() in str(value) for value in file.payload.values())


def test_a_file_that_comes_again_is_there_once(market):
    market.engaged()
    for name in ("analysis.pdf", "analysis.pdf", "the same.pdf"):
        market.report("progress", files=[sent(name, PDF)])
        market.cycle(2)
    assert kept(market) == [("analysis.pdf", PDF)]
    assert len(told(market, "file_there_already")) == 2


def test_a_file_that_comes_twice_at_once_or_where_no_hash_is_told_is_there_once(quick):
    quick.servicenow.hashes = False
    quick.engaged()
    for _ in range(2):
        quick.report("progress", files=[sent("analysis.pdf", PDF), sent("copy.pdf", PDF)])
    quick.cycle(2)
    quick.report("progress", files=[sent("analysis.pdf", PDF)])
    quick.cycle(2)
    assert kept(quick) == [("analysis.pdf", PDF)]


def test_a_file_that_a_person_put_there_is_not_brought_back(quick):
    quick.engaged()
    quick.servicenow.add_file(quick.case, "reads.csv", b"a,b", "priya.shah")
    quick.cycle()
    quick.report("progress", files=[sent("reads.csv", b"a,b")])
    quick.cycle(2)
    assert kept(quick) == []


def test_what_is_not_agreed_is_named_in_a_note_and_in_the_story(market):
    market.engaged()
    files = [sent("a.exe", b"MZ"), sent("big.pdf", b"x" * 1001), sent("a.csv", b"x" * 600), sent("b.csv", b"y" * 600)]
    market.report("progress", files=[*files, sent("empty.csv", b"")])
    market.cycle(2)
    assert [name for name, _ in kept(market)] == ["a.csv"]
    assert {name: facts["why"] for name, facts in told(market, "file_not_taken_in")} == {
        "a.exe": "files of its type are not agreed",
        "big.pdf": "more than the agreed 1 kB",
        "b.csv": "more than the agreed 1 kB",
        "empty.csv": "it is empty",
    }
    assert "- a.exe (2 B): files of its type are not agreed\n- big.pdf (1 kB): more than" in market.notes()


def test_what_is_left_each_time_is_named_once(quick):
    quick.engaged()
    for _ in range(2):
        quick.report("progress", files=[sent("banner.gif", b"GIF89a")])
        quick.cycle(2)
    quick.report("progress", files=[sent("banner.gif", b"GIF89a"), sent("tool.exe", b"MZ")])
    quick.cycle(2)
    assert quick.notes().count("banner.gif") == 1
    assert quick.notes().count("tool.exe") == 1
    assert len(told(quick, "file_not_taken_in")) == 4


def test_without_an_agreement_on_files_none_is_taken_and_the_note_says_which_there_were(quick):
    world = quick.with_desk(desk("dcc"))
    world.engaged()
    world.report("progress", files=[sent("analysis.pdf", PDF)])
    world.cycle(2)
    assert kept(world) == []
    assert "dcc has sent files that were not taken in:\n- analysis.pdf (21 B): no files are agreed" in world.notes()


def test_what_may_go_out_may_come_in_unless_agreed_otherwise(quick):
    shares = quick.with_desk(desk("dcc", share=Share(attachments=RULE)))
    shares.engaged()
    shares.report("progress", files=[sent("analysis.pdf", PDF)])
    shares.cycle(2)
    assert kept(shares) == [("analysis.pdf", PDF)]


def test_logos_signatures_and_our_own_part_are_not_files(quick):
    quick.engaged()
    kinds = ("ornament", "signature", "container", "ours")
    quick.report("progress", files=[sent(f"{kind}.pdf", kind.encode(), incidental=kind) for kind in kinds])
    quick.cycle(2)
    assert kept(quick) == []
    assert "not taken in" not in quick.notes()


def test_a_mail_that_is_quarantined_leaves_no_file(quick):
    quick.engaged()
    quick.report("resolved", files=[sent("analysis.pdf", PDF)])
    quick.cycle(2)
    quick.report("progress", files=[sent("second.pdf", PDF + b"2")], ordered=False)
    quick.cycle(2)
    assert len(quick.quarantined()) == 1
    assert kept(quick) == [("analysis.pdf", PDF)]


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LATE, Fault.NEVER])
def test_a_file_whose_answer_was_lost_is_there_once_in_the_end(quick, fault, hashes):
    quick.servicenow.hashes = hashes
    quick.engaged()
    quick.servicenow.fail(fault, when=names, times=2)
    quick.report("progress", files=[sent("a.pdf", PDF), sent("a.pdf", PDF[::-1]), sent("b.pdf", b"b")])
    quick.cycle(14)
    assert sorted(kept(quick)) == sorted([("a.pdf", PDF), ("a.pdf", PDF[::-1]), ("b.pdf", b"b")])
    assert not quick.deliveries(pending=True)
    assert quick.alerts.codes() == []


@pytest.mark.parametrize("hashes", [True, False])
def test_another_file_of_the_same_name_and_size_is_not_taken_for_one_that_was_never_stored(quick, hashes):
    quick.servicenow.hashes = hashes
    quick.engaged()
    quick.servicenow.fail(Fault.LOST, when=names)
    quick.servicenow.fail(Fault.NEVER, when=names)
    quick.report("progress", files=[sent("a.pdf", PDF), sent("a.pdf", PDF[::-1])])
    quick.cycle(14)
    assert sorted(kept(quick)) == sorted([("a.pdf", PDF), ("a.pdf", PDF[::-1])])


def test_absent_is_concluded_only_after_servicenow_can_no_longer_store_it(quick):
    quick.engaged()
    quick.servicenow.fail(Fault.NEVER, when=names)
    quick.report("progress", files=[sent("a.pdf", PDF)])
    quick.cycle(60, seconds=0.5)
    first, second = [at for at, body in quick.servicenow.attempts if names(body)]
    assert second - first >= TIMING.settle_within


def test_a_file_at_which_servicenow_breaks_off_each_time_waits_for_a_person(quick):
    quick.engaged()
    quick.servicenow.fail(Fault.NEVER, when=names, times=100)
    quick.report("progress", files=[sent("a.pdf", PDF)])
    quick.cycle(14, seconds=TIMING.settle_within.total_seconds())
    assert sum(names(body) for _, body in quick.servicenow.attempts) == 5
    (dead,) = quick.deliveries(pending=True)
    assert (dead.status.value, dead.last_error) == ("dead", "not stored by any of 5 attempts, and no answer said why")
    assert "file_refused" in quick.alerts.codes()
    assert "could not be put into the case: a.pdf" in quick.notes()


def test_a_refused_file_holds_up_neither_the_case_nor_other_files_and_people_are_told(market):
    market.engaged()
    market.servicenow.fail(Fault.REFUSED, when=lambda body: body.get("file_name") == "a.pdf")
    market.report("question", "which meter?", files=[sent("a.pdf", PDF), sent("b.pdf", b"b")])
    market.cycle(3)
    assert kept(market) == [("b.pdf", b"b")]
    assert "which meter?" in market.notes()
    assert "A file from dcc could not be put into the case: a.pdf: Operation Failed" in market.notes()
    assert market.alerts.codes() == ["file_refused"]
    assert [one.status.value for one in market.deliveries(pending=True)] == ["dead"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_file_that_was_refused_is_tried_again_when_the_desk_sends_it_again_and_then_it_is_there_once(
    quick, cancelled
):
    quick.engaged()
    quick.servicenow.fail(Fault.REFUSED, when=lambda body: body.get("file_name") == "analysis.pdf")
    quick.report("progress", files=[sent("analysis.pdf", PDF)])
    quick.cycle(3)
    (dead,) = quick.deliveries(pending=True)
    if cancelled:
        with quick.store.transaction() as tx:
            tx.set_delivery(dead.id, DeliveryStatus.CANCELLED)
    for words in ("once more", "and again"):
        quick.report("progress", words, files=[sent("analysis.pdf", PDF)])
        quick.cycle(3)
    assert kept(quick) == [("analysis.pdf", PDF)]
    assert [len(told(quick, kind)) for kind in ("file_taken_in", "file_there_already", "file_stored")] == [2, 1, 1]
    assert list(quick.deliveries(pending=True)) == []


def test_bytes_that_are_not_what_was_noted_are_never_stored(quick, monkeypatch):
    quick.engaged()
    quick.report("progress", files=[sent("a.pdf", PDF)])
    monkeypatch.setattr(quick.around.reader, "file_content", lambda raw, file: b"other", raising=False)
    quick.cycle(2)
    assert kept(quick) == []
    (dead,) = quick.deliveries(pending=True)
    assert "does not hold the bytes" in dead.last_error


def test_a_file_of_ours_is_sent_to_no_desk(build_world):
    world = build_world(desk("dcc", share=Share(attachments=RULE)), desk("ldso", share=Share(attachments=RULE)))
    world.engaged()
    world.report("progress", files=[sent("analysis.pdf", PDF)])
    world.cycle(2)
    world.note("#engage @ldso")
    world.cycle(4)
    assert [mail.told["files"] for mail in world.mails(DCC)] == [[]]
    (opening,) = world.mails(desk("ldso").name)
    assert opening.told["files"] == []


def switch(world, value):
    """Hold everything back, or no longer."""
    with world.store.transaction() as tx:
        tx.set_control(PAUSED_ALL, value, "a test")


class Scanner:
    """Finds what a test says, or is away."""

    away = False

    def scan(self, raw: bytes) -> str:
        if self.away:
            raise ScannerAway("no scanner")
        return "Eicar" if b"infected" in raw else ""


@pytest.fixture
def portal(build_world):
    """A world whose desk has a portal, and files are scanned."""
    world = build_world(desk("dcc", accept=ACCEPTED, method=PortalMethod("rest", object())), scanner=Scanner())
    fake = FakePortal(DCC, world.clock)
    world.desks[DCC] = fake
    made = world.with_(connectors=dict(world.desks), collectors=[*world.around.collectors, fake.collector()])
    made.engaged()
    made.cycle()
    return made, fake


def test_a_file_of_a_portal_comes_into_the_case_once(portal):
    world, fake = portal
    fake.adds("../trace?.csv", b"a,b")
    world.cycle(3)
    assert kept(world) == [("trace_.csv", b"a,b")]


def test_a_file_of_a_portal_that_was_too_large_to_fetch_is_named(portal):
    world, fake = portal
    fake.adds("trace.csv", b"a,b", missing="more than 10 MB")
    world.cycle(3)
    assert kept(world) == []
    assert "- trace.csv (3 B): more than 10 MB" in world.notes()


def test_an_infected_file_of_a_portal_is_not_stored(portal):
    world, fake = portal
    fake.adds("trace.csv", b"infected")
    world.cycle(3)
    assert kept(world) == []
    (dead,) = world.deliveries(pending=True)
    assert "the scanner found Eicar" in dead.last_error


def test_while_the_scanner_is_away_files_wait_and_writes_go_on(portal):
    world, fake = portal
    switch(world, "to look")
    for number in range(TIMING.breaker_after + 1):
        fake.adds(f"{number}.csv", str(number).encode())
    world.cycle(2)
    world.around.scanner.away = True
    switch(world, None)
    world.cycle(2)
    world.note("#desk: any news?")
    world.cycle(2)
    assert kept(world) == []
    assert "0.csv was added" in world.notes()
    assert fake.kinds() == ["open", "text"]
    assert world.alerts.codes() == ["scanner_away"]
    world.around.scanner.away = False
    world.clock.forward(seconds=timedelta(minutes=6).total_seconds())
    world.cycle(2)
    assert len(kept(world)) == TIMING.breaker_after + 1
