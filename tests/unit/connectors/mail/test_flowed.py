"""A line that a mail program broke softly is one line (RFC 3676)."""

import time

import pytest

from bridge.connectors.mail.flowed import unflowed
from bridge.connectors.mail.parsing import parsed
from bridge.connectors.mail.text import new_text

CASES = {
    "a paragraph": ("As soon as that is finished we use \n#resolved: so that you know.\nBye", False),
    "a signature": ("We are on it. \n-- \nJo \nWatt", False),
    "a blank line": ("We are on it. \n\n#progress: more", False),
    "a quote": ("> a long \n> line of it\nanswer \n>> deeper \n> less", False),
    "a quote without spaces": (">a long \n>line", False),
    "stuffed": (" From here \n  on", False),
    "delsp": ("Zusammen \nhang von  \nallem", True),
    "at the end": ("a \nb ", False),
}
WHOLE = {
    "a paragraph": "As soon as that is finished we use #resolved: so that you know.\nBye",
    "a signature": "We are on it. \n-- \nJo Watt",
    "a blank line": "We are on it. \n\n#progress: more",
    "a quote": "> a long line of it\nanswer \n>> deeper \n> less",
    "a quote without spaces": "> a long line",
    "stuffed": "From here  on",
    "delsp": "Zusammenhang von allem",
    "at the end": "a b ",
}


@pytest.mark.parametrize("name", CASES)
def test_soft_breaks_are_taken_out(name):
    text, delsp = CASES[name]
    assert unflowed(text, delsp=delsp) == WHOLE[name]


@pytest.mark.parametrize(
    "parameters, text",
    [
        ("; format=flowed", "we will use #resolved: so that you know."),
        ("; format=Flowed; DelSp=Yes", "we will use#resolved: so that you know."),
        ('; format="flowed"', "we will use #resolved: so that you know."),
        ("", "we will use\n#resolved: so that you know."),
        ("; format=fixed", "we will use\n#resolved: so that you know."),
    ],
)
def test_only_a_part_that_says_so_is_put_together(parameters, text):
    raw = f"Content-Type: text/plain{parameters}\r\n\r\nwe will use \r\n#resolved: so that you know.\r\n"
    assert new_text(parsed(raw.encode()).text) == text


def test_no_word_of_a_long_text_is_lost():
    words = [f"word{number}" for number in range(9_000)]
    assert new_text(unflowed(" \n".join(words), delsp=False)).split() == words


@pytest.mark.parametrize(
    "hostile", ["a \n" * 70_000, "> \n" * 70_000, ">" * 200_000, " \n" * 100_000, ">\n>>\n" * 40_000]
)
def test_a_text_built_to_cost_time_costs_less_than_a_second(hostile):
    started = time.thread_time()
    unflowed(hostile, delsp=True)
    assert time.thread_time() - started < 1
