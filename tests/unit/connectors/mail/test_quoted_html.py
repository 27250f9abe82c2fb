"""What HTML shows as quoted, hides or strikes out is not what the writer of a mail says."""

import time
from email.message import EmailMessage

import pytest

from bridge.connectors.mail.commands import commands
from bridge.connectors.mail.html import text_of
from bridge.connectors.mail.parsing import parsed
from bridge.connectors.mail.text import command_text, new_text
from tests.unit.connectors.mail.reading_fixtures import ASKED, RECEIVED, Memory, message_id, reader, subject

INTRODUCED = "<div>On Tue, 21 Jul 2026 at 10:00, CPSD &lt;cpsd@bridge.example&gt; wrote:</div>"


def read(markup):
    made = EmailMessage()
    made["From"], made["Subject"] = "jo@dcc.example", f"Re: {subject(ASKED)}"
    made["Message-ID"], made["In-Reply-To"] = "<1@dcc.example>", message_id(ASKED)
    made.set_content(markup, subtype="html")
    return reader().receive(made.as_bytes(), RECEIVED, Memory())


@pytest.mark.parametrize("element", ["<blockquote>", "<blockquote type=cite>", '<blockquote class="gmail_quote">'])
@pytest.mark.parametrize("command", ["#resolved: done yesterday", "#declined: not ours"])
def test_a_command_in_a_quote_that_nothing_introduces_is_none(element, command):
    markup = f"<div>That was premature:</div>{element}<div>{command}</div></blockquote><div>Still failing.</div>"
    reading = read(markup)
    assert reading.report == "comment"
    assert reading.text.split() == ["That", "was", "premature:", "Still", "failing."]


@pytest.mark.parametrize(
    "markup",
    [
        f"{INTRODUCED}<blockquote>stuff</blockquote><div>#resolved: fixed</div>",
        f"{INTRODUCED}<blockquote>a</blockquote><p>#resolved: fixed</p><blockquote>b</blockquote>",
        f"<div>#resolved: fixed</div>{INTRODUCED}<blockquote>#question: what?</blockquote>",
        f"<blockquote>{INTRODUCED}<blockquote>#question: a?</blockquote>b</blockquote>#resolved: fixed",
    ],
)
def test_an_answer_in_html_may_stand_above_within_or_below_what_it_quotes(markup):
    reading = read(markup)
    assert (reading.report, reading.verdict, reading.text) == ("resolved", "apply", "fixed")


def test_each_level_of_quoting_is_marked():
    lines = text_of("a<blockquote>b<blockquote>c<br>d</blockquote>e</blockquote>f").split("\n")
    assert [line for line in lines if line.strip(" >")] == ["a", "> b", "> > c", "> > d", "> e", "f"]


def test_a_mark_in_the_text_itself_quotes_nothing():
    assert text_of("&#xe000;<p>a</p>\ue000<p>b</p><blockquote>&#xe001;c</blockquote>").split() == ["a", "b", ">", "c"]


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>{}</div>",
        "<div style='color: red; DISPLAY : none'><p><b>x</b></p><div>{}</div></div>",
        "<p style='display&#58;none'>{}</p>",
        "<span style='mso-hide:all'>{}</span>",
        "<section style='visibility: hidden'>{}</section>",
        "<o:p style='visibility: hidden'>{}</o:p>",
        "<p style='text-decoration: line-through'>{}</p>",
        *("<s>{}</s>", "<strike>{}</strike>", "<del>{}</del>", "<title>{}</title>"),
        "<select><option>{}</option></select>",
    ],
)
def test_what_nobody_saw_or_what_was_struck_out_is_not_said(hidden):
    markup = f"<p>We are on it.</p>{hidden.format('#resolved: hidden')}<p>More soon.</p>"
    assert text_of(markup).split() == ["We", "are", "on", "it.", "More", "soon."]
    assert commands(command_text(new_text(text_of(markup)))) == ()


def test_what_stands_around_something_hidden_stays():
    markup = "<p>a<br style='display:none'>b<i style='display:none'><i>c</i>d</i>e</p><p>display:none</p>"
    assert text_of(markup).split() == ["a", "be", "display:none"]


@pytest.mark.parametrize(
    "markup",
    [
        "<blockquote>a</blockquote>" * 7_000,
        "<blockquote>" * 190 + "<br>" * 45_000,
        "<div style='display:none'>" * 190,
        "<b style='display:none'>a</b>" * 6_500,
        "".join(f"<x{number}>y</x{number}>" for number in range(12_000)) + "<b style='display:none'>",
    ],
)
def test_html_built_to_cost_time_costs_less_than_a_second(markup):
    started = time.thread_time()
    new_text(text_of(markup))
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "stub",
    [
        "This message needs an HTML capable mail program.",
        "Your mail program does not support HTML.",
        "Please view this email in a browser.",
    ],
)
def test_a_plain_text_that_only_sends_its_reader_to_the_html_is_not_the_text(stub):
    made = EmailMessage()
    made.set_content(stub)
    assert parsed(made.as_bytes()).text.strip() == stub
    made.add_alternative("<p>#resolved: fixed</p>", subtype="html")
    assert parsed(made.as_bytes()).text.strip() == "#resolved: fixed"


def test_a_stub_without_any_html_is_the_text():
    made = EmailMessage()
    made.set_content("This message needs an HTML capable mail program.")
    made.add_alternative("<p></p>", subtype="html")
    assert parsed(made.as_bytes()).text.strip() == "This message needs an HTML capable mail program."
