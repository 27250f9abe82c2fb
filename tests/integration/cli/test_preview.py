import json
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.integration.cli.conftest import DCC, LDSO


def contents(raw: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, object]]]:
    """What a mail says, but for its Date, the same instant in its JSON part, and the server's trace."""
    mail = message_from_bytes(raw, policy=policy.default)
    fields = [(name, str(value)) for name, value in mail.items() if name not in {"Date", "Received", "Return-Path"}]
    parts = [part for part in mail.walk() if not part.is_multipart()]
    return fields, [(part.get_content_type(), content(part)) for part in parts]


def content(part: EmailMessage) -> object:
    if part.get_content_type() != "application/json":
        return part.get_content()
    facts = json.loads(part.get_content())
    assert facts.pop("creationDate")
    return facts


def test_a_preview_is_the_mail_that_is_then_sent(bench):
    case = bench.raise_case()
    shown = bench.run("preview", case["number"], "--desk", DCC, "--eml").stdout_bytes
    bench.run("once")
    (sent,) = [one.content for one in bench.mail.accepted if one.recipients == ("desk@dcc.example",)]
    assert contents(shown) == contents(sent)


def test_a_preview_of_a_message_that_waits_is_the_mail_that_is_then_sent(bench):
    case = bench.raise_case()
    bench.run("once")
    bench.run("pause", "--desk", DCC)
    bench.change(case, work_notes=f"#desk @{DCC}: any news?")
    bench.run("once")
    shown = bench.json("preview", case["number"], "--desk", DCC)
    assert (shown["kind"], shown["decided"]) == ("text", True)
    assert shown["notes"] == ["the desk is paused"]
    assert "any news?" in shown["text"]
    raw = bench.run("preview", case["number"], "--desk", DCC, "--eml").stdout_bytes
    bench.run("resume", "--desk", DCC)
    bench.run("once")
    assert contents(raw) == contents(bench.mail.accepted[-1].content)


def test_a_preview_of_what_an_attempt_was_made_for_shows_the_very_bytes(bench):
    case = bench.raise_case()
    bench.mail.faults.refuse_data = 1
    bench.run("once")
    shown = bench.json("preview", case["number"], "--desk", DCC)
    assert shown["notes"] == ["an attempt was made: these are its bytes"]
    raw = bench.run("preview", case["number"], "--desk", DCC, "--eml").stdout_bytes
    with bench.store() as store, store.reading() as tx:
        assert tx.delivery(shown["delivery"]).frozen == raw


def test_a_preview_sends_and_keeps_nothing(bench):
    case = bench.raise_case()
    before, writes = bench.database.read_bytes(), bench.writes()
    bench.run("preview", case["number"], "--desk", LDSO)
    assert bench.database.read_bytes() == before
    assert bench.writes() == writes
    assert bench.mail.accepted == []


def test_a_preview_is_readable_by_people_and_says_what_holds_it_back(bench):
    bench.desks[DCC]["mode"] = "observe"
    bench.bridge["mail"]["allow"] = ["@ldso.example"]
    bench.write()
    case = bench.raise_case(business_impact="")
    result = bench.run("preview", case["number"], "--desk", DCC)
    assert "To: desk@dcc.example\n" in result.stdout
    assert case["number"] in result.stdout
    assert "note: the desk's mode is observe" in result.stderr
    assert "note: held back: The impact statement is missing" in result.stderr
    assert "note: desk@dcc.example is not on the allow-list" in result.stderr


def test_a_preview_carries_the_files_that_the_agreement_shares(bench):
    bench.desks[DCC]["agreement"]["share"] = {"attachments": {"max": "1MB", "types": ["csv"]}}
    bench.write()
    case = bench.raise_case()
    bench.attach(case, "reads.csv", b"mpan,read\n")
    bench.attach(case, "malware.exe", b"MZ")
    shown = bench.json("preview", case["number"], "--desk", DCC)
    assert [one["name"] for one in shown["attachments"]] == ["cpsd-case.json", "reads.csv"]
    assert shown["notes"] == ["without malware.exe: not within the agreed types and size"]
    raw = bench.run("preview", case["number"], "--desk", DCC, "--eml").stdout_bytes
    files = list(message_from_bytes(raw, policy=policy.default).iter_attachments())
    assert files[1].get_content() == "mpan,read\n"


def test_a_preview_of_the_next_round_has_an_identity_of_its_own(bench):
    case = bench.raise_case()
    bench.run("once")
    first = bench.sent_to(DCC)[0]["Message-ID"]
    bench.change(case, work_notes=f"#withdraw @{DCC}: solved by us")
    bench.run("once")
    shown = bench.json("preview", case["number"], "--desk", DCC)
    assert shown["kind"] == "open"
    assert shown["message_id"] != first


def test_where_nothing_waits_a_preview_says_so(bench):
    case = bench.raise_case()
    bench.run("once")
    result = bench.run("preview", case["number"], "--desk", DCC, exits=2)
    assert "nothing waits to be sent: the engagement is open" in result.stderr


def test_an_unknown_case_is_wrong_usage_and_never_part_of_a_query(bench):
    assert "no case CS9999999" in bench.run("preview", "CS9999999", "--desk", DCC, exits=2).stderr
    bench.raise_case()
    assert "is no case number" in bench.run("preview", "CS1^ORnumber!=", "--desk", DCC, exits=2).stderr


def test_two_forms_at_once_are_wrong_usage(bench):
    bench.run("preview", "CS0000001", "--desk", DCC, "--eml", "--json", exits=2)
