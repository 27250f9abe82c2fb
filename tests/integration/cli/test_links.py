"""A desk answers by the links of our mails: a page with one button, which nobody presses by looking at it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import sync_playwright

from bridge.connectors.mail.links import PURPOSES, Links, Purpose
from bridge.connectors.mail.signing import Keys
from bridge.domain.errors import ConfigurationError
from bridge.domain.facts import ReportKind
from bridge.web.listener import Listener
from bridge.web.public import public_app
from tests.integration.cli.conftest import CASE, DCC, KEY

DAY = timedelta(days=1)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def linked(bench):
    """A bridge whose mails have links."""
    port = free_port()
    bench.bridge["web"] = {"public": f"127.0.0.1:{port}", "public_address": f"http://127.0.0.1:{port}"}
    bench.write()
    return bench


@contextmanager
def serving(bench):
    """The public listener on the bench's store, as `run` serves it."""
    place = urlsplit(bench.bridge["web"]["public_address"])
    links = Links(bench.bridge["web"]["public_address"], Keys((KEY.encode(),)), 60 * DAY)
    with bench.store() as store, Listener(public_app(store, links), place.hostname, place.port, "public"):
        yield links


@pytest.fixture
def served(linked):
    """An engaged case and the links of its opening mail, by what they are for."""
    case = linked.raise_case()
    linked.run("once")
    with serving(linked):
        yield linked, case, links_of(linked)


def links_of(bench, number=-1):
    """The links of a mail that the desk got, as its machine-readable part names them."""
    mail = bench.sent_to(DCC)[number]
    (part,) = [part for part in mail.walk() if part.get_content_type() == "application/json"]
    return {action["id"]: action["href"] for action in json.loads(part.get_content())["action"]}


def press(link, **form):
    return requests.post(link, data=form, timeout=20)


def once(link):
    """What makes pressing the button of a page once."""
    return re.search(r'name="once" value="([^"]+)"', requests.get(link, timeout=20).text)[1]


def waiting(bench):
    with bench.store() as store, store.reading() as tx:
        return [item for item in tx.unapplied(100) if item.source == "link"]


def state(bench, case):
    (told,) = [one for one in bench.json("engagements", "--all") if one["case"] == case["number"]]
    return told["state"]


def test_people_and_programs_find_the_same_links_in_a_mail(served):
    bench, _, links = served
    assert set(links) == {report.value for report in PURPOSES}
    (mail,) = bench.sent_to(DCC)
    texts = [part.get_content() for part in mail.walk() if part.get_content_type() in {"text/plain", "text/html"}]
    for link in links.values():
        assert all(link in text for text in texts)


def test_without_a_public_address_mails_have_no_links(bench):
    bench.raise_case()
    bench.run("once")
    assert links_of(bench) == {}
    assert b"by one button" not in bench.sent_to(DCC)[0].as_bytes()


def test_a_message_that_asks_nothing_has_none(served):
    bench, case, links = served
    press(links["resolved"], text="Restarted.")
    bench.run("once")
    bench.change(case, work_notes="#confirm")
    bench.run("once")
    assert state(bench, case) == "confirmed"
    assert bench.sent_to(DCC)[-1]["X-CPSD-Kind"] == "accept"
    assert links_of(bench) == {}


def test_a_scanner_that_follows_every_link_changes_nothing(served):
    bench, case, links = served
    before = bench.database.read_bytes()
    for link in links.values():
        for method in ("GET", "HEAD", "GET", "OPTIONS", "PUT", "DELETE"):
            requests.request(method, link, timeout=20)
    assert waiting(bench) == []
    assert bench.database.read_bytes() == before
    bench.run("once")
    assert state(bench, case) == "open"


