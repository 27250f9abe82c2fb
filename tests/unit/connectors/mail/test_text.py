import time

import pytest

from bridge.connectors.mail.text import command_text, new_text

HOSTILE = {
    "on": "On " * 70_000,
    "from": "From: a\nTo: " * 20_000,
    "fields": "From:" + " " * 100_000,
    "empty lines": "x\n" + "\n" * 100_000 + "y",
    "quotes": "> " * 100_000,
    "rules": "_" * 200_000,
    "dashes": "-" * 200_000,
    "warnings": "Warning: mail " * 15_000,
    "signatures": "Sent from my " + "a " * 100_000,
    "banner": "Caution " + "x " * 100_000,
    "hashes": "#" * 200_000,
    "wrote": "On x\n" * 40_000 + "wrote:",
    "closings": "Thanks,\n" * 25_000,
    "hyphens": "- a\n" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_built_to_cost_time_costs_less_than_a_second(name):
    started = time.thread_time()
    command_text(new_text(HOSTILE[name]))
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "introduction",
    [
        "On Tue, 21 Jul 2026 at 10:00, CPSD Bridge <cpsd@bridge.example> wrote:",
        "On Tue, 21 Jul 2026 at 10:00,\nCPSD Bridge <cpsd@bridge.example>\nwrote:",
        "Am 21.07.2026 um 10:00 schrieb CPSD Bridge:",
        "Le mar. 21 juil. 2026 à 10:00, CPSD Bridge a écrit :",
        "Op di 21 jul 2026 om 10:00 schreef CPSD Bridge:",
        "El mar, 21 jul 2026 a las 10:00, CPSD Bridge escribió:",
        "-----Original Message-----",
        "-----Ursprüngliche Nachricht-----",
        "________________________________\nFrom: CPSD Bridge\nSent: today",
        "From: CPSD Bridge <cpsd@bridge.example>\nSent: 21 July 2026 10:00\nTo: Desk",
        "Von: CPSD Bridge <cpsd@bridge.example>\nGesendet: 21. Juli 2026\nAn: Desk\nBetreff: x",
        "-- Please write your answer above this line --",
        "*-- Please write your answer above this line --*",
    ],
)
def test_what_follows_an_introduction_is_quoted(introduction):
    assert new_text(f"We are on it.\n\n{introduction}\n\n#resolved: quoted") == "We are on it."


@pytest.mark.parametrize(
    "text",
    [
        "The outage lasted\nFrom: 10:00\nTo: 14:00\non both days.",
        "Findings:\n- the job had stopped\n- it runs again\nMore tomorrow.",
        "On Monday we saw this:\nerror E21",
        "a -- b\n--verbose is a flag",
        "Warning: the meter is live.",
    ],
)
def test_a_text_that_only_looks_like_a_quotation_stays_whole(text):
    assert new_text(text) == text


@pytest.mark.parametrize(
    "ending", ["-- \nJo Watt\nDCC", "Kind regards,\nJo Watt", "Sent from my iPhone", "Get Outlook for iOS"]
)
def test_signatures_are_cut(ending):
    assert new_text(f"We are on it.\n\n{ending}") == "We are on it."


def test_a_text_that_is_nothing_but_a_signature_is_kept():
    assert new_text("Many thanks") == "Many thanks"
