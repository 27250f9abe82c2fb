"""The files of a case on their way to a desk: what may go, what never goes, and what is seen of a failure."""

import hashlib

import pytest
import requests

from tests.integration.cli.conftest import DCC, LDSO

NEWS = b"mpan,read\n1200050007920,17\n"


@pytest.fixture
def sharing(bench):
    """A bench whose first desk may see small csv and pdf files."""
    bench.desks[DCC]["agreement"]["share"] = {"attachments": {"max": "1kB", "types": ["csv", "pdf"]}}
    bench.bridge["delivery"] = {"retry_first": "1ms", "retry_longest": "1ms"}
    bench.write()
    return bench


def case_with(bench, **files):
    """A case that is triaged only after its files are there."""
    case = bench.raise_case(assignment_group="")
    for name, content in files.items():
        bench.attach(case, name.replace("_", "."), content)
    bench.change(case, assignment_group="CPSD DCC")
    return case


def sent(bench):
    """Names and contents of the files in the first mail to the desk, without the machine-readable part."""
    (mail, *_) = bench.sent_to(DCC)
    files = [part for part in mail.iter_attachments() if part.get_filename() != "cpsd-case.json"]
    return {part.get_filename(): part.get_payload(decode=True) for part in files}


def story(bench, case, kind):
    return [told for told in bench.story(case["number"]) if told["kind"] == kind]


def fault(bench, *, times=None, **given):
    admin = ("admin", bench.servicenow.instance.accounts.passwords["admin"])
    rule = {"match": {"path_regex": "/attachment/[0-9a-f]+/file"}, "times": times, "fault": given}
    answer = requests.post(f"{bench.servicenow.url}/sandbox/faults", json=rule, auth=admin, timeout=10)
    assert answer.ok, answer.text


def test_files_go_by_type_and_size_and_what_stays_is_seen_in_the_story(sharing):
    case = case_with(sharing, reads_csv=NEWS, malware_exe=b"MZ", huge_csv=b"x" * 900, second_pdf=b"%PDF" + b"x" * 200)
    sharing.run("once")
    files = sent(sharing)
    assert hashlib.sha256(files["reads.csv"]).digest() == hashlib.sha256(NEWS).digest()
    assert "malware.exe" not in files
    assert sum(map(len, files.values())) <= 1000
    assert len(story(sharing, case, "file_left_out")) == 4 - len(files)


def test_a_desk_without_an_agreement_on_files_gets_none(sharing):
    case = case_with(sharing, reads_csv=NEWS)
    sharing.change(case, work_notes=f"#engage @{LDSO}")
    sharing.run("once")
    (mail,) = sharing.sent_to(LDSO)
    assert [part.get_filename() for part in mail.iter_attachments()] == ["cpsd-case.json"]


def test_a_page_of_errors_is_never_taken_for_a_file(sharing):
    case = case_with(sharing, reads_csv=NEWS)
    fault(sharing, kind="html_200")
    for _ in range(4):
        if not sharing.sent_to(DCC):
            sharing.attempt("once")
    assert sent(sharing) == {}, "the message goes without the file in the end"
    assert len(story(sharing, case, "file_unread")) == 3
    assert len(story(sharing, case, "file_left_out")) == 1
    assert not any("reads.csv" in note for note in sharing.journal(case)), "an event of the story, not a note"


def test_a_failure_that_passes_costs_no_file(sharing):
    case_with(sharing, reads_csv=NEWS)
    fault(sharing, kind="status", status=503, times=1)
    sharing.run("once")
    assert sent(sharing) == {"reads.csv": NEWS}


def test_work_notes_are_in_no_byte_that_leaves(sharing):
    case = sharing.raise_case(assignment_group="", work_notes="SECRET1")
    sharing.change(case, work_notes="SECRET2 and #desk @dcc-service-desk: SECRET3", comments="A comment.")
    sharing.change(case, assignment_group="CPSD DCC", work_notes="SECRET4")
    sharing.run("once")
    sharing.change(case, work_notes="SECRET5")
    sharing.reply(DCC, "#question: Which meter?")
    sharing.run("once")
    sharing.change(case, work_notes="They ask for SECRET6")
    sharing.change(case, work_notes=f"#desk @{DCC}: The one in the cellar.")
    sharing.change(case, priority="1", work_notes=f"#heard @{DCC} from Ann: progress SECRET7")
    sharing.run("once")
    left = b"".join(one.content for one in sharing.mail.accepted)
    texts = [mail.get_body().get_content() for mail in sharing.sent_to(DCC)]
    assert any("The one in the cellar." in text for text in texts)
    everything = "".join(
        part.get_payload(decode=True).decode(errors="replace")
        for mail in sharing.sent_to(DCC)
        for part in mail.walk()
        if not part.is_multipart()
    )
    assert "SECRET" not in everything
    assert b"SECRET" not in left
