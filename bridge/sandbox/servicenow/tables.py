"""The base tables of the instance, with the field sets of real answers."""

from __future__ import annotations

from bridge.sandbox.servicenow.schema import Field, Schema, Table, by_name, columns, references

SYSTEM = [
    Field("sys_id", "guid", "Sys ID", max_length=32),
    Field("sys_updated_on", "datetime", "Updated"),
    Field("sys_mod_count", "integer", "Updates", default="0"),
    Field("sys_updated_by", "string", "Updated by"),
    Field("sys_created_on", "datetime", "Created"),
    Field("sys_created_by", "string", "Created by"),
    Field("sys_tags", "string", "Tags"),
]

#: Tables that are written once and never changed carry no update columns.
CREATED_ONLY = [
    column for column in SYSTEM if column.name in ("sys_id", "sys_created_on", "sys_created_by", "sys_tags")
]

_DOMAIN = [
    Field("sys_domain", "reference", "Domain", reference="sys_user_group", default="global"),
    Field("sys_domain_path", "string", "Domain Path", default="/", max_length=255),
]

_LABELS = {
    "comments": "Additional comments",
    "comments_and_work_notes": "Comments and Work notes",
    "sys_class_name": "Task type",
    "cmdb_ci": "Configuration item",
    "sla_due": "SLA due",
    "made_sla": "Made SLA",
    "assigned_to": "Assigned to",
    "correlation_id": "Correlation ID",
    "correlation_display": "Correlation display",
    "contact_type": "Channel",
    "close_code": "Resolution code",
    "close_notes": "Resolution notes",
    "caller_id": "Caller",
}

#: What incident, case and problem have in common (the platform's table `task`).
_TASK = [
    *SYSTEM,
    *_DOMAIN,
    *columns("number", length=40),
    *columns("state=1", "integer", choice="dropdown"),
    *columns("priority=4 impact=3 urgency=3", "integer", choice="dropdown"),
    *columns("escalation=0", "integer", choice="dropdown"),
    *references(
        parent="task",
        assignment_group="sys_user_group",
        assigned_to="sys_user",
        opened_by="sys_user",
        closed_by="sys_user",
        company="core_company",
        cmdb_ci="cmdb_ci",
        business_service="cmdb_ci_service",
        delivery_plan="sc_cat_item_delivery_plan",
        delivery_task="sc_cat_item_delivery_task",
        contract="ast_contract",
        location="cmn_location",
    ),
    *columns("active=true made_sla=true", "boolean"),
    *columns("knowledge=false", "boolean"),
    *columns("short_description", length=160),
    *columns("description close_notes approval_history", length=4000),
    *columns("correlation_id correlation_display", length=100),
    *columns("sys_class_name", length=80),
    *columns("upon_reject=cancel upon_approval=proceed approval=not+requested", choice="suggestion"),
    *columns("contact_type", choice="suggestion"),
    *columns("user_input", length=4000),
    *columns("order notify=1 reassignment_count=0", "integer"),
    *columns("watch_list work_notes_list group_list additional_assignee_list", "list", length=4000),
    *columns("business_duration calendar_duration", "duration"),
    *columns("time_worked", "timer"),
    *columns(
        "opened_at closed_at sla_due due_date activity_due approval_set expected_start work_start work_end follow_up",
        "datetime",
    ),
    *columns("comments work_notes", "journal", length=4000),
    *columns("comments_and_work_notes", "journal_view", length=4000),
]

_CASE = [
    *_TASK,
    *references(
        account="customer_account",
        contact="customer_contact",
        consumer="csm_consumer",
        partner="customer_account",
        partner_contact="customer_contact",
        product="cmdb_model",
        asset="alm_asset",
        entitlement="service_entitlement",
        caused_by="change_request",
        change="change_request",
        problem="problem",
        resolved_by="sys_user",
        support_manager="sys_user",
        active_escalation="sn_customerservice_escalation",
        active_account_escalation="sn_customerservice_escalation",
        case_report="sn_customerservice_case_report",
        sn_app_cs_social_social_profile="sn_app_cs_social_social_profile",
        wf_activity="wf_activity",
    ),
    *columns("major_case_state resolution_code", choice="dropdown"),
    *columns("category subcategory", choice="suggestion"),
    *columns("case contact_local_time contact_time_zone hierarchical_variables=variable_pool", length=255),
    *columns("cause business_impact probable_cause variables variable_pool rejection_goto", length=4000),
    *columns("auto_created_case=false child_case_creation_progress=false sync_driver=false", "boolean"),
    *columns("notes_to_comments=false follow_the_sun=false", "boolean"),
    *columns("first_response_time resolved_at", "datetime"),
    *columns("skills recipient_list", "list", length=4000),
]

