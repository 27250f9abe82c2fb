"""Alarms, by mail and by webhook."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial

import requests
import structlog
from urllib3.exceptions import NewConnectionError

from bridge.connectors.mail.sealing import Seal, sealed
from bridge.connectors.mail.sending import Submission
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.writing import environment, mark_as_automatic, one_line, serialise
from bridge.domain.delivery import Receipt
from bridge.domain.errors import BridgeError, FarSideError, OutcomeUnknown, TryLater
from bridge.domain.ids import DeliveryId
from bridge.ports import Frozen, Json

_NAMES = ("code", "text", "case", "desk", "at")
_NAMESPACE = uuid.UUID("b6b0a4c9-6f39-5a0b-8a5e-2f1d2b6f1c55")
_log = structlog.get_logger(__name__)


class AlertSender:
    """Sends an alarm to every address and every webhook; `timeout` is the webhooks', in seconds.

    The same alarm always has the same identity (Message-ID, `Idempotency-Key`), so that a repeat shows as one.
    """

    def __init__(
        self,
        *,
        settings: MailSettings | None = None,
        mail: Sequence[str] = (),
        webhooks: Sequence[str] = (),
        timeout: float = 10.0,
        seals: Sequence[Seal] = (),
    ) -> None:
        self._settings = settings
        self._mail = tuple(mail) if settings is not None else ()
        self._webhooks = tuple(webhooks)
        self._timeout = timeout
        self._seals = tuple(seals)

    def send(self, payload: Mapping[str, Json]) -> Receipt:
        """Try every way. One that worked is enough: the others are named in the receipt and in the log.

        If none worked, raises `OutcomeUnknown` where any may have, else `TryLater` where any may yet, else
        `FarSideError`.
        """
        alarm = {name: str(payload.get(name) or "") for name in _NAMES}
        identity = uuid.uuid5(_NAMESPACE, json.dumps(alarm, sort_keys=True))
        reached: list[str] = []
        failures: dict[str, BridgeError] = {}
        for name, way in self._ways(alarm, identity):
            try:
                way()
                reached.append(name)
            except BridgeError as error:
                failures[name] = error
                _log.warning("alert_not_delivered", way=name, code=alarm["code"], error=error.code)
        if not reached and failures:
            raise _gravest(failures)
        return Receipt(str(identity), {"reached": reached, "failed": {name: str(e) for name, e in failures.items()}})

    def _ways(self, alarm: Mapping[str, str], identity: uuid.UUID) -> list[tuple[str, Callable[[], object]]]:
        ways: list[tuple[str, Callable[[], object]]] = []
        settings = self._settings
        if settings is not None and self._mail:
            mail = written(alarm, identity, settings, self._mail, self._seals)
            ways.append(("mail", partial(Submission(settings).send, mail, 1)))
        for number, url in enumerate(self._webhooks, start=1):
            # An address may hold a secret, so the log shows its place in the configuration only.
            ways.append((f"webhook {number}", partial(self._post, url, alarm, identity)))
        return ways

    def _post(self, url: str, alarm: Mapping[str, str], identity: uuid.UUID) -> None:
        try:
            answer = requests.post(
                url,
                json=dict(alarm),
                headers={"Idempotency-Key": str(identity)},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            if _never_connected(error):
                raise TryLater("the webhook cannot be reached", remedy="check alerts.webhook") from error
            raise OutcomeUnknown("the webhook did not answer", remedy="check alerts.webhook") from error
        _judge(answer.status_code)


def _never_connected(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _judge(status: int) -> None:
    if status == 429 or status >= 500:
        raise TryLater(f"the webhook answered {status}")
    if status >= 300:
        raise FarSideError(f"the webhook answered {status}", status=status, remedy="check alerts.webhook")


def _gravest(failures: Mapping[str, BridgeError]) -> BridgeError:
    for kind in (OutcomeUnknown, TryLater):
        for error in failures.values():
            if isinstance(error, kind):
                return error
    return next(iter(failures.values()))


def written(
    alarm: Mapping[str, str],
    identity: uuid.UUID,
    settings: MailSettings,
    to: Sequence[str],
    seals: Sequence[Seal] = (),
) -> Frozen:
    """The mail that carries an alarm: plain text, no case text in the subject, signed like every other."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(settings.display_name, addr_spec=settings.address)
    mail["To"] = [Address(addr_spec=address) for address in to]
    moment = _moment(alarm["at"])
    if moment is not None:
        mail["Date"] = format_datetime(moment)
    about = " ".join(one_line(alarm[name]) for name in ("code", "case", "desk") if alarm[name])
    mail["Subject"] = f"[CPSD alert] {about}"
    message_id = settings.keys.sign_message_id(DeliveryId(str(identity)), settings.domain)
    mark_as_automatic(mail)
    mail.set_content(environment().get_template("alert.txt.j2").render(alarm), cte="quoted-printable")
    content = sealed(serialise(mail, str(identity), message_id), moment, seals)
    return Frozen(content, message_id, tuple(to))


def _moment(at: str) -> datetime | None:
    """The instant of an alarm; one without a usable instant leaves the Date to the server."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
