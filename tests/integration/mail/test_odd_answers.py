"""A mailbox whose server breaks answers off, gives them in another order, or gives nothing: no mail is mistaken."""

import socketserver

import pytest

from bridge.connectors.mail.collecting import MailboxCollector
from bridge.connectors.mail.settings import MailSettings
from bridge.connectors.mail.signing import Keys
from tests.integration.mail.test_collecting_together import Positions, Shelf, mail
from tests.servers.serving import serving

MAILS = {uid: mail(uid) for uid in (1, 2, 3, 4)}


class Server(socketserver.ThreadingTCPServer):
    """Serves one mailbox; `bodies` writes the answer to a fetch of mails and returns how the command ended."""

    daemon_threads = True

    def __init__(self, mails, bodies):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails, self.bodies, self.seen = dict(mails), bodies, []


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, _, command = line.decode().strip().partition(" ")
            ended = self.answer(command.upper())
            self.wfile.write(f"{tag} {ended}\r\n".encode())
            if command.upper() == "LOGOUT":
                return

    def answer(self, command):
        mails, told = self.server.mails, self.wfile.write
        if command.startswith("CAPABILITY"):
            told(b"* CAPABILITY IMAP4rev1\r\n")
        elif command.startswith("SELECT"):
            told(b"* 4 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n")
        elif command.startswith("UID SEARCH UID "):
            asked = command.rpartition(" ")[2].partition(":")
            told(f"* SEARCH {' '.join(str(uid) for uid in mails if asked[1] or str(uid) == asked[0])}\r\n".encode())
        elif command.startswith("UID STORE"):
            self.server.seen += command.split()[2].split(",")
        elif command.startswith("UID FETCH"):
            uids = [int(uid) for uid in command.split()[2].split(",")]
            if "BODY.PEEK" in command:
                return self.server.bodies(self, uids)
            for uid in uids:
                about = f'RFC822.SIZE {len(mails[uid])} INTERNALDATE "21-Jul-2026 10:00:00 +0000"'
                told(f"* {uid} FETCH (UID {uid} {about})\r\n".encode())
        return "OK done"

    def body(self, uid):
        raw = self.server.mails[uid]
        self.wfile.write(b"* %d FETCH (UID %d BODY[] {%d}\r\n%b)\r\n" % (uid, uid, len(raw), raw))


class Kept(Shelf):
    """What was kept, by its number."""

    def __init__(self):
        super().__init__(lambda: 0)
        self.raw = {}

    def together(self, items):
        super().together(items)
        self.raw |= {item.identity.partition("@")[0].lstrip("<"): item.raw for item in items}


def collected(mails, bodies, **how):
    with serving(Server(mails, bodies)) as server:
        settings = MailSettings(
            "smtp+plain://127.0.0.1:1",
            f"imap+plain://127.0.0.1:{server.server_address[1]}",
            "cpsd@bridge.example",
            Keys((b"a key of sixteen bytes",)),
            username="u",
            password="p",
            allow_plaintext=True,
            timeout=30.0,
            **how,
        )
        kept, positions = Kept(), Positions()
        MailboxCollector(settings, None, positions=positions).collect(kept)
        (position,) = positions.known.values()
        return kept, position, server.seen


def given(conversation, uids):
    for uid in uids:
        conversation.body(uid)
    return "OK done"


def broken_off(words, some):
    """Of several mails that are asked for at once some come before the refusal."""

    def bodies(conversation, uids):
        if len(uids) == 1:
            return given(conversation, uids)
        given(conversation, some(uids))
        return words

    return bodies


@pytest.mark.parametrize("words", ["NO [UNAVAILABLE] some could not be fetched", "BAD too much at once"])
@pytest.mark.parametrize(
    "some",
    [lambda uids: uids[1:], lambda uids: uids[:1], lambda uids: uids[::-1], lambda uids: uids[2:]],
    ids=["but the first", "the first", "all, the last first", "the last two"],
)
def test_what_came_before_a_refusal_is_taken_for_no_other_mail(words, some):
    kept, position, seen = collected(MAILS, broken_off(words, some))
    assert kept.raw == {str(uid): raw for uid, raw in MAILS.items()}
    assert (position.highest, position.missed, seen) == (4, frozenset(), ["1", "2", "3", "4"])


def test_a_large_mail_gets_its_own_beginning_after_a_refusal():
    mails = {1: mail(1, 500_000), 2: mail(2), 3: mail(3)}
    kept, _, _ = collected(mails, broken_off("NO [SERVERBUG]", lambda uids: uids), largest_mail=400_000)
    assert sorted(kept.raw) == ["1", "2", "3"]
    assert mails[1] in kept.raw["1"]


def test_answers_in_any_order_with_others_in_between_and_words_like_answers_in_mails():
    def bodies(conversation, uids):
        for uid in reversed(uids):
            raw = conversation.server.mails[uid]
            conversation.wfile.write(
                b"* %d FETCH (FLAGS (\\Seen))\r\n* %d FETCH (FLAGS () BODY[] {%d}\r\n%b UID %d)\r\n* 4 EXISTS\r\n"
                % (uid, uid, len(raw), raw, uid)
            )
        return "OK done"

    mails = {uid: mail(uid) + b"UID 3 BODY[] {5}\r\n* 1 FETCH (UID 2 BODY[] {3}\r\n" for uid in MAILS}
    kept, _, _ = collected(mails, bodies)
    assert kept.raw == {str(uid): raw for uid, raw in mails.items()}


@pytest.mark.parametrize("instead", [b"* 2 FETCH (UID 2 BODY[] NIL)\r\n", b""])
def test_a_mail_that_is_there_and_is_not_given_is_asked_for_again(instead):
    def bodies(conversation, uids):
        given(conversation, [uid for uid in uids if uid != 2])
        if 2 in uids:
            conversation.wfile.write(instead)
        return "OK done"

    kept, position, seen = collected(MAILS, bodies)
    assert sorted(kept.raw) == ["1", "3", "4"]
    assert (position.missed, seen) == (frozenset({2}), ["1", "3", "4"])


def test_a_mail_that_is_gone_meanwhile_is_waited_for_no_longer():
    def bodies(conversation, uids):
        conversation.server.mails.pop(2, None)
        return given(conversation, [uid for uid in uids if uid != 2])

    kept, position, _ = collected(MAILS, bodies)
    assert sorted(kept.raw) == ["1", "3", "4"]
    assert (position.highest, position.missed) == (4, frozenset())
