"""A desk's REST API as it is written in its agreement: what can be used, and what is told where."""

import json
from pathlib import Path

import pytest

from bridge.configuration import load
from bridge.configuration.rest_models import over, presets
from bridge.connectors.rest.description import RestSettings
from bridge.domain.facts import MessageKind, ReportKind
from tests.unit.settings.folders import ENVIRON, problems_of, shipped_copy, spoil

MAIL = r"""method: {email: {to: [dcc-servicedesk@example.org], from_domains: [example.org], reference: 'INC\d{12}'}}"""
WRITTEN = """\
method:
    rest:
      url: https://desk.example.org/api
      auth: {kind: bearer, token: "${TOKEN}"}
      settings: {team: market}
      requests:
        open:
          method: POST
          path: tickets
          body: {json: {title: "{{ reference }}", text: "{{ body }}"}}
          answer: {id: id}
        message:
          method: POST
          path: "tickets/{{ ticket }}/notes"
          body: {json: {text: "{{ body }}"}}
        ticket: {path: "tickets/{{ ticket }}", answer: {status: state}}
        find: {path: tickets, query: {q: "{{ reference }}"}, answer: {items: found, id: id}}
        messages: {path: "tickets/{{ ticket }}/notes", answer: {items: "@", id: id, text: text}}
      statuses: {open: none, done: resolved}
"""
VARIABLES = {**ENVIRON, "TOKEN": "Tk77aa-portal-token"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = shipped_copy(tmp_path)
    spoil(made / "desks" / "dcc-service-desk.yaml", MAIL, WRITTEN.rstrip())
    return made


def settings(folder: Path) -> RestSettings:
    desk = load(folder, VARIABLES).desks.by_name["dcc-service-desk"]
    found = desk.latest.method.settings
    assert isinstance(found, RestSettings)
    return found


def test_what_is_written_is_what_the_connector_is_told_and_no_secret_is_shown(folder):
    found = settings(folder)
    assert found.url == "https://desk.example.org/api"
    assert found.statuses == {"open": None, "done": ReportKind.RESOLVED}
    assert [call.method for call in found.requests["open"]] == ["POST"]
    assert VARIABLES["TOKEN"] in found.auth.value
    assert VARIABLES["TOKEN"] not in repr(found)
    assert VARIABLES["TOKEN"] not in repr(load(folder, VARIABLES).desks)


MISTAKES = {
    "a name that nobody knows": (
        'text: "{{ body }}"}}\n          answer',
        'text: "{{ boddy }}"}}\n          answer',
        "nothing is called 'boddy'",
        "write body",
        0,
    ),
    "a part that a message has not": (
        '"{{ reference }}", text',
        '"{{ reference }}{{ message.sumary }}", text',
        "sumary",
        "correct the template",
        0,
    ),
    "a template that is none": (
        'path: "tickets/{{ ticket }}/notes"\n          body',
        'path: "tickets/{{ ticket"\n          body',
        "path: is no template",
        "correct the template",
        0,
    ),
    "an expression that is none": (
        "answer: {status: state}",
        "answer: {status: 'state['}",
        "is no JMESPath",
        "correct the expression",
        0,
    ),
    "a value of settings that is not there": (
        '{q: "{{ reference }}"}',
        '{q: "{{ reference }}{{ settings.queue }}"}',
        "settings has no 'queue'",
        "add queue: under settings:",
        0,
    ),
    "an answer that is needed": (
        "answer: {items: found, id: id}",
        "answer: {items: found}",
        "'id' is missing",
        "add id:",
        0,
    ),
    "a request that is needed": (
        '        find: {path: tickets, query: {q: "{{ reference }}"}, answer: {items: found, id: id}}\n',
        "",
        "the request 'find' is missing",
        "add find:",
        -11,
    ),
    "a meaning that there is none of": ("done: resolved", "done: solved", "'solved' is not possible", "resolved", 0),
    "a comment that could not be found again": (
        'body: {json: {text: "{{ body }}"}}\n        ticket',
        'body: {json: {text: "{{ message.text }}"}}\n        ticket',
        "could not be found again",
        "{{ body }} or {{ mark }}",
        -3,
    ),
    "a secret in the file": ('token: "${TOKEN}"', "token: abc", "in plain text", "${NAME}", 0),
    "a preset that there is none of": (
        "      url: https",
        "      preset: request-traker\n      url: https",
        "no preset is called",
        "request-tracker",
        1,
    ),
    "a request of another name": ("        ticket: {path", "        tiket: {path", "tiket", "", 0),
    "a status that is set without a request": (
        "      statuses:",
        "      on: {withdraw: closed}\n      statuses:",
        "the request 'status' is missing",
        "add status:",
        None,
    ),
    "files of which nobody knows whose they are": (
        "      statuses:",
        "        files: {path: files, answer: {items: '@', id: id, name: name}}\n      statuses:",
        "whose files",
        "add ours:",
        None,
    ),
    "two bodies": (
        'body: {json: {text: "{{ body }}"}}\n        ticket',
        'body: {raw: "{{ body }}", form: {a: b}}\n        ticket',
        "it has one form",
        "write one of",
        0,
    ),
    "a page that is counted by no name": (
        "answer: {items: found, id: id}}",
        "answer: {items: found, id: id}, paging: {by: page}}",
        "needs a query parameter",
        "add name:",
        0,
    ),
    "something after the ticket is made": (
        """          method: POST
          path: tickets
          body: {json: {title: "{{ reference }}", text: "{{ body }}"}}
          answer: {id: id}
        message""",
        """          - {method: POST, path: tickets, body: {json: {text: "{{ body }}"}}, keep: {id: id}}
          - {method: PUT, path: "tickets/{{ kept.id }}", body: {json: {title: "{{ reference }}"}}, answer: {id: id}}
        message""",
        "after the request that makes the ticket",
        "be the last",
        None,
    ),
    "a link that is made after the ticket": (
        """          method: POST
          path: tickets
          body: {json: {title: "{{ reference }}", text: "{{ body }}"}}
          answer: {id: id}
        message""",
        """          - {method: POST, path: tickets, body: {json: {title: "{{ message.reference }}"}}, keep: {id: id}}
          - {method: POST, path: links, body: {json: {to: "{{ kept.id }}"}}, answer: {id: id}}
        message""",
        "after the request that makes the ticket",
        "be the last",
        None,
    ),
    "a reading after the ticket is made": (
        """          method: POST
          path: tickets
          body: {json: {title: "{{ reference }}", text: "{{ body }}"}}
          answer: {id: id}
        message""",
        """          - {method: POST, path: tickets, body: {json: {text: "{{ body }}"}}}
          - {path: tickets, query: {q: "{{ reference }}"}, answer: {id: id}}
        message""",
        "after the request that makes the ticket",
        "be the last",
        None,
    ),
    "a zone that there is none of": (
        "      statuses:",
        "      zone: Mars/Base\n      statuses:",
        "no time zone",
        "Europe/London",
        0,
    ),
    "a login in the address": (
        "https://desk.example.org/api",
        "https://me:pw@desk.example.org/api",
        "a login is part of the address",
        "under auth:",
        0,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_a_remedy(mistake, folder):
    old, new, what, remedy, below = MISTAKES[mistake]
    path = folder / "desks" / "dcc-service-desk.yaml"
    line = spoil(path, old, new)
    found = problems_of(folder, VARIABLES)
    told = [problem for problem in found if what in problem.what]
    assert told, "\n".join(map(str, found))
    assert told[0].file == path
    assert remedy in told[0].remedy
    assert below is None or line <= told[0].line <= line + 2 or told[0].line == line + below


def test_in_production_nothing_may_travel_unprotected(folder):
    spoil(folder / "desks" / "dcc-service-desk.yaml", "https://desk.example.org/api", "http://desk.example.org/api")
    assert problems_of(folder, VARIABLES) == ()
    text = (folder / "bridge.yaml").read_text()
    assert "environment: test" in text
    (folder / "bridge.yaml").write_text(text.replace("environment: test", "environment: production"))
    assert any("unprotected" in problem.what for problem in problems_of(folder, VARIABLES))


def spoil_mode(folder, mode):
    spoil(folder / "desks" / "dcc-service-desk.yaml", "mode: observe", f"mode: {mode}")


def allow(folder, *places):
    path = folder / "bridge.yaml"
    path.write_text(f"{path.read_text()}\nportals: {{allow: {json.dumps(places)}}}\n")


@pytest.mark.parametrize("mode", ["propose", "live"])
def test_outside_production_a_desk_s_system_must_be_named(folder, mode):
    spoil_mode(folder, mode)
    (problem,) = problems_of(folder, VARIABLES)
    assert "desk.example.org may not be used" in problem.what
    assert "portals: {allow: [desk.example.org]}" in problem.remedy
    assert "url: " in problem.file.read_text().splitlines()[problem.line - 1]


@pytest.mark.parametrize("place", ["desk.example.org", "DESK.example.org", "*.example.org"])
def test_a_desk_s_system_that_is_named_may_be_used(folder, place):
    spoil_mode(folder, "live")
    allow(folder, place)
    assert problems_of(folder, VARIABLES) == ()


@pytest.mark.parametrize("host", ["127.example.org", "127.0.0.1.desk.example.org", "localhost.example.org"])
def test_a_host_that_is_only_called_like_this_machine_is_no_loopback(folder, host):
    spoil_mode(folder, "live")
    spoil(folder / "desks" / "dcc-service-desk.yaml", "https://desk.example.org/api", f"https://{host}/api")
    assert ["may not be used" in problem.what for problem in problems_of(folder, VARIABLES)] == [True]


@pytest.mark.parametrize("place", ["example.org", "other.example.org", "*.desk.example.org"])
def test_a_name_that_is_another_s_does_not_help(folder, place):
    spoil_mode(folder, "live")
    allow(folder, place)
    assert ["may not be used" in problem.what for problem in problems_of(folder, VARIABLES)] == [True]


@pytest.mark.parametrize("place", ["https://desk.example.org", "desk.example.org/api", "*", "", "desk-*.example.org"])
def test_what_names_no_host_is_refused(folder, place):
    allow(folder, place)
    assert ["write a host" in problem.remedy for problem in problems_of(folder, VARIABLES)] == [True]


def test_in_production_and_on_this_machine_no_system_need_be_named(folder):
    spoil_mode(folder, "live")
    spoil(folder / "desks" / "dcc-service-desk.yaml", "https://desk.example.org/api", "http://127.0.0.1:8080/api")
    assert problems_of(folder, VARIABLES) == ()
    spoil(folder / "desks" / "dcc-service-desk.yaml", "http://127.0.0.1:8080/api", "https://desk.example.org/api")
    spoil(folder / "bridge.yaml", "environment: test ", "environment: production ")
    assert problems_of(folder, VARIABLES) == ()


def test_a_variable_that_is_not_set_is_told(folder):
    assert any("TOKEN" in problem.what for problem in problems_of(folder))


@pytest.mark.parametrize("name", presets())
def test_each_preset_can_be_used_with_what_its_first_lines_ask_for(name, folder):
    path = folder / "desks" / "dcc-service-desk.yaml"
    rest = f'rest: {{preset: {name}, url: "https://desk.example.org/api", auth: {{kind: bearer, token: "${{TOKEN}}"}}, '
    spoil(path, WRITTEN.rstrip(), f"method: {{{rest} ours: [bridge], settings: {{{SETTINGS[name]}}}}}}}")
    assert [str(problem) for problem in problems_of(folder, VARIABLES)] == []
    assert {"open", "message", "find", "ticket", "messages"} <= set(settings(folder).requests)


SETTINGS = {
    "freshdesk": "email: cpsd@example.org, web: 'https://desk.example.org'",
    "jira-service-management": "desk: '10', type: '25', project: HELP, cancel: '901'",
    "tmf621": "web: 'https://desk.example.org'",
    "zendesk": "web: 'https://desk.example.org'",
    "request-tracker": "queue: Market, web: 'https://desk.example.org'",
    "roundup": "user: bridge, web: 'https://desk.example.org'",
}


def test_what_stands_beside_a_preset_counts_more_key_by_key(folder):
    path = folder / "desks" / "dcc-service-desk.yaml"
    beside = """\
method:
    rest:
      preset: request-tracker
      url: https://desk.example.org/REST/2.0
      auth: {kind: basic, username: bridge, password: "${TOKEN}"}
      ours: [bridge]
      settings: {queue: Market, web: https://desk.example.org}
      statuses: {stalled: question}
      on: {accept: resolved}
      requests: {find: {query: {orderby: Created}}}
"""
    spoil(path, WRITTEN.rstrip(), beside.rstrip())
    found = settings(folder)
    assert found.statuses["stalled"] is ReportKind.QUESTION
    assert found.statuses["resolved"] is ReportKind.RESOLVED
    assert found.on == {MessageKind.REJECT: "open", MessageKind.WITHDRAW: "rejected", MessageKind.ACCEPT: "resolved"}
    assert sorted(found.requests["find"][0].query) == ["fields", "orderby", "query"]
    assert found.requests["find"][0].query["orderby"].source == "Created"


def test_lists_and_values_are_replaced_and_mappings_are_merged():
    assert over({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2]}, "d": {"e": 3}}) == {
        "a": {"b": 1, "c": [2]},
        "d": {"e": 3},
    }


def test_two_methods_are_one_too_many(folder):
    spoil(folder / "desks" / "dcc-service-desk.yaml", "    rest:\n", "    email: {to: [a@example.org]}\n    rest:\n")
    assert any("two methods of contact" in problem.what for problem in problems_of(folder, VARIABLES))
