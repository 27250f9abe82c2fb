"""Which engagement a mail belongs to.

In this order, the first that names a known engagement wins: a signed Message-ID that the mail answers, a signed
subject tag, a signed reference line in the body, a mail of others that is known to belong to one, the desk's own
reference. Where the signed ones disagree, the first
wins and the conflict is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.connectors.mail.parsing import ParsedMail
from bridge.connectors.mail.signing import Keys, is_plain_message_id, looks_like_message_id
from bridge.connectors.mail.wording import BODY_REFERENCE, SUBJECT_TAG
from bridge.domain.ids import DeskName, EngagementId
from bridge.ports import Correspondence

_MOST_CLAIMS = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A place in a mail that names an engagement, and what came of it."""

    by: str
    #: what stands there
    said: str
    #: whether its signature is ours
    signed: bool
    engagement: EngagementId | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The engagement of a mail, and how it was found."""

    engagement: EngagementId | None = None
    by: str = ""
    conflict: bool = False
    #: something in the mail claims to be ours and is not: a forgery, or cut off on the way
    forged: bool = False
    reasons: tuple[str, ...] = ()


def match(mail: ParsedMail, desks: frozenset[DeskName], own: OwnReferences, keys: Keys, known: Correspondence) -> Match:
    """The engagement that a mail belongs to. `desks` are those for which its sender speaks."""
    claims = list(_claims(mail, keys, known))
    found = [claim for claim in claims if claim.engagement is not None]
    if not found:
        return _unsigned(mail, desks, own, claims, known)
    best = found[0]
    others = {claim.engagement for claim in found} - {best.engagement}
    reasons = [f"matched_by_{best.by}"]
    if others:
        reasons.append("references_disagree")
    return Match(best.engagement, best.by, bool(others), _is_forged(claims, best, known), tuple(reasons))


def _unsigned(
    mail: ParsedMail, desks: frozenset[DeskName], own: OwnReferences, claims: list[Claim], known: Correspondence
) -> Match:
    if any(not claim.signed for claim in claims):
        return Match(forged=True, reasons=("forged_reference",))
    answered = _of_thread(mail, known)
    if answered:
        return Match(answered[0], "thread", len(answered) > 1, reasons=("matched_by_thread",))
    engagements = {
        engagement
        for desk in desks
        for reference in own.candidates(desk, mail)
        if (engagement := known.by_desk_reference(desk, reference)) is not None
    }
    if len(engagements) == 1:
        return Match(engagements.pop(), "desk_reference", reasons=("matched_by_desk_reference",))
    if engagements:
        return Match(conflict=True, reasons=("desk_references_disagree",))
    return Match(reasons=("reference_unknown",) if claims else ("no_reference",))


def _of_thread(mail: ParsedMail, known: Correspondence) -> list[EngagementId]:
    """The engagements of mails of others that this one answers: their own earlier one, or ours under another name."""
    answered = [one for one in mail.answers if is_plain_message_id(one)][:_MOST_CLAIMS]
    found = (known.by_message_id(one) for one in answered)
    return list(dict.fromkeys(one for one in found if one is not None))


def _is_forged(claims: list[Claim], best: Claim, known: Correspondence) -> bool:
    """Whether another place claims something else than the one that is proved; its own, cut short, does no harm."""
    assert best.engagement is not None  # noqa: S101 - the caller's choice
    engagement = known.engagement(best.engagement)
    reference = engagement.reference.upper() if engagement else ""
    return any(
        not claim.signed and not (claim.by != "message_id" and claim.said.upper().startswith(reference))
        for claim in claims
    )


def _claims(mail: ParsedMail, keys: Keys, known: Correspondence) -> Iterator[Claim]:
    for message_id in mail.answers:
        if looks_like_message_id(message_id):
            signed = keys.verify_message_id(message_id) is not None
            yield Claim("message_id", message_id, signed, known.by_message_id(message_id) if signed else None)
    yield from _references("subject_tag", SUBJECT_TAG, mail.subject, keys, known)
    yield from _references("body_reference", BODY_REFERENCE, mail.text, keys, known)


def _references(by: str, pattern: re.Pattern[str], text: str, keys: Keys, known: Correspondence) -> Iterator[Claim]:
    said = dict.fromkeys(found.upper() for found in pattern.findall(text))
    for one in list(said)[:_MOST_CLAIMS]:
        reference = keys.verify_reference(one)
        yield Claim(by, one, reference is not None, known.by_reference(reference) if reference else None)


def names_ours(text: str, keys: Keys) -> bool:
    """Whether a text holds a signed reference or Message-ID of ours, wherever in it."""
    references = (*SUBJECT_TAG.findall(text), *BODY_REFERENCE.findall(text))
    identities = re.findall(r"<cpsd\.[^<>\s]{50,320}>", text, re.IGNORECASE)
    return any(keys.verify_reference(one) for one in references[:_MOST_CLAIMS]) or any(
        keys.verify_message_id(one) for one in identities[:_MOST_CLAIMS]
    )


class OwnReferences:
    """The desks' own references, by the pattern of each one's agreement."""

    def __init__(self, patterns: dict[DeskName, str]) -> None:
        self._patterns = {desk: re.compile(pattern) for desk, pattern in patterns.items() if pattern}

    def candidates(self, desk: DeskName, mail: ParsedMail) -> tuple[str, ...]:
        """Every reference of a desk's shape in a mail, in the order of telling."""
        return self.find(desk, f"{before_our_tag(mail.subject)}\n{mail.text}")

    def find(self, desk: DeskName, text: str) -> tuple[str, ...]:
        """Every reference of a desk's shape in a text, each once."""
        pattern = self._patterns.get(desk)
        found = (one.group() for one in pattern.finditer(text)) if pattern else ()
        return tuple(dict.fromkeys(found))[:_MOST_CLAIMS]

    def is_one(self, desk: DeskName, word: str) -> bool:
        """Whether a word has the desk's shape; any word has where no shape is agreed."""
        pattern = self._patterns.get(desk)
        return pattern is None or pattern.fullmatch(word) is not None


def before_our_tag(subject: str) -> str:
    """The part of a subject that stands before our tag: what follows is our own subject coming back."""
    tag = SUBJECT_TAG.search(subject)
    return subject[: tag.start()] if tag else subject
