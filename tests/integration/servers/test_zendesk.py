"""The fake of Zendesk keeps to the contract."""

import pytest
import requests

from tests.servers.zendesk import EMAIL, STAFF, TOKEN, Zendesk

OPENING = {"ticket": {"subject": "CS0001234", "comment": {"body": "Reads are missing."}, "external_id": "4ZJ6T0Q2WX"}}


@pytest.fixture
def zendesk():
    with Zendesk() as portal:
        yield portal


def call(zendesk, method, path, *, auth=(f"{EMAIL}/token", TOKEN), **options):
    return requests.request(method, f"{zendesk.url}/api/v2/{path}", auth=auth, timeout=30, **options)


def open_one(zendesk, key="", **changes):
    headers = {"Idempotency-Key": key} if key else {}
    return call(zendesk, "POST", "tickets.json", json={"ticket": OPENING["ticket"] | changes}, headers=headers)


def test_a_ticket_is_opened_discussed_and_solved(zendesk):
    number = open_one(zendesk).json()["ticket"]["id"]
    path = f"tickets/{number}.json"
    assert call(zendesk, "PUT", path, json={"ticket": {"comment": {"body": "Any news?"}}}).status_code == 200
    zendesk.says(number, "We look into it.")
    zendesk.says(number, "among us", public=False)
    told = call(zendesk, "GET", f"tickets/{number}/comments.json").json()["comments"]
    assert [(one["body"], one["public"]) for one in told] == [
        ("Reads are missing.", True),
        ("Any news?", True),
        ("We look into it.", True),
        ("among us", False),
    ]
    assert told[2]["author_id"] == STAFF
    zendesk.moves(number, "solved")
    assert call(zendesk, "GET", path).json()["ticket"]["status"] == "solved"


def test_comments_go_on_by_a_cursor(zendesk):
    number = open_one(zendesk).json()["ticket"]["id"]
    zendesk.says(number, "We look into it.")
    first = call(zendesk, "GET", f"tickets/{number}/comments", params={"page[size]": 1}).json()
    assert first["meta"]["has_more"] is True
    rest = requests.get(first["links"]["next"], auth=(f"{EMAIL}/token", TOKEN), timeout=30).json()
    assert [one["body"] for one in rest["comments"]] == ["We look into it."]
    assert rest["meta"]["has_more"] is False


def test_one_key_makes_one_ticket_for_two_hours_and_for_one_body(zendesk):
    first, again = open_one(zendesk, "key-1"), open_one(zendesk, "key-1")
    assert (first.headers["x-idempotency-lookup"], again.headers["x-idempotency-lookup"]) == ("miss", "hit")
    assert first.json() == again.json()
    other = open_one(zendesk, "key-1", subject="something else")
    assert (other.status_code, other.json()["error"]) == (400, "IdempotentRequestError")
    assert len(zendesk.tickets) == 1
    zendesk.later(hours=3)
    assert open_one(zendesk, "key-1").headers["x-idempotency-lookup"] == "miss"
    assert len(zendesk.tickets) == 2


def test_files_are_uploaded_first_and_belong_to_a_comment(zendesk):
    made = call(
        zendesk, "POST", "uploads.json?filename=reads.csv", data=b"mpan\n", headers={"Content-Type": "text/csv"}
    )
    comment = {"body": "See the file.", "uploads": [made.json()["upload"]["token"]]}
    number = open_one(zendesk, comment=comment).json()["ticket"]["id"]
    (file,) = call(zendesk, "GET", f"tickets/{number}/comments.json").json()["comments"][0]["attachments"]
    assert (file["file_name"], file["content_type"], file["size"]) == ("reads.csv", "text/csv", 5)
    assert requests.get(file["content_url"], timeout=30).content == b"mpan\n"
    assert open_one(zendesk, comment=comment).status_code == 422


def test_an_export_leaves_the_newest_minute_out_and_goes_on_where_it_ended(zendesk):
    begin = int(zendesk.now().timestamp()) - 60
    first = open_one(zendesk).json()["ticket"]["id"]
    path = "incremental/tickets/cursor.json"
    assert call(zendesk, "GET", path, params={"start_time": begin}).json()["tickets"] == []
    zendesk.later(seconds=61)
    told = call(zendesk, "GET", path, params={"start_time": begin}).json()
    assert ([one["id"] for one in told["tickets"]], told["end_of_stream"]) == ([first], True)
    zendesk.says(first, "We look into it.")
    second = open_one(zendesk).json()["ticket"]["id"]
    zendesk.later(seconds=61)
    page = call(zendesk, "GET", path, params={"cursor": told["after_cursor"], "per_page": 1}).json()
    assert ([one["id"] for one in page["tickets"]], page["end_of_stream"]) == ([first], False)
    rest = requests.get(page["after_url"], auth=(f"{EMAIL}/token", TOKEN), timeout=30).json()
    assert [one["id"] for one in rest["tickets"]] == [second]
    assert call(zendesk, "GET", path).status_code == 400


def test_it_finds_tickets_by_their_external_id(zendesk):
    number = open_one(zendesk).json()["ticket"]["id"]
    open_one(zendesk, external_id="another")
    found = call(zendesk, "GET", "search.json", params={"query": 'type:ticket external_id:"4ZJ6T0Q2WX"'}).json()
    assert ([one["id"] for one in found["results"]], found["count"]) == ([number], 1)
    assert call(zendesk, "GET", "search.json", params={"query": ""}).status_code == 422


@pytest.mark.parametrize(
    "changes, where",
    [({"comment": {"body": " "}}, "base"), ({"status": "resolved"}, "status"), ({"sujbect": "x"}, "sujbect")],
)
def test_what_is_incomplete_or_unknown_is_refused(zendesk, changes, where):
    answer = open_one(zendesk, **changes)
    assert (answer.status_code, answer.json()["error"]) == (422, "RecordInvalid")
    assert list(answer.json()["details"]) == [where]
    assert zendesk.tickets == {}


def test_a_wrong_token_another_kind_of_body_and_an_outdated_change_are_refused(zendesk):
    wrong = call(zendesk, "GET", "users/me.json", auth=(f"{EMAIL}/token", "wrong"))
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Couldn't authenticate you"})
    assert call(zendesk, "POST", "tickets.json", data="subject=x").status_code == 415
    made = open_one(zendesk).json()["ticket"]
    zendesk.later(seconds=2)
    zendesk.moves(made["id"], "open")
    stale = {"ticket": {"status": "pending", "safe_update": True, "updated_stamp": made["updated_at"]}}
    assert call(zendesk, "PUT", f"tickets/{made['id']}.json", json=stale).status_code == 409
    zendesk.moves(made["id"], "closed")
    assert call(zendesk, "PUT", f"tickets/{made['id']}.json", json={"ticket": {"status": "open"}}).status_code == 422
