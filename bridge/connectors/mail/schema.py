"""The machine-readable part of every mail: the same facts as JSON, for desks whose systems can read them.

Names are those of TMF621 (Trouble Ticket Management API) where it has one; the published JSON Schema is
`docs/schemas/cpsd-message-1.json`. Fields are only ever added within version 1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from bridge.domain.facts import MessageKind, ReportKind

FILE_NAME = "cpsd-case.json"
SCHEMA_ID = "cpsd-message-1"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class ExternalIdentifier(_Model):
    """A name of the ticket in somebody's system (TMF621 `ExternalIdentifier`)."""

    id: str
    external_identifier_type: Literal["case", "desk"]
    owner: str


class Characteristic(_Model):
    """One labelled fact (TMF `Characteristic`)."""

    id: str = Field(description="Stable key of the fact; empty where it has none.")
    name: str = Field(description="The label that people see.")
    value: str


class Attachment(_Model):
    """A file that goes with the mail as a part of its own."""

    name: str
    mime_type: str
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Note(_Model):
    """What somebody wrote into the case (TMF621 `Note`)."""

    author: str
    date: datetime
    text: str


class Action(_Model):
    """A page on which people answer by one button."""

    id: ReportKind = Field(description="What is answered there.")
    name: str
    href: str


class CaseMessage(_Model):
    """One message about one case to one desk."""

    schema_: Literal["cpsd-message-1"] = Field(alias="schema")
    kind: MessageKind = Field(description="What this message is for.")
    delivery: str = Field(description="Identity of this message; a repeat carries the same one.")
    reference: str = Field(description="Signed reference of the engagement; quote it in answers.")
    round: int = Field(ge=1, description="Which engagement of this desk in this case this is.")
    sequence: int = Field(ge=1, description="Place of this message within the round.")
    external_identifier: tuple[ExternalIdentifier, ...]
    name: str = Field(description="The case in one line.")
    description: str
    priority: str
    requested_action: str
    requested_response_date: datetime | None = Field(description="By when an answer is asked for.")
    creation_date: datetime
    characteristic: tuple[Characteristic, ...]
    attachment: tuple[Attachment, ...]
    note: tuple[Note, ...] = Field((), description="What was written in the case before, oldest first.")
    action: tuple[Action, ...] = Field((), description="Pages for people; programs answer by mail.")
    reply_to: str


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that is published."""
    schema = TypeAdapter(CaseMessage).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:cpsd-bridge:{SCHEMA_ID}",
        **schema,
        "title": "CPSD message, version 1",
    }
