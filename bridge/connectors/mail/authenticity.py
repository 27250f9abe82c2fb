"""Whether a mail is from the domain that it names, where no server at the border says so.

The DNS is asked about domains of desks only, so that nobody else can make the bridge wait for a name server of theirs.
What the DNS does not say is neither a pass nor a failure: such mails wait, an hour at most, and are then read as mails
of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import compat32

from bridge.connectors.mail import headers
from bridge.connectors.mail.dkim import NotGood, SignedMail
from bridge.connectors.mail.dmarc import Policy, policy_of
from bridge.connectors.mail.resolving import NamesAway, TextRecords
from bridge.connectors.mail.sender import authentication, desk_of
from bridge.connectors.mail.settings import MailSettings
from bridge.domain.ids import DeskName
from bridge.ports import Authenticity, CheckResult, CheckStatus, Clock, Desks

#: how long mails wait for a DNS that does not answer
PATIENCE = timedelta(hours=1)
#: how long a domain is not asked about again
PAUSE = timedelta(seconds=30)
_MOST_TRIED = 3
_HEADER_BYTES = 1_000_000
_MOST_SILENCES = 500


@dataclass(frozen=True, slots=True)
class _Silence:
    """Since when nothing is known about a domain, when it was asked about last, and what came of it."""

    since: datetime
    asked: datetime
    error: NamesAway


class SenderVerifier:
    """Verifies the DKIM signatures of desks' mails; implements `ports.Verifier`."""

    def __init__(self, settings: MailSettings, desks: Desks, records: TextRecords, clock: Clock) -> None:
        self._authserv_id = settings.authserv_id
        self._domains: Mapping[DeskName, tuple[str, ...]] = {
            name: email.from_domains for name, desk in desks.by_name.items() if (email := desk.latest.email) is not None
        }
        self._records = records
        self._clock = clock
        self._silences: dict[str, _Silence] = {}

    def verify(self, raw: bytes, received_at: datetime) -> Authenticity | None:
        """See `ports.Verifier.verify`. A mail that the configured server at the border has judged is left to it."""
        domain = self._asked_about(raw)
        if not domain:
            return None
        now, silence = self._clock.now(), self._silences.get(domain)
        if silence is not None and now < silence.asked + PAUSE:
            return _unanswered(silence, now, received_at)
        try:
            found = self._verified(raw, domain, received_at)
        except NamesAway as error:
            if len(self._silences) > _MOST_SILENCES:
                self._silences.clear()
            fresh = _Silence(silence.since if silence else now, now, error)
            self._silences[domain] = fresh
            return _unanswered(fresh, now, received_at)
        self._silences.pop(domain, None)
        return found

    def _asked_about(self, raw: bytes) -> str:
        """The domain of the one From, if it is a desk's and nobody whom we trust has judged the mail."""
        message = BytesHeaderParser(policy=compat32).parsebytes(raw[:_HEADER_BYTES])
        senders = headers.addresses(headers.raw_fields(message, "From"))
        if len(senders) != 1 or not desk_of(senders[0], self._domains):
            return ""
        if authentication(message, self._authserv_id, senders[0]) is not None:
            return ""
        return senders[0].rpartition("@")[2].rstrip(".")

    def _verified(self, raw: bytes, domain: str, at: datetime) -> Authenticity:
        policy = policy_of(domain, self._records)
        why = self._why_not(raw, domain, policy, at)
        return Authenticity(passed=not why, failed=bool(why) and policy.enforced, reason=why)

    def _why_not(self, raw: bytes, domain: str, policy: Policy, at: datetime) -> str:
        """Why no signature speaks for the domain; empty if one does."""
        try:
            signatures = list(SignedMail.of(raw).signatures())
        except NotGood as error:
            return f"dkim_{error}"
        aligned = [one for one in signatures if policy.aligned(one.domain, domain)]
        why = "dkim_not_aligned" if signatures else "dkim_not_signed"
        for signature in aligned[:_MOST_TRIED]:
            try:
                signature.verify(self._records, at)
            except NotGood as error:
                why = f"dkim_{error}"
            else:
                return ""
        return why

    def check(self) -> Iterator[CheckResult]:
        """Ask for the DMARC policy of every domain that speaks for a desk."""
        for domain in sorted({one for agreed in self._domains.values() for one in agreed}):
            name = domain.lstrip("@*.").lower()
            try:
                policy = policy_of(name, self._records)
            except NamesAway as error:
                yield CheckResult(f"senders {domain}", CheckStatus.FAILED, error.message, error.remedy)
                continue
            wanted = "mails without a good signature wait for a person" if policy.enforced else "no policy is enforced"
            yield CheckResult(f"senders {domain}", CheckStatus.OK, f"DKIM is verified; by DMARC {wanted}")


def _unanswered(silence: _Silence, now: datetime, received_at: datetime) -> Authenticity:
    """Nothing is known; raises `NamesAway` as long as it is worth waiting."""
    if now < max(silence.since, received_at) + PATIENCE:
        raise silence.error
    return Authenticity(reason=silence.error.code)
