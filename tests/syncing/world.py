"""A small, honest world: the real store, the real steps and rules, and far sides that live in memory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bridge.domain.agreement import Agreement, Confirmation, Desk, EmailMethod, Mode, Push, ResponseTime, WorkingHours
from bridge.domain.delivery import Delivery
from bridge.domain.engagement import Engagement
from bridge.domain.facts import ReportKind
from bridge.domain.ids import DeskName, SysId
from bridge.mapping.routing import Route, Router
from bridge.ports import CaseRecord, Desks, Stream, ToldEvent
from bridge.store import SqlStore
from bridge.sync.cycle import Cycle
from bridge.sync.surroundings import HoldPolicy, Source, Surroundings, Timing
from tests.stores.fixtures import HandClock
from tests.syncing.desks import FakeAlerts, FakeDesk, FakeMailbox, FakeReader, Mail
from tests.syncing.servicenow import CASE_TABLE, OURS, FakeServiceNow

INSTANCE = "test"
GO_LIVE = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
RESOLVER, OTHER_RESOLVER, RAISER, STRANGER = "priya.shah", "tom.hughes", "sam.raiser", "eve.other"
ALWAYS_OPEN = WorkingHours(calendar="none", open=dict.fromkeys(range(1, 8), ((0, 24 * 60),)))
TIMING = Timing(
    client_timeout=timedelta(seconds=2),
    batch_timeout=timedelta(seconds=5),
    batch_call=timedelta(seconds=2),
    far_limit=timedelta(seconds=10),
    margin=timedelta(seconds=3),
    lease=timedelta(seconds=30),
    retry_base=timedelta(milliseconds=500),
    retry_cap=timedelta(seconds=60),
    most_attempts=5,
    most_repeats=3,
)
DCC, LDSO, REC = DeskName("dcc"), DeskName("ldso"), DeskName("rec")
GROUPS = {DCC: "CPSD DCC", LDSO: "CPSD LDSO", REC: "CPSD REC"}


def agreement(desk: str = "dcc", **fields: Any) -> Agreement:
    """What was agreed with a desk unless a test says otherwise."""
    values: dict[str, Any] = {
        "desk": DeskName(desk),
        "version": 1,
        "effective": date(2026, 1, 1),
        "method": EmailMethod((f"desk@{desk}.example",)),
        "hours": ALWAYS_OPEN,
        "update_on": ("priority", "short_description"),
        "needs": ("impact_statement",),
        "push": {
            ReportKind.QUESTION: Push(state="awaiting_information"),
            ReportKind.PROGRESS: Push(state="in_progress"),
            ReportKind.RESOLVED: Push(state="awaiting_confirmation"),
        },
        "confirmation": Confirmation.ELEXON,
        "quiet_time": ResponseTime(elapsed=timedelta(hours=3)),
        "resolution_codes": {CASE_TABLE: "Solved", "incident": "Solved"},
    }
    return Agreement(**(values | fields))


def desk(name: str = "dcc", mode: Mode = Mode.LIVE, *, go_live: datetime | None = None, **agreed: Any) -> Desk:
    """A configured desk with one version of its agreement."""
    return Desk(DeskName(name), name.upper(), mode, (agreement(name, **agreed),), go_live=go_live)


class MiddleRandom:
    """Chance that always falls in the middle."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2

    def token(self, size: int) -> bytes:
        return b"\0" * size


def source(table: str, page_size: int = 50) -> Source:
    """A source as the composition root makes it."""
    return Source(
        cases=Stream(table, table),
        journals=Stream(
            f"{table}/journals",
            "sys_journal_field",
            f"name={table}^elementINcomments,work_notes",
            time_field="sys_created_on",
        ),
        attachments=Stream(
            f"{table}/attachments", "sys_attachment", f"table_name={table}", time_field="sys_created_on"
        ),
        every=timedelta(seconds=1),
        page_size=page_size,
        lag=timedelta(),
        overlap=timedelta(seconds=10),
    )


