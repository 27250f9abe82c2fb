"""What desks may see of a case's journal, messages that reach nobody, and cases that go away."""

from bridge.domain.agreement import EmailMethod, Share, ShareNotes
from bridge.domain.delivery import DeliveryStatus
from bridge.domain.engagement import Standing
from bridge.domain.errors import FarSideError, OutcomeUnknown
from bridge.domain.facts import MessageKind
from tests.syncing.world import DCC, LDSO, RESOLVER, STRANGER, World, desk


def texts(world: World, name=DCC) -> list[str]:
    return [mail.told["text"] for mail in world.mails(name) if mail.kind == MessageKind.TEXT.value]


def test_comments_are_shared_with_their_author_and_work_notes_are_not(world):
    world.engaged()
    world.comment("Any news?")
    world.note("Our contract with them is a mess.", by=RESOLVER)
    world.note("SECRET", by=STRANGER)
    world.cycle(3)
    (shared,) = texts(world)
    assert shared.startswith("sam.raiser")
    assert shared.endswith("Any news?")
    assert "contract" not in world.desks[DCC].texts()
    assert "SECRET" not in world.desks[DCC].texts()


def test_where_it_was_agreed_all_work_notes_are_shared_but_commands(build_world):
    world = build_world(desk("dcc", share=Share(work_notes=ShareNotes.ALL)), desk("ldso"))
    world.engaged()
    world.note("The meter is behind a locked door.", by=STRANGER)
    world.note("#engage @ldso\nbecause of the door")
    world.cycle(3)
    assert len(texts(world)) == 1
    assert "locked door" in texts(world)[0]
    assert texts(world, LDSO) == []


def test_where_it_was_agreed_comments_are_not_shared(build_world):
    world = build_world(desk("dcc", share=Share(comments=False)))
    world.engaged()
    world.comment("Any news?")
    world.cycle(2)
    assert texts(world) == []


def test_comments_go_to_every_desk_that_is_engaged_and_to_no_other(world):
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    world.report("declined", "Not ours.", desk=LDSO)
    world.cycle(2)
    world.comment("Any news?")
    world.cycle(2)
    assert len(texts(world)) == 1
    assert texts(world, LDSO) == []


def test_a_comment_from_before_the_engagement_is_not_sent_after_the_opening_message(world):
    world.raise_case()
    world.clock.forward(seconds=1)
    world.comment("By the way.")
    world.cycle(4, seconds=1)
    assert world.kinds() == ["open"]


def test_nothing_is_shared_while_the_contents_are_incomplete(world):
    world.raise_case(business_impact="")
    world.cycle(2)
    world.comment("Any news?")
    world.cycle(2)
    assert world.mails() == []


def bounce(world: World, *, permanent: bool = True) -> None:
    mail = world.mails()[0]
    world.mailbox.put(
        {
            "bounced": mail.message_id,
            "recipients": ["desk@dcc.example"],
            "permanent": permanent,
            "reference": mail.told["reference"],
        }
    )


def test_a_bounce_of_the_last_recipient_flags_the_engagement_and_people_are_told(world):
    world.engaged()
    bounce(world)
    world.cycle(2)
    assert world.engagement().undeliverable
    assert world.state() == "open"
    assert "reached nobody" in world.notes()
    assert "undeliverable" in world.alerts.codes()


def test_a_delay_is_told_and_flags_nothing(world):
    world.engaged()
    bounce(world, permanent=False)
    world.cycle(2)
    assert not world.engagement().undeliverable


def test_a_late_bounce_changes_nothing_of_the_work(world):
    world.engaged()
    world.report("acknowledged")
    world.cycle(2)
    bounce(world)
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert not world.engagement().undeliverable


def test_any_word_of_the_desk_clears_the_flag(world):
    world.engaged()
    bounce(world)
    world.cycle(2)
    world.report("acknowledged")
    world.cycle(2)
    assert not world.engagement().undeliverable


def test_some_recipients_that_are_refused_on_the_way_are_told(world):
    world.desks[DCC].refused = ("cc@dcc.example",)
    world.engaged()
    assert world.state() == "open"
    assert "did not reach everybody at dcc (cc@dcc.example)" in world.notes()
    assert "bounced" in world.alerts.codes()


def test_a_withdrawal_that_did_not_arrive_is_told(world):
    world.engaged()
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.note("#withdraw: raised twice")
    world.cycle(3)
    assert world.state() == "withdrawn"
    assert "The withdrawal did not reach dcc" in world.notes()
    assert "withdraw_undelivered" in world.alerts.codes()


def test_an_engaged_case_that_is_hidden_is_shown_to_people_once_and_nothing_is_done(world):
    world.engaged()
    world.note("#engage @ldso")
    world.cycle(2)
    world.servicenow.hidden.add(world.case)
    world.cycle(4)
    assert world.record().gone == "hidden"
    gone = [alert["text"] for alert in world.alerts.sent if alert["code"] == "case_gone"]
    assert len(gone) == 2, "each desk that is engaged is named"
    assert len(world.events("case_gone")) == 1
    assert world.state() == "open"


