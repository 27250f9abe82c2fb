"""A connector that never sleeps: its waits are written down, its clock is moved by the test."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.connectors.servicenow import Basic, Connection, Login, ServiceNow

USER = "cpsd.bridge"
PASSWORD = "open-sesame-7741"


@dataclass
class Quiet:
    """Clock, chance and sleep in one hand."""

    time: datetime = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
    #: where between the two bounds chance falls, 0 to 1
    chance: float = 1.0
    elapsed: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.elapsed

    def forward(self, seconds: float) -> None:
        self.elapsed += seconds
        self.time += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        self.forward(seconds)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.chance

    def token(self, size: int) -> bytes:
        return bytes(size)


def connected(connection: Connection, quiet: Quiet, login: Login | None = None, **options: object) -> ServiceNow:
    """A connector to an instance, by basic authentication unless told otherwise."""
    return ServiceNow(
        connection,
        login or Basic(USER, PASSWORD),
        clock=quiet,
        random=quiet,
        sleep=quiet.sleep,
        monotonic=quiet.monotonic,
        **options,
    )


@dataclass
class Wall(Quiet):
    """The real clocks, which a test or a wait pushes forward; nobody waits."""

    elapsed: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
