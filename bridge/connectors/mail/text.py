"""The new text of a mail: without what it quotes, without signature, disclaimer and banner.

Everything here takes time that grows with the length of the text only; mail-parser-reply, whose expressions do not,
sees a short, cleaned end of the text. The original is always kept elsewhere.
"""

from __future__ import annotations

import re
from typing import cast

from mailparser_reply.parser import EmailMessage

from bridge.connectors.mail.wording import REPLY_LINE

_LANGUAGES = ["en", "de", "fr", "nl", "es", "it", "pl"]
#: so much of the end is searched for a signature by mail-parser-reply: below a quarter of a second at its worst
_SIGNATURE_WITHIN = 2_000
_LONGEST_LINE = 4_000
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_QUOTED = re.compile(r"^\s{0,3}>")
_MARKER = REPLY_LINE.strip("- ").lower()

_FIELD = re.compile(
    r"^[*\s]{0,4}(from|sent|to|cc|subject|date|reply-to|von|gesendet|an|betreff|datum|de|envoy[ée]|[àa]|objet|date|van|"
    r"verzonden|aan|onderwerp|enviado|para|asunto|da|inviato|oggetto|od|wys[łl]ano|do|temat)\s{0,2}:[*\s]{0,3}\S",
    re.IGNORECASE,
)
_FIRST_FIELD = re.compile(r"^[*\s]{0,4}(from|von|de|van|da|od)\s{0,2}:", re.IGNORECASE)
_DIVIDER = re.compile(
    r"^\s{0,3}-{2,}\s{0,3}(original message|original appointment|forwarded message|urspr[üu]ngliche nachricht|"
    r"weitergeleitete nachricht|message d'origine|message original|oorspronkelijk bericht|mensaje original|"
    r"messaggio originale)\s{0,3}-{2,}",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s{0,3}[_]{20,}\s*$|^\s{0,3}[-]{30,}\s*$")
_WROTE = re.compile(
    r"\b(wrote|writes|schrieb|a [ée]crit|schreef|escribi[óo]|ha scritto|napisa[łl]\(?a?\)?|skrev)\b[^:]{0,120}:\s*$",
    re.IGNORECASE,
)
_WROTE_BEGINS = re.compile(r"^\s{0,3}(on|am|le|op|el|il|w dniu|den|at)\b", re.IGNORECASE)
_SIGNATURE = re.compile(r"^--\s*$")
_DEVICE = re.compile(
    r"^\s{0,3}(sent from my|sent from outlook|get outlook for|gesendet von meinem|envoy[ée] de mon)\b", re.IGNORECASE
)
_CLOSING = re.compile(
    r"^\s{0,3}((kind|best|warm|many)?\s{0,2}regards|(many )?thanks( and regards)?|thank you|"
    r"yours (sincerely|faithfully)|mit freundlichen gr[üu](ß|ss)en|viele gr[üu](ß|ss)e|"
    r"cordialement|met vriendelijke groet|saludos|cordiali saluti)"
    r"\s{0,2}[,.!]?\s*$",
    re.IGNORECASE,
)
_BANNER = re.compile(
    r"^\W{0,6}(caution|warning|external|attention|achtung|notice|be careful|this (e-?mail|message) (was|has been|came|"
    r"originated)|you don't often get)\b.{0,200}?(external|outside|originated|unknown sender|do not click|"
    r"links or|extern|often get)",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"^\W{0,6}(confidential(ity)? notice|disclaimer\b|legal notice|this (e-?mail|message|communication)\b.{0,80}\b"
    r"(confidential|intended|privileged)|the (information|contents?) (contained )?(in|of) this (e-?mail|message)|"
    r"diese e-?mail enth[äa]lt vertrauliche)",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """What the writer of this mail wrote; blank if it is all quotes. Answers between quoted lines stay."""
    lines = _unquoted(_clean_lines(text))
    kept = _without_banners(lines)
    return _without_signature("\n".join(kept).strip())


def command_text(text: str) -> str:
    """The part of the new text in which commands count: what stands before any signature, however it begins."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _CLOSING.match(line):
            return "\n".join(lines[:number])
    return text


def _clean_lines(text: str) -> list[str]:
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\x00", "")
    unified = _SPACES.sub(" ", _INVISIBLE.sub("", unified))
    return [line.rstrip()[:_LONGEST_LINE] for line in unified.split("\n")]


def _unquoted(lines: list[str]) -> list[str]:
    kept: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if _QUOTED.match(line):
            number += 1
            continue
        if _MARKER in line.lower() or _SIGNATURE.match(line) or _DEVICE.match(line) or _is_divider(lines, number):
            break
        introduction = _introduction(lines, number)
        if introduction:
            if not _quotes_with_marks(lines, number + introduction):
                break
            number += introduction
            continue
        kept.append(line)
        number += 1
    return kept


def _is_divider(lines: list[str], number: int) -> bool:
    """Whether a quoted mail begins here: a divider line, or a header whose first field names the sender.

    Two fields are enough if one holds an address; "From: 10:00, To: 12:00" is a time of outage and no header.
    """
    line = lines[number]
    if _DIVIDER.match(line):
        return True
    following = [one for one in lines[number : number + 8] if one.strip()]
    if _RULE.match(line):
        return len(following) > 1 and _FIRST_FIELD.match(following[1]) is not None
    if not _FIRST_FIELD.match(line):
        return False
    fields = [one for one in following[:5] if _FIELD.match(one)]
    return len(fields) >= 3 or (len(fields) == 2 and "@" in "".join(fields))


def _introduction(lines: list[str], number: int) -> int:
    """How many lines, of at most three, "On … wrote:" takes from here; 0 if it is none."""
    if not _WROTE_BEGINS.match(lines[number]):
        return 0
    for count in (1, 2, 3):
        if _WROTE.search(" ".join(lines[number : number + count])[-400:]):
            return count
    return 0


def _quotes_with_marks(lines: list[str], number: int) -> bool:
    """Whether the next line that is not blank is quoted with `>`: then unmarked lines further down are answers."""
    following = next((line for line in lines[number : number + 10] if line.strip()), "")
    return bool(_QUOTED.match(following))


def _without_banners(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skipping = False
    for line in lines:
        if _DISCLAIMER.match(line[:400]):
            break
        skipping = bool(line.strip()) and (skipping or bool(_BANNER.match(line[:400])))
        if not skipping:
            kept.append(line)
    return kept


def _without_signature(text: str) -> str:
    """Cut the signature that mail-parser-reply finds at the end, unless nothing would be left."""
    head, tail = text[:-_SIGNATURE_WITHIN], text[-_SIGNATURE_WITHIN:]
    tail = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", tail))
    message = EmailMessage(text=tail, languages=list(_LANGUAGES), keep_hyphen_lists=True).read()
    signature = cast(str, message.replies[0].signatures) if len(message.replies) == 1 else ""
    at = tail.find(signature) if signature else -1
    body = (head + tail[:at]).strip() if at > 0 else (head + tail).strip()
    return body or text
