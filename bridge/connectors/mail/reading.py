"""From the bytes of a mail to what it says, to whom it belongs, and why it was read so.

Nothing that a mail contains raises: what cannot be read, or is not certain, goes to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from bridge.connectors.mail import automatic
from bridge.connectors.mail.bounce import bounce, is_notice_of_success, named_by_envelope, report_type
from bridge.connectors.mail.matching import Match, OwnReferences, match, names_ours
from bridge.connectors.mail.parsing import ParsedMail, file_content, header_only, parsed
from bridge.connectors.mail.saying import Said, Saying
from bridge.connectors.mail.sender import authentication, desk_of
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import is_plain_message_id
from bridge.connectors.mail.subjects import is_forward
from bridge.connectors.mail.text import new_text
from bridge.domain.engagement import Engagement
from bridge.domain.errors import BridgeError
from bridge.domain.facts import GRAVE
from bridge.domain.ids import DeskName
from bridge.mapping.statuses import StatusPatterns
from bridge.ports import Authenticity, Correspondence, Desks, MailKind, ReadAttachment, Reading, Verdict

_log = structlog.get_logger(__name__)
#: clocks differ by less: a Date this little before the opening, or the last report, is the error of one
_SKEW = timedelta(minutes=15)
#: A Date tells whole seconds: what it says may be almost so much later.
_RESOLUTION = timedelta(seconds=1)
#: a mail server's clock is nearer to ours, but its times of arrival are whole seconds (RFC 9051, 2.3.3)
_ARRIVAL = timedelta(minutes=1)


class MailReader:
    """Reads the mails of the mailbox that all desks share. `zone` is where a day in a mail ends."""

    def __init__(self, settings: MailSettings, desks: Desks, *, zone: ZoneInfo | None = None) -> None:
        self._settings = settings
        by_mail = {name: email for name, desk in desks.by_name.items() if (email := desk.latest.email) is not None}
        self._domains = {name: email.from_domains for name, email in by_mail.items()}
        self._references = OwnReferences({name: email.reference for name, email in by_mail.items()})
        self._zone = zone or ZoneInfo("Europe/London")
        self._desks = desks
        self._patterns = {
            (name, agreement.version): StatusPatterns.of(agreement.statuses)
            for name, desk in desks.by_name.items()
            for agreement in desk.agreements
        }

    def receive(
        self, raw: bytes, received_at: datetime, known: Correspondence, found: Authenticity | None = None
    ) -> Reading:
        """Read one mail. Errors of the store pass through; whatever the mail itself does becomes a reason.

        What the configured server at the border says about the sender counts before what was `found` by ourselves.
        """
        try:
            return self._read(parsed(raw), raw, received_at, known, found)
        except BridgeError:
            raise
        except (Exception, RecursionError) as error:  # noqa: BLE001 - hostile or broken mail, never a lost one
            _log.warning("mail_unreadable", error=type(error).__name__)
            return _unreadable(raw, received_at, error)

    def file_content(self, raw: bytes, file: ReadAttachment) -> bytes | None:
        """The bytes of a file of a mail; None if they are not there, or the mail cannot be read."""
        try:
            return file_content(raw, file.sha256)
        except (Exception, RecursionError) as error:  # noqa: BLE001 - hostile or broken mail, as in `receive`
            _log.warning("mail_unreadable", error=type(error).__name__)
            return None

    def _read(
        self,
        mail: ParsedMail,
        raw: bytes,
        received_at: datetime,
        known: Correspondence,
        verified: Authenticity | None,
    ) -> Reading:
        sender = mail.senders[0] if len(mail.senders) == 1 else ""
        stamped = authentication(mail.message, self._settings.authserv_id, sender)
        checked = stamped or verified or Authenticity()
        desks = desk_of(sender, self._domains)
        start = Reading(
            kind="review",
            verdict="quarantine",
            reasons=(),
            text=new_text(mail.text),
            attachments=mail.attachments,
            sender=sender,
            authenticated=checked.passed,
            desk=next(iter(desks)) if len(desks) == 1 else None,
            at=_earlier(mail.date, received_at),
            message_id=mail.message_id,
            from_list=mail.from_list,
        )
        found = _Found(mail, start, desks, checked, known, received_at)
        about_mail = self._about_mail(found, raw)
        return about_mail or self._about_engagement(found)

    # ── mails about mails, and mails that nobody can take a status from ─────────────────────────────────────────────

    def _about_mail(self, found: _Found, raw: bytes) -> Reading | None:
        mail = found.mail
        if mail.oversize:
            return found.review("too_large")
        if self._is_own(mail):
            return self._own(found)
        if returned := self._bounce(found, raw):
            return returned
        kind = report_type(mail.message)
        if kind == "disposition-notification" or is_notice_of_success(mail.message):
            return found.as_("receipt", "file", "read_receipt" if kind != "delivery-status" else "delivery_notice")
        if kind == "feedback-report":
            return found.review("abuse_report")
        return None

    def _is_own(self, mail: ParsedMail) -> bool:
        keys = self._settings.keys
        if keys.verify_message_id(mail.message_id):
            return True
        ours = mail.message.get_all("X-CPSD-Reference") or []
        return self._from_us(mail) and any(keys.verify_reference(str(one)) for one in ours)

    def _from_us(self, mail: ParsedMail) -> bool:
        return any(address in mail.senders for address in self._settings.own_addresses)

    def _own(self, found: _Found) -> Reading:
        """Our own mail, of which a provider may have made another Message-ID on its way here."""
        keys, mail = self._settings.keys, found.mail
        references = (keys.verify_reference(str(one)) for one in mail.message.get_all("X-CPSD-Reference") or [])
        reference = next((one for one in references if one), None)
        start = found.as_("own", "drop", "own_mail")
        if reference is None or not is_plain_message_id(mail.message_id):
            return start
        return replace(start, engagement=found.known.by_reference(reference), also_known=(mail.message_id,))

    def _bounce(self, found: _Found, raw: bytes) -> Reading | None:
        ours = self._settings.own_addresses
        returned = bounce(found.mail, raw, found.start.sender, ours)
        if returned is None:
            return None
        quoted, by_envelope = returned.message_id, named_by_envelope(found.mail.message, ours)
        # Only a bounce that names a mail of ours by our own signature is believed (checklist 32).
        named = next((one for one in (quoted, by_envelope) if self._settings.keys.verify_message_id(one)), "")
        engagement = found.known.by_message_id(named) if named else None
        reading = replace(
            found.as_("bounce", "apply", "delivery_failed" if returned.permanent else "delivery_late"),
            bounced_message_id=named or quoted,
            bounced_recipients=returned.recipients,
            permanent=returned.permanent,
            automatic=True,
        )
        if engagement is None:
            return replace(reading, verdict="quarantine", reasons=("bounce_of_unknown_mail",))
        by = "bounced_message_id" if named == quoted else "envelope"
        return replace(reading, engagement=engagement, matched_by=by)

    # ── whose mail it is ────────────────────────────────────────────────────────────────────────────────────────────

    def _about_engagement(self, found: _Found) -> Reading:
        mail = found.mail
        if len(mail.senders) != 1:
            return found.review("not_one_sender")
        if found.checked.failed:
            return found.review("dmarc_failed")
        if self._from_us(mail):
            return found.review("own_address_not_signed")
        matched = match(mail, found.desks, self._references, self._settings.keys, found.known)
        if matched.forged:
            return found.review("forged_reference")
        engagement = found.known.engagement(matched.engagement) if matched.engagement else None
        if engagement is None:
            return self._unmatched(found, matched)
        if engagement.desk not in found.desks:
            return replace(found.review("sender_not_of_desk"), engagement=engagement.id, matched_by=matched.by)
        return self._matched(found, matched, engagement)

    def _unmatched(self, found: _Found, matched: Match) -> Reading:
        mail = found.mail
        if any(names_ours(text, self._settings.keys) for text in mail.embedded):
            return found.review("reference_in_attachment_only")
        if matched.conflict:
            return found.review(*matched.reasons)
        why = automatic.why_automatic(mail.message, mail.subject)
        if why == "out_of_office" or automatic.is_out_of_office(mail.subject):
            return replace(found.as_("automatic", "file", "out_of_office", *matched.reasons), automatic=True)
        if not found.desks:
            return found.review("unknown_sender", *matched.reasons)
        if why:
            return replace(found.as_("automatic", "quarantine", why, *matched.reasons), automatic=True)
        return found.as_("new_case", "quarantine", *matched.reasons)

    # ── what it says ────────────────────────────────────────────────────────────────────────────────────────────────

    def _matched(self, found: _Found, matched: Match, engagement: Engagement) -> Reading:
        at, ordered = _order(found.mail.date, found.received_at, engagement)
        found.out_of_order = _contradicts_arrival(
            _earlier(found.mail.date, found.received_at), found.received_at, engagement
        )
        found.start = replace(
            found.start,
            engagement=engagement.id,
            matched_by=matched.by,
            conflict=matched.conflict,
            desk=engagement.desk,
            at=at,
            ordered=ordered,
            also_known=() if matched.conflict or is_forward(found.mail.subject) else found.mail.answers_others,
        )
        mail = found.mail
        if mail.encrypted:
            return found.review("encrypted", *matched.reasons)
        if automatic.is_challenge(mail.subject):
            return found.review("challenge", *matched.reasons)
        said = self._said(found, engagement)
        if is_forward(mail.subject):
            # A forward tells what somebody else said: nothing is taken from it (checklist 13).
            return found.review("forward_with_command") if said.commanded else found.as_("report", "file", "forward")
        return self._judged(found, matched, said)

    def _said(self, found: _Found, engagement: Engagement) -> Said:
        version = self._desks.agreement(engagement).version
        saying = Saying(self._references, self._patterns[engagement.desk, version], engagement)
        return saying.said(found.mail, found.start.text, found.start.sender)

    def _judged(self, found: _Found, matched: Match, said: Said) -> Reading:
        if said.doubt:
            return found.review(said.doubt, *matched.reasons)
        if matched.conflict and said.report in GRAVE:
            return found.review("references_disagree", *said.reasons)
        if found.out_of_order and said.report in GRAVE:
            return found.review("perhaps_older_than_the_last_report", *said.reasons)
        verdict: Verdict = "apply" if said.report is not None else "file"
        until = datetime.combine(said.until, time(23, 59, 59), self._zone).astimezone(UTC) if said.until else None
        return replace(
            found.as_("automatic" if said.automatic else "report", verdict, *matched.reasons, *said.reasons),
            report=said.report,
            suggests=said.suggests,
            desk_reference=said.desk_reference,
            text=said.text,
            automatic=said.automatic,
            until=until,
            direction=said.direction,
        )


@dataclass(slots=True)
class _Found:
    """A mail on its way through the reader, and the reading as far as it is known."""

    mail: ParsedMail
    start: Reading
    desks: frozenset[DeskName]
    checked: Authenticity
    known: Correspondence
    received_at: datetime
    #: Date and arrival disagree whether it is newer than what the desk said last
    out_of_order: bool = False

    def as_(self, kind: MailKind, verdict: Verdict, *reasons: str) -> Reading:
        """The reading so far, concluded."""
        unverified = ("signature_unverified",) if self.mail.opaque else ()
        doubts = (self.checked.reason,) if self.checked.reason else ()
        return replace(self.start, kind=kind, verdict=verdict, reasons=(*reasons, *unverified, *doubts))

    def review(self, *reasons: str) -> Reading:
        """For a person to decide upon."""
        return self.as_("review", "quarantine", *reasons)


def _unreadable(raw: bytes, received_at: datetime, error: BaseException) -> Reading:
    reading = Reading("review", "quarantine", ("unreadable", type(error).__name__), at=received_at)
    try:
        mail = header_only(raw)
    except Exception:  # noqa: BLE001 - then not even the header can be shown
        return reading
    return replace(reading, sender=mail.senders[0] if len(mail.senders) == 1 else "", message_id=mail.message_id)


def _earlier(date: datetime | None, received_at: datetime) -> datetime:
    """A Date in the future, or none, does not count: then the receive time rules (checklist 51)."""
    return received_at if date is None else min(date, received_at)


def _order(date: datetime | None, received_at: datetime, engagement: Engagement) -> tuple[datetime, bool]:
    """When the desk said it, and whether that can be ordered: nobody answers before they were asked.

    A Date that lies behind the last report by no more than clocks differ says nothing either if the mail came after it.
    One a little before the engagement is of a slower clock: what is certain is that the desk was asked by then.
    """
    at = _earlier(date, received_at)
    if _contradicts_arrival(at, received_at, engagement):
        return received_at, False
    if at >= engagement.opened_at - _SKEW:
        return max(at, engagement.opened_at), True
    return received_at, False


def _contradicts_arrival(at: datetime, received_at: datetime, engagement: Engagement) -> bool:
    """By its Date a mail is a little older than the last report, and by its arrival newer.

    The report may have come by a link, told by our clock, or from another of the desk's machines.
    """
    last = engagement.last_report_at
    return last is not None and last - _SKEW < at <= last - _RESOLUTION and last <= received_at + _ARRIVAL
