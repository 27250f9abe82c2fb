import pytest

from bridge.domain.engagement import State
from bridge.domain.errors import StaleCase
from tests.stores.samples import START, add, engagement, numbers, record, revision, sys_id


def test_a_case_record_comes_back_as_it_was(store):
    full = record(
        shadow=revision(1),
        journals_from=START,
        parked="parked",
        gone="deleted",
        reopens=2,
        flagged="resolved three times",
        offered=("dcc", "ldso"),
        next_ordinal=7,
    )
    with store.transaction() as work:
        work.add_case(full)
        assert work.case(sys_id(1)) == full
        assert work.case_by_number("CS0000001") == full
        assert work.cases([sys_id(number) for number in range(2000)]) == {sys_id(1): full}
        assert work.case(sys_id(2)) is None
        assert work.case_by_number("CS0000002") is None


def test_saving_a_case_moves_its_version_on(store):
    with store.transaction() as work:
        work.add_case(record())
        saved = work.save_case(record(flagged="yes"))
        assert (saved.version, saved.flagged) == (2, "yes")
        assert work.case(sys_id(1)) == saved


def test_a_decision_on_an_old_picture_is_refused(store):
    with store.transaction() as work:
        work.add_case(record())
        work.save_case(record())
    with pytest.raises(StaleCase), store.transaction() as work:
        work.save_case(record(flagged="decided on version 1"))
    with store.reading() as work:
        assert work.case(sys_id(1)).flagged == ""


def test_a_case_is_added_once(store):
    with store.transaction() as work:
        work.add_case(record())
    with pytest.raises(StaleCase), store.transaction() as work:
        work.add_case(record(flagged="second"))


def test_a_case_with_an_open_engagement_is_engaged_and_one_whose_engagements_ended_is_not(store):
    add(store, engagement(1), engagement(2, state=State.CONFIRMED), engagement(3, state=State.WITHDRAWN))
    with store.reading() as work:
        assert numbers(work.engaged_cases()) == ["CS0000001"]


def test_a_declined_engagement_keeps_its_case_engaged(store):
    declined = engagement(1, state=State.DECLINED)
    not_required = engagement(2, state=State.DECLINED, required=False)
    accepted = engagement(3, state=State.DECLINED, decline_accepted_by="resolver")
    add(store, declined, not_required, accepted)
    with store.reading() as work:
        assert numbers(work.engaged_cases()) == ["CS0000001"]


def test_a_declined_engagement_is_waited_for_until_the_chain_of_its_successors_confirms(store):
    third = engagement(1, "supplier", state=State.CONFIRMED)
    second = engagement(1, "ldso", state=State.DECLINED, successor=third.id)
    first = engagement(1, "dcc", state=State.DECLINED, successor=second.id)
    add(store, third, second, first)
    with store.transaction() as work:
        assert work.engaged_cases() == ()
        work.save_engagement(engagement(1, "supplier", state=State.WITHDRAWN))
        assert numbers(work.engaged_cases()) == ["CS0000001"]


def test_two_desks_that_name_each_other_as_successors_do_not_hang_the_question(store):
    one, other = engagement(1, "dcc"), engagement(1, "ldso")
    add(
        store,
        engagement(1, "dcc", state=State.DECLINED, successor=other.id),
        engagement(1, "ldso", state=State.DECLINED, successor=one.id),
    )
    with store.reading() as work:
        assert numbers(work.engaged_cases()) == ["CS0000001"]
