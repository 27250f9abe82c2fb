"""What free text reads like. A suggestion is shown to the resolver and never applied; in doubt there is none."""

from __future__ import annotations

import re

from bridge.domain.facts import ReportKind

_LONGEST = 20_000
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_RESOLVED = re.compile(
    r"\b(resolved|fixed|rectified|solved|cleared|sorted|corrected|restored|completed|"
    r"(is|are|now) (working|back|up and running)|working (again|now)|back (up|to normal)|(is|now) closed)\b",
    re.IGNORECASE,
)
#: a sentence with one of these is about what is not so, or not so yet
_NOT_SO = re.compile(
    r"\b(not|never|no|nor|cannot|without|yet|once|when|if|until|unless|before|will|would|shall|should|could|can|may|"
    r"might|must|need|needs|to be|going to|expect\w*|hope\w*|hoping|soon|aim\w*|plan\w*|try\w*|unable|partly|partially|"
    r"being|please|whether|how|why|pending|unresolved|awaiting|waiting|tomorrow|later|next)\b|"
    "n['\u2019]t\\b|['\u2019]ll\\b",
    re.IGNORECASE,
)
_DECLINED = re.compile(
    r"\b(not (one of )?(ours|our (issue|problem|system|responsibility|remit|area))|not (a matter )?for us|"
    r"wrong (service )?desk|not responsible for|does(n't| not) belong to us|"
    r"(isn't|not) (something )?(managed|run|owned) by us|"
    r"outside (of )?our (remit|scope|responsibility)|please (contact|redirect|raise (this|it) with)|"
    r"working as designed|rejected)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(please (provide|confirm|send|advise|clarify|let us know)|(can|could|would) you (please )?\w+|"
    r"we need to know)\b",
    re.IGNORECASE,
)


def suggestion(text: str) -> ReportKind | None:
    """Resolved, declined or question, if some sentence plainly reads like it."""
    sentences = [sentence.strip() for sentence in _SENTENCE_END.split(text[:_LONGEST]) if sentence.strip()]
    if any(_RESOLVED.search(one) and not _NOT_SO.search(one) and not one.endswith("?") for one in sentences):
        return ReportKind.RESOLVED
    if any(_DECLINED.search(one) for one in sentences):
        return ReportKind.DECLINED
    if any(one.endswith("?") or _ASKS.search(one) for one in sentences):
        return ReportKind.QUESTION
    return None
