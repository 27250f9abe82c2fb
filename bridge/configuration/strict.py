"""What all parts of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the configuration: unknown keys are refused, values are not guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
