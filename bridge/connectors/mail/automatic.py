"""Which mails a machine wrote (RFC 3834, and what mail systems do instead of it)."""

from __future__ import annotations

import re
from email.message import Message

from bridge.connectors.mail import headers

_COMMENT = re.compile(r"\([^()]*\)")
_NULL_SENDER = re.compile(r"<(mailer-daemon(@[a-z0-9.-]{1,255})?)?>", re.IGNORECASE)
_ANSWERS = frozenset({"auto_reply", "auto-reply"})
_TO_MANY = frozenset({"bulk", "junk", "list"})
_MARKS = ("X-Autoreply", "X-Autorespond", "X-AutoReply-From", "X-Mail-Autoreply", "X-ServiceNow-Generated")
_OUT_OF_OFFICE = re.compile(
    r"^\s{0,3}(?:(?:(?:re|aw|sv|antw)\s?:|\[[^\]]{0,60}\])\s{0,3}){0,4}[\[(]?"
    r"(automatic reply|auto[- ]?reply|auto[- ]?response|out of (the )?office|not in the office|ooo\b|"
    r"i(['\u2019]| a)m (currently )?(out of|away from)|"
    r"(auto|away|absence|absent|vacation|holidays?|(on )?((annual|sick|parental|maternity|paternity) )?leave)\s?[:\])]|"
    r"allan o['\u2019]?r swyddfa|i ffwrdd o['\u2019]?r swyddfa|(ym)?ateb awtomatig|ar wyliau|"
    r"automatische (antwort|beantwortung)|abwesenheits\w*|abwesend|r[ée]ponse automatique|absence du bureau|"
    r"accus[ée] de r[ée]ception|acuse de recibo|"
    r"respuesta autom[áa]tica|fuera de la oficina|risposta automatica|fuori (sede|ufficio)|automatisch antwoord|"
    r"afwezig\w*|autosvar|automatiskt svar|automatisk svar|odpowied[źz] automatyczna|nieobecno[śs][ćc]|"
    r"resposta autom[áa]tica|automatick[áa] odpov[ěe]d|自動応答|自动答复)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"\b(confirm (that )?you sent|please confirm your (message|e-?mail)|verify your (message|e-?mail)|"
    r"message (is )?(waiting|pending) (for )?(your )?(verification|confirmation)|boxbe|spamarrest)\b",
    re.IGNORECASE,
)

#: The weakest of the signs: it says to how many a mail goes, not who wrote it. Ticketing systems, Request Tracker
#: among them, put it on what their people write as well as on what they say themselves.
PRECEDENCE = "precedence"
#: the subject alone says so
OUT_OF_OFFICE = "out_of_office"


def why_automatic(mail: Message, subject: str) -> str:
    """The sign that a machine wrote this mail; empty if there is none."""
    submitted = _plain_value(headers.raw_field(mail, "Auto-Submitted"))
    if submitted and submitted != "no":
        return "auto_submitted"
    if any(headers.raw_fields(mail, name) for name in _MARKS):
        return "automatic_field"
    precedence = _plain_value(headers.raw_field(mail, "Precedence"))
    if precedence in _ANSWERS:
        return "automatic_field"
    if has_null_sender(mail):
        return "null_sender"
    if is_out_of_office(subject):
        return OUT_OF_OFFICE
    return PRECEDENCE if precedence in _TO_MANY else ""


def has_null_sender(mail: Message) -> bool:
    """Whether the envelope's sender is empty, so that nobody wants an answer (RFC 5321, 4.5.5).

    Sendmail writes MAILER-DAEMON for the empty one.
    """
    paths = headers.raw_fields(mail, "Return-Path")
    return bool(paths) and _NULL_SENDER.fullmatch(paths[0].replace(" ", "")) is not None


def is_out_of_office(subject: str) -> bool:
    """Whether a subject is that of an absence notice, in the languages of the usual mail programs."""
    return bool(_OUT_OF_OFFICE.match(subject[:300]))


def is_challenge(subject: str) -> bool:
    """Whether a mail wants its sender to prove that they are a person."""
    return bool(_CHALLENGE.search(subject[:300]))


def _plain_value(value: str) -> str:
    """A value without comments and parameters, in lower case (RFC 3834, 5)."""
    return _COMMENT.sub("", value[:500]).partition(";")[0].strip().lower()
