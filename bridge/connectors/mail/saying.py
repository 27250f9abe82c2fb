"""What a mail that belongs to an engagement says: its report, if a command or an agreed pattern makes one.

A false "resolved" is the worst error there is. So a status comes from an explicit command or an agreed pattern alone;
what a person writes freely is a comment, and what a machine writes is `received`. Where only `Precedence: bulk` speaks
for a machine, the text counts as a person's, but for one thing: free text acknowledges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from bridge.connectors.mail import automatic
from bridge.connectors.mail.commands import Command, commands, doubt_about, looks_grave, looks_like_command
from bridge.connectors.mail.matching import OwnReferences, before_our_tag
from bridge.connectors.mail.parsing import ParsedMail
from bridge.connectors.mail.subjects import without_prefixes
from bridge.connectors.mail.suggesting import suggestion
from bridge.connectors.mail.text import command_text
from bridge.connectors.mail.wording import SUBJECT_TAG
from bridge.domain.engagement import Engagement
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName
from bridge.mapping.statuses import StatusPatterns

#: so much of a text is shown to the agreed patterns
_PATTERN_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a mail says. `doubt` names why only a person may decide."""

    report: ReportKind | None
    reasons: tuple[str, ...]
    text: str
    suggests: ReportKind | None = None
    desk_reference: str = ""
    until: date | None = None
    direction: DeskName | None = None
    automatic: bool = False
    commanded: bool = False
    doubt: str = ""


class Saying:
    """Reads what a desk says in one engagement."""

    def __init__(self, references: OwnReferences, patterns: StatusPatterns, engagement: Engagement) -> None:
        self._references = references
        self._patterns = patterns
        self._engagement = engagement

    def said(self, mail: ParsedMail, text: str, sender: str) -> Said:
        """What the new text of a mail says."""
        why = automatic.why_automatic(mail.message, mail.subject)
        agreed = None if self._is_absence(mail.subject) else self._agreed(mail, text, sender, machine=bool(why))
        if why == automatic.OUT_OF_OFFICE and commands(command_text(text)):
            # Only its subject speaks for a machine, and no machine writes commands.
            return Said(None, (), text, commanded=True, doubt="command_in_an_absence_notice")
        if why and (why != automatic.PRECEDENCE or not text.strip()):
            return self._by_machine(mail, text, why, agreed)
        commanding = command_text(text)
        given = commands(commanding)
        if looks_grave(commanding):
            return Said(None, (), text, commanded=True, doubt="unknown_command")
        if given:
            return self._by_command(mail, text, given)
        if agreed is not None:
            return Said(agreed, ("agreed_pattern",), text, desk_reference=self._learned(mail, text))
        free = self._free_text(mail, text)
        return replace(free, reasons=(why, *free.reasons), automatic=True) if why else free

    def _agreed(self, mail: ParsedMail, text: str, sender: str, *, machine: bool) -> ReportKind | None:
        """What the agreed patterns make of a mail; they never see our own subject coming back in theirs."""
        subject = before_our_tag(mail.subject) if SUBJECT_TAG.search(mail.subject) else without_prefixes(mail.subject)
        return self._patterns.report(subject=subject, text=text[:_PATTERN_TEXT], sender=sender, automatic=machine)

    def _by_machine(self, mail: ParsedMail, text: str, why: str, agreed: ReportKind | None) -> Said:
        if agreed is not None:
            # Agreed, so more than `received` may come of it.
            return Said(agreed, (why, "agreed_pattern"), text, desk_reference=self._learned(mail, text))
        if self._is_absence(mail.subject):
            return Said(None, ("out_of_office",), text, automatic=True)
        learned = self._learned(mail, text)
        return Said(ReportKind.RECEIVED, (why,), text, desk_reference=learned, automatic=True)

    def _by_command(self, mail: ParsedMail, text: str, given: tuple[Command, ...]) -> Said:
        if doubt := doubt_about(given):
            return Said(None, (), text, commanded=True, doubt=doubt)
        command = given[0]
        learned = self._stated(command.reference) or self._learned(mail, text)
        said = "\n".join(one.text for one in given if one.text)
        return Said(
            command.kind,
            (f"command_{command.kind.value}",),
            said or text,
            desk_reference=learned,
            until=command.until,
            direction=command.direction,
            commanded=True,
        )

    def _free_text(self, mail: ParsedMail, text: str) -> Said:
        if not text.strip() and not mail.attachments:
            return Said(None, ("blank",), text)
        reasons = ("free_text", "unknown_command") if looks_like_command(text) else ("free_text",)
        return Said(ReportKind.COMMENT, reasons, text, suggestion(text), self._learned(mail, text))

    def _stated(self, word: str) -> str:
        """The number that `#acknowledge` names, unless it is ours."""
        desk = self._engagement.desk
        return word if word and not self._is_ours(word) and self._references.is_one(desk, word) else ""

    def _learned(self, mail: ParsedMail, text: str) -> str:
        """The desk's own number in a mail. One that is known already is not replaced by another that is mentioned."""
        found = self._references.find(self._engagement.desk, f"{before_our_tag(mail.subject)}\n{text}")
        theirs = [word for word in found if not self._is_ours(word)]
        known = self._engagement.desk_reference
        if known:
            return known if known in theirs else ""
        return theirs[0] if theirs else ""

    def _is_absence(self, subject: str) -> bool:
        """Whether it is a person's notice of absence, which repeats our subject and says nothing about the case."""
        return automatic.is_out_of_office(subject) and not self._is_numbered(subject)

    def _is_numbered(self, subject: str) -> bool:
        """Whether the desk put its number before our subject, as no person's notice of absence does.

        `[example.com #12] AutoReply: …` is how Request Tracker acknowledges a mail.
        """
        found = self._references.find(self._engagement.desk, before_our_tag(subject))
        return any(not self._is_ours(word) for word in found)

    def _is_ours(self, word: str) -> bool:
        ours = {self._engagement.case_number.upper(), self._engagement.reference.upper()}
        return word.upper() in ours
