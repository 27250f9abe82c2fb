"""Whose work notes are commands: the members of the resolvers' group, read once in a cycle and only if needed."""

from __future__ import annotations

from bridge.ports import CaseSource


class Roster:
    """The members of one group, as of the first question."""

    def __init__(self, source: CaseSource, group: str) -> None:
        self._source = source
        self._group = group
        self._members: frozenset[str] | None = None

    def resolvers(self) -> frozenset[str]:
        """User names; asks ServiceNow the first time."""
        if self._members is None:
            self._members = self._source.members(self._group)
        return self._members
