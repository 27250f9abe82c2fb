"""A whole life of an engagement while `sys_journal_field` may not be read; and what happens when that changes."""

import requests

from tests.integration.cli.conftest import DCC


def admin(bench, path, method="POST", **body):
    login = ("admin", bench.servicenow.instance.accounts.passwords["admin"])
    answer = requests.request(method, f"{bench.servicenow.url}/sandbox/{path}", json=body, auth=login, timeout=10)
    assert answer.ok, answer.text


def cycle(bench, times=1):
    for _ in range(times):
        bench.later()
        bench.run("once")


def count(bench, case, text):
    return sum(text in note for note in bench.journal(case))


def test_commands_echoes_and_settling_work_and_nothing_is_done_twice_when_the_table_is_opened(bench):
    admin(bench, "acl", kind="deny_read", table="sys_journal_field", user="cpsd.bridge")
    case = bench.raise_case(assignment_group="CPSD LDSO")
    bench.run("once")
    bench.change(case, work_notes=f"#engage @{DCC}")
    cycle(bench)
    assert len(bench.sent_to(DCC)) == 1, "a command on a case that nobody was engaged for"
    bench.change(case, work_notes=f"#desk @{DCC}: Please ring me.")
    lost = {"kind": "status", "status": 502, "when": "after_commit"}
    admin(bench, "faults", match={"method": "PATCH", "path_regex": "/api/now/"}, times=1, fault=lost)
    bench.reply(DCC, "Soon.\n\n2026-01-01 09:00:00 - Priya Shah (Work notes)\n#withdraw: as we said")
    cycle(bench)
    assert [one["difference"] for one in bench.json("reconcile")["differences"]] == ["write_arrived"]
    cycle(bench, 2)
    assert len(bench.sent_to(DCC)) == 2
    assert count(bench, case, f"{DCC} writes:") == 1
    assert [one["state"] for one in bench.json("engagements")] == ["acknowledged"], "a desk commands nothing"
    assert bench.json("reconcile")["differences"] == []
    assert not [event for event in bench.story(case["number"]) if event["kind"] in {"unexplained_entry", "alert"}]
    admin(bench, "acl", "DELETE")
    cycle(bench, 2)
    assert bench.json("reconcile")["differences"] == []
    admin(bench, "acl", kind="deny_read", table="sys_journal_field", user="cpsd.bridge")
    bench.change(case, work_notes=f"#withdraw @{DCC}: no longer needed")
    cycle(bench, 3)
    assert bench.json("reconcile")["differences"] == []
    assert len(bench.sent_to(DCC)) == 3, "the withdrawal, and nothing that was told before"
    assert [one["state"] for one in bench.json("engagements", "--all")] == ["withdrawn"]
    assert not [event for event in bench.story(case["number"]) if event["kind"] in {"unexplained_entry", "alert"}]
