"""A message as requests: rendered once, and completed by what answers tell."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.rest.answers import Path
from bridge.connectors.rest.description import Body, Call
from bridge.connectors.rest.plan import mark_of, planned, revealed
from bridge.connectors.rest.templates import Leaf, compiled
from bridge.domain.errors import ConfigurationError
from bridge.domain.facts import MessageKind
from bridge.ports import File
from tests.unit.connectors.mail.messages import outbound
from tests.unit.connectors.rest.describing import described

AT = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)
FILE = File("reads.csv", "text/csv", b"\x00\xff")


def plan(message, settings=None):
    return json.loads(planned(message, settings or described(), AT))


def test_the_same_message_gives_the_same_bytes():
    assert planned(outbound(files=(FILE,)), described(), AT) == planned(outbound(files=(FILE,)), described(), AT)


def test_an_opening_is_a_ticket_and_its_files():
    told = plan(outbound(files=(FILE,)))
    assert [step["do"] for step in told["steps"]] == ["open", "attachment"]
    opening, file = told["steps"]
    assert opening["calls"][0]["body"]["json"]["title"] == outbound().reference
    assert opening["calls"][0]["body"]["json"]["text"].endswith(mark_of(outbound().id))
    assert file["proof"] == {"name": "reads.csv", "size": 2}
    assert base64.b64decode(file["calls"][0]["body"]["json"]["data"]) == FILE.content


def test_a_later_message_is_a_comment_and_the_status_that_was_agreed():
    told = plan(outbound(kind=MessageKind.REJECT, desk_record="7/8"))
    assert [(step["do"], step["calls"][0]["path"]) for step in told["steps"]] == [
        ("message", "tickets/7%2F8/notes"),
        ("status", "tickets/7%2F8"),
    ]
    assert told["steps"][0]["calls"][0]["body"]["json"]["to"] == "7/8"
    assert told["steps"][1]["proof"] == {"status": "open"}


def test_the_ticket_that_is_not_there_yet_is_put_in_when_it_is_known():
    told = plan(outbound(files=(FILE,)))
    frozen = told["steps"][1]["calls"][0]
    assert "/" not in told["hidden"]
    assert revealed(frozen, told["hidden"], {"ticket": "a/b"}).path == "tickets/a%2Fb/files"


def test_what_an_answer_keeps_is_used_by_the_next_request_in_its_own_kind():
    first = Call(
        "POST", Leaf("notes", quoted=True), body=Body("json", compiled({"t": "{{ body }}"})), keep={"n": Path("id")}
    )
    link = compiled({"notes": ["{{ kept.n }}"], "as": "note {{ kept.n }}"})
    second = Call("PATCH", Leaf("tickets/{{ ticket }}", quoted=True), body=Body("json", link))
    settings = described(requests={**described().requests, "message": (first, second)})
    told = plan(outbound(kind=MessageKind.TEXT, desk_record="7"), settings)
    calls = told["steps"][0]["calls"]
    assert calls[0]["keep"] == {"n": "id"}
    assert revealed(calls[1], told["hidden"], {"n": 12}).body == {"json": {"notes": [12], "as": "note 12"}}


@pytest.mark.parametrize("names", [("upload", "upload_token"), ("upload_token", "upload")])
def test_a_name_that_begins_like_another_stands_for_its_own_value(names):
    settings = described()
    leaf = "{{ kept.upload }}/{{ kept.upload_token }}/{{ url }}"
    second = Call(
        "POST",
        Leaf(f"x/{leaf}", quoted=True),
        {"q": Leaf(leaf)},
        {"H": Leaf(leaf)},
        Body("json", compiled({"a": leaf})),
    )
    settings = replace(settings, requests={**settings.requests, "message": (second,)})
    told = plan(outbound(kind=MessageKind.TEXT, desk_record="7"), settings)
    values = {"upload": "U 1", "upload_token": f"{told['hidden']}upload_"}
    request = revealed(told["steps"][0]["calls"][0], told["hidden"], {name: values[name] for name in names})
    assert request.path.startswith(f"x/U%201/{values['upload_token']}/")
    for text in (request.query["q"], request.headers["H"], request.body["json"]["a"]):
        assert text == f"U 1/{values['upload_token']}/{settings.url}"


@given(st.text())
def test_no_words_of_a_case_are_taken_for_what_an_answer_told(words):
    told = plan(outbound(kind=MessageKind.TEXT, desk_record="7", text=words))
    text = told["steps"][0]["calls"][0]["body"]["json"]["text"]
    assert revealed(told["steps"][0]["calls"][0], told["hidden"], {"ticket": "9"}).body["json"]["text"] == text


def test_words_that_imitate_what_stands_for_a_ticket_stay_as_they_are():
    message = outbound(files=(FILE,))
    imitated = plan(message)["hidden"] + "ticket_"
    told = plan(outbound(files=(FILE,), text=f"look: {imitated}"))
    shown = revealed(told["steps"][0]["calls"][0], told["hidden"], {"ticket": "9"})
    assert f"look: {imitated}" in shown.body["json"]["text"]
    assert revealed(told["steps"][1]["calls"][0], told["hidden"], {"ticket": "9"}).path == "tickets/9/files"


def test_bodies_have_four_forms():
    forms = {
        "form": (Body("form", compiled({"a": "{{ message.kind }}"})), {"form": {"a": "text"}}),
        "raw": (Body("raw", Leaf("<a>{{ message.kind }}</a>"), "text/xml"), {"raw": "<a>text</a>", "type": "text/xml"}),
        "multipart": (
            Body("multipart", compiled({"k": "{{ message.kind }}"})),
            {"parts": [["k", {"text": "text"}]]},
        ),
    }
    for body, expected in forms.values():
        one = (Call("POST", Leaf("x", quoted=True), body=body),)
        settings = described(requests={**described().requests, "message": one})
        told = plan(outbound(kind=MessageKind.TEXT, desk_record="7"), settings)
        assert told["steps"][0]["calls"][0]["body"] == expected


def test_a_list_that_an_answer_told_takes_its_place_in_another():
    first = Call("GET", Leaf("x", quoted=True), keep={"notes": Path("note")})
    second = Call(
        "PATCH", Leaf("x", quoted=True), body=Body("json", compiled({"note": ["{{ kept.notes }}", {"t": 1}]}))
    )
    settings = described(requests={**described().requests, "message": (first, second)})
    told = plan(outbound(kind=MessageKind.TEXT, desk_record="7"), settings)
    shown = revealed(told["steps"][0]["calls"][1], told["hidden"], {"notes": [{"t": 0}]})
    assert shown.body == {"json": {"note": [{"t": 0}, {"t": 1}]}}
    assert revealed(told["steps"][0]["calls"][1], told["hidden"], {"notes": []}).body["json"]["note"] == [{"t": 1}]


def test_a_file_may_be_the_whole_body_in_its_own_kind():
    one = (Call("POST", Leaf("files", quoted=True), body=Body("raw", Leaf("{{ file }}"))),)
    told = plan(outbound(files=(FILE,)), described(requests={**described().requests, "attachment": one}))
    assert told["steps"][1]["calls"][0]["body"] == {"base64": "AP8=", "type": "text/csv"}


def test_what_json_cannot_hold_is_told_and_never_sent():
    one = (Call("POST", Leaf("x", quoted=True), body=Body("json", compiled({"a": "{{ 2 ** 80 }}"}))),)
    with pytest.raises(ConfigurationError, match="what JSON cannot hold"):
        plan(
            outbound(kind=MessageKind.TEXT, desk_record="7"),
            described(requests={**described().requests, "message": one}),
        )
