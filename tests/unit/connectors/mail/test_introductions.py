"""Mail programs and ticketing systems set apart what was said before in more ways than with "On … wrote:"."""

import time

import pytest

from bridge.connectors.mail.text import new_text

QUOTED = {
    "Zoho": "---- On Mon, 20 Jul 2026 10:00:00 +0100 Jo Watt <jo@dcc.example> wrote ----",
    "GroupWise": ">>> Jo Watt 20/07/2026 10:00 >>>",
    "BlackBerry": "  Original Message  \nFrom: Jo Watt\nSent: Monday",
    "Notes": "Jo Watt---20/07/2026 10:00:00---Hi",
    "sender and time": "From: Jo Watt\nSent: Monday, 20 July 2026",
    "sender and date": "From: Jo Watt\nDate: Monday, 20 July 2026 at 10:00",
    "no address": "From: Jo Watt\nSent: Monday\nTo: Desk\nSubject: Reads",
    "German": "Von: Jo Watt\nGesendet: Montag, 20. Juli 2026 10:00\nAn: Desk\nBetreff: x",
    "said": "Jo Watt said on 20 July:",
    "no colon": "On 20 July 2026 Jo Watt wrote",
    "weekday": "Jo Watt <jo@dcc.example> wrote on Mon",
    "weekday and date": "Jo Watt <jo@dcc.example> wrote on Monday, 20 July 2026",
    "four lines": "On Monday, 20 July 2026\nat 10:00,\nJo Watt <jo@dcc.example>\nwrote:",
    "Japanese": "Jo Wattさんは書きました:",
    "Jira": "Jo Watt commented on DCC-123:",
    "Remedy": "20/07/2026 10:00:00 jwatt",
    "sender and day": "From: Jo Watt\nDate: Monday",
    "a meeting": "Organizer: Jo Watt\nWhen: Monday 10:00\nSubject: Reads",
    "Teams": "[20/07 10:00] Jo Watt",
    "Teams without brackets": "Jo Watt, 20/07 10:00",
    "ServiceNow": "20-07-2026 10:00:00 BST - Jo Watt (Additional comments)",
    "ServiceNow in two lines": "20-07-2026 10:00:00 BST - Jo Watt\nAdditional comments",
}
STAYS = [
    "The supplier was changed:\nFrom: Northern Power\nTo: Octopus\nDate: 1 July 2026\n\n#resolved: corrected",
    "The line was down:\nFrom: Mon 10:00\nTo: Tue 12:00\nDate: 1 July\n\n#progress: up again",
    "From: Northern Power\nDate: 1 July 2026\nThat is right.",
    "Log of the job:\n20/07/2026 10:00:00 job started again\n20/07/2026 10:05:00 - done\n#progress: it runs",
    "As we said on the phone:\n#progress: on it",
    "The engineer jo@dcc.example wrote on Monday that it works.\nWe look again.",
    "The first value was 1.2 ---> 3.4\nthe second --- 5",
    "On Monday our engineer wrote\nto the manufacturer.",
    "Original message was lost.\nSend it again.",
    "It began at\n[20/07/2026 10:00] job started\nEngineer on site, 20/07 10:00\nJo Watt, 10:00\n#progress: on it",
    "Organizer: the region\nwill be told.",
    "Nobody commented on this yet. We do:\nit is broken.",
]
HEADINGS = ["Jira", "Remedy", "ServiceNow", "ServiceNow in two lines"]


@pytest.mark.parametrize("program", QUOTED)
@pytest.mark.parametrize("quote", ["#resolved: quoted", "\n#resolved: quoted"])
def test_what_stands_below_it_is_quoted(program, quote):
    assert new_text(f"Still broken.\n\n{QUOTED[program]}\n{quote}") == "Still broken."


@pytest.mark.parametrize("introduction", ["", "On Tue, 21 Jul 2026 at 10:00, CPSD <cpsd@bridge.example> wrote:\n\n"])
def test_an_answer_below_the_quote_counts_though_the_program_names_its_device_above(introduction):
    text = f"Sent from my iPhone\n\n{introduction}> #question: what?\n\n#resolved: fixed"
    assert new_text(text) == "#resolved: fixed"


@pytest.mark.parametrize("text", STAYS)
def test_what_a_person_writes_stays(text):
    assert new_text(text) == text


@pytest.mark.parametrize("program", HEADINGS)
def test_the_first_entry_of_a_history_that_is_all_of_a_mail_is_new(program):
    """So a ticketing system sends on what somebody wrote."""
    assert new_text(f"{QUOTED[program]}\n#progress: on it").endswith("#progress: on it")


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "On 2026 " * 25_000,
            "a@b wrote on " * 15_000,
            "said on 1 " * 20_000,
            ">>> 1 " * 30_000,
            "a---1/1/1 " * 20_000,
        ),
        *("x\n" + "From: a\nDate: 1 " * 12_000, "x\n" + "20/07/2026 10:00:00 - a " * 8_000, " commented on " * 14_000),
    ],
)
def test_a_text_built_to_cost_time_costs_less_than_a_second(hostile):
    started = time.thread_time()
    new_text(hostile)
    new_text(hostile.replace(" ", "\n"))
    assert time.thread_time() - started < 1
