"""Choice lists of the base tables: value and label, in the order that the platform shows them."""

from __future__ import annotations

from collections.abc import Mapping

_LEVELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
_ESCALATION = {"0": "Normal", "1": "Moderate", "2": "High", "3": "Overdue"}
_APPROVAL = {
    "not requested": "Not Yet Requested",
    "requested": "Requested",
    "approved": "Approved",
    "rejected": "Rejected",
}
_CHANNEL = {
    "chat": "Chat",
    "email": "Email",
    "phone": "Phone",
    "self-service": "Self-service",
    "web": "Web",
    "monitoring": "Monitoring",
}
_ZONES = {"UTC": "UTC", "GMT": "GMT", "Europe/London": "Europe/London", "US/Pacific": "US/Pacific"}
_TASK: dict[str, dict[str, str]] = {
    "impact": _LEVELS,
    "urgency": _LEVELS,
    "escalation": _ESCALATION,
    "approval": _APPROVAL,
    "contact_type": _CHANNEL,
    "upon_reject": {"cancel": "Cancel all future Tasks", "goto": "Go to a previous task"},
    "upon_approval": {"proceed": "Proceed to Next Task", "do_nothing": "Wait for a User to Close this task"},
}
_TASK_STATES = {
    "-5": "Pending",
    "1": "Open",
    "2": "Work in Progress",
    "3": "Closed Complete",
    "4": "Closed Incomplete",
    "7": "Closed Skipped",
}
_FIVE = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}
_CATEGORIES = {
    name: name
    for name in (
        "Registration",
        "Metering",
        "Settlement",
        "DIP",
        "Industry Standing Data",
        "Reports",
        "Security",
        "Portal",
    )
}
_INCIDENT_STATES = {
    "1": "New",
    "2": "In Progress",
    "3": "On Hold",
    "6": "Resolved",
    "7": "Closed",
    "8": "Canceled",
}

#: table -> field -> value -> label
CHOICES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "task": _TASK | {"priority": _FIVE, "state": _TASK_STATES},
    "sc_request": {
        "request_state": {
            "requested": "Pending Approval",
            "in_process": "Approved",
            "closed_complete": "Closed Complete",
            "closed_incomplete": "Closed Incomplete",
            "closed_cancelled": "Closed Cancelled",
        }
    },
    "sc_req_item": {
        "stage": {
            "waiting_for_approval": "Waiting for Approval",
            "fulfillment": "Fulfillment",
            "delivery": "Delivery",
            "complete": "Completed",
        }
    },
    "task_sla": {
        "stage": {
            "in_progress": "In Progress",
            "paused": "Paused",
            "completed": "Completed",
            "cancelled": "Cancelled",
            "breached": "Breached",
            "achieved": "Achieved",
        }
    },
    "sn_customerservice_case": {
        **_TASK,
        "state": {"1": "New", "10": "Open", "18": "Awaiting Info", "6": "Resolved", "3": "Closed"},
        "priority": {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low"},
        "category": {"0": "Question", "1": "Issue", "2": "Feature"} | _CATEGORIES,
        "resolution_code": {
            "1": "Solved - Fixed by Support/Guidance provided",
            "2": "Solved - Fixed by Customer",
            "3": "Solved - Workaround provided",
            "4": "Solved - Fixed by another party",
            "5": "Not solved - Not reproducible",
            "6": "Void/Cancelled/Withdrawn",
        },
        "major_case_state": {
            "proposed": "Proposed",
            "accepted": "Accepted",
            "rejected": "Rejected",
            "canceled": "Canceled",
        },
    },
    "incident": {
        **_TASK,
        "state": _INCIDENT_STATES,
        "incident_state": _INCIDENT_STATES,
        "priority": _FIVE,
        "severity": _LEVELS,
        "hold_reason": {
            "1": "Awaiting Caller",
            "3": "Awaiting Problem",
            "4": "Awaiting Vendor",
            "5": "Awaiting Change",
        },
        "category": {"inquiry": "Inquiry / Help", "software": "Software", "network": "Network"} | _CATEGORIES,
        "close_code": {
            name: name
            for name in (
                "Solved (Permanently)",
                "Solved (Work Around)",
                "Solved Remotely (Permanently)",
                "Solved Remotely (Work Around)",
                "Not Solved (Not Reproducible)",
                "Not Solved (Too Costly)",
                "Closed/Resolved by Caller",
                "Duplicate",
                "Resolved by change",
                "Resolved by problem",
                "Resolved by request",
                "Resolution provided",
                "Workaround provided",
            )
        },
    },
    "problem": {
        **_TASK,
        "state": {
            "101": "New",
            "102": "Assess",
            "103": "Root Cause Analysis",
            "104": "Fix in Progress",
            "106": "Resolved",
            "107": "Closed",
        },
        "problem_state": {
            "101": "New",
            "102": "Assess",
            "103": "Root Cause Analysis",
            "104": "Fix in Progress",
            "106": "Resolved",
            "107": "Closed",
        },
        "priority": _FIVE,
        "resolution_code": {
            "fix_applied": "Fix Applied",
            "risk_accepted": "Risk Accepted",
            "canceled": "Canceled",
            "duplicate": "Duplicate",
        },
    },
    "sys_user": {"time_zone": _ZONES},
    "customer_contact": {"time_zone": _ZONES},
}