def test_an_engaged_case_that_was_deleted_is_told_as_such(world):
    world.engaged()
    world.servicenow.deleted.add(world.case)
    world.cycle(3)
    assert world.record().gone == "deleted"


def test_a_case_that_is_shown_again_goes_on(world):
    world.engaged()
    world.servicenow.hidden.add(world.case)
    world.cycle(2)
    world.servicenow.hidden.clear()
    world.servicenow.update(world.case, RESOLVER, priority="1")
    world.cycle(2)
    assert world.record().gone == ""
    assert world.kinds() == ["open", "update"]


def test_a_late_report_is_filed_and_flagged(world):
    world.reported()
    world.note("#confirm")
    world.cycle(3)
    world.report("resolved", "We did it.")
    world.cycle(2)
    assert world.state() == "confirmed"
    assert "too late to count" in world.notes()
    assert "late_report" in world.alerts.codes()


def test_an_older_report_that_arrives_late_moves_nothing(world, hand_clock):
    world.engaged()
    before = hand_clock.now()
    world.cycle(1)
    world.report("resolved", "Done.")
    world.cycle(2)
    world.report("progress", "We look into it.", at=before.isoformat())
    world.cycle(2)
    assert world.state() == "resolution_reported"


def test_free_text_of_a_desk_sets_no_status(world):
    world.engaged()
    world.report("comment", "I think it is done, is it?")
    world.cycle(2)
    assert world.state() == "acknowledged"
    assert "I think it is done" in world.notes()


def corrected(world: World) -> World:
    """The desk's agreement names another address, as after a restart with a changed configuration."""
    world.desks[DCC].addresses = ("new@dcc.example",)
    return world.with_desk(desk("dcc", method=EmailMethod(("new@dcc.example",))))


def test_what_bounced_goes_to_the_corrected_address(world):
    world.engaged()
    bounce(world)
    world.cycle(2)
    world.note("#desk: the meter is 17K0012345")
    world = corrected(world)
    world.cycle(3)
    assert not world.engagement().undeliverable
    assert sorted(world.kinds()) == ["open", "open", "text"]
    last = [one for one in world.deliveries() if one.payload.get("kind") == "open"][-1]
    assert last.recipients == ("new@dcc.example",)
    assert "contacts of dcc were corrected" in world.notes()
    world.cycle(3)
    assert world.kinds().count("open") == 2, "it is sent again once"


def test_what_was_refused_goes_to_the_corrected_address_in_its_order(world):
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(2)
    world.note("#desk: the meter is 17K0012345")
    world.cycle(2)
    assert world.engagement().undeliverable
    world = corrected(world)
    world.cycle(3)
    assert not world.engagement().undeliverable
    assert world.kinds() == ["open", "text"]
    assert "17K0012345" in world.desks[DCC].texts()
    assert world.deliveries(pending=True) == ()


def test_contacts_that_stay_as_they_are_correct_nothing(world):
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(6)
    assert world.engagement().undeliverable
    assert world.kinds() == []
    assert "were corrected" not in world.notes()


def test_where_the_message_may_have_arrived_a_corrected_address_changes_nothing_by_itself(world):
    world.desks[DCC].fail(OutcomeUnknown("the line went dead"))
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(10)
    assert world.engagement().undeliverable
    assert world.engagement().standing is Standing.UNKNOWN
    corrected(world).cycle(3)
    assert world.kinds() == []
    assert world.engagement().undeliverable


def test_a_bounce_counts_for_those_the_message_went_to(world):
    world.engaged()
    world = corrected(world)
    bounce(world)
    world.cycle(3)
    assert "reached nobody" in world.notes()
    assert not world.engagement().undeliverable, "and it went to the new address at once"
    assert world.kinds() == ["open", "open"]


def test_a_message_that_was_refused_cannot_go_out_after_a_withdrawal(world):
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(2)
    world.note("#withdraw @dcc solved by ourselves")
    world.cycle(2)
    assert world.state() == "withdrawn"
    (opening,) = [one for one in world.deliveries() if one.payload.get("kind") == "open"]
    assert opening.status is DeliveryStatus.CANCELLED


def test_a_withdrawal_waits_where_a_message_that_was_given_up_may_have_arrived(world):
    world.desks[DCC].fail(OutcomeUnknown("the line went dead"), arrives=True)
    world.desks[DCC].fail(FarSideError("no such mailbox"))
    world.raise_case()
    world.cycle(10)
    world.note("#withdraw @dcc solved by ourselves")
    world.cycle(2)
    assert world.state() == "open", "the desk may have it, and nobody can tell it yet"
    assert [one.payload["kind"] for one in world.deliveries(pending=True) if one.recipient == DCC] == ["open"]


def test_given_up_is_not_found_out(world):
    world.desks[DCC].fail(OutcomeUnknown("the line went dead"), times=50)
    world.raise_case()
    world.cycle(60, seconds=70)
    assert "dead_letter" in world.alerts.codes()
    assert world.engagement().standing is Standing.UNKNOWN
