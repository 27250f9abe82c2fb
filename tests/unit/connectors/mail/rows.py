"""What each message file of the corpus must be read as. A name begins with its row of the checklist."""

from datetime import UTC, datetime

from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName
from tests.unit.connectors.mail.messages import DESK
from tests.unit.connectors.mail.reading_fixtures import ASKED, AT_LDSO, CLOSED, LDSO, OTHER, RECEIVED, message_id

#: file, kind, verdict, report, and whatever else is to be seen
ROWS = [
    (
        "01-plain-reply",
        "report",
        "apply",
        "acknowledged",
        {"matched_by": "message_id", "desk_reference": "INC000000000042"},
    ),
    ("02-subject-rewritten", "report", "apply", "progress", {"matched_by": "message_id"}),
    ("03-headers-stripped-tag-kept", "report", "apply", "progress", {"matched_by": "subject_tag"}),
    ("04-reference-line-in-the-body-only", "report", "apply", "question", {"matched_by": "body_reference"}),
    (
        "05-own-reference-of-the-desk-only",
        "report",
        "apply",
        "progress",
        {"matched_by": "desk_reference", "engagement": OTHER.id},
    ),
    ("06-number-like-ours", "report", "apply", "acknowledged", {"desk_reference": ""}),
    ("07-two-references-of-ours", "report", "apply", "progress", {"engagement": ASKED.id, "conflict": True}),
    ("07-two-references-of-ours-and-a-resolution", "review", "quarantine", None, {"conflict": True}),
    ("08-sender-of-another-desk", "review", "quarantine", None, {"reason": "sender_not_of_desk"}),
    ("09-forged-reference", "review", "quarantine", None, {"reason": "forged_reference", "engagement": None}),
    ("09-forged-message-id", "review", "quarantine", None, {"reason": "forged_reference", "engagement": None}),
    ("09-truncated-reference", "review", "quarantine", None, {"reason": "forged_reference", "engagement": None}),
    ("09-own-reference-cut-short-beside-a-good-one", "report", "apply", "progress", {"matched_by": "message_id"}),
    ("10-reference-of-a-closed-engagement", "report", "apply", "progress", {"engagement": CLOSED.id}),
    ("11-same-desk-reference-at-another-desk", "report", "apply", "progress", {"engagement": AT_LDSO.id, "desk": LDSO}),
    ("12-prefix-chain", "report", "apply", "progress", {"matched_by": "subject_tag"}),
    ("13-forward", "report", "file", None, {"reason": "forward", "engagement": ASKED.id}),
    ("13-forward-with-command", "review", "quarantine", None, {"reason": "forward_with_command"}),
    ("14-reference-in-an-attached-mail-only", "review", "quarantine", None, {"reason": "reference_in_attachment_only"}),
    ("15-fifty-thousand-references", "report", "apply", "progress", {"matched_by": "message_id"}),
    ("17-new-mail-of-a-desk", "new_case", "quarantine", None, {"desk": DESK, "engagement": None}),
    ("17-mail-of-a-stranger", "review", "quarantine", None, {"reason": "unknown_sender", "desk": None}),
    (
        "18-automatic-acknowledgement",
        "automatic",
        "apply",
        "received",
        {"desk_reference": "INC000000000042", "automatic": True},
    ),
    ("19-out-of-office-exchange", "automatic", "file", None, {"reason": "out_of_office"}),
    ("19-out-of-office-german", "automatic", "file", None, {"reason": "out_of_office"}),
    ("19-out-of-office-vacation", "automatic", "file", None, {"reason": "out_of_office"}),
    (
        "20-notification-of-a-ticketing-system",
        "report",
        "apply",
        "resolved",
        {"engagement": OTHER.id, "reason": "agreed_pattern"},
    ),
    ("20-our-own-summary-says-resolved", "report", "apply", "comment", {}),
    ("21-own-mail-coming-back", "own", "drop", None, {}),
    ("21-own-mail-with-a-rewritten-message-id", "own", "drop", None, {}),
    ("21-our-address-without-our-signature", "review", "quarantine", None, {"reason": "own_address_not_signed"}),
    ("24-read-receipt", "receipt", "file", None, {}),
    ("26-challenge", "review", "quarantine", None, {"reason": "challenge"}),
    ("27-auto-submitted-no", "report", "apply", "progress", {"automatic": False}),
    ("27-auto-submitted-with-a-comment", "automatic", "apply", "received", {"automatic": True}),
    (
        "28-bounce-for-good",
        "bounce",
        "apply",
        None,
        {
            "permanent": True,
            "bounced_recipients": ("servicedesk@dcc.example",),
            "bounced_message_id": message_id(ASKED),
            "engagement": ASKED.id,
        },
    ),
    (
        "28-bounce-with-the-whole-mail",
        "bounce",
        "apply",
        None,
        {"permanent": True, "bounced_message_id": message_id(ASKED)},
    ),
    ("29-bounce-of-a-delay", "bounce", "apply", None, {"permanent": False, "reason": "delivery_late"}),
    (
        "30-bounce-without-a-standard",
        "bounce",
        "apply",
        None,
        {
            "permanent": True,
            "bounced_recipients": ("servicedesk@dcc.example",),
            "bounced_message_id": message_id(ASKED),
        },
    ),
    (
        "31-bounce-of-several-recipients",
        "bounce",
        "apply",
        None,
        {"bounced_recipients": ("servicedesk@dcc.example", "duty@dcc.example")},
    ),
    ("32-bounce-of-an-unknown-mail", "bounce", "quarantine", None, {"engagement": None}),
    ("32-bounce-with-a-forged-message-id", "bounce", "quarantine", None, {"engagement": None}),
    ("33-null-sender", "automatic", "apply", "received", {"desk_reference": "INC000000000042"}),
    ("33-notice-of-success", "receipt", "file", None, {}),
    ("35-abuse-report", "review", "quarantine", None, {"reason": "abuse_report"}),
    ("36-dmarc-failed", "review", "quarantine", None, {"reason": "dmarc_failed"}),
    ("36-dmarc-passed", "report", "apply", "resolved", {"authenticated": True}),
    ("37-results-of-another-server", "report", "apply", "progress", {"authenticated": False}),
    ("37-results-below-our-own", "review", "quarantine", None, {"reason": "dmarc_failed"}),
    ("38-two-from-fields", "review", "quarantine", None, {"reason": "not_one_sender"}),
    ("39-display-name-spoof", "review", "quarantine", None, {"sender": "mallory@evil.example"}),
    ("39-encoded-display-name-spoof", "review", "quarantine", None, {"sender": "mallory@evil.example"}),
    ("40-our-control-headers-inbound", "review", "quarantine", None, {"engagement": None}),
    ("41-signature-of-another-domain", "report", "apply", "progress", {"authenticated": False}),
    ("41-signature-of-the-from-domain", "report", "apply", "progress", {"authenticated": True}),
    ("51-date-in-the-future", "report", "apply", "progress", {"at": RECEIVED, "ordered": True}),
    ("51-date-invalid", "report", "apply", "progress", {"at": RECEIVED, "ordered": True}),
    ("51-date-missing", "report", "apply", "progress", {"at": RECEIVED, "ordered": True}),
    ("51-date-before-the-question", "report", "apply", "progress", {"at": RECEIVED, "ordered": False}),
    ("55-charset-unknown", "report", "apply", "progress", {"text": "für morgen"}),
    ("55-charset-wrong", "report", "apply", "progress", {"text": "für morgen"}),
    ("55-charset-absent", "report", "apply", "progress", {"text": "für morgen"}),
    ("55-charset-that-is-no-charset", "report", "apply", "progress", {"text": "für morgen"}),
    ("56-raw-8-bit-and-nul", "report", "apply", "progress", {"text": "on it"}),
    ("57-japanese-without-a-charset", "report", "apply", "progress", {"text": "調査中です"}),
    (
        "58-hostile-file-names",
        "report",
        "apply",
        "progress",
        {"files": ("passwd", "€ rates.pdf", "€ rates-2.pdf", "a_b_.csv")},
    ),
    (
        "60-opaque-signed",
        "report",
        "apply",
        "progress",
        {"text": "the technician is on site", "reason": "signature_unverified", "authenticated": False},
    ),
    (
        "60-opaque-signed-in-pieces",
        "report",
        "apply",
        "progress",
        {"text": "the technician is on site", "reason": "signature_unverified", "files": ("smime.p7m",)},
    ),
    ("61-encrypted", "review", "quarantine", None, {"reason": "encrypted"}),
    ("62-calendar-only", "report", "apply", "comment", {"files": ("part.calendar",)}),
    ("63-html-only", "report", "apply", "progress", {"text": "the technician is on site"}),
    ("63-html-with-blank-plain-part", "report", "apply", "progress", {"text": "the technician is on site"}),
    ("63-html-reply-gmail", "report", "apply", "progress", {"text": "on it"}),
    (
        "64-pictures-in-the-text",
        "report",
        "apply",
        "progress",
        {"text": "this is what we see:\n\n[screen.png]\n\nA first look.", "files": ("screen.png", "logo.png")},
    ),
    ("66-nested-a-thousand-levels", "review", "quarantine", None, {"reason": "unreadable"}),
    ("66-two-thousand-parts", "review", "quarantine", None, {"reason": "unreadable"}),
    ("67-blank-with-a-file", "report", "apply", "comment", {"text": "", "files": ("log.pdf",)}),
    (
        "68-command-in-our-quoted-text-gmail",
        "report",
        "apply",
        "comment",
        {"suggests": None, "text": "Thanks, we will look at it."},
    ),
    (
        "68-command-in-our-quoted-text-outlook",
        "report",
        "apply",
        "comment",
        {"suggests": None, "text": "We will look at it."},
    ),
    ("68-command-below-our-line-without-any-header", "report", "apply", "comment", {"text": "We will look at it."}),
    ("69-not-resolved-yet", "report", "apply", "comment", {"suggests": None}),
    ("69-please-resolve", "report", "apply", "comment", {"suggests": None}),
    ("69-resolved-not-yet", "review", "quarantine", None, {"reason": "command_contradicts_itself"}),
    ("69-free-text-resolved", "report", "apply", "comment", {"suggests": ReportKind.RESOLVED}),
    ("69-free-text-declined", "report", "apply", "comment", {"suggests": ReportKind.DECLINED}),
    (
        "70-answers-between-the-lines",
        "report",
        "apply",
        "comment",
        {"text": "Since Monday morning.\nTwo of them, in Leeds."},
    ),
    ("71-banner-and-disclaimer", "report", "apply", "comment", {"text": "We are looking into it.", "suggests": None}),
    ("72-built-to-explode", None, None, ..., {}),
    ("commands-two-different", "review", "quarantine", None, {"reason": "commands_disagree"}),
    ("command-progress-until", "report", "apply", "progress", {"until": datetime(2026, 8, 14, 22, 59, 59, tzinfo=UTC)}),
    ("command-decline-with-direction", "report", "apply", "declined", {"direction": DeskName("ldso-help-desk")}),
    (
        "command-workaround",
        "report",
        "apply",
        "workaround",
        {"text": "send the file by hand\nas described in the manual"},
    ),
    ("command-without-colon", "report", "apply", "comment", {"reason": "unknown_command"}),
    ("command-inside-a-sentence", "report", "apply", "comment", {}),
    ("unknown-command", "report", "apply", "comment", {"reason": "unknown_command"}),
    ("plain-answer-of-a-person", "report", "apply", "comment", {"suggests": None, "engagement": ASKED.id}),
]


def check(reading, row):
    """Whether a mail was read as its row says."""
    _, kind, verdict, report, seen = row
    assert reading.reasons
    if kind is not None:
        assert (reading.kind, reading.verdict, reading.report) == (kind, verdict, report), reading
    for key, value in seen.items():
        if key == "reason":
            assert value in reading.reasons
        elif key == "files":
            assert tuple(one.name for one in reading.attachments) == value
        else:
            assert getattr(reading, key) == value, (key, reading)
