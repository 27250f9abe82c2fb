"""Rows of the checklist that are about more than one mail, or about what the bridge does afterwards.

Each test names its row; its message files are in the corpus.
"""

from dataclasses import replace

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.mailbox import Mailbox
from bridge.connectors.mail.positions import StorePositions
from bridge.domain.errors import StoreError
from bridge.sync.replies import MOST_AT_ONCE
from tests.servers.tcp_proxy import Fault, FaultProxy
from tests.syncing.servicenow import Fault as Outage
from tests.syncing.world import DCC, LDSO, REC

APPLIED = ["applied"]


def states(market):
    return [state for state, _ in market.items()]


def reason(market):
    return market.items()[-1][1]


def both(market, *files):
    for file in files:
        market.put(market.filled(file))
    market.world.cycle(2)


def test_16_the_identity_that_a_provider_gave_our_mail_is_known_once_it_was_seen(market):
    market.engaged()
    market.arrives("16-answers-the-rewritten-identity")
    assert states(market) == ["quarantined"]
    market.arrives("16-answers-the-rewritten-identity-with-our-tag")
    market.put(market.filled("16-answers-the-rewritten-identity").replace(b"<r16a@", b"<r16c@"))
    market.world.cycle(2)
    assert states(market)[1:] == ["applied", "applied"]
    assert "matched_by_thread" in market.reasons()[-1]


def test_16_so_it_is_where_our_own_mail_comes_back_under_it(market):
    market.engaged()
    ours = market.sent()[-1].as_bytes()
    market.put(ours.replace(market.sent()[-1]["Message-ID"].encode(), b"<0102018f@eu-west.provider.example>"))
    market.world.cycle(2)
    market.arrives("16-answers-the-rewritten-identity")
    assert states(market) == ["dropped", "applied"]


def test_16_another_desk_gains_nothing_by_knowing_the_identity(market):
    market.engaged()
    market.arrives("16-answers-the-rewritten-identity-with-our-tag")
    stolen = market.filled("16-answers-the-rewritten-identity").replace(b"jo.watt@dcc", b"eve@ldso")
    market.put(stolen)
    market.world.cycle(2)
    assert market.items()[-1] == ("quarantined", "sender_not_of_desk")


def test_22_a_desk_that_acknowledges_everything_without_saying_that_it_is_a_machine_ends_at_the_breaker(market):
    market.engaged()
    written = market.notes()
    _chatter(market, [DCC], 40)
    assert len(market.sent()) == 1
    assert states(market).count("applied") == MOST_AT_ONCE
    assert states(market).count("quarantined") == 40 - MOST_AT_ONCE
    assert market.world.alerts.codes() == ["mail_loop"]
    assert market.notes() <= written + MOST_AT_ONCE
    market.later(minutes=11)
    market.put(_acknowledgement(market, DCC, 99))
    market.world.cycle(2)
    assert states(market)[-1] == "applied"


def test_23_a_ring_of_three_desks_ends_at_the_breaker(market):
    market.engaged()
    for desk in (LDSO, REC):
        market.world.note(f"#engage @{desk}")
    market.world.cycle(4)
    _chatter(market, [DCC, LDSO, REC], 45)
    assert [len(market.sent(desk)) for desk in (DCC, LDSO, REC)] == [1, 1, 1]
    assert market.world.alerts.codes() == ["mail_loop"] * 3
    assert states(market).count("applied") == 3 * MOST_AT_ONCE


def _chatter(market, desks, count):
    """Each desk in turn acknowledges what the one before it said, three times a minute."""
    for number in range(count):
        market.put(_acknowledgement(market, desks[number % len(desks)], number))
        market.clock.forward(seconds=2)
    market.world.cycle(3)


def _acknowledgement(market, desk, number):
    raw = market.filled("22-acknowledges-without-any-automatic-field", desk)
    return raw.replace(b"@NUMBER@", str(number).encode()).replace(b"dcc.example", f"{desk}.example".encode())


def test_25_a_mailing_lists_copy_makes_no_second_entry(market):
    market.engaged()
    market.arrives("25-the-mail-itself")
    notes = market.notes()
    market.arrives("25-mailing-list-copy")
    assert states(market) == ["applied", "filed"]
    assert "copy of item" in reason(market)
    assert market.notes() == notes


