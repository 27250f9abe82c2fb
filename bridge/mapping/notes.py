"""The wording of what the bridge writes into a case: work notes, and comments that the customer sees.

Plain text. In a wording, a name in braces is a value as it was given; one that starts with a capital letter is a
phrase that is made from a value and vanishes when there is none. The delivery's reference is added at the end by the
step that writes the note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from bridge.mapping.journalstream import without_heads

_LONGEST = 8000
# ServiceNow renders what stands between these marks in a journal entry as HTML.
_CODE_TAG = re.compile(r"\[(/?)(code)\]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")

PHRASES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "By": ("by", " by {}", ""),
        "Why": ("reason", ": {}", "."),
        "Because": ("reason", " ({})", ""),
        "Ref": ("desk_reference", " (its reference {})", ""),
        "Round": ("further_round", ", round {}", ""),
        "Link": ("link", "\n{}", ""),
        "Text": ("text", "\n{}", ""),
        "Until": ("until", ", waiting until {}", ""),
        "Direction": ("direction", " and points to {}", ""),
        "Recipients": ("recipients", " ({})", ""),
        "Message": ("message", "The {} message", "A message"),
        "Phone": ("telephone", " by {}", ""),
        "Into": ("original", " of {}", ""),
        "Desk": ("desk", " for {}", ""),
    }
)
"""Phrase -> the value it is made from, the phrase, and what stands there without the value."""

_WORDINGS: Mapping[str, str] = MappingProxyType(
    {
        # engaging
        "engaged": "{desk} is engaged{By}{Round}. Its answers will be noted here. The case stays open.",
        "proposed_engagement": "{desk} seems to be concerned{Because}. "
        "To engage it, write a work note: #engage @{desk}",
        "observed": "{desk} would have been engaged{Because}. The bridge only observes this desk; nothing was sent.",
        "incomplete": "Nothing has been sent to {desk} yet, because the case lacks what was agreed with it.\n"
        "{missing}\nIt goes out as soon as this is filled in. "
        "To send it as it is, write a work note: #override @{desk}: reason",
        "override": "Sent to {desk} although contents are missing, as decided{By}{Why}",
        "round_proposed": "The matter with {desk} seems to be back{Why}\n"
        "To engage it again, write a work note: #engage @{desk}",
        "new_round": "{desk} is engaged again{By}{Round}, under a new reference. The case stays open.",
        # reports
        "report_received": "{desk} has received the case{Ref}. Nobody there has taken it yet.{Link}",
        "said_again": "{desk} has sent the same words again within a few minutes, as machines do. They count as an "
        "automatic answer:{Text}",
        "nothing_taken": "{desk} has sent a mail in which no words of its own were found. It is kept as item {item}; "
        "should it say something, ask the desk.",
        "report_acknowledged": "{desk} has acknowledged the case{Phone}{Ref}.{Text}",
        "report_progress": "{desk} reports progress{Phone}{Ref}{Until}.{Text}",
        "report_question": "{desk} asks{Phone}{Ref}:{Text}\nTo answer, write a work note: #desk @{desk}: your answer",
        "report_workaround": "{desk} reports a workaround{Phone}{Ref}. The case stays open.{Text}",
        "report_resolved": "{desk} reports the matter resolved{Phone}{Ref}. "
        "The case stays open until this is confirmed.{Text}",
        "report_declined": "{desk} declines the case{Phone}{Ref}{Direction}. The case stays open.{Text}",
        "report_comment": "{desk} writes{Phone}{Ref}:{Text}",
        "suggestion": "{desk} has written something that reads like {suggests}. It was not taken as such.{Text}\n"
        "If it is meant so, write a work note: #heard @{desk} from NAME: {suggests}",
        "late_report": "{desk} sent a report ({report}) too late to count{Round}. It changes nothing and is kept for "
        "the record.{Text}",
        # confirming
        "resolution_reported_confirm": "{desk} reports the matter resolved{Ref}. Please check it.{Text}\n"
        "To accept, write a work note: #confirm @{desk}\nTo refuse, write a work note: #reject @{desk}: reason",
        "raiser_confirm_request": "We are told that the matter is resolved.{Text}\n"
        "Please tell us whether you agree. The case stays open until then.",
        "confirmed": "The resolution by {desk} is confirmed{By}{Round}.",
        "all_confirmed_resolving": "Every desk that the case waited for is confirmed; the case is resolved.{Text}",
        "released": "The bridge no longer holds this case open{Because}. It can be resolved by a person.",
        "rejected": "The resolution by {desk} is not accepted{By}{Why}\nThe desk is told. The case stays open.",
        "told": "Passed to {desk}{By}:{Text}",
        # files
        "files_left": "{desk} has sent files that were not taken in:\n{files}\n"
        "If they are needed, please ask the desk for them in another way.",
        "files_refused": "The message to {desk} has arrived without these files, which its system refused:\n{files}\n"
        "If the desk needs them, please send them in another way.",
        "file_refused": "A file from {desk} could not be put into the case: {name}{Why}\nThe integration team is told.",
        # declining
        "declined_direction": "{desk} declines the case{Why}\nIt points to {direction}. The case stays open. "
        "To engage that desk, write a work note: #engage @{direction}",
        "declined_plain": "{desk} declines the case{Why}\nThe case stays open. To engage another desk, write a work "
        "note: #engage @desk. To dispute this: #reject @{desk}: reason. To accept it: #confirm @{desk}",
        "decline_disputed": "The decline of {desk} is disputed{By}{Why}\nThe desk is told. The case stays open.",
        "decline_accepted": "The decline of {desk} is accepted{By}. The case no longer waits for this desk.",
        "decline_loop": "{desk} and {direction} each point to the other. The case stays open, and a person has to "
        "decide.\n- {reason}\n- {other_reason}",
        # withdrawing
        "withdrawn": "{desk} is no longer engaged{Round}: withdrawn{By}{Why}",
        "withdraw_waiting": "{desk} is to be withdrawn{By}{Why}\nIt is not known yet whether the case has reached it. "
        "The withdrawal goes out as soon as it is.",
        "withdraw_undelivered": "The withdrawal did not reach {desk}{Why}\nThe desk may still be working on the case: "
        "please tell it in another way.",
        # commands
        "refused_command": "The command was not carried out{Desk}{Why}",
        # the case
        "early_resolution_reopened": "The case was resolved while an outside desk still works on it, and was put back "
        "to work{Because}.",
        "early_resolution_flagged": "The case was resolved{By} while an outside desk still works on it{Because}. "
        "It is left as it is; please look at it.",
        "closed_case_child_offer": "{desk} has written about {case}, which is closed{Ref}. "
        "If there is work left, please open a child case.{Text}",
        "case_cancelled_propose_withdraw": "The case was cancelled while {desk} still works on it. "
        "To tell the desk, write a work note: #withdraw @{desk}: reason",
        "case_outside": "The bridge's sources no longer find this case: it was given to somebody else. {desk} is still "
        "engaged, and its answers go on being noted here.\n"
        "If its help is not wanted any more, write a work note: #withdraw @{desk}: reason",
        "case_merged": "This case was closed as a duplicate{Into}{By} while {desk} still works on it. "
        "Nothing else was done: please decide.\n"
        "To go on with the desk there, write a work note in that case: #engage @{desk}\n"
        "To tell the desk that this one is void, write a work note here: #withdraw @{desk}: reason",
        "case_gone": "This record can no longer be read as it was{Why}\n{desk} is still engaged: please decide.",
        # deliveries
        "undeliverable": "{Message} reached nobody at {desk}{Recipients}{Why}\n"
        "The desk cannot be reached until its contacts are corrected.",
        "bounced": "{Message} did not reach everybody at {desk}{Recipients}{Why}",
        "address_corrected": "The contacts of {desk} were corrected. What did not arrive is sent again.",
        "chase_sent": "{desk} has not answered in the agreed time{Round} and was reminded.",
        "dead_letter": "{Message} to {desk} was given up after repeated attempts{Why}\nThe integration team is told.",
        "quarantined": "Something arrived about {desk} that only a person can decide{Why}\n"
        "It waits in the quarantine and has changed nothing.",
        # comments that the customer sees
        "comment_received": "{desk} has received your case.",
        "comment_acknowledged": "{desk} has acknowledged your case and works on it.",
        "comment_progress": "{desk} reports progress{Until}.{Text}",
        "comment_question": "{desk} asks:{Text}",
        "comment_workaround": "{desk} offers a workaround. The case stays open.{Text}",
        "comment_resolved": "{desk} reports the matter resolved. We are checking this.{Text}",
        "comment_declined": "{desk} cannot help with this matter. We go on with it.",
        "comment_comment": "{desk} writes:{Text}",
    }
)

NOTES = frozenset(_WORDINGS)
"""The names of all wordings."""


class _Filled(dict[str, str]):
    """Values that are not there are empty."""

    def __missing__(self, key: str) -> str:
        return ""


def note(name: str, values: Mapping[str, str]) -> str:
    """A wording filled in; values it does not use are ignored, those it lacks are left out. KeyError: no such name."""
    filled = _Filled({key: journal_text(value) for key, value in values.items()})
    filled["further_round"] = filled["round"] if filled["round"] != "1" else ""
    filled["telephone"] = "telephone" if filled["channel"] == "telephone" else ""
    for phrase, (source, with_value, without) in PHRASES.items():
        filled[phrase] = with_value.format(filled[source]) if filled[source] else without
    return _WORDINGS[name].format_map(filled).strip()


def journal_text(text: str) -> str:
    """Somebody else's text, fit for a journal entry: LF, no control characters or mark-up, bounded, one entry only."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    plain = without_heads(_CODE_TAG.sub(r"[\1 \2]", _CONTROL.sub(" ", plain)))
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST].rstrip()}\n(shortened)"
