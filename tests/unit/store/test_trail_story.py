from datetime import UTC, datetime

from bridge.domain.ids import EngagementId, SysId
from bridge.ports import ToldEvent, TrailEvent
from bridge.trail import story

AT = datetime(2026, 6, 1, 9, 14, 5, 120000, tzinfo=UTC)


def told(number: int = 1, hashes=(), **fields) -> ToldEvent:
    event = TrailEvent(**{"kind": "message_sent", "who": "bridge", "case": SysId("a" * 32)} | fields)
    return ToldEvent(number, AT, "0.1.0", event, dict.fromkeys(hashes, "f" * 64))


def test_an_event_tells_when_what_who_where_and_why():
    event = told(desk="dcc", round=2, agreement_version=3, cause="journal:CS1", facts={"message_id": "<1@bridge>"})
    assert story.lines([event]) == [
        "2026-06-01 09:14:05Z  message sent, by bridge  (dcc · round 2 · agreement version 3 · because of journal:CS1)",
        "    message id: <1@bridge>",
    ]


def test_an_event_that_nobody_did_is_the_bridges():
    assert story.lines([told(who="")]) == ["2026-06-01 09:14:05Z  message sent, by the bridge"]


def test_the_story_is_told_in_the_order_in_which_it_was_recorded():
    lines = story.lines([told(1, kind="case_engaged"), told(2, kind="desk_acknowledged")])
    assert ["case engaged" in lines[0], "desk acknowledged" in lines[1]] == [True, True]


def test_personal_values_are_told_line_by_line_and_erased_ones_named():
    event = told(hashes=["text", "sender"], personal={"text": "Dear all,\nresolved."})
    assert story.lines([event])[1:] == ["    text: Dear all,", "      resolved.", "    sender: [erased]"]


def test_facts_that_say_nothing_are_left_out_and_structured_ones_are_json():
    event = told(facts={"none": None, "empty": "", "nothing": [], "no": False, "fields": {"b": 1, "a": "ä"}})
    assert story.lines([event])[1:] == ["    no: false", '    fields: {"a": "ä", "b": 1}']


def test_a_text_of_empty_lines_does_not_disturb():
    assert story.lines([told(hashes=["text"], personal={"text": "\n\n"})])[1] == "    text: "


def test_a_strangers_text_cannot_play_with_the_terminal():
    event = told(
        who="a\nb", facts={"note": "two\nlines"}, hashes=["text"], personal={"text": "\x1b[2Jgone \u202egnorw"}
    )
    assert story.lines([event]) == [
        "2026-06-01 09:14:05Z  message sent, by a\ufffdb",
        "    note: two",
        "      lines",
        "    text: \ufffd[2Jgone \ufffdgnorw",
    ]


def test_programs_get_everything_erased_values_as_null():
    event = told(7, hashes=["text", "sender"], personal={"text": "hello"}, engagement=EngagementId("e"), facts={"a": 1})
    (document,) = story.document([event])
    assert document == {
        "id": 7,
        "at": "2026-06-01T09:14:05.120000+00:00",
        "software_version": "0.1.0",
        "kind": "message_sent",
        "who": "bridge",
        "case": "a" * 32,
        "case_number": "",
        "engagement": "e",
        "round": None,
        "desk": "",
        "cause": "",
        "agreement_version": None,
        "facts": {"a": 1},
        "personal": {
            "text": {"sha256": "f" * 64, "value": "hello"},
            "sender": {"sha256": "f" * 64, "value": None},
        },
    }
