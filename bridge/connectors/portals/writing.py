"""A message as plain text, for a field of somebody's system, and the line by which it is found there again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bridge.domain.hours import ZONE
from bridge.mapping.marks import signed_text
from bridge.ports import OutboundMessage


def told(message: OutboundMessage) -> str:
    """What a message says: what is asked and by when, the words, the facts, and what was written in the case before."""
    return "\n\n".join("\n".join(part) for part in _parts(message) if part)


def marked(message: OutboundMessage) -> str:
    """`told`, with the reference of the delivery as its last line."""
    return signed_text(told(message), message.id)


def _parts(message: OutboundMessage) -> Iterator[list[str]]:
    due = [f"Please answer by: {_local(message.due)}"] if message.due else []
    yield [message.ask, *due]
    yield [message.text] if message.text else []
    facts = [f"{fact.label}: {fact.value}" for fact in message.facts]
    yield [*facts, f"Your reference: {message.desk_reference}"] if message.desk_reference and facts else facts
    if message.notes:
        earlier = f" ({message.notes_left_out} earlier left out)" if message.notes_left_out else ""
        yield [f"Written in the case so far{earlier}:"]
    for note in message.notes:
        yield [f"{note.author}, {_local(note.at)}:", note.text]
    yield [f"Our reference: {message.case_number} / {message.reference}"]


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%-d %B %Y, %H:%M %Z}"
