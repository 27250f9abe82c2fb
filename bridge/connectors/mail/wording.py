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


#: in capitals what the desk fills in: a line left as it stands here is a quoted one, whatever became of its marks
EXAMPLES = (
    Example("You have it, under your own number", "#acknowledge YOUR-NUMBER"),
    Example("You are working on it", "#progress: WHAT IS HAPPENING"),
    Example("You are waiting for something until a date", "#progress: WHAT FOR until YYYY-MM-DD"),
    Example("You need to know something", "#question: WHAT YOU NEED TO KNOW"),
    Example("There is a way around it", "#workaround: WHAT HELPS MEANWHILE"),
    Example("It is resolved", "#resolved: WHAT WAS WRONG AND WHAT WAS DONE"),
    Example("It is not yours", "#decline: WHY, AND WHO MAY HELP"),
)
