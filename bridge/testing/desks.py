"""How every desk connector behaves, whatever it speaks: a class of tests that runs against any of them.

Subclass `DeskBehaviour` in a test module and give it a pytest fixture `desk_under_test` that yields a `DeskUnderTest`
with a far side of its own:

    class TestFolderDesk(DeskBehaviour):
        @pytest.fixture
        def desk_under_test(self, tmp_path): ...

What a connector does not claim (`capabilities`) is not asked of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus, Receipt
from bridge.domain.engagement import Engagement
from bridge.domain.errors import BridgeError, FarSideError, OutcomeUnknown, TryLater
from bridge.domain.facts import MessageKind, ReportKind
from bridge.domain.ids import DeliveryId, DeskName, EngagementId, SysId, reference
from bridge.ports import CaseRecord, CheckStatus, DeskConnector, File, OutboundMessage, RawItem, Store

_FILE = File("reads.csv", "text/csv", b"mpan,value\n1200050007920,\xc3\xa4\n")
_WORDS = "Reads are missing since Monday: quotes ' \" and < & > and ä.\nA second line."


@dataclass
class DeskUnderTest:
    """A connector, the desk behind it, and what can be done to the wire between them."""

    name: DeskName
    connector: DeskConnector
    #: migrated and empty; the one that the connector was made with
    store: Store
    #: how many tickets, records or mails there hold a reference
    openings: Callable[[str], int]
    #: how often a text is there
    count: Callable[[str], int]
    #: while it lasts, what is sent arrives and the answer to it does not
    losing_answers: Callable[[], AbstractContextManager[object]]
    #: while it lasts, nobody can be reached
    away: Callable[[], AbstractContextManager[object]]
    #: somebody at the desk writes into a record; None where that comes in another way, as into a common mailbox
    says: Callable[[str, str], None] | None = None
    seed: uuid.UUID = field(default_factory=uuid.uuid4)
    _ordinal: int = 0

    @property
    def reference(self) -> str:
        """Of the engagement that the test is about."""
        return reference(str(self.seed))

    def message(
        self, kind: MessageKind = MessageKind.OPEN, text: str = _WORDS, *, files: bool = False, record: str = ""
    ) -> OutboundMessage:
        """The next message of the engagement."""
        self._ordinal += 1
        return OutboundMessage(
            id=DeliveryId(str(uuid.uuid5(self.seed, str(self._ordinal)))),
            kind=kind,
            engagement=EngagementId(str(self.seed)),
            reference=reference(str(self.seed)),
            round=1,
            ordinal=self._ordinal,
            case_number="CS0001001",
            priority="P2",
            summary="Reads are missing",
            ask="Please find out why.",
            due=None,
            text=text,
            facts=(),
            desk=self.name,
            desk_reference="",
            desk_record=record,
            files=(_FILE,) if files else (),
        )

    def send(self, message: OutboundMessage, attempt: int = 1) -> Receipt:
        """Freeze and send it."""
        return self.connector.send(self.connector.freeze(message, _AT), attempt)

    def delivery(self, message: OutboundMessage) -> Delivery:
        """As the core holds it after an attempt of unknown end."""
        return Delivery(
            message.id,
            DeliveryKind.MESSAGE,
            self.name,
            "lane",
            {"kind": message.kind.value},
            status=DeliveryStatus.UNKNOWN,
            attempts=1,
            frozen=self.connector.freeze(message, _AT).content,
        )

    def engage(self, record: str) -> None:
        """Let the store know the engagement, and which record the desk has of it."""
        case = SysId(self.seed.hex)
        with self.store.transaction() as tx:
            tx.add_case(CaseRecord(case, "sn_customerservice_case", "CS0001001", 1))
            tx.save_engagement(
                Engagement(
                    id=EngagementId(str(self.seed)),
                    reference=reference(str(self.seed)),
                    case=case,
                    case_number="CS0001001",
                    desk=self.name,
                    round=1,
                    agreement_version=1,
                    opened_at=tx.now() - timedelta(minutes=1),
                    desk_record=record,
                )
            )


#: of every message: a renderer that looks at a clock gives other bytes at each attempt
_AT = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)


class DeskBehaviour:
    """The tests."""

    def test_a_message_is_rendered_without_asking_anybody_and_always_the_same(
        self, desk_under_test: DeskUnderTest
    ) -> None:
        """Guarantee: the bytes that are stored before the first attempt are those of every attempt."""
        message = desk_under_test.message(files=True)
        with desk_under_test.away():
            first = desk_under_test.connector.freeze(message, _AT)
            assert desk_under_test.connector.freeze(message, _AT) == first
        assert first.content

    def test_an_opening_arrives_once_and_its_receipt_names_the_record(self, desk_under_test: DeskUnderTest) -> None:
        """What the core needs to find the record again."""
        receipt = desk_under_test.send(desk_under_test.message(files=True))
        assert desk_under_test.openings(desk_under_test.reference) == 1
        assert not desk_under_test.connector.capabilities.read_back or receipt.far_id

    def test_who_cannot_be_reached_got_nothing_or_nobody_knows(self, desk_under_test: DeskUnderTest) -> None:
        """`TryLater` is said only where nothing was done."""
        with desk_under_test.away():
            error = _raised(lambda: desk_under_test.send(desk_under_test.message()))
        assert isinstance(error, TryLater | OutcomeUnknown)
        assert isinstance(error, OutcomeUnknown) or desk_under_test.openings(desk_under_test.reference) == 0

    def test_a_lost_answer_is_never_called_a_failure(self, desk_under_test: DeskUnderTest) -> None:
        """Whoever can find does nothing twice; whoever cannot says that nobody knows."""
        desk = desk_under_test
        message = desk.message(files=True)
        with desk.losing_answers():
            error = _raised(lambda: desk.send(message))
        assert isinstance(error, TryLater | OutcomeUnknown)
        assert isinstance(error, OutcomeUnknown) or desk.openings(desk.reference) == 0
        if not desk.connector.capabilities.find:
            return
        if desk.connector.find(desk.delivery(message)) is None:
            desk.send(message, attempt=2)
        assert desk.openings(desk.reference) == 1
        assert desk.connector.find(desk.delivery(message)) is not None

    def test_what_is_not_there_is_not_found_and_what_is_there_is(self, desk_under_test: DeskUnderTest) -> None:
        """`find` answers for the whole message, and silence never reads as absence."""
        desk = desk_under_test
        message = desk.message(files=True)
        if not desk.connector.capabilities.find:
            assert isinstance(_raised(lambda: desk.connector.find(desk.delivery(message))), OutcomeUnknown)
            return
        assert desk.connector.find(desk.delivery(message)) is None
        sent = desk.send(message)
        found = desk.connector.find(desk.delivery(message))
        assert found is not None
        assert found.far_id == sent.far_id
        with desk.away():
            assert isinstance(_raised(lambda: desk.connector.find(desk.delivery(message))), BridgeError)

    def test_a_later_message_lands_in_the_same_record_once(self, desk_under_test: DeskUnderTest) -> None:
        """Also when it is sent again by somebody who does not know that it arrived."""
        desk = desk_under_test
        record = desk.send(desk.message()).far_id
        later = desk.message(MessageKind.TEXT, f"Which meter is it, {desk.seed.hex}?", record=record)
        desk.send(later)
        if desk.connector.capabilities.find:
            assert desk.send(later, attempt=2).far_id == record
            assert desk.openings(desk.reference) == 1
        assert desk.count(f"Which meter is it, {desk.seed.hex}?") == 1

    def test_what_somebody_writes_comes_once_as_a_comment_and_our_own_words_do_not(
        self, desk_under_test: DeskUnderTest
    ) -> None:
        """A person's free text sets no status; a command does."""
        desk = desk_under_test
        collector = desk.connector.collector()
        if collector is None or desk.says is None:
            return
        record = desk.send(desk.message()).far_id
        desk.engage(record)
        desk.says(record, "It is fixed now, I think.")
        desk.says(record, "#progress: restarted until 2026-08-01")
        items: dict[str, RawItem] = {}
        collector.collect(lambda item: items.setdefault(item.identity, item) is item)
        before = set(items)
        collector.collect(lambda item: items.setdefault(item.identity, item) is item)
        assert set(items) == before, "the same things came under other identities"
        with desk.store.reading() as tx:
            read = [desk.connector.receive(item.raw, item.received_at, tx) for item in items.values()]
        said = [(one.report, one.verdict) for one in read if one.text and not one.desk_status]
        assert said == [(ReportKind.COMMENT, "apply"), (ReportKind.PROGRESS, "apply")]
        assert {one.engagement for one in read} == {EngagementId(str(desk.seed))}
        assert not any(_WORDS in one.text for one in read if one.verdict == "apply")

    def test_nothing_that_arrives_raises(self, desk_under_test: DeskUnderTest) -> None:
        """Whatever cannot be read is for a person."""
        hostile = [b"", b"\x00\xff", b"{", b"null", b"[]", b'{"kind": 1}', b"[" * 5000, b"From: x\r\n\r\n" * 50]
        with desk_under_test.store.reading() as tx:
            for raw in hostile:
                reading = desk_under_test.connector.receive(raw, _AT, tx)
                assert reading.verdict in {"quarantine", "drop", "file"}

    def test_the_check_tells_who_cannot_be_reached_and_what_to_do(self, desk_under_test: DeskUnderTest) -> None:
        """Each failure has a remedy."""
        assert all(one.status is not CheckStatus.FAILED for one in desk_under_test.connector.check())
        with desk_under_test.away():
            failed = [one for one in desk_under_test.connector.check() if one.status is CheckStatus.FAILED]
        assert failed
        assert all(one.remedy for one in failed)


def _raised(call: Callable[[], object]) -> BridgeError:
    """The error that a call raises; AssertionError if it raises none, or one that is a definite no."""
    try:
        call()
    except FarSideError as error:
        raise AssertionError(f"a fault of the wire was called a refusal: {error}") from error
    except BridgeError as error:
        return error
    raise AssertionError("it did not raise")
