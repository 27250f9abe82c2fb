import pytest
import requests

from tests.servers.roundup import STAFF, USER


@pytest.fixture
def issue(roundup):
    """An issue that somebody outside has opened."""
    message = roundup.call("POST", "msg", by=USER, content="The file of Monday is missing.", author=USER)["id"]
    return int(roundup.call("POST", "issue", by=USER, title="IF-021 is late", messages=[message], priority="bug")["id"])


def test_an_issue_is_opened_discussed_and_resolved(roundup, issue):
    roundup.say(issue, "Which file?")
    roundup.say(issue, "That of Monday.", by=USER)
    assert roundup.said(issue) == [
        (USER, "The file of Monday is missing."),
        (STAFF, "Which file?"),
        (USER, "That of Monday."),
    ]
    assert roundup.issue(issue)["status"] == "chatting"
    roundup.change(issue, status="resolved")
    assert roundup.issue(issue)["status"] == "resolved"


def test_it_finds_issues_by_their_title(roundup):
    made = int(roundup.call("POST", "issue", by=USER, title="a title that no other has", priority="bug")["id"])
    assert roundup.issues(title="no other has") == [made]
    assert roundup.issues(title="a title of none") == []


def test_it_refuses_a_wrong_password_a_missing_origin_and_a_change_without_an_etag(roundup, issue):
    address = f"{roundup.url}/rest/data/issue/{issue}"
    assert requests.get(address, auth=(USER, "wrong"), timeout=30).status_code == 401
    login = {"auth": (USER, roundup.password), "timeout": 30, "json": {"title": "changed"}}
    known = {"X-Requested-With": "rest"}
    assert requests.patch(address, headers=known, **login).status_code == 400
    assert requests.patch(address, headers=known | {"Origin": roundup.url}, **login).status_code == 412
    assert roundup.issue(issue)["title"] == "IF-021 is late"
