"""The fake of Jira Service Management keeps to the contract, and lets a test break it on purpose."""

import pytest
import requests

from tests.servers.jira import DESK, PROJECT, TOKEN, TYPE, USER, JiraServiceManagement
from tests.servers.portal import Trouble

OPENING = {"serviceDeskId": DESK, "requestTypeId": TYPE, "requestFieldValues": {"summary": "CS0001234 reads missing"}}
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


@pytest.fixture
def jira():
    with JiraServiceManagement() as portal:
        yield portal


def call(jira, method, path, *, auth=(USER, TOKEN), **options):
    return requests.request(method, f"{jira.url}/rest/{path}", auth=auth, timeout=30, **options)


def open_one(jira, summary="CS0001234 reads missing"):
    body = OPENING | {"requestFieldValues": {"summary": summary}}
    answer = call(jira, "POST", "servicedeskapi/request", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["issueKey"]


def search(jira, jql, **more):
    return call(jira, "GET", "api/3/search/jql", params={"jql": jql, "fields": "summary,status,updated"} | more)


def test_a_request_is_opened_commented_and_resolved(jira):
    key = open_one(jira)
    said = call(jira, "POST", f"servicedeskapi/request/{key}/comment", json={"body": "Any news?", "public": True})
    assert said.status_code == 201
    jira.says(key, "We look into it.")
    jira.says(key, "among us", public=False)
    told = call(jira, "GET", f"servicedeskapi/request/{key}/comment").json()
    assert [one["body"] for one in told["values"]] == ["Any news?", "We look into it."]
    jira.moves(key, "Resolved")
    assert call(jira, "GET", f"servicedeskapi/request/{key}").json()["currentStatus"]["status"] == "Resolved"


def test_a_customer_may_cancel_an_open_request_only(jira):
    key = open_one(jira)
    path = f"servicedeskapi/request/{key}/transition"
    assert [one["name"] for one in call(jira, "GET", path).json()["values"]] == ["Resolve this issue", "Cancel request"]
    assert call(jira, "POST", path, json={"id": "901"}).status_code == 204
    assert jira.requests[key].status == "Canceled"
    assert call(jira, "POST", path, json={"id": "901"}).status_code == 400


def test_files_are_uploaded_first_and_then_attached(jira):
    key, upload = open_one(jira), f"servicedeskapi/servicedesk/{DESK}/attachTemporaryFile"
    files = {"file": ("reads.csv", b"mpan,read\n", "text/csv")}
    assert call(jira, "POST", upload, files=files).status_code == 403  # without X-Atlassian-Token
    made = call(jira, "POST", upload, files=files, headers={"X-Atlassian-Token": "no-check"})
    identities = [one["temporaryAttachmentId"] for one in made.json()["temporaryAttachments"]]
    path = f"servicedeskapi/request/{key}/attachment"
    body = {"temporaryAttachmentIds": identities, "public": True}
    assert call(jira, "POST", path, json=body).status_code == 201
    assert call(jira, "POST", path, json=body).status_code == 400  # each once
    (file,) = call(jira, "GET", path).json()["values"]
    assert (file["filename"], file["size"], file["mimeType"]) == ("reads.csv", 10, "text/csv")
    assert requests.get(file["_links"]["content"], auth=(USER, TOKEN), timeout=30).content == b"mpan,read\n"


def test_a_search_is_bounded_and_goes_on_by_a_token(jira):
    keys = [open_one(jira, f"CS000{number} reads missing") for number in range(3)]
    refused = search(jira, "ORDER BY updated ASC")
    assert (refused.status_code, refused.json()["errorMessages"]) == (400, [UNBOUNDED])
    first = search(jira, f'project = {PROJECT} AND updated >= "2020-01-01 00:00" ORDER BY updated ASC', maxResults=2)
    assert first.json()["isLast"] is False
    rest = search(jira, f"project = {PROJECT}", maxResults=2, nextPageToken=first.json()["nextPageToken"]).json()
    assert [one["key"] for one in first.json()["issues"] + rest["issues"]] == keys
    assert (rest["isLast"], "nextPageToken" in rest) == (True, False)
    found = search(jira, 'summary ~ "CS0002"').json()["issues"]
    assert [one["key"] for one in found] == [keys[2]]
    assert found[0]["fields"]["status"]["name"] == "Waiting for support"
    assert list(call(jira, "GET", "api/3/search/jql", params={"jql": f"key = {keys[0]}"}).json()["issues"][0]) == ["id"]
    assert search(jira, "nonsense").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"serviceDeskId": DESK, "requestTypeId": TYPE},
        OPENING | {"requestFieldValues": {"summary": " "}},
        OPENING | {"requestFieldValues": {"summary": "one", "unheard": "of"}},
        OPENING | {"unheard": "of"},
        OPENING | {"requestTypeId": "99"},
    ],
)
def test_what_is_incomplete_or_unknown_is_refused(jira, body):
    answer = call(jira, "POST", "servicedeskapi/request", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["errorMessage", "i18nErrorMessage"])
    assert jira.requests == {}


def test_a_wrong_token_and_another_kind_of_body_are_refused(jira):
    wrong = call(jira, "GET", "api/3/myself", auth=(USER, "wrong"))
    assert (wrong.status_code, wrong.json()["status-code"]) == (401, 401)
    assert call(jira, "POST", "servicedeskapi/request", data="summary=x").status_code == 415
    assert [status for _, status in jira.ledger] == [401, 415]


def test_trouble_comes_by_script_and_passes(jira):
    jira.fault(Trouble.REFUSED, status=429, headers={"Retry-After": "7"}, method="POST", path="/request$")
    jira.fault(Trouble.LOST, method="POST", path="/request$")
    jira.fault(Trouble.FAILED_LATE, status=500, method="POST", path="/request$")
    jira.fault(Trouble.CUT, method="GET", path="/myself")
    refused = call(jira, "POST", "servicedeskapi/request", json=OPENING)
    assert (refused.status_code, refused.headers["Retry-After"], len(jira.requests)) == (429, "7", 0)
    with pytest.raises(requests.ConnectionError):
        call(jira, "POST", "servicedeskapi/request", json=OPENING)
    assert call(jira, "POST", "servicedeskapi/request", json=OPENING).status_code == 500
    assert len(jira.requests) == 2
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call(jira, "GET", "api/3/myself")
    assert call(jira, "GET", "api/3/myself").json()["emailAddress"] == USER
    assert [status for _, status in jira.ledger] == [429, 0, 500, 200, 200]
