"""The new text of a mail: without what it quotes, without signature, disclaimer and banner.

Everything here takes time that grows with the length of the text only; mail-parser-reply, whose expressions do not,
sees a short, cleaned end of the text. The original is always kept elsewhere.
"""

from __future__ import annotations

import re
from typing import cast
from unicodedata import normalize

from mailparser_reply.parser import EmailMessage

from bridge.connectors.mail.quoting import (
    CLOSING,
    DEVICE,
    DISCLAIMER,
    DIVIDER,
    FIRST_FIELD,
    GREETING,
    HEADING,
    RULE,
    SIGNATURE,
    introduction,
    is_banner,
    is_entry,
    is_header,
    runs_on,
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
#: so much of a line tells a banner or disclaimer
_TELLING = 400
#: without width, or telling only the direction of writing
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\u061c\ufeff\u00ad]")
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029\u0085\x0b\x0c]")
#: a command as Chinese and Japanese keyboards write it
_FULL_WIDTH = re.compile("^\\s{0,3}[#\uff03][A-Za-z\uff21-\uff3a\uff41-\uff5a]{2,20}[ \t]{0,3}[:\uff1a]?")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_QUOTED = re.compile(r"^\s{0,3}>")
_MARKER = REPLY_LINE.strip("- ").lower()


def new_text(text: str) -> str:
    """What the writer of this mail wrote; blank if it is all quotes. Answers between quoted lines stay."""
    lines = _unquoted(_clean_lines(text))
    kept = _without_banners(lines)
    return _without_signature("\n".join(kept).strip())


def command_text(text: str) -> str:
    """The part of the new text in which commands count: what stands before any signature, however it begins.

    Thanks that come before anything else but a greeting end nothing.
    """
    kept: list[str] = []
    begun = False
    for line in text.split("\n"):
        if begun and CLOSING.match(line):
            break
        begun = begun or _begins(line)
        kept.append(_FULL_WIDTH.sub(lambda command: normalize("NFKC", command[0]), line))
    return "\n".join(kept)


def _begins(line: str) -> bool:
    """Whether a line says something, other than a greeting or thanks."""
    return bool(line.strip()) and not CLOSING.match(line) and not GREETING.match(line)


def _clean_lines(text: str) -> list[str]:
    unified = _LINE_ENDS.sub("\n", text).replace("\x00", "")
    unified = _SPACES.sub(" ", _INVISIBLE.sub("", unified))
    return [line.rstrip()[:_LONGEST_LINE] for line in unified.split("\n")]


def _unquoted(lines: list[str]) -> list[str]:
    kept: list[str] = []
    number = 0
    begun = False
    while number < len(lines):
        line = lines[number]
        if _is_divider(lines, number, begun=begun):
            break
        if _QUOTED.match(line):
            number += 1
            continue
        if DEVICE.match(line) and _answers_below(lines, number + 1):
            number += 1
            continue
        if _MARKER in line.lower() or SIGNATURE.match(line) or DEVICE.match(line):
            break
        introduced = introduction(lines, number)
        if introduced:
            if not _quotes_with_marks(lines, number + introduced):
                break
            number += introduced
            continue
        kept.append(line)
        begun = begun or bool(line)
        number += 1
    return kept


def _is_divider(lines: list[str], number: int, *, begun: bool) -> bool:
    """Whether a quoted mail, or an entry of a ticket's history below other text, begins here."""
    line = lines[number]
    if DIVIDER.match(line):
        return True
    if not line.strip() or _QUOTED.match(line):
        return False
    following = [one for one in lines[number : number + 8] if one.strip()]
    if RULE.match(line) or HEADING.match(line):
        return len(following) > 1 and FIRST_FIELD.match(following[1]) is not None
    return is_header(following) or (begun and is_entry(following))


def _quotes_with_marks(lines: list[str], number: int) -> bool:
    """Whether the next line that is not blank is quoted with `>`: then unmarked lines further down are answers."""
    following = next((line for line in lines[number : number + 10] if line.strip()), "")
    return bool(_QUOTED.match(following))


def _answers_below(lines: list[str], number: int) -> bool:
    """Whether a quote marked with `>` comes next, with or without an introduction."""
    ahead = next((one for one in range(number, min(number + 10, len(lines))) if lines[one].strip()), None)
    return ahead is not None and _quotes_with_marks(lines, ahead + introduction(lines, ahead))


def _without_banners(lines: list[str]) -> list[str]:
    """The lines without what gateways put in; all of them if nothing else is there, for that may be misread.

    A disclaimer ends a text, unless it comes before it.
    """
    kept: list[str] = []
    begun = skipping = False
    above = ""
    for line in lines:
        start = line[:_TELLING]
        disclaims = DISCLAIMER.match(start) is not None
        if disclaims and begun:
            break
        skipping = disclaims or is_banner(start) or (skipping and bool(above) and runs_on(above, start))
        above = start
        if not skipping:
            kept.append(line)
            begun = begun or bool(line.strip())
    return kept if begun else lines


def _without_signature(text: str) -> str:
    """Cut the signature that mail-parser-reply finds at the end, unless nothing would be left that says something."""
    head, tail = text[:-_SIGNATURE_WITHIN], text[-_SIGNATURE_WITHIN:]
    tail = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", tail))
    message = EmailMessage(tail, languages=_LANGUAGES, **_GIVEN).read()
    signature = cast(str, message.replies[0].signatures) if len(message.replies) == 1 else ""
    at = tail.find(signature) if signature else -1
    body = (head + tail[:at]).strip() if at > 0 else (head + tail).strip()
    return body if any(_begins(line) for line in body.split("\n")) else text
