"""Banners and disclaimers of gateways are not what a desk says; what a desk says is not taken for one."""

import time

import pytest

from bridge.connectors.mail.commands import commands
from bridge.connectors.mail.html import text_of
from bridge.connectors.mail.text import command_text, new_text

OUTSIDE = "CAUTION: This email originated from outside of the organisation."
ABOVE = [
    OUTSIDE,
    f"{OUTSIDE} Do not click links unless you recognise the sender.",
    f"{OUTSIDE}\nDo not click links or open attachments unless you recognise the sender.",
    "CAUTION: This email originated from outside of the organisation. Do not\nclick links unless you know the sender.",
    "EXTERNAL SENDER",
    "*** EXTERNAL EMAIL ***",
    "This e-mail is confidential and intended for the addressee only.",
    "DISCLAIMER: the contents are private.",
    "DISCLAIMER\nThis message is intended only for the addressee.",
]
OWN = [
    "Important: the external feed of the region is down.\n#progress: engineers on site",
    "Warning: the link to the external DTN gateway was down. It is up now.",
    "The information in this email helped us to find it.",
    "The contents of this message were checked by us on site.",
    "This message was intended for the other desk, sorry.",
    "This email is to confirm that the privileged account was reset.",
    "Registered in England the MPAN was wrong.",
    "Legal notice served.",
]
DISCLAIMERS = [
    "The information in this email is confidential and may be legally privileged.",
    "The contents of this message and any files are intended solely for the addressee.",
    "This message may contain privileged information.",
    "This email is strictly confidential.",
    "Confidentiality notice",
    "Legal Notice: we accept no liability.",
    "Registered in England & Wales, company number 123.",
]


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
@pytest.mark.parametrize("said", ["#resolved: fixed", "We are on it."])
def test_what_stands_below_a_banner_or_a_disclaimer_is_new(above, between, said):
    assert new_text(f"{above}{between}{said}\n\nMore soon.") == f"{said}\n\nMore soon."


def test_a_banner_in_an_element_of_its_own_takes_nothing_with_it():
    markup = f"<div>{OUTSIDE}</div><div>#resolved: fixed</div>"
    assert [one.text for one in commands(command_text(new_text(text_of(markup))))] == ["fixed"]


@pytest.mark.parametrize("said", ["We cannot go on unless you send the MPAN.", "Please do not open another request."])
def test_a_sentence_directly_below_a_banner_stays(said):
    assert new_text(f"{OUTSIDE}\n{said}\nMore soon.") == f"{said}\nMore soon."


@pytest.mark.parametrize("text", OWN)
def test_a_sentence_of_the_desk_is_no_banner_and_no_disclaimer(text):
    assert new_text(f"We looked.\n{text}\nMore soon.") == f"We looked.\n{text}\nMore soon."
    assert new_text(text) == text


@pytest.mark.parametrize("disclaimer", DISCLAIMERS)
def test_below_a_disclaimer_under_the_text_nothing_counts(disclaimer):
    assert new_text(f"We are on it.\n\n{disclaimer}\n#resolved: x") == "We are on it."


@pytest.mark.parametrize("text", [*ABOVE, *DISCLAIMERS])
def test_a_text_that_is_nothing_else_is_kept_for_it_may_be_misread(text):
    assert new_text(text) == text


@pytest.mark.parametrize("thanks", ["Thanks.", "Thank you,", "Many thanks", "THANKS!", "Diolch!", "Regards"])
@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\nThank you\n"])
@pytest.mark.parametrize("greeting", ["", "Hi Jo,\n\n", "Good morning\n"])
def test_thanks_above_everything_else_do_not_end_the_commands(greeting, thanks, between):
    assert [one.text for one in commands(command_text(new_text(f"{greeting}{thanks}{between}#resolved: fixed")))] == [
        "fixed"
    ]


def test_thanks_below_any_text_end_the_commands():
    assert commands(command_text("Thanks.\nStill broken.\nRegards\n#resolved: slogan")) == ()


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u202a", "\u2066", "\u2068", "\u061c", "\u200f\u202b"])
def test_a_mark_that_tells_the_direction_of_writing_hides_no_command(mark):
    assert [one.text for one in commands(command_text(new_text(f"{mark}#resolved: fixed\u202c")))] == ["fixed"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c"])
def test_a_line_may_end_in_any_way(end):
    assert new_text(f"Hello{end}#resolved: fixed{end}{end}-- {end}Jo") == "Hello\n#resolved: fixed"


@pytest.mark.parametrize(
    "command",
    [
        "\uff03resolved: fixed",
        "#resolved\uff1afixed",
        "\uff03\uff52\uff45\uff53\uff4f\uff4c\uff56\uff45\uff44\uff1afixed",
    ],
)
def test_a_command_may_be_of_full_width(command):
    assert [one.text for one in commands(command_text(new_text(command)))] == ["fixed"]


@pytest.mark.parametrize(
    "hostile",
    [
        "caution mail " * 15_000,
        "this e-mail the intended " * 8_000,
        "\n".join(["EXTERNAL SENDER " + "links " * 60] * 500),
        "registered in england " * 9_000,
        "the contents of this message " * 7_000,
    ],
)
def test_a_text_built_to_cost_time_costs_less_than_a_second(hostile):
    started = time.thread_time()
    new_text(hostile)
    new_text(hostile.replace(" ", "\n"))
    assert time.thread_time() - started < 1
