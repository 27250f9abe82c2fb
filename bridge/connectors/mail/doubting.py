"""Words by which a grave command denies itself: `#resolved: will be done tomorrow`.

A false "resolved", "declined" or "workaround" is the worst error there is, so their first sentence is searched for
words of what is not so, or not so yet. A cause is told with a "not" as well ("the job did not run; restarted"), so a
"not" alone says nothing behind the first word. Looked for are:

- in each: a question; `yet`, `pending`, `tomorrow`, `to be confirmed`, `premature`, `by mistake`, `disregard`
- resolved: a denial as first word; an unfinished state (`unresolved`, `partially`, `still missing`, `in progress`,
  `awaiting`, `not all`, `except`, `persists`, `reopened`, `failed again`, `temporary fix`); a promise (`will be`, `we
  will`, `should be`, `hope`, `once it is`); what could not be done (`not fixed`, `cannot be closed`, `unable to fix`)
- declined: `no` as an answer, `not declined`, and that it is theirs after all (`it is ours`, `we take it`)
- workaround: a denial as first word; that there is none (`no workaround`, `not available`, `it does not
  work`); a promise
"""

from __future__ import annotations

import re

from bridge.domain.facts import ReportKind

_LONGEST = 1_000
_SENTENCE_END = re.compile(r"(?<=[.!?])(?=\s)|\n[ \t]{0,20}\n")
_ASKS = re.compile(r"\?\W{0,10}$")


def _words(*expressions: str) -> re.Pattern[str]:
    return re.compile("|".join(expressions), re.IGNORECASE)


_FIRST_NO = (
    r"^\W{0,5}(no|not|none|nothing|never|nil|n/a|isn['\u2019]?t|nope|nah|false|maybe|perhaps|test(ing)?|"
    r"please (resolve|fix|close|check|confirm|investigate|look))\b"
)
_DENIED = (
    r"(\bnot|\bnever|n['\u2019]t|\b(ca|wo|do|does|did|is|are|has|have|was|could)nt|\bcannot|\bunable to|\bfailed to)\b"
    r"(\s{1,3}[\w'\u2019-]{1,20}){0,3}?\s{1,3}"
)
_DONE = r"(fix|resolv|clos|solv|restor|corrected|rectif|sort|gone\b|able to (find|reproduce|identify)|confirm|reproduc)"
_PROMISED = r"(\b(will|shall)|['\u2019]ll|\bwon['\u2019]?t)\b"
_UNFINISHED = (
    r"\byet\b",
    r"\bpending\b",
    r"\btomorrow\b",
    r"\bnext (week|month|(working )?day)\b",
    r"\b(tbc|tbd|tba)\b",
    r"\bto be (confirmed|decided|determined|advised|agreed)\b",
    r"\bpremature|\bsoon\b|\blater (today|this week)\b|\bwip\b|\bnot sure\b|\bunsure\b",
    r"\bsorry,? (wrong|not|no)\b|^\W{0,5}wrong (case|ticket|mail|one)\b",
    r"\bby mistake\b",
    r"\bsent in error\b",
    r"\b(disregard|ignore (this|that|my|the (last|above|previous)))\b",
)

