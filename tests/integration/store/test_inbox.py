from datetime import timedelta

import pytest

from bridge.domain.delivery import DeliveryKind
from bridge.domain.errors import StaleCase, StoreError
from bridge.domain.ids import EngagementId, SysId
from bridge.ports import InboxState, RawItem, TrailEvent
from tests.stores.samples import START, engagement, enqueue, record, sys_id, write


def mail(identity: str = "<1@dcc.example>", source: str = "mail:INBOX", **fields) -> RawItem:
    values = {"source": source, "identity": identity, "raw": b"Subject: \xff\0\r\n\r\n", "received_at": START}
    return RawItem(**(values | fields))


def receive(store, *items: RawItem):
    with store.transaction() as work:
        return [work.receive(item) for item in items]


def test_an_item_comes_back_byte_for_byte(store):
    (number,) = receive(store, mail(case=sys_id(1)))
    with store.reading() as work:
        item = work.inbox_item(number)
        assert work.unapplied(10) == (item,)
        assert work.inbox_item(number + 1) is None
    assert (item.raw, item.received_at, item.case, item.state) == (mail().raw, START, sys_id(1), InboxState.NEW)


def test_an_item_that_arrives_again_is_stored_once(store):
    assert receive(store, mail())[0] is not None
    assert receive(store, mail(), mail(raw=b"the same, read differently")) == [None, None]


def test_what_came_for_a_case_from_a_source_is_known_also_once_it_is_settled(store):
    first, *_ = receive(store, mail("a", "j", case=sys_id(1)), mail("b", "j", case=sys_id(1)))
    receive(store, mail("c", "j", case=sys_id(2)), mail("d", "other", case=sys_id(1)), mail("e", "j"))
    with store.transaction() as work:
        work.settle_item(first, InboxState.FILED, "done")
    with store.reading() as work:
        assert work.identities(sys_id(1), "j") == {"a", "b"}
        assert work.identities(sys_id(3), "j") == frozenset()


def test_two_sources_may_use_the_same_identity(store):
    assert None not in receive(store, mail(), mail(source="portal:dcc"), mail("<2@dcc.example>"))


def test_an_identity_with_hostile_characters_is_the_same_item_again(store):
    assert receive(store, mail("<\0\ud800@x>"))[0] is not None
    assert receive(store, mail("<\0\ud800@x>")) == [None]


def test_items_come_in_order_of_arrival_until_they_are_settled(store):
    numbers = receive(store, *(mail(f"<{number}@dcc.example>") for number in range(4)))
    with store.transaction() as work:
        work.settle_item(numbers[1], InboxState.APPLIED, "resolved", case=sys_id(1), engagement=engagement().id)
        assert [item.id for item in work.unapplied(10)] == [numbers[0], numbers[2], numbers[3]]
        assert len(work.unapplied(2)) == 2
        settled = work.inbox_item(numbers[1])
    assert (settled.state, settled.reason, settled.case) == (InboxState.APPLIED, "resolved", sys_id(1))
    assert settled.engagement == engagement().id


def test_an_item_is_settled_by_one(store):
    (number,) = receive(store, mail())
    with store.transaction() as work:
        work.settle_item(number, InboxState.FILED, "late")
    with pytest.raises(StaleCase), store.transaction() as work:
        work.settle_item(number, InboxState.APPLIED, "again")


def test_a_quarantined_item_waits_for_a_person_and_can_then_be_applied(store):
    (number,) = receive(store, mail())
    with store.transaction() as work:
        work.settle_item(number, InboxState.QUARANTINED, "two engagements match")
        assert work.unapplied(10) == ()
        (item,) = work.quarantined()
        assert (item.id, item.reason) == (number, "two engagements match")
        work.settle_item(number, InboxState.APPLIED, "by hand")
        assert work.quarantined() == ()


def test_items_of_a_parked_case_wait_and_others_go_on(store):
    _, other = receive(store, mail(case=sys_id(1)), mail("<2@dcc.example>", case=sys_id(2)))
    with store.transaction() as work:
        work.add_case(record(1, parked="a person must look"))
        assert [item.id for item in work.unapplied(10)] == [other]


def test_a_journal_entry_is_bound_uniquely_both_ways(store):
    first, second = write(1, 1), write(1, 2)
    enqueue(store, first, second)
    with store.transaction() as work:
        assert work.bind_journal(sys_id(71), first.id)
        assert work.bind_journal(sys_id(71), first.id), "the same binding again is no duplicate"
        assert not work.bind_journal(sys_id(71), second.id)
        assert not work.bind_journal(sys_id(72), first.id)
        assert work.bind_journal(sys_id(72), second.id)


def test_a_journal_entry_is_bound_to_a_delivery_that_exists(store):
    with pytest.raises(StoreError), store.transaction() as work:
        work.bind_journal(sys_id(71), write().id)
    assert write().kind is DeliveryKind.WRITE


