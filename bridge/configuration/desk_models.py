"""The shape of `config/desks/*.yaml` and of `config/routes.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from bridge.configuration.addresses import Address, Domain
from bridge.configuration.process_models import ServiceNowModel
from bridge.configuration.rest_models import RestModel
from bridge.configuration.secrecy import Secret
from bridge.configuration.strict import Strict
from bridge.configuration.times import AgreedTime, Day, Duration, Hours, Instant, PositiveDuration
from bridge.configuration.written import (
    CodedTable,
    Column,
    DeskNameText,
    FileEnding,
    JmesPath,
    Pattern,
    Size,
    Table,
    WrongValue,
)
from bridge.domain.agreement import (
    Afterwards,
    Confirmation,
    Mode,
    OnCaseDeleted,
    OnEarlyResolution,
    ResponseTime,
    ShareNotes,
)
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.spelling import write_one_of
from bridge.mapping.completeness import REQUIREMENTS
from bridge.mapping.expressions import ExpressionError, compile_expression
from bridge.mapping.statuses import MAIL_FIELDS
from bridge.mapping.update import PUSH_STATES

PriorityLevel: TypeAlias = Literal["P1", "P2", "P3", "P4", "P5"]


def _requirement(name: str) -> str:
    if name not in REQUIREMENTS:
        raise WrongValue(f"nothing called {name!r} can be needed", write_one_of(name, REQUIREMENTS))
    return name


def _mail_condition(text: str) -> str:
    try:
        compile_expression(text, MAIL_FIELDS)
    except ExpressionError as error:
        raise WrongValue(error.what, error.remedy) from None
    return text


def _push_state(name: str) -> str:
    if name and name not in PUSH_STATES:
        raise WrongValue(f"a report cannot put the case into {name!r}", write_one_of(name, PUSH_STATES))
    return name


class EmailModel(Strict):
    """Contact by mail."""

    to: list[Address] = Field(description="The agreed mailboxes.", min_length=1)
    cc: list[Address] = Field([], description="Others who get a copy.")
    from_domains: list[Domain] = Field(
        [], description="Domains whose mail speaks for the desk; those of `to` if empty."
    )
    reference: Pattern = Field("", description="Regular expression of the desk's own reference.")
    most_per_hour: int | None = Field(
        None, ge=1, description="Mails in any hour at most; what is above waits in order. No limit if it is left out."
    )
    automatic: bool = Field(
        default=True,
        description="Our mails say that a program wrote them. `false` for a desk whose system gives such mails no "
        "acknowledgement, as Request Tracker does, or refuses them, as Jira Service Management does.",
    )


class ServiceNowMethodModel(ServiceNowModel):
    """Contact through the desk's own ServiceNow: a record there for each case."""

    table: Table = Field(description="The table in which the records are created.")
    fields: dict[Column, str] = Field({}, description="Column -> value of every record that is created.")
    priorities: dict[PriorityLevel, dict[Column, str]] = Field(
        {}, description="Priority of the case -> columns and values of its record; none if a level is left out."
    )
    states: dict[str, ReportKind | Literal["none"]] = Field(
        {},
        description="State, or `state/hold_reason`, as the database holds them -> what the desk reports by it; `none` "
        "reports nothing. What is left out means what the platform ships it for.",
    )
    changes: dict[MessageKind, dict[Column, str]] = Field(
        {}, description="Kind of message -> columns that it changes besides saying it, such as `accept: {state: 7}`."
    )
    messages: Literal["comments", "work_notes"] = Field("comments", description="Where the bridge writes.")
    reads: list[Literal["comments", "work_notes"]] = Field(
        ["comments"], description="What the bridge reads of what the desk writes.", min_length=1
    )
    largest_file: Size = Field(25_000_000, description="Files above this size are not fetched from the desk.")
    reference: Pattern = Field("", description="Regular expression of the desk's own reference.")
    most_per_hour: int | None = Field(None, ge=1, description="Messages in any hour at most; no limit if left out.")


