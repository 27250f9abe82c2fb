"""What is known about a correspondence, asked once for each item.

The same reference stands in a mail's header, subject and body, and who decides wants the engagement that was matched.
"""

from __future__ import annotations

from bridge.domain.engagement import Engagement
from bridge.domain.ids import DeskName, EngagementId, Reference
from bridge.ports import Correspondence


class Recalled:
    """Implements `ports.Correspondence` for one item; what was asked before is not asked again."""

    def __init__(self, known: Correspondence) -> None:
        self._known = known
        self._of_message: dict[str, EngagementId | None] = {}
        self._of_reference: dict[Reference, EngagementId | None] = {}
        self._engagements: dict[EngagementId, Engagement | None] = {}

    def by_message_id(self, message_id: str) -> EngagementId | None:
        """See `ports.Correspondence`."""
        if message_id not in self._of_message:
            found = self._known.by_message_id(message_id)
            self._of_message[message_id] = found
            if found is not None:
                # It is looked at in any case, and its reference stands in the subject.
                self.engagement(found)
        return self._of_message[message_id]

    def by_reference(self, reference: Reference) -> EngagementId | None:
        """See `ports.Correspondence`."""
        if reference not in self._of_reference:
            self._of_reference[reference] = self._known.by_reference(reference)
        return self._of_reference[reference]

    def by_desk_reference(self, desk: DeskName, reference: str) -> EngagementId | None:
        """See `ports.Correspondence`."""
        return self._known.by_desk_reference(desk, reference)

    def by_desk_record(self, desk: DeskName, record: str) -> EngagementId | None:
        """See `ports.Correspondence`."""
        return self._known.by_desk_record(desk, record)

    def engagement(self, engagement: EngagementId) -> Engagement | None:
        """See `ports.Correspondence`."""
        if engagement not in self._engagements:
            found = self._known.engagement(engagement)
            self._engagements[engagement] = found
            if found is not None:
                self._of_reference[found.reference] = found.id
        return self._engagements[engagement]
