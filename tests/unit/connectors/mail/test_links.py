from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from bridge.connectors.mail.links import PURPOSES, LinkExpired, Links, LinkUnknown, Purpose
from bridge.connectors.mail.signing import Keys
from bridge.domain.facts import ReportKind
from bridge.domain.ids import EngagementId

NOW = datetime(2026, 7, 20, 9, 0, tzinfo=UTC)
OLD, NEW = b"an old key of 16 bytes", b"a new key of 16 bytes!"
ENGAGEMENT = EngagementId("6b1f2a3c-0d4e-5f60-8a7b-9c0d1e2f3a4b")


def links(*keys, days=60):
    return Links("https://cpsd.example.org/", Keys(keys or (NEW,)), timedelta(days=days))


def token(link):
    return urlsplit(link).path.rpartition("/")[2]


@pytest.mark.parametrize("report", PURPOSES)
def test_a_link_names_its_engagement_and_its_one_purpose(report):
    link = links().to(Purpose(ENGAGEMENT, report), NOW)
    assert link.startswith("https://cpsd.example.org/answer/")
    assert links().read(token(link), NOW) == Purpose(ENGAGEMENT, report)


def test_the_same_message_always_has_the_same_link():
    purpose = Purpose(ENGAGEMENT, ReportKind.RESOLVED)
    assert links().to(purpose, NOW) == links().to(purpose, NOW)
    assert links().to(purpose, NOW) != links().to(purpose, NOW + timedelta(seconds=1))


def test_a_link_holds_until_its_time_is_over():
    made = token(links(days=2).to(Purpose(ENGAGEMENT, ReportKind.PROGRESS), NOW))
    assert links().read(made, NOW + timedelta(days=2, seconds=-1))
    with pytest.raises(LinkExpired):
        links().read(made, NOW + timedelta(days=2))


def test_a_key_that_was_replaced_still_reads_and_signs_no_more():
    purpose = Purpose(ENGAGEMENT, ReportKind.PROGRESS)
    old, both = links(OLD), links(NEW, OLD)
    assert both.read(token(old.to(purpose, NOW)), NOW) == purpose
    with pytest.raises(LinkUnknown):
        old.read(token(both.to(purpose, NOW)), NOW)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "A" + t[1:], lambda t: t.swapcase(), lambda t: t * 9])
def test_a_link_that_was_changed_is_none_of_ours(change):
    made = token(links().to(Purpose(ENGAGEMENT, ReportKind.RESOLVED), NOW))
    with pytest.raises(LinkUnknown):
        links().read(change(made), NOW)


def test_a_signed_reference_is_no_link():
    with pytest.raises(LinkUnknown):
        links().read("4ZJ6T0Q2WX-0123456789ABCDEF", NOW)
