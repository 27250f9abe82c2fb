"""One message file for each row of the checklist of mails that a desk's gateway must survive."""

import re
import time

import pytest

from tests.unit.connectors.mail.reading_fixtures import ASKED, CORPUS, RECEIVED, Memory, filled, read, reader
from tests.unit.connectors.mail.rows import ROWS, check


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_mail_is_read_right(row):
    started = time.thread_time()
    reading = read(row[0])
    assert time.thread_time() - started < 1.5
    check(reading, row)


def test_every_file_of_the_corpus_is_tested():
    stories = (CORPUS.parents[3] / "integration/mail/test_checklist_stories.py").read_text()
    alone = {row[0] for row in ROWS}
    untested = [
        path.stem for path in CORPUS.glob("*.eml") if path.stem not in alone and f'"{path.stem}"' not in stories
    ]
    assert untested == []


def test_every_row_of_the_checklist_is_tested():
    stories = (CORPUS.parents[3] / "integration/mail/test_checklist_stories.py").read_text()
    tested = {int(number) for number in re.findall(r"^def test_(\d+)_", stories, re.MULTILINE)}
    tested |= {int(row[0][:2]) for row in ROWS if row[0][:2].isdigit()}
    assert tested == set(range(1, 73))


def test_fifty_thousand_references_are_read_quickly():
    raw = filled((CORPUS / "01-plain-reply.eml").read_bytes())
    many = b"References: " + b"\r\n ".join(b"<%d@dcc.example>" % number for number in range(50_000)) + b"\r\n"
    started = time.thread_time()
    reading = reader().receive(many + raw, RECEIVED, Memory())
    assert time.thread_time() - started < 1.5
    assert reading.engagement == ASKED.id