class MethodModel(Strict):
    """The agreed method of contact: one of these, or of those that installed packages bring."""

    model_config = ConfigDict(extra="allow")

    email: EmailModel | None = Field(None, description="Contact by mail.")
    servicenow: ServiceNowMethodModel | None = Field(None, description="Contact through the desk's own ServiceNow.")
    rest: RestModel | None = Field(None, description="Contact through the REST API of the desk's own system.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        told = [name for name in type(self).model_fields if getattr(self, name) is not None] + list(self.installed)
        if len(told) != 1:
            what = (
                f"two methods of contact are agreed, {' and '.join(told)}" if told else "no method of contact is agreed"
            )
            raise WrongValue(what, f"write one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def installed(self) -> Mapping[str, Any]:
        """What is told to a method that is not the bridge's own, as it was written."""
        return self.model_extra or {}


class HoursModel(Strict):
    """When the desk works."""

    calendar: Literal["england-wales", "scotland", "northern-ireland", "none"] = Field(
        "england-wales", description="Whose public holidays close the desk. `24x7` has none."
    )
    open: Hours = Field(
        description='Opening times, local to the UK: `"Mon-Fri 08:00-18:00"`, several with commas, `24x7`.'
    )
    major_incidents: Literal["24x7"] | None = Field(None, description="`24x7`: major incidents around the clock.")
    closed: list[Day] = Field([], description="More days on which the desk is closed.")
    open_on: list[Day] = Field([], description="Public holidays on which it works.")


class AttachmentsModel(Strict):
    """Files that may go one way."""

    max: Size = Field(description="Largest size of one message's files together; `0B` for none.")
    types: list[FileEnding] = Field(description="File name endings that may go, in small letters.", min_length=1)


class ShareModel(Strict):
    """What the desk may see besides the contents of every message."""

    comments: bool = Field(default=True, description="Customer-visible comments go to the desk.")
    work_notes: ShareNotes = Field(
        ShareNotes.COMMANDS,
        description="`commands`: only what `#desk` says; `all`: every work note from the engagement on.",
    )
    attachments: AttachmentsModel | None = Field(None, description="Files that may go; none if it is left out.")


class AcceptModel(Strict):
    """What of the desk's is put into the case besides what it says."""

    attachments: AttachmentsModel | None = Field(
        None, description="Files that are put into the case; the same as may go to the desk if it is left out."
    )


class StatusModel(Strict):
    """An agreed pattern in the desk's mails."""

    when: Annotated[str, AfterValidator(_mail_condition)] = Field(
        description="Condition over `subject`, `text`, `sender`, `automatic`."
    )
    report: ReportKind = Field(description="What a mail that meets it reports.")


class PushModel(Strict):
    """What one kind of report does in ServiceNow."""

    note: bool = Field(default=True, description="A work note.")
    state: Annotated[str, AfterValidator(_push_state)] = Field(
        "", description="`open`, `in_progress`, `awaiting_information` or `awaiting_confirmation`; unchanged if empty."
    )
    comment: bool = Field(default=False, description="A comment that the customer sees.")


class AgreementModel(Strict):
    """One version of an agreement."""

    version: int = Field(description="Number of the version; engagements keep the one they were opened under.", ge=1)
    effective: Day = Field(description="The first day on which new engagements use it.")
    method: MethodModel = Field(description="The agreed method of contact.")
    hours: HoursModel = Field(description="When the desk works.")
    respond_within: dict[PriorityLevel, AgreedTime] = Field(
        {}, description="Agreed time to respond, in the desk's hours, by priority."
    )
    share: ShareModel = Field(ShareModel(), description="What the desk may see.")
    accept: AcceptModel = Field(AcceptModel(), description="What of the desk's is put into the case.")
    update_on: list[Column] = Field([], description="Fields whose change is sent as an update.")
    needs: list[Annotated[str, AfterValidator(_requirement)]] = Field(
        [], description="Contents without which nothing is sent; the table below lists them."
    )
    statuses: list[StatusModel] = Field([], description="Agreed patterns in the desk's mails that set a status.")
    push: dict[ReportKind, PushModel] = Field(
        {}, description="What each kind of report does in ServiceNow; a work note if it is not listed."
    )
    confirmation: Confirmation = Field(
        Confirmation.ELEXON, description="Whose word makes a resolution count: `desk`, `elexon`, `raiser`, `quiet`."
    )
    quiet_time: AgreedTime = Field(
        ResponseTime(business_days=3), description="Business time without objection after which `quiet` confirms."
    )
    afterwards: Afterwards = Field(
        Afterwards.RESOLVE, description="After the last confirmation: `resolve` the case, or only `release` it."
    )
    on_early_resolution: OnEarlyResolution = Field(
        OnEarlyResolution.REOPEN,
        description="A case resolved too early is put back (`reopen`) or pointed out (`flag`).",
    )
    on_case_deleted: OnCaseDeleted = Field(
        OnCaseDeleted.FLAG,
        description="A case that was deleted in ServiceNow, as its audit proves, is pointed out (`flag`), or the desk "
        "is told that it is withdrawn (`withdraw`). What is only hidden is always pointed out.",
    )
    resolution_codes: dict[CodedTable, str] = Field(
        {}, description="Table -> resolution code that the bridge writes; the one of `bridge.yaml` if it is left out."
    )
    chase_every: Duration | None = Field(
        None, description="Time between chases while nobody acknowledges; never if empty."
    )


class HooksModel(Strict):
    """How the desk's system proves that a call to `/hooks/DESK` is its own; the call makes the bridge look at once."""

    check: Literal["hmac-sha256", "hmac-sha512", "token"] = Field(
        description="What the header holds: a signature over the body, or the secret itself (`token`)."
    )
    secrets: list[Secret] = Field(description="Any of these proves it; the new one, then the old.", min_length=1)
    header: str = Field("X-Hub-Signature-256", description="The header that proves it.", min_length=1)
    prefix: str = Field("", description="What stands before the proof, such as `sha256=` or `Bearer `.")
    encoding: Literal["hex", "base64"] = Field("hex", description="How a signature is written.")
    signed: str = Field("{body}", description="What is signed: `{body}`, and `{timestamp}` where that is signed too.")
    timestamp_header: str = Field("", description="The header with the time of the call, in seconds or ISO 8601.")
    window: PositiveDuration = Field(timedelta(minutes=5), description="How far that time may lie from now.")
    identity_header: str = Field(
        "", description="The header that names a call, the same when it is repeated; the body itself if empty."
    )
    record: JmesPath = Field("", description="JMESPath to the desk's record in the body.")

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if self.signed.count("{body}") != 1:
            raise WrongValue("what is signed does not hold the body once", "write {body}, or {timestamp}.{body}")
        signs_time = self.check != "token" and "{timestamp}" in self.signed
        if bool(self.timestamp_header) != signs_time:
            raise WrongValue(
                "a time proves something only where it is signed",
                "write timestamp_header: and {timestamp} in signed:, with an HMAC, or neither",
            )
        return self


class DeskModel(Strict):
    """`config/desks/*.yaml`."""

    desk: DeskNameText = Field(description="The desk's name, as in `#engage @name`.")
    party: str = Field(description="The organisation.", min_length=1)
    covers: list[str] = Field([], description="What the desk deals with, in words.")
    mode: Mode = Field(
        Mode.OBSERVE, description="`observe`: record only; `propose`: offer `#engage` in a work note; `live`."
    )
    go_live: Instant | None = Field(None, description="An instant of the desk's own; the bridge's if it is left out.")
    hooks: HooksModel | None = Field(None, description="Calls of the desk's system to our webhook; none if left out.")
    agreement: AgreementModel | None = Field(None, description="The agreement, if there is one version only.")
    agreements: list[AgreementModel] = Field([], description="Several versions of the agreement.")

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.agreement is None) == (not self.agreements):
            raise WrongValue(
                "a desk needs its agreement in one of two ways",
                "write agreement: with one version, or agreements: with a list of versions",
            )
        return self

    @property
    def versions(self) -> tuple[AgreementModel, ...]:
        """Every version, in the order of the file."""
        return (self.agreement,) if self.agreement else tuple(self.agreements)


class RouteModel(Strict):
    """One route."""

    when: str = Field(description="Condition over the case.", min_length=1)
    propose: str = Field("", description="The desk that a work note proposes.")
    engage: str = Field("", description="The desk to engage; with `auto: true` without asking.")
    auto: bool = Field(default=False, description="Engage without asking.")

    @model_validator(mode="after")
    def _names_one_desk(self) -> Self:
        if bool(self.propose) == bool(self.engage):
            raise WrongValue("a route names one desk", "write either propose: or engage: with a desk's name")
        if self.auto and self.propose:
            raise WrongValue("a route that proposes cannot be automatic", "write engage: instead, or leave auto: out")
        return self

    @property
    def desk(self) -> str:
        """The desk that the route names."""
        return self.engage or self.propose


class RoutesModel(Strict):
    """`config/routes.yaml`."""

    triaged: str = Field(description="Condition that holds once Elexon has triaged a case; nothing is engaged before.")
    routes: list[RouteModel] = Field([], description="The routes, asked in order; several may meet one case.")
