"""What people see of our mails, in a browser: the samples, and one with everything that breaks a layout."""

import json
import re
import shutil
from datetime import timedelta

import pytest
from playwright.sync_api import sync_playwright

from bridge.connectors.mail.links import PURPOSES, Links
from bridge.connectors.mail.signing import Keys
from bridge.connectors.mail.wording import EXAMPLES
from bridge.connectors.mail.writing import Writer
from bridge.domain.agreement import EmailMethod
from bridge.ports import Fact, File
from tests.unit.connectors.mail import samples
from tests.unit.connectors.mail.messages import NOW, outbound
from tests.unit.connectors.mail.reading_fixtures import SETTINGS

#: WCAG 2.2, 1.4.3
LEAST_CONTRAST = 4.5
WIDE, NARROW = 600, 360
#: every piece of text: what it says, where it stands, its size, and the contrast of its colours
SEEN = """
() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha] = numbers(getComputedStyle(at).backgroundColor);
      if (alpha === undefined || alpha === 1) return [red, green, blue];
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
  };
  const light = (rgb) => {
    const [red, green, blue] = rgb.map((one) => one / 255).map(
      (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect(), style = getComputedStyle(parent);
    const [one, other] = [light(numbers(style.color).slice(0, 3)), light(behind(parent))];
    found.push({
      text: node.textContent, top: box.top, left: box.left, right: box.right, height: box.height,
      size: parseFloat(style.fontSize), shown: style.visibility === 'visible' && style.opacity === '1',
      contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05),
    });
  }
  return found;
}
"""
LINKS = """
() => [...document.querySelectorAll('a')].map((one) => {
  const box = one.getBoundingClientRect();
  return {text: one.innerText.trim(), href: one.href, left: box.left, right: box.right, height: box.height};
})
"""


def hard():
    """Words without an end, labels and names that are too long, and what must not become HTML."""
    message = outbound(
        summary="https://example.org/" + "a" * 90,
        ask="Please look at <b>this</b> & " + "b" * 200,
        text="MPANs: " + ",".join("1200050007920" for _ in range(40)) + "\n<script>alert(1)</script>\n" + "c" * 400,
        facts=(
            Fact("A label of thirty characters…", "d" * 300, "long"),
            Fact("Path", "\\\\server\\" + "e" * 200, "path"),
        ),
        files=tuple(File(f"{'f' * 90}-{number}.csv", "text/csv", b"1") for number in range(3)),
        desk_reference="INC" + "0" * 60,
    )
    keys = Keys((b"not a secret: for samples only",))
    links = Links("https://cpsd.bridge.example", keys, timedelta(days=60))
    return Writer(SETTINGS, links=links).write(message, EmailMethod(("desk@dcc.example",)), NOW).content


MAILS = {name: samples.parts(content) for name, content in {**samples.samples(), "hard": hard()}.items()}
SAMPLES = [name for name in MAILS if name != "hard"]


@pytest.fixture(scope="module")
def page():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser.new_page()
        browser.close()


@pytest.fixture
def views(page, tmp_path):
    """Shows a mail in every width and scheme of colours; it asks for nothing but itself."""

    def views(name):
        file = tmp_path / f"{name}.html"
        file.write_text(MAILS[name]["html"])
        asked_for = []
        page.on("request", lambda asked: asked_for.append(asked.url))
        for width in (WIDE, NARROW):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                page.goto(file.as_uri())
                yield width
        assert set(asked_for) == {file.as_uri()}

    return views


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_fits_is_readable_and_asks_for_nothing(page, views, name):
    for width in views(name):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen = page.evaluate(SEEN)
        assert seen
        for one in seen:
            assert one["shown"], one
            assert one["height"] > 0, one
            assert one["size"] >= 11, one
            assert one["left"] >= 0, one
            assert one["right"] <= width, one
            assert one["contrast"] >= LEAST_CONTRAST, one
        assert page.evaluate("document.scripts.length + document.images.length") == 0


@pytest.mark.parametrize("name", MAILS)
def test_links_say_where_they_lead_and_can_be_pressed(page, views, name):
    asks_for_an_answer = json.loads(MAILS[name]["json"])["kind"] != "accept"
    for width in views(name):
        links = page.evaluate(LINKS)
        assert [one["text"] for one in links] == (list(PURPOSES.values()) if asks_for_an_answer else [])
        for one in links:
            assert one["href"].startswith("https://cpsd.bridge.example/")
            assert one["height"] >= 24, "WCAG 2.2, 2.5.8"
            assert one["left"] >= 0
            assert one["right"] <= width


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_asked_and_by_when_stands_first(page, views, name):
    told = json.loads(MAILS[name]["json"])
    below = [words(told["description"])[:20]] if told["description"] else []
    below += [fact["value"][:20] for fact in told["characteristic"]] + ["How to answer"]
    for _ in views(name):
        tops = {words(one["text"]): one["top"] for one in page.evaluate(SEEN)}
        ask = tops[told["requestedAction"]]
        due = [top for text, top in tops.items() if text.startswith("Please answer by")]
        assert len(due) == (1 if told.get("requestedResponseDate") else 0)
        assert ask < 400, "on the first screen of a telephone"
        assert all(ask < top for top in due)
        places = [top for text, top in tops.items() if any(text.startswith(one) for one in below)]
        assert all(top > max([ask, *due]) for top in places)


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", MAILS)
def test_the_three_readings_carry_the_same_facts(name):
    mail = MAILS[name]
    told = json.loads(mail["json"])
    plain = words(mail["txt"])
    visible = words(re.sub(r"<[^>]+>", " ", mail["html"].partition("<body")[2].partition(">")[2]))
    for mark, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        visible = visible.replace(mark, sign)
    facts = [told["name"], told["requestedAction"], told["description"], told["reference"], told["priority"]]
    facts += [identifier["id"] for identifier in told["externalIdentifier"]]
    facts += [text for fact in told["characteristic"] for text in (fact["name"], fact["value"])]
    facts += [text for note in told["note"] for text in (note["author"], note["text"])]
    facts += [file["name"] for file in told["attachment"]]
    facts += [action["name"] for action in told["action"]]
    for fact in facts:
        assert words(fact) in plain, fact
        assert words(fact) in visible, fact
    for action in told["action"]:
        assert action["href"] in mail["txt"]
        assert action["href"] in mail["html"]
    commands = [example.command for example in EXAMPLES] if told["kind"] != "accept" else []
    assert all(command in plain and command in visible for command in commands)
    due = re.search(r"Please answer by:? (.+? [A-Z]{3})\b", plain)
    assert (due is not None) == bool(told.get("requestedResponseDate"))
    assert due is None or due[1] in visible