@pytest.mark.parametrize("file", ["28-bounce-for-good", "30-bounce-without-a-standard"])
def test_28_a_bounce_marks_exactly_the_message_that_failed(market, file):
    market.engaged()
    opening = market.sent()[-1]
    market.world.note("#desk @dcc: here is more")
    market.world.cycle(3)
    later = market.sent()[-1]
    assert later["Message-ID"] != opening["Message-ID"]
    bounce = market.filled(file).replace(later["Message-ID"].encode(), opening["Message-ID"].encode())
    market.put(bounce)
    market.world.cycle(2)
    assert states(market) == APPLIED
    assert market.world.engagement().refused_by == ("servicedesk@dcc.example",)
    assert "The open message reached nobody" in market.world.notes()


def test_29_a_delay_is_a_warning_only(market):
    market.engaged()
    market.arrives("29-bounce-of-a-delay")
    assert states(market) == APPLIED
    assert not market.world.engagement().undeliverable
    assert market.world.state() == "open"


def test_31_of_several_recipients_each_counts_on_its_own(market_with):
    market = market_with(recipients={"dcc": ("servicedesk@dcc.example", "duty@dcc.example", "night@dcc.example")})
    market.engaged()
    market.arrives("31-bounce-of-several-recipients")
    engagement = market.world.engagement()
    assert engagement.refused_by == ("duty@dcc.example", "servicedesk@dcc.example")
    assert not engagement.undeliverable


def test_32_a_forged_bounce_changes_nothing(market):
    market.engaged()
    before = market.world.engagement()
    market.arrives("32-bounce-with-a-forged-message-id")
    assert states(market) == ["quarantined"]
    assert market.world.engagement() == before


def test_33_nothing_is_ever_sent_to_a_mail_without_a_sender(market):
    market.engaged()
    accepted = len(market.server.accepted)
    market.arrives("33-null-sender")
    market.later(minutes=1)
    assert len(market.server.accepted) == accepted


def test_34_a_bounce_that_quotes_nothing_comes_back_to_the_mails_own_address(market_with):
    market = market_with(verp=True)
    market.engaged()
    sender = market.server.accepted[-1].sender
    assert sender.startswith("cpsd+")
    assert sender.endswith("@bridge.example")
    market.put(market.filled("34-bounce-without-the-original").replace(b"@ENVELOPE@", sender.encode()))
    market.world.cycle(2)
    assert states(market) == APPLIED
    assert market.world.engagement().undeliverable


def test_35_a_complaint_about_our_mail_raises_an_alert(market):
    market.engaged()
    market.arrives("35-abuse-report")
    assert market.world.alerts.codes() == ["quarantined"]
    assert "abuse_report" in market.world.alerts.sent[0]["text"]


def test_42_one_mail_by_to_and_bcc_is_one_entry(market):
    market.engaged()
    both(market, "42-copy-by-to", "42-copy-by-bcc")
    assert states(market) == APPLIED


def test_43_one_message_id_on_two_contents_is_two_mails_and_flagged(market):
    market.engaged()
    market.arrives("42-copy-by-to")
    market.arrives("43-same-message-id-other-content")
    assert states(market) == ["applied", "quarantined"]
    assert "said something else" in reason(market)
    assert "message_id_repeated" in market.world.alerts.codes()
    assert market.world.state() == "in_progress"


def test_44_without_a_message_id_the_bytes_are_the_identity(market):
    market.engaged()
    both(market, "44-no-message-id", "44-no-message-id")
    assert states(market) == APPLIED


def test_45_two_mails_without_a_message_id_in_one_second_are_both_kept(market):
    market.engaged()
    both(market, "44-no-message-id", "45-no-message-id-in-the-same-second")
    assert states(market) == ["applied", "applied"]


def test_46_a_crash_between_commit_and_flag_makes_no_duplicate(market, monkeypatch):
    market.engaged()
    market.put(market.filled("46-crash-between-commit-and-flag"))

    def dies(self, uids):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "mark_seen", dies)
        with pytest.raises(KeyboardInterrupt):
            market.world.cycle()
    market.world.cycle(2)
    assert states(market) == APPLIED