_INCIDENT = [
    *(column for column in _TASK if column.name != "state"),
    *columns("state=1 incident_state=1 hold_reason", "integer", choice="dropdown"),
    *columns("severity=3", "integer", choice="dropdown"),
    *references(
        caller_id="sys_user",
        resolved_by="sys_user",
        reopened_by="sys_user",
        parent_incident="incident",
        problem_id="problem",
        rfc="change_request",
        caused_by="change_request",
        service_offering="service_offering",
        universal_request="universal_request",
    ),
    *columns("close_code", choice="dropdown"),
    *columns("category=inquiry subcategory", choice="suggestion"),
    *columns("cause business_impact", length=4000),
    *columns("route_reason origin_table origin_id task_effective_number", length=80),
    *columns("child_incidents=0 reopen_count=0 calendar_stc business_stc", "integer"),
    *columns("reopened_time resolved_at", "datetime"),
]

_PROBLEM = [
    *(column for column in _TASK if column.name != "state"),
    *columns("state=101 problem_state=101", "integer", choice="dropdown"),
    *columns("resolution_code", choice="dropdown"),
    *columns("category subcategory", choice="suggestion"),
    *references(resolved_by="sys_user", confirmed_by="sys_user", first_reported_by_task="task", rfc="change_request"),
    *references(duplicate_of="problem"),
    *columns("cause_notes fix_notes workaround", length=4000),
    *columns("known_error=false major_problem=false", "boolean"),
    *columns("related_incidents=0", "integer"),
    *columns("resolved_at confirmed_at", "datetime"),
]

_REQUEST = [*_TASK, *references(requested_for="sys_user"), *columns("request_state=requested", choice="dropdown")]
_REQUESTED_ITEM = [
    *_TASK,
    *references(request="sc_request", requested_for="sys_user", cat_item="sc_cat_item"),
    *columns("stage=waiting_for_approval", choice="suggestion"),
    *columns("quantity=1", "integer"),
    *columns("price", length=40),
]
_CATALOG_TASK = [*_TASK, *references(request="sc_request", request_item="sc_req_item", cat_item="sc_cat_item")]
_TASK_SLA = [
    *SYSTEM,
    *references(task="task", sla="contract_sla"),
    *columns("stage=in_progress", choice="dropdown"),
    *columns("active=true", "boolean"),
    *columns("has_breached=false", "boolean"),
    *columns("start_time end_time planned_end_time original_breach_time pause_time", "datetime"),
    *columns("business_duration duration business_time_left time_left pause_duration", "duration"),
    *columns("percentage business_percentage", length=40),
]

_COMPANY = [
    *SYSTEM,
    *columns("name sys_class_name", length=80),
    *columns("phone street city zip country website", length=100),
    *columns("customer=false vendor=false", "boolean"),
    *columns("notes", length=4000),
]
_USER = [
    *SYSTEM,
    *columns("user_name name", length=151),
    *columns("sys_class_name", length=80),
    *columns("first_name last_name email phone mobile_phone title source employee_number", length=100),
    *columns("time_zone preferred_language date_format time_format", choice="suggestion"),
    *columns("active=true", "boolean"),
    *columns("locked_out=false vip=false web_service_access_only=false internal_integration_user=false", "boolean"),
    *references(company="core_company", manager="sys_user", location="cmn_location"),
]
_GROUP = [
    *SYSTEM,
    *columns("name", length=80),
    *columns("email", length=100),
    *columns("description", length=1000),
    *columns("active=true", "boolean"),
    *columns("type roles", "list", length=1024),
    *references(manager="sys_user", parent="sys_user_group"),
]
_ATTACHMENT = [
    *SYSTEM,
    *columns("file_name", length=255),
    *columns("content_type table_name table_sys_id hash state average_image_color", length=100),
    *columns("size_bytes size_compressed image_width image_height chunk_size_bytes", "integer"),
    *columns("compressed=true", "boolean"),
    *references(encryption_context="sys_encryption_context"),
]
_DICTIONARY = [
    *SYSTEM,
    *columns("name element column_label reference", length=80),
    Field("internal_type", "reference", "Type", reference="sys_glide_object", key="name"),
    *columns("default_value", length=512),
    *columns("max_length choice", "integer"),
    *columns("active=true mandatory=false read_only=false display=false audit=false array=false", "boolean"),
]


