"""Whether a mail is from the domain that it names, where no server at the border says so.

The DNS is asked about domains of desks only, so that nobody else can make the bridge wait for a name server of theirs.
What the DNS does not say is neither a pass nor a failure: such mails wait, an hour at most, and are then read as mails
of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import compat32

from bridge.connectors.mail import headers
from bridge.connectors.mail.dkim import NotGood, SignedMail
from bridge.connectors.mail.dmarc import policy_of
from bridge.connectors.mail.resolving import NamesAway, TextRecords
from bridge.connectors.mail.sender import authentication, desk_of
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.silences import NameSilent, PatientRecords
from bridge.domain.ids import DeskName
from bridge.ports import Authenticity, CheckResult, CheckStatus, Clock, Desks

#: how long mails wait for a DNS that does not answer
PATIENCE = timedelta(hours=1)
_MOST_TRIED = 3
_HEADER_BYTES = 1_000_000


class SenderVerifier:
    """Verifies the DKIM signatures of desks' mails; implements `ports.Verifier`."""

    def __init__(self, settings: MailSettings, desks: Desks, records: TextRecords, clock: Clock) -> None:
        self._authserv_id = settings.authserv_id
        self._domains: Mapping[DeskName, tuple[str, ...]] = {
            name: email.from_domains for name, desk in desks.by_name.items() if (email := desk.latest.email) is not None
        }
        self._records = records
        self._clock = clock
        self._patient = {name: PatientRecords(records, clock) for name in self._domains}

    def verify(self, raw: bytes, received_at: datetime) -> Authenticity | None:
        """See `ports.Verifier.verify`. A mail that the configured server at the border has judged is left to it."""
        domain = self._asked_about(raw)
        if not domain:
            return None
        try:
            return self._verified(raw, domain, received_at)
        except NameSilent as error:
            if self._clock.now() < max(error.since, received_at) + PATIENCE:
                raise
            return Authenticity(reason=error.code)

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
        records = self._patient[min(desk_of(domain, self._domains))]
        policy = policy_of(domain, records)
        why = _why_not(raw, lambda signer: policy.aligned(signer, domain), records, at)
        return Authenticity(passed=not why, failed=bool(why) and policy.enforced, reason=why)

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


def _why_not(raw: bytes, aligned: Callable[[str], bool], records: PatientRecords, at: datetime) -> str:
    """Why no signature speaks for the domain; empty if one does. Raises `NameSilent` if one may and none does."""
    try:
        signatures = list(SignedMail.of(raw).signatures())
    except NotGood as error:
        return f"dkim_{error}"
    why, silent = "dkim_not_aligned" if signatures else "dkim_not_signed", None
    for signature in [one for one in signatures if aligned(one.domain)][:_MOST_TRIED]:
        try:
            signature.verify(records, at)
        except NotGood as error:
            why = f"dkim_{error}"
        except NameSilent as error:
            silent = error if silent is None or error.since > silent.since else silent
        else:
            return ""
    if silent is not None:
        raise silent
    return why
