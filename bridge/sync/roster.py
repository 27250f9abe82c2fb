"""Whose work notes are commands: the members of the resolvers' group, read once in a cycle and only if needed."""

from __future__ import annotations

from bridge.domain.errors import BridgeError
from bridge.ports import CaseSource


class Roster:
    """The members of one group, as of the first question."""

    def __init__(self, source: CaseSource, group: str) -> None:
        self._source = source
        self._group = group
        self._members: frozenset[str] | None = None
        self._trouble: BridgeError | None = None

    def resolvers(self) -> frozenset[str]:
        """User names; asks ServiceNow the first time, and raises what it answered then every time."""
        if self._trouble is not None:
            raise self._trouble
        if self._members is None:
            try:
                self._members = self._source.members(self._group)
            except BridgeError as error:
                self._trouble = error
                raise
        return self._members