def _audit() -> list[Table]:
    entry = [
        *CREATED_ONLY,
        *columns("tablename fieldname", length=80),
        *columns("documentkey user reason record_checkpoint internal_checkpoint", length=100),
        *columns("oldvalue newvalue", length=4000),
    ]
    deleted = [*SYSTEM, *columns("tablename documentkey display_value", length=255)]
    return [
        Table("sys_audit", "Audit", by_name(entry), read_only=True),
        Table("sys_audit_delete", "Deleted Record", by_name(deleted), display="display_value", read_only=True),
    ]


def _people() -> list[Table]:
    contact = [*_USER, *references(account="customer_account")]
    account = [*_COMPANY, *columns("number account_code", length=40), *references(account_parent="customer_account")]
    member = [*SYSTEM, *references(user="sys_user", group="sys_user_group")]
    granted = [*SYSTEM, *references(user="sys_user", role="sys_user_role"), *columns("inherited=false", "boolean")]
    role = [*SYSTEM, *columns("name", length=100), *columns("description", length=1000)]
    return [
        Table("sys_user", "User", by_name(_USER), display="name", audited=True),
        Table("customer_contact", "Contact", by_name(contact), "name", "sys_user", "sys_user"),
        Table("core_company", "Company", by_name(_COMPANY), display="name"),
        Table("customer_account", "Account", by_name(account), "name", "core_company", "core_company", "ACCT"),
        Table("sys_user_group", "Group", by_name(_GROUP), display="name"),
        Table("sys_user_grmember", "Group Member", by_name(member)),
        Table("sys_user_role", "Role", by_name(role), display="name"),
        Table("sys_user_has_role", "User Role", by_name(granted)),
    ]


def _metadata() -> list[Table]:
    choice = [
        *SYSTEM,
        *columns("name element value label language=en dependent_value", length=100),
        *columns("sequence", "integer"),
        *columns("inactive=false", "boolean"),
    ]
    table = [*SYSTEM, *columns("name label", length=80), *references(super_class="sys_db_object")]
    kind = [*SYSTEM, *columns("name label scalar_type", length=80)]
    named = [
        *SYSTEM,
        *columns("name", length=100),
        *columns("value description", length=4000),
        *columns("type", length=40),
    ]
    return [
        Table("sys_choice", "Choice", by_name(choice), display="label"),
        Table("sys_dictionary", "Dictionary Entry", by_name(_DICTIONARY), display="element"),
        Table("sys_db_object", "Table", by_name(table), display="label"),
        Table("sys_glide_object", "Field class", by_name(kind), display="label"),
        Table("sys_properties", "System Property", by_name(named), display="name"),
    ]


def _journal() -> Table:
    fields = [*CREATED_ONLY, *columns("name element_id element", length=80), *columns("value", length=65000)]
    return Table("sys_journal_field", "Journal Entry", by_name(fields), read_only=True)


def base_schema() -> Schema:
    """A fresh schema of the base tables; callers may add to it."""
    task = by_name(_TASK, _LABELS)
    schema = Schema()
    for table in (
        Table("task", "Task", task, "number", read_only=True),
        Table("sn_customerservice_case", "Case", by_name(_CASE, _LABELS), "number", "task", "", "CS", audited=True),
        Table("incident", "Incident", by_name(_INCIDENT, _LABELS), "number", "task", "", "INC", audited=True),
        Table("problem", "Problem", by_name(_PROBLEM, _LABELS), "number", "task", "", "PRB", audited=True),
        Table("sc_request", "Request", by_name(_REQUEST, _LABELS), "number", "task", "", "REQ", audited=True),
        Table(
            "sc_req_item",
            "Requested Item",
            by_name(_REQUESTED_ITEM, _LABELS),
            "number",
            "task",
            "",
            "RITM",
            audited=True,
        ),
        Table("sc_task", "Catalog Task", by_name(_CATALOG_TASK, _LABELS), "number", "task", "", "SCTASK", audited=True),
        Table("task_sla", "Task SLA", by_name(_TASK_SLA)),
        _journal(),
        Table("sys_attachment", "Attachment", by_name(_ATTACHMENT), "file_name", read_only=True),
        *_people(),
        *_audit(),
        *_metadata(),
    ):
        schema.add(table)
    return schema
