"""Bounces that follow no standard and that no list knows: the refused addresses, by how servers word a refusal.

Only asked about mails that a mail system wrote. Read line by line, down to where the returned mail begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

ADDRESS = re.compile(r"[^\s<>;:,\"'()\[\]]{1,64}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9]")
_LONGEST_LINE = 1_000
_MOST_LINES = 300
#: how many lines before and after a refusal may name whom it is about
_NEAR = 3

_RETURNED_MAIL = re.compile(
    r"^\W{0,40}(return-path|received|message-id|dkim-signature|mime-version)\s?:|"
    r"^\W{0,40}(below (this line )?is (a|the) copy|(this is a )?copy of (the|your) (message|mail)|"
    r"(the )?(original|returned|unsent) (message|mail|headers?)\b.{0,30}(follow|below|attached|:|-)|"
    r"(begin|start) (of )?(original|returned)|urspr[üu]ngliche nachricht|message d'origine|"
    r"mensaje original|messaggio originale|oorspronkelijk bericht)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(5\d\d[ -]|[45]\.\d{1,3}\.\d{1,3}\b|undeliver\w*|unknown (user|recipient|mailbox|address)|"
    r"(user|recipient|mailbox|address|account|domain|host)( \S{1,80})? (is |was |has been )?"
    r"(not found|unknown|unavailable|disabled|inactive|invalid|full|rejected|refused|not exist|over quota|suspended)|"
    r"no such (user|recipient|mailbox|address|person|domain)|"
    r"(does|did|do)(n't| not) exist|not listed in|no mailbox here|could ?n[o']t be (delivered|found|reached)|"
    r"(was|were|been) (not|unable to be) delivered|not (be )?(deliver(ed|able)|accepted)|unable to (deliver|relay)|"
    r"(failed|failure|error)\b.{0,40}\b(recipient|address|deliver\w*)|deliver\w*\b.{0,40}\b(fail\w*|error|impossible)|"
    r"following (recipient|address)\w*|(relay\w*|access) denied|quota exceeded|rejected (by|your)|"
    r"unzustellbar|nicht (zugestellt|ausgeliefert|gefunden|existier\w*)|unbekannt\w*|"
    r"n'(a|ont) (pas )?pu [êe]tre|non remis|introuvable|inconnu\w*|adresse\w* (inexistante|non valide)|"
    r"no se (pudo|ha podido|puede) entregar|no existe|desconocid\w*|no entregad\w*|"
    r"(impossibile|mancat[ao]|non) (recapitare|consegna\w*|recapit\w*|esist\w*)|sconosciut\w*|"
    r"(kan|kon|niet) (niet )?(worden )?(bezorgd|afgeleverd)|onbestelbaar|onbekend\w*|"
    r"nie (mo[żz]na|uda[łl]o si[ęe]|istnieje) ?(dor[ęe]czy[ćc]|dostarczy[ćc])?|nieznan\w*|"
    r"n[ãa]o (foi poss[íi]vel|p[ôo]de ser|existe)|desconhecid\w*|"
    r"kunde inte levereras|kan ikke leveres|kunne ikke leveres|ukendt\w*|ok[äa]nd\w*|nelze doru[čc]it|nedoru[čc]\w*)",
    re.IGNORECASE,
)
_NOT_YET = re.compile(
    r"\b(delay(ed)?|4\.\d{1,3}\.\d{1,3}\b|4\d\d[ -]\d?|"
    r"will (keep|continue|be (re)?tried|try|retry)|still (being )?(try\w*|retried)|"
    r"(not|n't) (yet )?been (able to )?deliver\w* (yet|for|after|since)|do not need to (re)?send|"
    r"(warning|temporar\w*)|try again later|no action is required|verz[öo]ger\w*|vor[üu]bergehend|erneut versuch\w*|"
    r"retard[ée]\w*|temporaire\w*|retras\w*|temporal\w*|ritard\w*|temporane\w*|vertraag\w*|tijdelijk|op[óo][źz]ni\w*|"
    r"tymczasow\w*|atras\w*|f[öo]rdr[öo]j\w*|forsink\w*)\b",
    re.IGNORECASE,
)
_FOR_GOOD = re.compile(
    r"\b(permanent\w*|giv(en|e|ing) up|gave up|fatal|5\.\d{1,3}\.\d{1,3}\b|5\d\d[ -]\S|timed? ?out waiting|expired|"
    r"retry timeout exceeded|no longer (be )?(tr(y|ied)|retried)|has been (abandoned|returned)|endg[üu]ltig|dauerhaft|"
    r"d[ée]finitif|permanente)\b",
    re.IGNORECASE,
)


def refused_addresses(text: str, ours: Iterable[str]) -> tuple[str, ...]:
    """The addresses in a bounce's words that a refusal is about, in lower case, without those that are ours."""
    own = {address.lower() for address in ours}
    lines = list(_explanation(text))
    refusals = [number for number, line in enumerate(lines) if _REFUSAL.search(line) or _NOT_YET.search(line)]
    near = (number + step for step in (0, *_outwards()) for number in refusals)
    for chosen in (refusals, near):
        found = dict.fromkeys(
            address for number in chosen if 0 <= number < len(lines) for address in _in(lines[number])
        )
        kept = tuple(address for address in found if address not in own)
        if kept:
            return kept
    return ()


def is_for_good(text: str) -> bool:
    """Whether a bounce's words mean that nothing will be tried any more."""
    told = "\n".join(_explanation(text))
    return bool(_FOR_GOOD.search(told)) or not _NOT_YET.search(told)


def words_a_refusal(text: str) -> bool:
    """Whether a text says that a mail was refused or is late."""
    return any(_REFUSAL.search(line) or _NOT_YET.search(line) for line in _explanation(text))


def _outwards() -> Iterator[int]:
    for step in range(1, _NEAR + 1):
        yield from (step, -step)


def _in(line: str) -> tuple[str, ...]:
    return tuple(address.lower() for address in ADDRESS.findall(line))


def _explanation(text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n")):
        if number >= _MOST_LINES or _RETURNED_MAIL.match(line):
            return
        yield line[:_LONGEST_LINE]
