"""A desk's file is in the case once, and a person's file at the desk once, whoever dies and whatever is forgotten."""

from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from bridge.domain.agreement import Accept, AttachmentRule, Share
from bridge.domain.errors import StaleCase
from bridge.sync.casework import Casework
from tests.guarantees.test_restored_in_any_state import catch_up, copied
from tests.syncing.desks import sent
from tests.syncing.servicenow import OURS
from tests.syncing.world import TIMING, desk

RULE = AttachmentRule(1000, ("pdf", "csv"))
PDF, READS, TRACE = b"%PDF the analysis", b"mpan,read\n", b"time,state\n"


class Killed(BaseException):
    """The process ends here."""


def market_of(build):
    return build(desk("dcc", share=Share(attachments=RULE), accept=Accept(RULE)))


def live(market, after_cycle=lambda _: None):
    """Files go to and fro."""
    market.raise_case()
    for number in range(10):
        match number:
            case 2:
                market.report("acknowledged", "see there", files=[sent("analysis.pdf", PDF)])
            case 4:
                market.servicenow.add_file(market.case, "reads.csv", READS, "priya.shah", "text/csv")
            case 6:
                market.report("progress", "again", files=[sent("analysis.pdf", PDF), sent("trace.csv", TRACE)])
        market.cycle()
        after_cycle(number)


def stored(market):
    return sorted(market.servicenow.stored(market.case, OURS))


def at_the_desk(market):
    """Each message's files, by its identity."""
    return {mail.message_id: mail.told["files"] for mail in market.mails()}


@pytest.mark.parametrize("committed", [True, False])
def test_a_process_that_dies_while_it_stores_a_file_stores_it_once(build_either, committed):
    market = market_of(build_either)
    attach, deaths = market.servicenow.attach, []

    def killed(*given):
        if len(deaths) < 2:
            deaths.append(given)
            if committed:
                attach(*given)
            raise Killed
        return attach(*given)

    market.servicenow.attach = killed
    market.engaged()
    market.report("progress", files=[sent("analysis.pdf", PDF)])
    for _ in range(20):
        with suppress(Killed):
            market.cycle(1, seconds=TIMING.lease.total_seconds() / 3)
    assert len(deaths) == (1 if committed else 2)
    assert stored(market) == [("analysis.pdf", PDF)]
    assert not market.deliveries(pending=True)


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_backup_from_any_moment_brings_no_file_twice(build_world, tmp_path, cut):
    market = market_of(build_world)
    with ExitStack() as stack:
        older = []

        def take_backup(done):
            if done == cut:
                older.append(stack.enter_context(copied(market.store, tmp_path, market.clock)))

        live(market, take_backup)
        files, mails = stored(market), at_the_desk(market)
        assert files == [("analysis.pdf", PDF), ("trace.csv", TRACE)]
        assert [len(one) for one in mails.values()] == [0, 1]
        again = replace(market, store=older[0], around=replace(market.around, store=older[0]))
        catch_up(again)
        assert stored(again) == files
        assert at_the_desk(again) == mails
        assert not again.deliveries(pending=True)


def test_a_decision_that_is_taken_again_takes_a_file_in_once(build_world, monkeypatch):
    market = market_of(build_world)
    market.engaged()
    refused, closing = [], Casework.close

    def stale(work):
        if len(refused) < 3:
            refused.append(work)
            raise StaleCase("somebody decided")
        return closing(work)

    monkeypatch.setattr(Casework, "close", stale)
    market.report("progress", files=[sent("analysis.pdf", PDF)])
    market.cycle(3)
    assert len(refused) == 3
    assert stored(market) == [("analysis.pdf", PDF)]
    assert len(market.events("file_taken_in")) == 1
