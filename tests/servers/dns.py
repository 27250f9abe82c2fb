"""A name server on loopback (RFC 1035, UDP) that knows the text records a test gives it."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

from tests.servers.serving import serving

_STRING = 255


class NameServer(socketserver.ThreadingUDPServer):
    """What it publishes, what it was asked, and how it misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        #: name without the dot at its end -> its text records
        self.texts: dict[str, list[bytes]] = {}
        #: names below these are answered with SERVFAIL; `""` is every name
        self.broken: set[str] = set()
        #: names below these are not answered at all
        self.silent: set[str] = set()
        self.asked: list[str] = []

    @property
    def place(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server_address[1])

    def publish(self, name: str, *texts: str) -> None:
        self.texts[name] = [text.encode() for text in texts]


class _Question(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        content, connection = self.request
        try:
            question = dns.message.from_wire(content)
        except dns.exception.DNSException:
            return
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        self.server.asked.append(name)
        if not any(name.endswith(one) for one in self.server.silent):
            connection.sendto(self._answer(question, name).to_wire(), self.client_address)

    def _answer(self, question: dns.message.Message, name: str) -> dns.message.Message:
        answer = dns.message.make_response(question, recursion_available=True)
        if any(name.endswith(one) for one in self.server.broken):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (texts := self.server.texts.get(name)) is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            records = [_record(text) for text in texts]
            answer.answer.append(dns.rrset.from_rdata_list(question.question[0].name, 300, records))
        return answer


def _record(text: bytes) -> Any:
    strings = [text[start : start + _STRING] for start in range(0, len(text), _STRING)] or [b""]
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


@contextmanager
def name_server() -> Iterator[NameServer]:
    """A running server on a free port; it is gone afterwards."""
    with serving(NameServer()) as server:
        yield server