def test_what_is_pressed_in_a_browser_is_read_in_servicenow(served, tmp_path):
    bench, case, links = served
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 420, "height": 800})
        page.goto(links["acknowledged"])
        page.get_by_label("Your own reference").fill("INC000000000042")
        page.get_by_role("button", name="Acknowledge").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        page.goto(links["question"])
        page.get_by_label("What do you need to know?").fill("Which meter? <b>Now</b> & here")
        page.get_by_role("button", name="Ask a question").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        # Nothing of ours but the page itself was asked for, and it fits a telephone.
        assert page.evaluate("performance.getEntriesByType('resource').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    bench.run("once")
    notes = "\n".join(bench.journal(case))
    assert "has acknowledged the case (its reference INC000000000042)" in notes
    assert "Which meter? <b>Now</b> & here" in notes
    assert state(bench, case) == "awaiting_information"
    story = bench.story(case["number"])
    received = [one for one in story if one["kind"] == "item_received"]
    assert [one["facts"]["matched_by"] for one in received] == ["link", "link"]
    assert {one["who"] for one in received} == {f"desk:{DCC}"}


def chromium():
    found = subprocess.run(["which", "chromium", "chromium-browser"], capture_output=True, text=True, check=False)
    return found.stdout.split()[0]


@pytest.mark.parametrize("report", [report for report in PURPOSES if report is not ReportKind.ACKNOWLEDGED])
def test_a_status_without_a_word_is_not_taken(served, report):
    bench, _, links = served
    answer = press(links[report.value], text="  ", once="x")
    assert answer.status_code == 422
    assert "Please write a few words" in answer.text
    assert 'value="x"' in answer.text
    assert "<script>" not in press(links[report.value], text=" ", once='"><script>').text
    assert waiting(bench) == []


def test_a_button_pressed_twice_counts_once_and_the_same_words_another_day_again(served):
    bench, _, links = served
    form = {"text": "Still working on it.", "once": once(links["progress"])}
    assert [press(links["progress"], **form).status_code for _ in range(3)] == [200] * 3
    assert len(waiting(bench)) == 1
    press(links["progress"], text="Still working on it.", once=once(links["progress"]))
    assert len(waiting(bench)) == 2


def test_a_resolution_by_link_does_not_resolve_the_case(served):
    bench, case, links = served
    press(links["resolved"], text="The job was restarted.")
    bench.run("once")
    assert state(bench, case) == "resolution_reported"
    with bench.person() as session:
        record = session.get(f"{bench.servicenow.url}/api/now/table/{CASE}/{case['sys_id']}", timeout=10).json()
    assert record["result"]["state"] != "6"


def test_a_link_that_is_not_ours_or_too_old_opens_nothing(served):
    bench, _, links = served
    progress = links["progress"]
    strange = [progress[:-2] + "xx", progress.rpartition("/")[0] + "/", progress + "/x", progress + "A" * 500]
    for link in strange:
        assert [requests.get(link, timeout=20).status_code, press(link, text="x").status_code] == [404, 404]
    with bench.store() as store, store.reading() as tx:
        (engagement,) = tx.open_engagements()
        address, keys = bench.bridge["web"]["public_address"], Keys((KEY.encode(),))
        old = Links(address, keys, DAY).to(Purpose(engagement.id, ReportKind.RESOLVED), tx.now() - 2 * DAY)
        unknown = Links(address, keys, DAY).to(Purpose("0" * 8 + engagement.id[8:], ReportKind.RESOLVED), tx.now())
    assert [requests.get(old, timeout=20).status_code, press(old, text="x").status_code] == [410, 410]
    assert "reply to our mail instead" in requests.get(old, timeout=20).text
    assert [requests.get(unknown, timeout=20).status_code, press(unknown, text="x").status_code] == [404, 404]
    assert waiting(bench) == []


def test_an_answer_to_what_is_over_is_kept_and_changes_nothing(served):
    bench, case, links = served
    bench.change(case, work_notes="#withdraw: raised twice")
    bench.run("once")
    assert "has been closed meanwhile" in requests.get(links["resolved"], timeout=20).text
    press(links["resolved"], text="Done.")
    bench.run("once")
    assert state(bench, case) == "withdrawn"
    assert "Done." in "\n".join(bench.journal(case))


def test_a_page_says_no_more_than_the_mail_and_lets_nobody_else_in(served):
    _, case, links = served
    answer = requests.get(links["resolved"], timeout=20)
    assert case["number"] in answer.text
    for kept in (case["short_description"], case["description"], case["business_impact"], "priya"):
        assert kept not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert "uvicorn" not in str(answer.headers).lower()
    assert requests.get(links["resolved"].rpartition("/answer/")[0] + "/console", timeout=20).status_code == 404


@pytest.mark.parametrize(
    "body, status",
    [(b"text=" + b"x" * 110_000, 413), (b"text=%ff%fe", 400), (b"&".join([b"a=b"] * 50), 400), (b"\xff\xfe", 400)],
)
def test_a_form_that_is_none_of_ours_is_refused_and_nothing_is_kept(served, body, status):
    bench, _, links = served
    answer = requests.post(links["progress"], data=body, timeout=20)
    assert answer.status_code == status
    assert ("too long" in answer.text) == (status == 413)
    assert waiting(bench) == []


@pytest.mark.parametrize("text", ["\n".join(["x" * 79] * 100), "\u6f22" * 8_000, "\U0001f4a1" * 8_000])
def test_as_many_characters_as_the_page_lets_people_write_are_kept(served, text):
    """A browser sends the end of a line as two characters, and others in up to twelve bytes."""
    bench, _, links = served
    assert press(links["progress"], text=text.replace("\n", "\r\n")).status_code == 200
    (item,) = waiting(bench)
    assert json.loads(item.raw)["text"] == text


def test_longer_words_come_back_to_be_shortened(served):
    bench, _, links = served
    answer = press(links["progress"], text="y" * 8_001)
    assert answer.status_code == 422
    assert "8,000 characters" in answer.text
    assert "y" * 8_001 in answer.text
    assert waiting(bench) == []


def test_machines_that_press_again_and_again_are_broken_off(served):
    bench, case, links = served
    for number in range(20):
        press(links["progress"], text=f"Step {number}.")
    bench.run("once")
    notes = "\n".join(bench.journal(case))
    assert "Step 11." in notes
    assert "Step 12." not in notes
    assert len(bench.json("quarantine", "list")) == 8
    kept = [one for one in bench.story(case["number"]) if one["kind"] == "item_quarantined"]
    assert {one["who"] for one in kept} == {f"desk:{DCC}"}


def test_an_address_in_use_is_named(linked):
    with serving(linked), pytest.raises(ConfigurationError, match="cannot use") as refused, serving(linked):
        raise AssertionError("two listeners at one address")
    assert "web.public" in refused.value.remedy


def test_run_serves_the_pages_and_drains_them(linked):
    linked.bridge["mail"]["every"] = "1s"
    linked.write()
    case = linked.raise_case()
    log = (linked.folder / "run.log").open("wb")
    command = [sys.executable, "-m", "bridge.cli", "--config", linked.config, "--log-format", "json", "run"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=dict(os.environ))
    try:
        until(lambda: linked.sent_to(DCC))
        assert press(links_of(linked)["question"], text="Which meter?").status_code == 200
        until(lambda: any("Which meter?" in note for note in linked.journal(case)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        log.close()
    told = (linked.folder / "run.log").read_text()
    assert '"listener_started"' in told
    assert '"service_stopped"' in told
    assert urlsplit(links_of(linked)["question"]).path not in told, "a link is as good as a signature"
    with pytest.raises(requests.ConnectionError):
        press(links_of(linked)["question"], text="Anybody there?")


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


@pytest.mark.parametrize(
    "web, wrong",
    [
        ({"public": "127.0.0.1:8601"}, "belong together"),
        ({"public_address": "https://cpsd.example.org"}, "belong together"),
        ({"public": "127.0.0.1:8601", "public_address": "cpsd.example.org"}, "public_address"),
    ],
)
def test_half_a_configuration_is_refused(bench, web, wrong):
    bench.bridge["web"] = web
    bench.write()
    assert wrong in bench.run("once", exits=2).stderr
