"""A bridge with a second mailbox: whatever comes there is read as if it had come to the first."""

import pytest

from tests.integration.cli.conftest import BRIDGE, DCC, MAILBOX

SECOND = "cpsd-second@elexon.example"


@pytest.fixture
def second(bench, monkeypatch):
    monkeypatch.setenv("SECOND_PASSWORD", bench.mail.password)
    bench.bridge["mail"]["mailboxes"] = [{"name": "second", "address": SECOND, "password": "${SECOND_PASSWORD}"}]
    bench.write()
    return bench


def engaged(bench):
    bench.raise_case()
    bench.run("once")
    (*_, sent) = bench.sent_to(DCC)
    return sent


def answer(sent, text, sender=MAILBOX[DCC]):
    domain = sender.partition("@")[2]
    fields = {
        "Authentication-Results": f"mx.elexon.example; dmarc=pass header.from={domain}",
        "From": sender,
        "To": f"{BRIDGE}, {SECOND}",
        "Subject": f"Re: {sent['Subject']}",
        "In-Reply-To": sent["Message-ID"],
        "Message-ID": f"<{abs(hash(text))}@{domain}>",
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in fields.items()) + f"\r\n{text}\r\n").encode()


def deliver(bench, to, sent, text, sender=MAILBOX[DCC]):
    bench.mail.deliver(to, answer(sent, text, sender))


def state(bench):
    (engagement,) = bench.json("engagements")
    return engagement["state"]


def test_an_answer_to_the_second_mailbox_is_an_answer(second):
    sent = engaged(second)
    deliver(second, SECOND, sent, "#acknowledge")
    assert [mail["verdict"] for mail in second.json("once", "--dry-run")["mails"]] == ["apply"]
    second.run("once")
    assert state(second) == "acknowledged"


def test_an_answer_to_both_is_one(second):
    sent = engaged(second)
    for to in (BRIDGE, SECOND):
        deliver(second, to, sent, "#acknowledge")
    second.run("once")
    second.run("once")
    assert state(second) == "acknowledged"
    events = [one for one in second.story(_number(second)) if one["kind"] in {"item_received", "message_id_repeated"}]
    assert len(events) == 1
    assert second.json("reconcile")["differences"] == []


def _number(bench):
    (engagement,) = bench.json("engagements")
    return engagement["case"]


def test_who_claims_to_be_one_of_our_mailboxes_is_not_believed(second):
    sent = engaged(second)
    deliver(second, BRIDGE, sent, "#resolved", sender=SECOND)
    second.run("once")
    (item,) = second.json("quarantine", "list")
    assert "own_address_not_signed" in item["reason"]


def test_check_has_a_line_for_each_and_one_that_is_shut_fails_alone(second, monkeypatch):
    second.raise_case()
    lines = {line["name"]: line["status"] for line in second.json("check")["checks"]}
    assert (lines["imap INBOX"], lines["imap second"]) == ("ok", "ok")
    monkeypatch.setenv("SECOND_PASSWORD", "wrong")
    lines = {line["name"]: line["status"] for line in second.json("check", exits=1)["checks"]}
    assert (lines["imap INBOX"], lines["imap second"]) == ("ok", "failed")
    sent = engaged(second)
    deliver(second, BRIDGE, sent, "#acknowledge")
    second.run("once")
    assert "acknowledged" in {one["state"] for one in second.json("engagements")}


def test_an_answer_that_a_mail_server_of_the_site_delivers_is_an_answer(bench, tmp_path):
    """The same by a Maildir, which is all that is read."""
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    del bench.bridge["mail"]["imap"]
    bench.bridge["mail"]["mailboxes"] = [{"name": "local", "maildir": str(tmp_path / "box")}]
    bench.write()
    sent = engaged(bench)
    (tmp_path / "box" / "new" / "1.a.host").write_bytes(answer(sent, "#acknowledge").replace(b"\r\n", b"\n"))
    lines = {line["name"]: line["status"] for line in bench.json("check")["checks"]}
    assert lines["maildir local"] == "ok"
    assert "imap INBOX" not in lines
    assert [mail["verdict"] for mail in bench.json("once", "--dry-run")["mails"]] == ["apply"]
    assert len(list((tmp_path / "box" / "new").iterdir())) == 1
    bench.run("once")
    assert state(bench) == "acknowledged"
    assert bench.json("reconcile")["differences"] == []
    assert [path.name for path in (tmp_path / "box" / "cur").iterdir()] == ["1.a.host:2,S"]