_DOUBTS = {
    ReportKind.RESOLVED: _words(
        *_UNFINISHED,
        _FIRST_NO,
        r"\bun(resolved|solved|fixed|finished)\b|\bon hold\b|\bin progress\b|\bunder (investigation|review|way)\b",
        r"\b(is|are|still|remains?) (outstanding|incomplete|ongoing)\b|^\W{0,5}(incomplete|ongoing|outstanding)\b|"
        r"\b(outstanding|ongoing)\s{0,3}($|[.,;:!])",
        r"\bpartial (fix|resol|solution|success)|^\W{0,5}partial\b|\b(partially|partly|in part|half (of|the))\b|"
        r"\bnot (all|every\w{0,10}|fully|completely|entirely|quite|really)\b|\b(except|apart from)\b",
        r"\bstill\b(\s{1,3}[\w'\u2019-]{1,20}){0,3}?\s{1,3}(missing|fail|unresolved|broken|down\b|not\b|open\b|"
        r"wait|await|outstanding|there\b|occur|happen|present|investigat|look|work|wrong|faulty|issue|problem|to\b)",
        r"(^\W{0,5}|\b(we|still|now|is|are|am|['\u2019](s|re|m)) )(awaiting|waiting)\b",
        r"(\b(is|are|am)|['\u2019](s|re|m)) (being\b|(currently |now )?(working on|looking into|investigating|trying))",
        r"\bbeing (investigated|looked|worked|fixed)\b",
        r"\b(remains|persists|continues)\b|\bkeeps (fail|happen|occur)|\bre-?occur|\brecurr|\bre-?open|"
        r"\b(fail(s|ed|ing)|broken?|missing|down|happen(s|ed|ing)|occur(s|red|ring)) again\b",
        r"\bstill no\b|\b(almost|nearly) (done|fixed|resolved|there|finished|ready|complete)|^\W{0,5}(almost|nearly)\b|"
        r"\bin the process of\b|\bwithout success\b|^\W{0,5}(unsuccessful|failed)\s{0,3}($|[.,;!])",
        r"\b(scheduled|booked|arranged) (for|on|in)\b|\b(due|expected|eta)\W{1,3}(on |by |in |for )?"
        r"(mon|tues|wednes|thurs|fri|satur|sun)day\b|^\W{0,5}((mon|tues|wednes|thurs|fri|satur|sun)day|eta|in hand)\b",
        r"\b(do|does) not work\b|\b(do|does)n['\u2019]?t work\b",
        r"\btemporar(y|ily) (fix|resolv|solution|workaround|measure)",
        _PROMISED,
        r"\b(going to|due to be|should (now |soon )?be|ought to|hop(e|ing|efully)|expect(s|ed)? (to|by)|aim(s|ing)? to|"
        r"plan(s|ned|ning)? (to|for)|needs? to be)\b",
        r"\b(once|as soon as|unless)\b[^.;]{0,60}\b(is|are|has|have|arrives?|comes?)\b",
        _DENIED + _DONE,
        r"(\b(is|are|have|has)|['\u2019](s|re|ve))( not|n['\u2019]t) (yet )?(been )?(able|complet|finish|done|ready)",
    ),
    ReportKind.DECLINED: _words(
        *_UNFINISHED,
        r"^\W{0,5}(none|nothing|never|nil|n/a|false)\b|^\W{0,5}no\s{0,3}([,.;:!\u2013-]|$)",
        r"(\bnot|\bnever|n['\u2019]t)\b(\s{1,3}\w{1,20}){0,2}?\s{1,3}(declin|reject|refus)",
        r"\b(it|this|that|which|case|request)(['\u2019]s| is) (indeed |actually |really )?"
        r"(ours|our (own|case|issue|fault|job|problem)|for us)\b",
        r"\b(we|i)(['\u2019]ll| will| do| can| shall)? (now )?(take|accept|own|keep|handle|deal with) (it|this|that)\b",
        r"\b(maybe|perhaps)\b",
    ),
    ReportKind.WORKAROUND: _words(
        *_UNFINISHED,
        _FIRST_NO,
        r"\b(is|was|are|has|have|there['\u2019]s|with) (currently )?(none|no)\b|\bwithout (a |any )?workaround\b",
        r"\b(no|any) (known |possible |other )?(workaround|way around)\b",
        r"\b(not|isn['\u2019]?t|aren['\u2019]?t) (currently )?(a |any )?(available|possible|known|found|workaround)\b",
        r"\b(workaround|it|this|that) (does not|doesn['\u2019]?t|did not|didn['\u2019]?t) (work|help)|"
        r"\bno longer works\b|\bstopped working\b",
        _PROMISED + r" (be (provided|available|sent|ready|given|found|there|shared|agreed)|follow|provide|share|come)",
        r"\b(await|wait)ing for\b|\bworking on (it|a|one|this)\b|\bbeing (prepared|worked|tested|looked)\b",
        r"^\W{0,5}unknown\b",
    ),
}


def denies_itself(kind: ReportKind, text: str) -> bool:
    """Whether the first sentence behind a grave command contradicts it, or leaves it open."""
    doubts = _DOUBTS.get(kind)
    if doubts is None:
        return False
    sentence = _SENTENCE_END.split(text[:_LONGEST].strip(), maxsplit=1)[0].strip()
    return bool(_ASKS.search(sentence) or doubts.search(sentence))