@dataclass
class World:
    """Everything around one bridge. `case` stands for the case that most tests are about."""

    store: SqlStore
    clock: HandClock
    servicenow: FakeServiceNow
    desks: dict[DeskName, FakeDesk]
    mailbox: FakeMailbox
    alerts: FakeAlerts
    around: Surroundings
    cases: list[SysId] = field(default_factory=list)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────

    def raise_case(self, group: DeskName | str = DCC, table: str = CASE_TABLE, **values: str) -> SysId:
        """A case that is triaged to a group, whose desk a route engages."""
        sys_id = self.servicenow.create(table, assignment_group=GROUPS.get(DeskName(group), group), **values)
        self.cases.append(sys_id)
        return sys_id

    def note(self, text: str, *, by: str = RESOLVER, case: SysId | None = None) -> None:
        """Somebody writes a work note."""
        self.servicenow.update(case or self.case, by, work_notes=text)

    def comment(self, text: str, *, by: str = RAISER, case: SysId | None = None) -> None:
        """Somebody writes a comment that the customer sees."""
        self.servicenow.update(case or self.case, by, comments=text)

    def resolve(self, *, by: str = STRANGER, case: SysId | None = None, **also: str) -> None:
        """A person resolves the case by hand."""
        sys_id = case or self.case
        self.servicenow.update(sys_id, by, state="6", close_notes="done", **also)

    def report(
        self, kind: str, text: str = "", *, desk: DeskName = DCC, case: SysId | None = None, **more: Any
    ) -> None:
        """A desk answers the newest mail that it got about the case."""
        self.mailbox.put({"report": kind, "text": text, "desk": desk, "reference": self.reference(desk, case), **more})

    def reference(self, desk: DeskName = DCC, case: SysId | None = None) -> str:
        """Our reference in the newest mail that a desk got about the case."""
        number = self.number(case)
        found = [mail.told["reference"] for mail in self.desks[desk].received if mail.told["case_number"] == number]
        assert found, f"{desk} got no mail about {number}"
        return str(found[-1])

    def cycle(self, times: int = 1, *, seconds: float = 2) -> None:
        """Time passes and the bridge does all its steps, so many times."""
        for _ in range(times):
            self.clock.forward(seconds=seconds)
            self.cycle_now()

    def cycle_now(self) -> None:
        """One cycle at this very instant."""
        Cycle(self.around).once()

    def engaged(self, group: DeskName = DCC, **values: str) -> SysId:
        """A case whose desk has got the opening message."""
        sys_id = self.raise_case(group, **values)
        self.cycle(2)
        return sys_id

    def reported(self, group: DeskName = DCC, text: str = "The job was restarted.") -> SysId:
        """A case whose desk has reported it resolved, with our note about that in the case."""
        sys_id = self.engaged(group)
        self.report("resolved", text, desk=group)
        self.cycle(2)
        return sys_id

    def with_(self, **settings: Any) -> "World":
        """The same world under other settings of the bridge."""
        return replace(self, around=replace(self.around, **settings))

    def with_desk(self, changed: Desk) -> "World":
        """The same world after a desk's configuration changed."""
        return self.with_(desks=Desks({**self.around.desks.by_name, changed.name: changed}))

    # ── what tests look at ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def case(self) -> SysId:
        return self.cases[0]

    def number(self, case: SysId | None = None) -> str:
        return self.servicenow.value(case or self.case, "number")

    def record(self, case: SysId | None = None) -> CaseRecord:
        with self.store.reading() as tx:
            found = tx.case(case or self.case)
        assert found is not None
        return found

    def engagements(self, case: SysId | None = None) -> tuple[Engagement, ...]:
        with self.store.reading() as tx:
            return tx.engagements(case or self.case)

    def engagement(self, desk: DeskName = DCC, case: SysId | None = None) -> Engagement:
        """The newest round of a desk."""
        return [one for one in self.engagements(case) if one.desk == desk][-1]

    def state(self, desk: DeskName = DCC, case: SysId | None = None) -> str:
        return self.engagement(desk, case).state.value

    def phase(self, case: SysId | None = None) -> str:
        return self.servicenow.phase(case or self.case).value

    def notes(self, case: SysId | None = None) -> str:
        """Our work notes in the case, one text."""
        return "\n---\n".join(self.servicenow.notes(case or self.case))

    def comments(self, case: SysId | None = None) -> str:
        return "\n---\n".join(self.servicenow.notes(case or self.case, element="comments"))

    def kinds(self, desk: DeskName = DCC, case: SysId | None = None) -> list[str]:
        """The messages that a desk got about a case."""
        return self.desks[desk].kinds(self.number(case))

    def mails(self, desk: DeskName = DCC) -> list[Mail]:
        return self.desks[desk].received

    def story(self, case: SysId | None = None) -> tuple[ToldEvent, ...]:
        with self.store.reading() as tx:
            return tx.story(case or self.case)

    def events(self, kind: str, case: SysId | None = None) -> list[ToldEvent]:
        return [told for told in self.story(case) if told.event.kind == kind]

    def deliveries(self, case: SysId | None = None, *, pending: bool = False) -> tuple[Delivery, ...]:
        with self.store.reading() as tx:
            return tx.deliveries(case=case, pending=pending)

    def quarantined(self) -> list[str]:
        with self.store.reading() as tx:
            return [item.reason for item in tx.quarantined()]

    def everything(self) -> Mapping[str, Any]:
        """All that the bridge knows and did, for comparing before and after."""
        with self.store.reading() as tx:
            return {
                "cases": {case: tx.case(case) for case in self.cases},
                "engagements": tx.all_engagements(),
                "deliveries": tx.deliveries(),
                "events": {case: len(tx.story(case)) for case in self.cases},
                "servicenow": len(self.servicenow.ledger),
                "mails": {name: len(desk.received) for name, desk in self.desks.items()},
            }

    def written_once(self) -> None:
        """No journal entry of ours is there twice."""
        texts = [
            (entry["element_id"], entry["value"])
            for entry in self.servicenow.entries
            if entry["sys_created_by"] == OURS
        ]
        twice = {text for text in texts if texts.count(text) > 1}
        assert not twice, f"written twice: {twice}"


