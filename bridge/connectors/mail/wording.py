"""The fixed words of our mails, and the marks by which they are found again in what comes back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.domain.facts import MessageKind

#: Everything below this line, where it stands unquoted, is our own mail coming back.
REPLY_LINE = "-- Please write your answer above this line --"
REFERENCE_LABEL = "CPSD reference"
#: `[CPSD 4ZJ6T0Q2WX-0123456789ABCDEF]`, and what is left of it after a gateway cut it
SUBJECT_TAG = re.compile(r"\[\s*CPSD\s+([0-9A-Z]{10}(?:-[0-9A-Z]*)?)", re.IGNORECASE)
BODY_REFERENCE = re.compile(REFERENCE_LABEL + r"\s?:\s{0,3}([0-9A-Z]{10}(?:-[0-9A-Z]*)?)", re.IGNORECASE)

HEADLINES = {
    MessageKind.OPEN: "New request",
    MessageKind.UPDATE: "The case has changed",
    MessageKind.TEXT: "Message about your request",
    MessageKind.CHASE: "Reminder",
    MessageKind.ESCALATION: "Escalation",
    MessageKind.ACCEPT: "Resolution accepted",
    MessageKind.REJECT: "Resolution not accepted",
    MessageKind.WITHDRAW: "Request withdrawn",
}

#: messages that end the matter: nothing is asked any more
CLOSING = frozenset({MessageKind.ACCEPT, MessageKind.WITHDRAW})


@dataclass(frozen=True, slots=True)
class Example:
    """How to answer, by example."""

    purpose: str
    command: str


EXAMPLES = (
    Example("You have it, under your own number", "#acknowledge YOUR-NUMBER"),
    Example("You are working on it, or waiting until a date", "#progress: with the field engineer until 2027-01-31"),
    Example("You need to know something", "#question: since when has it been missing?"),
    Example("There is a way around it", "#workaround: send the file by hand"),
    Example("It is resolved", "#resolved: what was wrong and what was done"),
    Example("It is not yours", "#decline: why, and who may help"),
)
