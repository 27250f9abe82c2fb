import json

import pytest

from tests.integration.cli.conftest import DCC, LDSO, MAILBOX

KEYS = {"match", "kind", "report", "suggests", "desk_reference", "text", "attachments", "sender", "verdict", "reasons"}


def written(folder, text):
    file = folder / "mail.txt"
    file.write_text(text)
    return file


def test_a_mail_is_explained_in_the_agreed_shape(bench, tmp_path):
    case = bench.raise_case()
    bench.run("once")
    sent = bench.sent_to(DCC)[0]
    file = tmp_path / "answer.eml"
    file.write_bytes(
        f"From: {MAILBOX[DCC]}\r\nTo: cpsd@elexon.example\r\nMessage-ID: <one@dcc.example>\r\n"
        f"Authentication-Results: mx.elexon.example; dmarc=pass header.from=dcc.example\r\n"
        f"In-Reply-To: {sent['Message-ID']}\r\nSubject: Re: {sent['Subject']}\r\n\r\n"
        "#acknowledge INC000000000007\r\nWe look into it.\r\n".encode()
    )
    told = bench.json("mail", "read", file, "--desk", DCC)
    assert set(told) == KEYS
    (engagement,) = bench.json("engagements", "--case", case["number"])
    assert told["match"] == {"engagement": engagement["engagement"], "by": "message_id", "conflict": False}
    assert (told["kind"], told["report"], told["verdict"]) == ("report", "acknowledged", "apply")
    assert told["desk_reference"] == "INC000000000007"
    assert told["sender"] == {"from": MAILBOX[DCC], "authenticated": True, "desk": DCC}


def test_reading_a_mail_changes_nothing(bench, tmp_path):
    before = bench.database.read_bytes()
    bench.run("mail", "read", written(tmp_path, "#resolved: done"), "--desk", DCC, "--text")
    assert bench.database.read_bytes() == before


@pytest.mark.parametrize(
    "text,report,verdict",
    [
        ("#resolved: The job was restarted.", "resolved", "apply"),
        ("#question: since when?", "question", "apply"),
        ("Thank you, we look into it.", "comment", "apply"),
        ("It has been fixed this morning, please close the ticket.", "comment", "apply"),
    ],
)
def test_a_plain_text_is_read_as_the_body_of_an_authenticated_reply(bench, tmp_path, text, report, verdict):
    told = bench.json("mail", "read", written(tmp_path, text), "--desk", DCC, "--text")
    assert told["sender"]["authenticated"] is True
    assert told["sender"]["desk"] == DCC
    assert told["match"]["engagement"]
    assert (told["report"], told["verdict"]) == (report, verdict)


def test_a_mail_that_speaks_for_another_desk_is_remarked_upon(bench, tmp_path):
    file = tmp_path / "other.eml"
    file.write_text(f"From: {MAILBOX[LDSO]}\nMessage-ID: <one@ldso.example>\nSubject: hello\n\nWho are you?\n")
    result = bench.run("mail", "read", file, "--desk", DCC)
    assert json.loads(result.stdout)["sender"]["desk"] == LDSO
    assert result.stderr == f"note: the sender speaks for {LDSO}, not for {DCC}\n"


def test_bytes_that_are_no_mail_are_explained_too(bench, tmp_path):
    file = tmp_path / "noise.eml"
    file.write_bytes(bytes(range(256)) * 50)
    assert bench.json("mail", "read", file, "--desk", DCC)["verdict"] in {"quarantine", "file", "drop"}


def test_a_file_that_is_not_there_is_wrong_usage(bench, tmp_path):
    bench.run("mail", "read", tmp_path / "missing.eml", "--desk", DCC, exits=2)