def build(
    store: SqlStore,
    clock: HandClock,
    desks: Iterable[Desk] = (),
    *,
    tables: Iterable[str] = (CASE_TABLE, "incident"),
    triaged: str = "assignment_group != ''",
    routes: Iterable[Route] | None = None,
    confirm: str | tuple[DeskName, ...] = "all",
    **settings: Any,
) -> World:
    """A world with the given desks, `dcc`, `ldso` and `rec` otherwise."""
    configured = {one.name: one for one in tuple(desks) or (desk("dcc"), desk("ldso"), desk("rec"))}
    servicenow = FakeServiceNow(clock)
    fakes = {name: FakeDesk(name, clock) for name in configured}
    mailbox, alerts = FakeMailbox(clock), FakeAlerts()
    automatic = [
        Route(number, f"assignment_group == '{GROUPS[name]}'", name, automatic=True)
        for number, name in enumerate(configured, 1)
    ]
    around = Surroundings(
        **{
            "instance": INSTANCE,
            "store": store,
            "source": servicenow,
            "desks": Desks(configured),
            "connectors": fakes,
            "collectors": [mailbox],
            "reader": FakeReader(),
            "alerts": alerts,
            "router": Router(automatic if routes is None else tuple(routes), triaged),
            "random": MiddleRandom(),
            "sources": [source(table) for table in tables],
            "integration_user": OURS,
            "resolver_group": "CPSD Resolvers",
            "worker": "worker",
            "go_live": GO_LIVE,
            "hold": HoldPolicy(confirm),
            "timing": TIMING,
            "concurrency": 1,
            **settings,
        }
    )
    return World(store, clock, servicenow, fakes, mailbox, alerts, around)


Build = Callable[..., World]
