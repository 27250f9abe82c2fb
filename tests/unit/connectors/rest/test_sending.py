"""Which steps are taken at which attempt, and what may be concluded from a search."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.connectors.rest.lists import Item
from bridge.connectors.rest.plan import mark_of, planned
from bridge.connectors.rest.sending import Sending
from bridge.connectors.rest.session import Answer, LoginRefused
from bridge.domain.delivery import Delivery, DeliveryKind, DeliveryStatus
from bridge.domain.errors import BridgeError, FarSideError, NotBegun, NotFound, NotPermitted, OutcomeUnknown, TryLater
from bridge.domain.facts import MessageKind
from bridge.domain.ids import DeskName
from bridge.ports import File, Frozen
from tests.unit.connectors.mail.messages import outbound
from tests.unit.connectors.rest.describing import call, described

AT = datetime(2026, 7, 21, 9, 0, tzinfo=UTC)
FILE = File("a.txt", "text/plain", b"abc")


@dataclass
class Portal:
    """Session and lists of a portal in which tickets appear when they are made."""

    settings: object = field(default_factory=described)
    desk: str = "portal"
    time: float = 1000.0
    made: list = field(default_factory=list)
    tickets: list = field(default_factory=list)
    said: list = field(default_factory=list)
    stored: list = field(default_factory=list)
    status: str = "new"
    #: what the next writes come to instead
    faults: list = field(default_factory=list)
    slow: float = 0.0

    def monotonic(self):
        return self.time

    def now(self):
        return AT + timedelta(seconds=self.time - 1000)

    def write(self, request):
        self.made.append((request.method, request.path, request.headers))
        self.time += self.slow
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        return Answer({"id": "7"} if request.path == "tickets" else None, b"", {}, "", None)

    def found(self, values):
        return [Item({"id": one}, {}) for one in self.tickets]

    def messages(self, record):
        return [Item({"id": "1", "text": text}, {}) for text in self.said]

    def message(self, record, item):
        return item

    def files(self, record):
        return [Item({"id": "1", **one}, {}) for one in self.stored]

    def ticket(self, record):
        return Item({"status": self.status}, {})


@pytest.fixture
def portal():
    return Portal()


def frozen(portal, **changes):
    return Frozen(planned(outbound(**changes), portal.settings, AT), "", ())


def delivery(portal, attempts=1, **changes):
    message = outbound(**changes)
    content = frozen(portal, **changes).content
    return Delivery(message.id, DeliveryKind.MESSAGE, DeskName("portal"), "l", {}, attempts=attempts, frozen=content)


def paths(portal):
    return [path for _, path, _ in portal.made]


def test_the_first_attempt_asks_nothing_and_takes_every_step(portal):
    receipt = Sending(portal, portal, within=40).send(frozen(portal, files=(FILE,)), 1)
    assert paths(portal) == ["tickets", "tickets/7/files"]
    assert (receipt.far_id, receipt.detail) == ("7", {"reference": "7", "link": "https://desk.example.org/7"})


def test_later_attempts_take_what_is_missing(portal):
    portal.tickets = ["9"]
    sending = Sending(portal, portal, within=40)
    receipt = sending.send(frozen(portal, files=(FILE,)), 2)
    assert paths(portal) == ["tickets/9/files"]
    assert receipt.far_id == "9"
    portal.stored = [{"name": "a.txt", "size": "3"}]
    sending.send(frozen(portal, files=(FILE,)), 3)
    assert paths(portal) == ["tickets/9/files"]


def test_a_file_of_the_same_name_and_another_size_is_another(portal):
    portal.tickets, portal.stored = ["9"], [{"name": "a.txt", "size": "4"}]
    Sending(portal, portal, within=40).send(frozen(portal, files=(FILE,)), 2)
    assert paths(portal) == ["tickets/9/files"]


def test_a_message_is_known_by_the_mark_at_its_end_and_a_status_by_itself(portal):
    sending = Sending(portal, portal, within=40)
    rejected = {"kind": MessageKind.REJECT, "desk_record": "7"}
    quoting = f"> {mark_of(outbound().id)}\nWhat do you mean?"
    portal.said = [quoting]
    assert sending.find(delivery(portal, **rejected)) is None
    portal.said = [quoting, f"ours\n{mark_of(outbound().id)}\n"]
    assert sending.find(delivery(portal, **rejected)) is None
    portal.status = "open"
    assert sending.find(delivery(portal, **rejected)).far_id == "7"
    sending.send(frozen(portal, **rejected), 2)
    assert portal.made == []


def test_a_file_that_is_refused_is_named_and_stops_neither_the_ticket_nor_other_files(portal):
    other = File("b.txt", "text/plain", b"abcd")
    portal.faults = [None, FarSideError("too large")]
    sending = Sending(portal, portal, within=40)
    receipt = sending.send(frozen(portal, files=(FILE, other)), 1)
    assert paths(portal) == ["tickets", "tickets/7/files", "tickets/7/files"]
    assert (receipt.far_id, receipt.detail["files_refused"]) == ("7", {"a.txt": "too large"})
    portal.tickets, portal.stored = ["7"], [{"name": "b.txt", "size": "4"}]
    assert sending.find(delivery(portal, files=(FILE, other))) is None
    done = replace(delivery(portal, files=(FILE, other)), status=DeliveryStatus.DONE)
    assert sending.find(done).far_id == "7"
    portal.tickets = []
    assert sending.find(done) is None


@pytest.mark.parametrize("error", [TryLater("slow down"), OutcomeUnknown("it was lost")])
def test_a_file_that_may_be_taken_later_is_not_left_out(portal, error):
    portal.faults = [None, error]
    with pytest.raises(type(error)):
        Sending(portal, portal, within=40).send(frozen(portal, files=(FILE,)), 1)


@pytest.mark.parametrize(
    "error", [NotPermitted("portal refused the login (401)", status=401), LoginRefused("no token", status=400)]
)
def test_a_login_that_is_refused_between_files_refuses_no_file(portal, error):
    portal.faults = [None, error]
    sending = Sending(portal, portal, within=40)
    with pytest.raises(TryLater, match=str(error.message.split()[0])):
        sending.send(frozen(portal, files=(FILE,)), 1)
    portal.tickets, portal.made = ["7"], []
    assert "files_refused" not in sending.send(frozen(portal, files=(FILE,)), 2).detail
    assert paths(portal) == ["tickets/7/files"]


def test_a_file_for_which_the_right_is_missing_is_refused(portal):
    portal.faults = [None, NotPermitted("no right to add files", status=403)]
    receipt = Sending(portal, portal, within=40).send(frozen(portal, files=(FILE,)), 1)
    assert receipt.detail["files_refused"] == {"a.txt": "no right to add files"}


def test_a_login_that_is_refused_before_anything_is_said_is_for_a_person(portal):
    portal.faults = [LoginRefused("no token", status=400)]
    with pytest.raises(LoginRefused):
        Sending(portal, portal, within=40).send(frozen(portal), 1)


def test_a_refusal_of_what_is_said_is_a_refusal_of_the_message(portal):
    portal.faults = [FarSideError("no right to write")]
    with pytest.raises(FarSideError, match="no right"):
        Sending(portal, portal, within=40).send(
            frozen(portal, desk_record="7", kind=MessageKind.TEXT, files=(FILE,)), 1
        )


def test_a_ticket_that_is_gone_has_no_message_of_ours(portal):
    def gone(record):
        raise NotFound("no such ticket")

    portal.messages = gone
    assert Sending(portal, portal, within=40).find(delivery(portal, kind=MessageKind.TEXT, desk_record="7")) is None


def test_an_answer_that_names_no_ticket_leaves_the_end_unknown(portal):
    portal.settings = described(
        requests={**described().requests, "open": (call("POST", "other", {"t": "{{ reference }}"}, id="id"),)}
    )
    with pytest.raises(OutcomeUnknown, match="which ticket"):
        Sending(portal, portal, within=40).send(frozen(portal), 1)


def test_words_in_an_answer_that_looks_like_success_may_be_a_refusal(portal):
    refusing = replace(
        call("POST", "tickets", {"t": "{{ reference }}"}, id="id"), refused=call("GET", "x", w="id").answer["w"]
    )
    portal.settings = described(requests={**described().requests, "open": (refusing,)})
    with pytest.raises(FarSideError, match="refused it: 7"):
        Sending(portal, portal, within=40).send(frozen(portal), 1)


def test_each_request_has_an_identity_of_its_own_the_same_at_every_attempt(portal):
    portal.settings = described(idempotency="Idempotency-Key")
    sending = Sending(portal, portal, within=40)
    sending.send(frozen(portal, files=(FILE,)), 1)
    sending.send(frozen(portal, files=(FILE,)), 2)
    keys = [headers["Idempotency-Key"] for _, _, headers in portal.made]
    assert keys == [f"{outbound().id}.0.0", f"{outbound().id}.1.0"] * 2


def test_what_would_take_too_long_is_not_begun(portal):
    portal.slow = 25.0
    with pytest.raises(NotBegun):
        Sending(portal, portal, within=40).send(frozen(portal, files=(FILE,)), 1)
    assert paths(portal) == ["tickets"]


def in_two_requests(first):
    """A message that is a request, and a second one that puts it in its place."""
    second = call("PUT", "tickets/{{ ticket }}/newest", {"note": "{{ kept.note }}"})
    settings = described()
    return replace(settings, requests={**settings.requests, "message": (first, second)})


@pytest.mark.parametrize("how", ["slow", "no turn"])
@pytest.mark.parametrize(
    "first,error",
    [(call("POST", "notes", {"text": "{{ body }}"}), OutcomeUnknown), (call("GET", "notes"), NotBegun)],
)
def test_a_step_of_which_a_part_was_done_was_begun(first, error, how):
    portal = Portal(settings=in_two_requests(first))
    portal.read = portal.write
    if how == "slow":
        portal.slow = 25.0
    else:
        portal.faults = [None, NotBegun("the calls of this minute are made")]
    with pytest.raises(BridgeError) as raised:
        Sending(portal, portal, within=40).send(frozen(portal, kind=MessageKind.TEXT, desk_record="7"), 1)
    assert type(raised.value) is error


def test_what_a_restored_store_never_wrote_down_is_found_by_its_references(portal):
    sending = Sending(portal, portal, within=40)
    message = outbound()
    forgotten = {
        kind: Delivery(
            message.id, DeliveryKind.MESSAGE, DeskName("portal"), "l", {"kind": kind}, engagement=message.engagement
        )
        for kind in ("open", "text")
    }
    assert [sending.find(one) for one in forgotten.values()] == [None, None]
    portal.tickets = ["7"]
    assert sending.find(forgotten["open"]).detail["reference"] == "7"
    assert sending.find(forgotten["text"]) is None
    portal.said = [f"ours\n{mark_of(message.id)}"]
    assert sending.find(forgotten["text"]).far_id == "7"


# ── searches that lag behind ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def lagging():
    return Portal(settings=described(find_lag=300.0))


def test_absence_proves_nothing_while_the_search_may_lag(lagging):
    sending = Sending(lagging, lagging, within=40)
    lagging.faults = [OutcomeUnknown("cut")]
    with pytest.raises(OutcomeUnknown):
        sending.send(frozen(lagging), 1)
    lagging.time += 299
    with pytest.raises(OutcomeUnknown, match="comes after"):
        sending.find(delivery(lagging))
    with pytest.raises(TryLater) as caught:
        sending.send(frozen(lagging), 2)
    assert caught.value.retry_after == 1
    lagging.time += 2
    assert sending.find(delivery(lagging)) is None
    sending.send(frozen(lagging), 2)
    assert paths(lagging) == ["tickets", "tickets"]


def test_what_was_certainly_not_begun_is_sent_again_without_waiting(lagging):
    sending = Sending(lagging, lagging, within=40)
    lagging.faults = [TryLater("no connection")]
    with pytest.raises(TryLater, match="no connection"):
        sending.send(frozen(lagging), 1)
    assert sending.send(frozen(lagging), 2).far_id == "7"


def test_what_is_found_is_found_at_once(lagging):
    lagging.tickets = ["9"]
    assert Sending(lagging, lagging, within=40).find(delivery(lagging)).far_id == "9"


def test_after_a_restart_the_first_attempt_was_when_the_message_was_written(lagging):
    lagging.time += 299
    with pytest.raises(OutcomeUnknown):
        Sending(lagging, lagging, within=40).find(delivery(lagging))
    lagging.time += 2
    assert Sending(lagging, lagging, within=40).find(delivery(lagging)) is None


def test_after_a_restart_nobody_knows_when_the_last_of_several_attempts_was(lagging):
    lagging.time += 5000
    sending = Sending(lagging, lagging, within=40)
    with pytest.raises(OutcomeUnknown):
        sending.find(delivery(lagging, attempts=2))
    lagging.time += 301
    assert sending.find(delivery(lagging, attempts=2)) is None
