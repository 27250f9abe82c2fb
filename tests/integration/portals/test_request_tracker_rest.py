"""Request Tracker, reached by its REST API: nothing but YAML describes it."""

from datetime import UTC, datetime

import pytest

from bridge.domain.errors import FarSideError
from bridge.domain.facts import MessageKind
from bridge.ports import CheckStatus, File
from tests.integration.portals.describing import rest_desk

LOG = File("meter reads.csv", "text/csv", b"mpan,value\n1200050007920,\xc3\xa4\n")


def test_a_ticket_is_opened_with_its_file_and_named_as_people_see_it(talk, queue, request_tracker, rt_user):
    receipt = talk.open(LOG)
    (ticket,) = queue.tickets()
    assert receipt.far_id == str(ticket)
    assert receipt.detail == {
        "reference": f"#{ticket}",
        "link": f"{request_tracker.url}/Ticket/Display.html?id={ticket}",
    }
    first, second = queue.entries(ticket)
    assert "Please find out why." in first.text
    assert first.creator == rt_user
    assert "Reads are missing since Monday, & <more> 'quoted' \"words\"" in queue.ticket(ticket)["Subject"]
    assert second.files == ("meter reads.csv",)
    (file,) = talk.desk.lists.files(str(ticket))
    assert talk.desk.lists.file(str(ticket), file) == LOG.content


def test_a_second_attempt_finds_everything_and_does_nothing_twice(talk, queue):
    message = talk.message(files=[LOG])
    first = talk.send(message)
    again = talk.send(message, attempt=2)
    assert again.far_id == first.far_id
    assert again.detail == first.detail
    (ticket,) = queue.tickets()
    assert len(queue.entries(ticket)) == 2


def test_a_message_is_said_once_and_sets_the_status_that_was_agreed(talk, queue):
    talk.open()
    (ticket,) = queue.tickets()
    withdrawn = talk.message(MessageKind.WITHDRAW, "It has come right by itself.")
    talk.send(withdrawn)
    talk.send(withdrawn, attempt=2)
    assert [entry.text.count("come right") for entry in queue.entries(ticket)] == [0, 1]
    assert queue.ticket(ticket)["Status"] == "rejected"


def test_what_was_sent_is_found_and_what_was_not_is_not(talk):
    opening = talk.message(files=[LOG])
    frozen = talk.desk.freeze(opening, opening_at())
    assert talk.desk.find(talk.delivery(opening, frozen)) is None
    talk.send(opening)
    assert talk.desk.find(talk.delivery(opening, frozen)).far_id == talk.record
    later = talk.message(MessageKind.TEXT, "Which meter?")
    said = talk.desk.freeze(later, opening_at())
    assert talk.desk.find(talk.delivery(later, said)) is None
    talk.send(later)
    assert talk.desk.find(talk.delivery(later, said)).far_id == talk.record


def test_an_opening_whose_file_is_missing_is_not_there_and_the_file_alone_is_added(talk, queue):
    message = talk.message(files=[LOG])
    talk.send(talk.message(files=[]))
    (ticket,) = queue.tickets()
    frozen = talk.desk.freeze(message, opening_at())
    assert talk.desk.find(talk.delivery(message, frozen)) is None
    talk.send(message, attempt=2)
    assert queue.tickets() == [ticket]
    assert [entry.files for entry in queue.entries(ticket)] == [(), ("meter reads.csv",)]


def test_a_status_that_the_portal_does_not_have_is_refused_in_its_words(tmp_path, rt_yaml, talk):
    talk.open()
    other = rest_desk(tmp_path, rt_yaml + "    on: {withdraw: nonsense}\n")
    message = talk.message(MessageKind.WITHDRAW, "Never mind.")
    with pytest.raises(FarSideError, match="isn't a valid status"):
        other.send(other.freeze(message, opening_at()), 1)
    other.close()


def test_a_ticket_that_is_not_there_refuses_for_certain(talk):
    talk.record = "999999"
    with pytest.raises(FarSideError, match="answered 40"):
        talk.send(talk.message(MessageKind.TEXT, "Hello?"))


def test_the_check_logs_in_and_says_when_it_cannot(tmp_path, rt_yaml, talk):
    assert [one.status for one in talk.desk.check()] == [CheckStatus.OK]
    stranger = rest_desk(tmp_path, rt_yaml, PASSWORD="wrong")
    (result,) = stranger.check()
    assert result.status is CheckStatus.FAILED
    assert "401" in result.detail
    stranger.close()


def opening_at():
    return datetime.now(UTC)
