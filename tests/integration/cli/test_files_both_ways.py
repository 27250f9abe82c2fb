"""Files both ways, from a real mailbox into a real case and back: the same bytes, once."""

import hashlib
from email.message import EmailMessage

import pytest
import requests

from tests.integration.cli.conftest import BRIDGE, DCC, LDSO, MAILBOX

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
READS = b"mpan,read\n1200050007920,17\n"
OURS = "cpsd.bridge"


@pytest.fixture
def sharing(bench):
    """A bench whose desks may see csv files and may send pdf files."""
    for name in (DCC, LDSO):
        agreement = bench.desks[name]["agreement"]
        agreement["share"] = {"attachments": {"max": "1kB", "types": ["csv"]}}
        agreement["accept"] = {"attachments": {"max": "20kB", "types": ["pdf"]}}
    bench.bridge["delivery"] = {"retry_first": "1ms", "retry_longest": "1ms"}
    bench.write()
    return bench


def answer(bench, text, **files):
    """An authenticated answer with files to the last mail that the desk got."""
    (*_, last) = bench.sent_to(DCC)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = MAILBOX[DCC], BRIDGE, f"Re: {last['Subject']}"
    mail["Message-ID"] = f"<{hashlib.sha256(text.encode()).hexdigest()}@dcc.example>"
    mail["In-Reply-To"] = str(last["Message-ID"])
    mail["Authentication-Results"] = "mx.elexon.example; dmarc=pass header.from=dcc.example"
    mail.set_content(text)
    for name, content in files.items():
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name.replace("_", "."))
    bench.mail.deliver(BRIDGE, mail.as_bytes())


def files(bench, case, by=OURS):
    """Name, hash and bytes of somebody's files in the case, as ServiceNow tells and hands them out."""
    with bench.person() as session:
        where = {"sysparm_query": f"table_sys_id={case['sys_id']}^sys_created_by={by}"}
        url = f"{bench.servicenow.url}/api/now/attachment"
        rows = session.get(url, params=where, timeout=10).json()["result"]
        return [
            (row["file_name"], row["hash"], session.get(f"{url}/{row['sys_id']}/file", timeout=10).content)
            for row in rows
        ]


def trouble_with_files(bench, **fault):
    """What happens to the next file that is stored."""
    admin = ("admin", bench.servicenow.instance.accounts.passwords["admin"])
    match = {"method": "POST", "path_regex": "/attachment/file"}
    rule = {"match": match, "times": 1, "fault": fault}
    told = requests.post(f"{bench.servicenow.url}/sandbox/faults", json=rule, auth=admin, timeout=10)
    assert told.ok, told.text


def test_a_file_that_a_desk_sends_is_in_the_case_with_the_same_hash(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    answer(sharing, "#progress: see the analysis", analysis_pdf=PDF, tool_exe=b"MZ")
    sharing.run("once")
    assert files(sharing, case) == [("analysis.pdf", hashlib.sha256(PDF).hexdigest(), PDF)]
    assert any("- tool.exe (2 B): files of its type are not agreed" in note for note in sharing.journal(case))
    kinds = [told["kind"] for told in sharing.story(case["number"])]
    assert {"file_taken_in", "file_stored", "file_not_taken_in"} <= set(kinds)


def test_what_a_desk_has_sent_is_sent_to_no_desk_and_not_stored_again(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    answer(sharing, "#progress: see the analysis", analysis_pdf=PDF)
    sharing.run("once")
    sharing.change(case, work_notes=f"#engage @{LDSO}")
    sharing.run("once")
    answer(sharing, "#progress: once more", analysis_pdf=PDF)
    sharing.run("once")
    assert len(files(sharing, case)) == 1
    sent = [part.get_filename() for name in (DCC, LDSO) for mail in sharing.sent_to(name) for part in mail.walk()]
    assert "analysis.pdf" not in sent


def test_a_file_that_is_added_later_reaches_the_desk_and_comes_back_as_nothing_new(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    sharing.attach(case, "reads.csv", READS)
    sharing.later()
    sharing.run("once")
    _, update = sharing.sent_to(DCC)
    (file,) = [part for part in update.iter_attachments() if part.get_filename() == "reads.csv"]
    assert file.get_payload(decode=True) == READS
    assert "A file was added: reads.csv by priya.shah" in update.get_body().get_content()
    sharing.run("once")
    assert len(sharing.sent_to(DCC)) == 2


def test_the_next_mail_is_shown_with_the_file_that_goes_with_it(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    sharing.run("pause", "--desk", DCC, "--reason", "to look")
    sharing.attach(case, "reads.csv", READS)
    sharing.later()
    sharing.run("once")
    shown = sharing.json("preview", case["number"], "--desk", DCC)
    assert [one["name"] for one in shown["attachments"]] == ["cpsd-case.json", "reads.csv"]


def test_a_file_whose_answer_is_lost_is_in_the_case_once(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    trouble_with_files(sharing, kind="lost_after_commit")
    answer(sharing, "#progress: see the analysis", analysis_pdf=PDF)
    for _ in range(3):
        sharing.run("once")
    assert [name for name, *_ in files(sharing, case)] == ["analysis.pdf"]
    assert sharing.json("outbox", "list") == []


def test_a_file_that_servicenow_refuses_waits_for_a_person_who_tries_it_again(sharing):
    case = sharing.raise_case()
    sharing.run("once")
    trouble_with_files(sharing, kind="status", status=403)
    answer(sharing, "#progress: see the analysis", analysis_pdf=PDF)
    sharing.run("once", exits=1)
    assert files(sharing, case) == []
    (dead,) = sharing.json("outbox", "list", "--dead")
    assert dead["what"] == "file analysis.pdf"
    assert any("could not be put into the case: analysis.pdf" in note for note in sharing.journal(case))
    sharing.run("outbox", "retry", dead["delivery"], "--reason", "they gave us the right")
    sharing.run("once")
    assert [name for name, *_ in files(sharing, case)] == ["analysis.pdf"]
