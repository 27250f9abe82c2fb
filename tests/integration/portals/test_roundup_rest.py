"""Roundup, reached by its REST API: nothing but YAML describes it."""

from datetime import UTC, datetime

import requests

from bridge.domain.facts import MessageKind
from bridge.ports import CheckStatus, File

LOG = File("meter reads.csv", "text/csv", b"mpan,value\n1200050007920,\xc3\xa4\n")


def test_an_issue_is_opened_with_its_file_and_named_as_people_see_it(roundup_talk, roundup):
    receipt = roundup_talk.open(LOG)
    number = int(receipt.far_id)
    assert receipt.detail == {"reference": f"issue{number}", "link": f"{roundup.url}/issue{number}"}
    ((author, text),) = roundup.said(number)
    assert author == roundup.user
    assert "Please find out why." in text
    issue = roundup.issue(number)
    assert "Reads are missing since Monday, & <more> 'quoted' \"words\"" in issue["title"]
    (file,) = issue["files"]
    address = f"{roundup.url}/rest/data/file/{file['id']}/binary_content"
    assert requests.get(address, auth=(roundup.user, roundup.password), timeout=60).content == LOG.content


def test_a_second_attempt_finds_everything_and_does_nothing_twice(roundup_talk, roundup):
    message = roundup_talk.message(files=[LOG])
    first, again = roundup_talk.send(message), roundup_talk.send(message, attempt=2)
    assert (again.far_id, again.detail) == (first.far_id, first.detail)
    assert roundup.issues(title=message.reference) == [int(first.far_id)]
    assert len(roundup.said(int(first.far_id))) == 1
    assert len(roundup.issue(int(first.far_id))["files"]) == 1


def test_a_message_is_said_once_and_sets_the_status_that_was_agreed(roundup_talk, roundup):
    number = int(roundup_talk.open().far_id)
    withdrawn = roundup_talk.message(MessageKind.WITHDRAW, "It has come right by itself.")
    frozen = roundup_talk.desk.freeze(withdrawn, datetime.now(UTC))
    assert roundup_talk.desk.find(roundup_talk.delivery(withdrawn, frozen)) is None
    roundup_talk.send(withdrawn)
    roundup_talk.send(withdrawn, attempt=2)
    assert [text.count("come right") for _, text in roundup.said(number)] == [0, 1]
    assert roundup.issue(number)["status"] == "resolved"
    assert roundup_talk.desk.find(roundup_talk.delivery(withdrawn, frozen)).far_id == str(number)


def test_the_check_logs_in_and_finds_nothing_that_is_not_ours(roundup_talk):
    roundup_talk.open()
    assert [one.status for one in roundup_talk.desk.check()] == [CheckStatus.OK]
