"""The new text of a mail: without what it quotes, without signature, disclaimer and banner.

Everything here takes time that grows with the length of the text only; mail-parser-reply, whose expressions do not,
sees a short, cleaned end of the text. The original is always kept elsewhere.
"""

from __future__ import annotations

import re
from typing import cast

from mailparser_reply.parser import EmailMessage

from bridge.connectors.mail.quoting import (
    BANNER,
    CLOSING,
    DEVICE,
    DISCLAIMER,
    DIVIDER,
    FIELD,
    FIRST_FIELD,
    RULE,
    SIGNATURE,
    introduction,
)
from bridge.connectors.mail.wording import REPLY_LINE

_LANGUAGES = ["en", "de", "fr", "nl", "es", "it", "pl"]
#: mail-parser-reply puts its expressions together for each mail unless they are given; disclaimers are found here
_EXPRESSIONS = EmailMessage("", languages=_LANGUAGES, keep_hyphen_lists=True)
_GIVEN = {
    "_header_regex": _EXPRESSIONS.HEADER_REGEX,
    "_signature_regex": _EXPRESSIONS.SIGNATURE_REGEX,
    "_disclaimers_regex": re.compile("(?!)"),
}
#: so much of the end is searched for a signature by mail-parser-reply: below a quarter of a second at its worst
_SIGNATURE_WITHIN = 2_000
_LONGEST_LINE = 4_000
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_QUOTED = re.compile(r"^\s{0,3}>")
_MARKER = REPLY_LINE.strip("- ").lower()


def new_text(text: str) -> str:
    """What the writer of this mail wrote; blank if it is all quotes. Answers between quoted lines stay."""
    lines = _unquoted(_clean_lines(text))
    kept = _without_banners(lines)
    return _without_signature("\n".join(kept).strip())


def command_text(text: str) -> str:
    """The part of the new text in which commands count: what stands before any signature, however it begins."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if CLOSING.match(line):
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
        if _MARKER in line.lower() or SIGNATURE.match(line) or DEVICE.match(line) or _is_divider(lines, number):
            break
        introduced = introduction(lines, number)
        if introduced:
            if not _quotes_with_marks(lines, number + introduced):
                break
            number += introduced
            continue
        kept.append(line)
        number += 1
    return kept


def _is_divider(lines: list[str], number: int) -> bool:
    """Whether a quoted mail begins here: a divider line, or a header whose first field names the sender.

    Two fields are enough if one holds an address; "From: 10:00, To: 12:00" is a time of outage and no header.
    """
    line = lines[number]
    if DIVIDER.match(line):
        return True
    following = [one for one in lines[number : number + 8] if one.strip()]
    if RULE.match(line):
        return len(following) > 1 and FIRST_FIELD.match(following[1]) is not None
    if not FIRST_FIELD.match(line):
        return False
    fields = [one for one in following[:5] if FIELD.match(one)]
    return len(fields) >= 3 or (len(fields) == 2 and "@" in "".join(fields))


def _quotes_with_marks(lines: list[str], number: int) -> bool:
    """Whether the next line that is not blank is quoted with `>`: then unmarked lines further down are answers."""
    following = next((line for line in lines[number : number + 10] if line.strip()), "")
    return bool(_QUOTED.match(following))


def _without_banners(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skipping = False
    for line in lines:
        if DISCLAIMER.match(line[:400]):
            break
        skipping = bool(line.strip()) and (skipping or bool(BANNER.match(line[:400])))
        if not skipping:
            kept.append(line)
    return kept


def _without_signature(text: str) -> str:
    """Cut the signature that mail-parser-reply finds at the end, unless nothing would be left."""
    head, tail = text[:-_SIGNATURE_WITHIN], text[-_SIGNATURE_WITHIN:]
    tail = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", tail))
    message = EmailMessage(tail, languages=_LANGUAGES, **_GIVEN).read()
    signature = cast(str, message.replies[0].signatures) if len(message.replies) == 1 else ""
    at = tail.find(signature) if signature else -1
    body = (head + tail[:at]).strip() if at > 0 else (head + tail).strip()
    return body or text