def test_a_message_id_of_others_leads_to_its_engagement_and_to_the_first_item_under_it(store):
    with store.transaction() as tx:
        tx.know_mail("<theirs@desk.example>", EngagementId("one"))
        assert tx.first_item("<theirs@desk.example>") is None
        tx.know_mail("<theirs@desk.example>", EngagementId("one"), 7)
        tx.know_mail("<theirs@desk.example>", EngagementId("two"), 8)
    with store.reading() as tx:
        assert tx.by_message_id("<theirs@desk.example>") == "one"
        assert tx.first_item("<theirs@desk.example>") == 7
        assert tx.by_message_id("<nobodys@desk.example>") is None
        assert tx.first_item("<nobodys@desk.example>") is None


def test_what_happened_to_a_case_through_somebody_is_counted(store):
    happened = [("desk:a", "item_received")] * 2 + [("desk:b", "item_received"), ("desk:a", "x")]
    with store.transaction() as tx:
        for who, kind in happened:
            tx.record(TrailEvent(kind, who, SysId("c" * 32)))
        now = tx.now()
        assert tx.count_events(SysId("c" * 32), "item_received", "desk:a", now - timedelta(minutes=1)) == 2
        assert tx.count_events(SysId("c" * 32), "item_received", "desk:a", now + timedelta(minutes=1)) == 0


def test_what_came_is_known_by_its_source_and_by_when_it_came(store):
    receive(store, mail("<1@x>"), mail("<2@x>", received_at=START + timedelta(hours=1)), mail("<3@x>", "portal:dcc"))
    with store.reading() as work:
        assert work.received("mail:INBOX", ["<1@x>", "<3@x>", "<9@x>"]) == {"<1@x>"}
        assert work.received("mail:INBOX", []) == frozenset()
        assert work.received_since("mail:INBOX", START + timedelta(minutes=1)) == {"<2@x>"}
        assert work.received_since("mail:INBOX", START) == {"<1@x>", "<2@x>"}


def test_the_entries_that_are_bound_are_those_of_one_case(store):
    enqueue(store, write(1), write(2))
    with store.transaction() as work:
        assert work.bind_journal(sys_id(0xA), write(1).id)
        assert work.bind_journal(sys_id(0xB), write(2).id)
        assert work.bound_entries(sys_id(1)) == {sys_id(0xA): write(1).id}
        assert work.bound_entries(sys_id(3)) == {}


def test_large_items_are_taken_up_a_few_at_a_time(store):
    """Two hundred mails of 34 MB would not fit into memory together."""
    numbers = receive(store, *(mail(f"<{n}@dcc.example>", raw=b"x" * 7_000_000) for n in range(5)), mail("<small@x>"))
    with store.reading() as work:
        assert [item.id for item in work.unapplied(200)] == numbers[:2]
        assert [item.id for item in work.unapplied(200, but=numbers[:2])] == numbers[2:4]
        assert [item.id for item in work.unapplied(1, but=numbers[1:4])] == numbers[:1]
        # One that is larger than what is taken up at once comes alone.
        assert [item.id for item in work.unapplied(200, but=numbers[:4])] == numbers[4:]
        assert work.unapplied(200, but=numbers) == ()


def test_an_item_above_what_is_taken_up_at_once_comes_alone(store):
    numbers = receive(store, mail("<1@x>"), mail("<2@x>", raw=b"x" * 20_000_000), mail("<3@x>"))
    with store.reading() as work:
        assert [item.id for item in work.unapplied(200)] == numbers[:1]
        assert [item.id for item in work.unapplied(200, but=numbers[:1])] == numbers[1:2]
        assert [item.id for item in work.unapplied(200, but=numbers[:2])] == numbers[2:]


def test_what_is_not_settled_about_a_case_is_unread(store):
    (new, other) = receive(store, mail("<1@x>", case=sys_id(1)), mail("<2@x>", case=sys_id(2)))
    with store.transaction() as work:
        assert work.is_unread(sys_id(1))
        assert not work.is_unread(sys_id(3))
        work.settle_item(new, InboxState.QUARANTINED, "let somebody look")
        work.settle_item(other, InboxState.APPLIED, "it counts")
        assert work.is_unread(sys_id(1))
        assert not work.is_unread(sys_id(2))
        work.settle_item(new, InboxState.FILED, "somebody looked")
        assert not work.is_unread(sys_id(1))


def test_what_is_known_about_an_item_stays_when_it_is_settled(store):
    (number,) = receive(store, mail(case=sys_id(1)))
    with store.transaction() as work:
        assert work.item_state(number) is InboxState.NEW
        assert work.item_state(number + 1) is None
        work.settle_item(number, InboxState.QUARANTINED, "why", engagement=EngagementId("e1"))
        work.settle_item(number, InboxState.FILED, "why not")
        item = work.inbox_item(number)
        assert work.item_state(number) is InboxState.FILED
    assert (item.case, item.engagement, item.reason) == (sys_id(1), "e1", "why not")