def test_47_a_crash_before_the_commit_fetches_it_again(market):
    market.engaged()
    market.put(market.filled("47-crash-before-commit"))

    def dies(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        market.collector.collect(dies)
    market.world.cycle(2)
    assert states(market) == APPLIED


def test_48_a_new_uidvalidity_is_a_rescan_without_a_duplicate(market):
    market.engaged()
    market.arrives("48-before-the-mailbox-is-rebuilt")
    positions = StorePositions(market.world.store)
    key = market.collector._key
    positions.save(key, replace(positions.load(key), uid_validity=1))
    offered = []
    market.collector.collect(lambda item: offered.append(item) or False)
    positions.save(key, replace(positions.load(key), uid_validity=1))
    market.world.cycle(2)
    assert len(offered) == 1
    assert states(market) == APPLIED


def test_49_a_mail_that_a_person_opened_first_is_still_fetched(market, sandbox):
    market.engaged()
    market.put(market.filled("49-opened-by-a-person-first"))
    with sandbox.login(market.mailbox) as mailbox:
        list(mailbox.fetch(mark_seen=True))
    assert sandbox.seen(market.mailbox) == 1
    market.world.cycle(2)
    assert states(market) == APPLIED


def test_50_an_older_answer_that_comes_later_changes_no_newer_status(market):
    market.engaged()
    market.arrives("50-resolved-later")
    market.arrives("50-progress-earlier")
    assert market.world.state() == "resolution_reported"
    assert market.items()[-1] == ("applied", "older than what the desk said last: filed")


def test_52_a_line_that_is_cut_is_built_again(market, sandbox):
    market.engaged()
    with FaultProxy(sandbox.imap_port) as wire:
        settings = replace(market.settings, imap_url=f"imap+plain://127.0.0.1:{wire.port}", timeout=2.0)
        market.world = market.world.with_(collectors=[MailboxCollector(settings, market.world.store)])
        wire.set(Fault.CUT)
        market.arrives("52-sent-while-the-line-is-cut")
        assert states(market) == []
        wire.set(Fault.NONE)
        market.world.cycle(2)
    assert states(market) == APPLIED


def test_53_a_poison_mail_that_comes_first_stops_nobody(market, monkeypatch):
    market.engaged()
    kept = market.world.store.transaction

    class Chokes:
        def __init__(self, tx):
            self._tx = tx

        def __getattr__(self, name):
            return getattr(self._tx, name)

        def receive(self, item):
            if b"<r53@dcc.example>" in item.raw:
                raise StoreError("cannot be stored")
            return self._tx.receive(item)

    def keep(item):
        with kept() as tx:
            return Chokes(tx).receive(item) is not None

    market.put(market.filled("53-poison"))
    market.put(market.filled("46-crash-between-commit-and-flag"))
    assert market.collector.collect(keep) == 1
    market.world.cycle(2)
    assert states(market) == ["applied", "applied"]


def test_54_while_servicenow_is_down_answers_wait_and_are_written_once(market):
    market.engaged()
    notes = market.notes()
    market.world.servicenow.fail(Outage.BUSY, times=3)
    market.arrives("54-while-servicenow-is-down")
    assert market.notes() == notes
    assert states(market) == APPLIED
    for _ in range(8):
        market.later(seconds=90)
    assert sum("since when have the reads been missing?" in note for note in _notes(market)) == 1


def test_65_a_mail_that_is_far_too_large_goes_to_a_person_by_its_beginning(market_with):
    market = market_with(largest_mail=100_000)
    market.engaged()
    market.put(market.filled("65-far-too-large").replace(b"@FILLER@", b"x" * 70 + b"\n" * 1 + b"trace " * 100_000))
    market.world.cycle(2)
    assert market.items() == [("quarantined", "too_large")]
    with market.world.store.reading() as tx:
        (item,) = tx.quarantined()
    assert item.raw.startswith(b"X-CPSD-Oversize: 6")
    assert len(item.raw) < 270_000
    assert market.world.state() == "open"


def _notes(market):
    return market.world.servicenow.notes(market.world.case)
