"""Names that the DNS does not tell of: each is left alone for a while, and keeps nobody waiting who needs another.

Anybody can send mails that name keys below a name server that is gone, any number of them. So what is remembered has a
bound, and so has the time that is spent on questions without an answer. Names that were answered before come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from bridge.connectors.mail.resolving import NamesAway, TextRecords
from bridge.ports import Clock

#: how long a name is not asked about again, at first and at most
PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=5)
#: unanswered questions in one `PAUSE`: about names once answered, those never asked about, those never answered
MOST_ANSWERED, MOST_NEW, MOST_UNANSWERED = 10, 3, 3
#: names remembered of each sort
MOST_NAMES = 500
#: longer than any mail waits
_FORGOTTEN = timedelta(hours=2)
_EVER = datetime.min.replace(tzinfo=UTC)


class NameSilent(NamesAway):
    """The DNS says nothing about one name, and has not since `since`."""

    def __init__(self, message: str, *, since: datetime, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.since = since


@dataclass(frozen=True, slots=True)
class _Silence:
    """Since when nothing is known about a name, from when on it may be asked about, and whether it ever was.

    The words of the error are kept, not the error: that would keep the mail on whose account it was raised.
    """

    since: datetime
    due: datetime
    asked: bool
    message: str
    remedy: str


class PatientRecords:
    """Text records for the mails of one desk; implements `TextRecords`."""

    def __init__(self, records: TextRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._lock = Lock()
        #: those longest untouched first
        self._silences: dict[str, _Silence] = {}
        self._answered: dict[str, None] = {}
        self._counted_from = _EVER
        #: by the sort of question, see `_sort`
        self._unanswered: dict[int, int] = {}

    def texts(self, name: str) -> tuple[bytes, ...]:
        """See `TextRecords`. Raises `NameSilent`, without a question where one would come too soon."""
        name, now = name.lower(), self._clock.now()
        with self._lock:
            silence = self._silences.get(name)
            if silence is not None and now < silence.due:
                raise NameSilent(silence.message, since=silence.since, remedy=silence.remedy)
            sort, most = self._sort(name, silence)
            if self._so_far(sort, now) >= most:
                raise self._crowded_out(name, silence, now)
        try:
            found = self._records.texts(name)
        except NamesAway as error:
            with self._lock:
                self._unanswered[sort] = self._unanswered.get(sort, 0) + 1
                raise self._silent(name, silence, now, error) from error
        with self._lock:
            self._heard(name, found)
        return found

    def _sort(self, name: str, silence: _Silence | None) -> tuple[int, int]:
        """Which questions one about this name is counted with, and how many of them may remain unanswered."""
        if name in self._answered:
            return 0, MOST_ANSWERED
        return (2, MOST_UNANSWERED) if silence is not None and silence.asked else (1, MOST_NEW)

    def _so_far(self, sort: int, now: datetime) -> int:
        if now >= self._counted_from + PAUSE:
            self._counted_from = now
            self._unanswered.clear()
        return self._unanswered.get(sort, 0)

    def _silent(self, name: str, before: _Silence | None, now: datetime, error: NamesAway) -> NameSilent:
        since = self._since(before, now)
        # Ever more rarely, so that those who never answer leave room for those who may; who once did is asked soon.
        pause = PAUSE if name in self._answered else max(PAUSE, min(now - since, _LONGEST_PAUSE))
        return self._remembered(
            name, _Silence(since, now + pause, asked=True, message=error.message, remedy=error.remedy)
        )

    def _crowded_out(self, name: str, before: _Silence | None, now: datetime) -> NameSilent:
        message, remedy = f"too many names are silent to ask for {name} now", "nothing is lost, it is asked later"
        asked = before is not None and before.asked
        return self._remembered(name, _Silence(self._since(before, now), now, asked, message, remedy))

    def _since(self, before: _Silence | None, now: datetime) -> datetime:
        if before is not None:
            return before.since
        # With no room to remember, no mail is given more time than it has had: it would get it again and again.
        return now if len(self._silences) < MOST_NAMES else _EVER

    def _remembered(self, name: str, silence: _Silence) -> NameSilent:
        self._silences.pop(name, None)
        while self._silences and (
            len(self._silences) >= MOST_NAMES or next(iter(self._silences.values())).due < silence.due - _FORGOTTEN
        ):
            del self._silences[next(iter(self._silences))]
        self._silences[name] = silence
        return NameSilent(silence.message, since=silence.since, remedy=silence.remedy)

    def _heard(self, name: str, found: tuple[bytes, ...]) -> None:
        self._silences.pop(name, None)
        # A key that is not there is no reason to trust its name: anybody can think of any number of them.
        if found or "._domainkey." not in name:
            self._answered.pop(name, None)
            if len(self._answered) >= MOST_NAMES:
                del self._answered[next(iter(self._answered))]
            self._answered[name] = None
