"""Desk files as domain values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bridge.configuration.desk_models import (
    AgreementModel,
    AttachmentsModel,
    DeskModel,
    EmailModel,
    HooksModel,
    MethodModel,
    ServiceNowMethodModel,
)
from bridge.configuration.kinds import build_kind
from bridge.configuration.logins import Fetch
from bridge.configuration.process import build_servicenow, fetch_secret
from bridge.configuration.rest_method import build_rest
from bridge.configuration.times import ALWAYS
from bridge.configuration.written import WrongValue
from bridge.domain.agreement import (
    Accept,
    Agreement,
    AttachmentRule,
    Desk,
    EmailMethod,
    PortalMethod,
    Push,
    Share,
    StatusRule,
    WorkingHours,
)
from bridge.domain.contacts import HookRules, ServiceNowContact
from bridge.domain.hours import NO_HOLIDAYS
from bridge.domain.ids import DeskName
from bridge.settings import ServiceNowPortal


def build_desk(model: DeskModel, resolution_codes: Mapping[str, str], fetch: Fetch = fetch_secret) -> Desk:
    """A desk with every version of its agreement; the codes are for versions that name none for a table.

    Raises `WrongValue` for a secret that cannot be had.
    """
    name = DeskName(model.desk)
    return Desk(
        name=name,
        party=model.party,
        mode=model.mode,
        agreements=tuple(build_agreement(name, version, resolution_codes, fetch) for version in model.versions),
        covers=tuple(model.covers),
        go_live=model.go_live,
        hooks=_hooks(model.hooks, fetch) if model.hooks else None,
    )


def build_agreement(
    desk: DeskName, model: AgreementModel, resolution_codes: Mapping[str, str], fetch: Fetch = fetch_secret
) -> Agreement:
    """One version of an agreement."""
    return Agreement(
        desk=desk,
        version=model.version,
        effective=model.effective,
        method=_method(model.method, fetch),
        hours=_hours(model),
        respond_within=MappingProxyType({str(level): within for level, within in model.respond_within.items()}),
        share=_share(model),
        accept=Accept(_files(model.accept.attachments)),
        update_on=tuple(model.update_on),
        needs=tuple(model.needs),
        statuses=tuple(StatusRule(rule.when, rule.report) for rule in model.statuses),
        push=MappingProxyType({kind: Push(p.note, p.state, p.comment) for kind, p in model.push.items()}),
        confirmation=model.confirmation,
        quiet_time=model.quiet_time,
        afterwards=model.afterwards,
        on_early_resolution=model.on_early_resolution,
        on_case_deleted=model.on_case_deleted,
        resolution_codes=MappingProxyType({**resolution_codes, **model.resolution_codes}),
        chase_every=model.chase_every or None,
    )


def _hooks(model: HooksModel, fetch: Fetch) -> HookRules:
    return HookRules(
        check=model.check,
        secrets=tuple(fetch(secret).get_secret_value().encode() for secret in model.secrets),
        header=model.header,
        prefix=model.prefix,
        encoding=model.encoding,
        signed=model.signed,
        timestamp_header=model.timestamp_header,
        window=model.window.total_seconds(),
        identity_header=model.identity_header,
        record=model.record,
    )


def _method(model: MethodModel, fetch: Fetch) -> EmailMethod | PortalMethod:
    if model.servicenow is not None:
        return _servicenow(model.servicenow, fetch)
    if model.rest is not None:
        return PortalMethod("rest", build_rest(model.rest, fetch), model.rest.reference, model.rest.most_per_hour)
    if model.email is not None:
        return _email(model.email)
    for name, value in model.installed.items():
        return build_kind(name, value, MethodModel.model_fields)
    raise WrongValue("no method of contact is agreed", "write method: with one")


def _servicenow(model: ServiceNowMethodModel, fetch: Fetch) -> PortalMethod:
    reached = build_servicenow(model, fetch)
    contact = ServiceNowContact(
        table=model.table,
        user=reached.user,
        fields=MappingProxyType(dict(model.fields)),
        priorities=MappingProxyType({str(level): columns for level, columns in model.priorities.items()}),
        states=MappingProxyType({state: None if kind == "none" else kind for state, kind in model.states.items()}),
        changes=MappingProxyType(dict(model.changes)),
        element=model.messages,
        reads=tuple(model.reads),
        largest_file=model.largest_file,
    )
    return PortalMethod("servicenow", ServiceNowPortal(reached, contact), model.reference, model.most_per_hour)


def _email(email: EmailModel) -> EmailMethod:
    domains = email.from_domains or [address.rpartition("@")[2].lower() for address in email.to]
    return EmailMethod(
        tuple(email.to),
        tuple(email.cc),
        tuple(dict.fromkeys(domains)),
        email.reference,
        email.most_per_hour,
        email.automatic,
    )


def _hours(model: AgreementModel) -> WorkingHours:
    hours = model.hours
    return WorkingHours(
        calendar=NO_HOLIDAYS if hours.open == ALWAYS else hours.calendar,
        open=MappingProxyType(dict(hours.open)),
        closed=frozenset(hours.closed),
        open_on=frozenset(hours.open_on),
        major_incidents_always=hours.major_incidents == "24x7",
    )


def _share(model: AgreementModel) -> Share:
    files = _files(model.share.attachments) or AttachmentRule()
    return Share(model.share.comments, model.share.work_notes, files)


def _files(model: AttachmentsModel | None) -> AttachmentRule | None:
    return AttachmentRule(model.max, tuple(model.types)) if model else None
