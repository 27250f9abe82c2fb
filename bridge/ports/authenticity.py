"""Whether what arrives is from whom it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Authenticity:
    """What is known about the sender of a mail; neither passed nor failed where nothing is."""

    #: the domain of its From answers for it: DMARC passed, or a DKIM signature of that domain is good
    passed: bool = False
    #: the domain's owner disowns mails like this one: the From may be anybody's
    failed: bool = False
    #: why it did not pass, in one word of ours
    reason: str = ""


class Verifier(Protocol):
    """Finds out who a mail is from by asking somebody; never within a transaction of the store."""

    def verify(self, raw: bytes, received_at: datetime) -> Authenticity | None:
        """What was found out about a mail; None where there is nothing to find out.

        Raises `TryLater` while nobody can be asked, for as long as it is worth waiting.
        """
        ...
