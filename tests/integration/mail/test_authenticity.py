"""Who a mail is from, by its own signature and the DNS: a real name server on loopback, mails signed by dkimpy."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.mail.authenticity import PATIENCE, SenderVerifier
from bridge.connectors.mail.resolving import NamesAway, NameServers
from bridge.connectors.mail.silences import MOST_NEW, PAUSE
from bridge.ports import Authenticity, CheckStatus, Desks
from tests.servers.dkim_signer import Signer
from tests.servers.dns import name_server
from tests.unit.connectors.mail.reading_fixtures import LDSO, SETTINGS, desk
from tests.unit.connectors.mail.test_dkim import MAIL

AT = datetime(2026, 7, 21, 11, 5, tzinfo=UTC)
PASSED = Authenticity(passed=True)


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.time = AT

    def now(self):
        return self.time


@pytest.fixture(scope="module")
def dcc():
    return Signer("dcc.example")


@pytest.fixture
def names(dcc):
    with name_server() as server:
        dcc.publish(server)
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def verifier(names, clock):
    return verifying(names, clock)


def verifying(names, clock, **settings):
    desks = Desks({name: desk(name, domain) for name, domain in ((LDSO, "ldso.example"), ("dcc", "dcc.example"))})
    return SenderVerifier(replace(SETTINGS, **settings), desks, NameServers([names.place]), clock)


def test_a_good_signature_of_the_from_domain_passes(verifier, dcc):
    assert verifier.verify(dcc.signed(MAIL), AT) == PASSED


@pytest.mark.parametrize("policy", ["p=reject", "p=quarantine", "p=reject; sp=none; pct=100"])
@pytest.mark.parametrize("change", [(b"#resolved", b"#declined"), (b"Re: case", b"Re: CS2"), (b"s=july", b"s=june")])
def test_a_bad_signature_fails_where_the_owner_wants_it(verifier, names, dcc, policy, change):
    names.publish("_dmarc.dcc.example", f"v=DMARC1; {policy}")
    found = verifier.verify(dcc.signed(MAIL).replace(*change), AT)
    assert (found.passed, found.failed) == (False, True)
    assert found.reason in {"dkim_body_altered", "dkim_header_altered", "dkim_no_key"}


@pytest.mark.parametrize(
    "texts", [(), ("v=DMARC1; p=none",), ("v=DMARC1; p=reject; t=y",), ("v=DMARC1; p=reject; pct=0",)]
)
def test_a_mail_without_a_signature_is_only_unknown_where_the_owner_does_not_mind(verifier, names, texts):
    names.publish("_dmarc.dcc.example", *texts)
    assert verifier.verify(MAIL, AT) == Authenticity(reason="dkim_not_signed")


def test_a_mail_without_a_signature_fails_where_the_owner_minds(verifier, names):
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=reject")
    assert verifier.verify(MAIL, AT) == Authenticity(failed=True, reason="dkim_not_signed")


def test_two_policies_are_none_and_other_records_are_not_policies(verifier, names):
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=reject", "v=DMARC1; p=quarantine")
    assert not verifier.verify(MAIL, AT).failed
    names.publish("_dmarc.ldso.example", "google-site-verification=1", "v=DMARC1; p=reject")
    assert verifier.verify(MAIL.replace(b"desk@dcc", b"desk@ldso"), AT).failed


def test_a_signature_of_somebody_else_is_not_aligned(verifier, names, dcc):
    stranger = Signer("stranger.example")
    stranger.publish(names)
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=reject")
    assert verifier.verify(stranger.signed(MAIL), AT) == Authenticity(failed=True, reason="dkim_not_aligned")
    assert stranger.name not in names.asked, "strangers' name servers are not asked"
    assert verifier.verify(stranger.signed(dcc.signed(MAIL)), AT) == PASSED, "one good and aligned one is enough"


@pytest.mark.parametrize("adkim,passes", [("r", True), ("s", False)])
def test_a_domain_below_speaks_for_the_from_domain_unless_it_is_strict(verifier, names, adkim, passes):
    below = Signer("mail.dcc.example")
    below.publish(names)
    names.publish("_dmarc.dcc.example", f"v=DMARC1; p=reject; adkim={adkim}")
    found = verifier.verify(below.signed(MAIL), AT)
    assert (found.passed, found.failed) == (passes, not passes)


def test_the_policy_of_the_domain_above_holds_for_subdomains(names, clock, dcc):
    desks = Desks({"dcc": desk("dcc", ".dcc.example")})
    verifier = SenderVerifier(SETTINGS, desks, NameServers([names.place]), clock)
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=none; sp=reject")
    mail = MAIL.replace(b"desk@dcc", b"desk@help.dcc")
    assert verifier.verify(mail, AT) == Authenticity(failed=True, reason="dkim_not_signed")
    assert verifier.verify(dcc.signed(mail), AT) == PASSED


def test_nobody_is_asked_about_senders_that_are_no_desks(verifier, names):
    for sender in (b"someone@stranger.example", b"desk@dcc.example.evil.example", b"MAILER-DAEMON@bridge.example"):
        assert verifier.verify(MAIL.replace(b"desk@dcc.example", sender), AT) is None
    assert verifier.verify(b"From: desk@dcc.example\r\n" + MAIL, AT) is None, "two From: the reader sets it aside"
    assert names.asked == []


def test_what_the_border_has_said_is_not_asked_again(names, clock, dcc):
    stamped = b"Authentication-Results: mx.bridge.example; dmarc=fail header.from=dcc.example\r\n" + dcc.signed(MAIL)
    assert verifying(names, clock).verify(stamped, AT) is None
    assert names.asked == []
    assert verifying(names, clock, authserv_id="mx.elsewhere.example").verify(stamped, AT) == PASSED
    assert verifying(names, clock, authserv_id="").verify(stamped, AT) == PASSED


def test_a_dns_without_an_answer_is_neither_a_pass_nor_a_failure(verifier, names, clock, dcc):
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=reject")
    names.broken.add("_domainkey.dcc.example")
    with pytest.raises(NamesAway) as caught:
        verifier.verify(dcc.signed(MAIL), AT)
    assert caught.value.retryable
    asked = len(names.asked)
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), AT)
    assert len(names.asked) == asked, "it is left alone for a while"
    names.broken.clear()
    clock.time += PAUSE
    assert verifier.verify(dcc.signed(MAIL), AT) == PASSED


def test_a_mail_waits_an_hour_at_most(verifier, names, clock, dcc):
    names.broken.add("dcc.example")
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), AT)
    clock.time += PATIENCE - timedelta(seconds=1)
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), AT)
    clock.time += timedelta(seconds=1)
    assert verifier.verify(dcc.signed(MAIL), AT) == Authenticity(reason="dns_away")
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), clock.time)  # this one has only come


def test_an_old_mail_waits_too_when_the_dns_is_away_only_now(verifier, names, clock, dcc):
    names.broken.add("dcc.example")
    clock.time += timedelta(days=3)
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), AT)


def test_a_desk_whose_dns_is_away_holds_up_no_other(verifier, names, dcc):
    names.broken.add("dcc.example")
    with pytest.raises(NamesAway):
        verifier.verify(dcc.signed(MAIL), AT)
    assert verifier.verify(MAIL.replace(b"desk@dcc", b"desk@ldso"), AT) == Authenticity(reason="dkim_not_signed")


@pytest.fixture(scope="module")
def lame():
    """A key of the same domain, below name servers that are gone."""
    return Signer("dcc.example", selector="old")


def test_a_key_that_the_dns_does_not_tell_of_holds_up_its_own_mails_only(verifier, names, clock, dcc, lame):
    names.broken.add(lame.name)
    while clock.time < AT + PATIENCE:
        with pytest.raises(NamesAway):
            verifier.verify(lame.signed(MAIL), AT)
        assert verifier.verify(dcc.signed(MAIL), AT) == PASSED
        clock.time += timedelta(minutes=1)
    assert verifier.verify(lame.signed(MAIL), AT) == Authenticity(reason="dns_away")
    assert verifier.verify(dcc.signed(MAIL), AT) == PASSED


def test_one_good_signature_is_enough_where_the_key_of_another_is_not_told(verifier, names, dcc, lame):
    names.broken.add(lame.name)
    assert verifier.verify(lame.signed(dcc.signed(MAIL)), AT) == PASSED
    with pytest.raises(NamesAway):
        verifier.verify(lame.signed(dcc.signed(MAIL).replace(b"s=july", b"s=june")), AT)


def test_any_number_of_lame_keys_holds_up_no_known_one_and_a_new_one_for_a_while_only(verifier, names, clock, dcc):
    names.broken.add("lame.dcc.example")
    assert verifier.verify(dcc.signed(MAIL), AT) == PASSED
    flood = [Signer("lame.dcc.example", f"x{number}", dcc.key).signed(MAIL) for number in range(4 * MOST_NEW)]
    new = Signer("dcc.example", "august", dcc.key)
    new.publish(names)
    found = set()
    while PASSED not in found:
        assert clock.time < AT + PATIENCE / 6
        before = len(names.asked)
        for raw in flood:
            with pytest.raises(NamesAway):
                verifier.verify(raw, AT)
        assert len(set(names.asked[before:])) <= 2 * MOST_NEW, "the time for them is bounded"
        assert verifier.verify(dcc.signed(MAIL), AT) == PASSED
        with suppress(NamesAway):
            found.add(verifier.verify(new.signed(MAIL), AT))
        clock.time += PAUSE


def test_answers_are_kept_for_as_long_as_they_say(verifier, names, dcc):
    for _ in range(3):
        assert verifier.verify(dcc.signed(MAIL), AT) == PASSED
    assert names.asked.count(dcc.name) == 1


def test_a_name_server_that_is_silent_is_no_answer(names):
    names.silent.add("dcc.example")
    with pytest.raises(NamesAway):
        NameServers([names.place]).texts("_dmarc.dcc.example")


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "..", "x." * 200 + "example"])
def test_what_cannot_be_a_name_has_no_records(names, name):
    assert NameServers([names.place]).texts(name) == ()


def test_a_long_key_comes_in_several_strings(names):
    names.publish("long.example", "x" * 700)
    assert NameServers([names.place]).texts("long.example") == (b"x" * 700,)


def test_the_check_tells_the_policy_of_each_domain(verifier, names):
    names.publish("_dmarc.dcc.example", "v=DMARC1; p=reject")
    names.broken.add("ldso.example")
    told = {one.name: one for one in verifier.check()}
    assert told["senders dcc.example"].status is CheckStatus.OK
    assert "wait for a person" in told["senders dcc.example"].detail
    assert told["senders ldso.example"].status is CheckStatus.FAILED
