"""Serves a Roundup tracker on loopback: `python -m tests.servers.roundup_wsgi HOME PORT`.

Roundup's own server refuses to be root, and a user that it would become may not be able to read the interpreter.
"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher

from tests.servers.processes import LOOPBACK


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """Serves each request in a thread of its own, so that none waits for one that a test holds open."""

    daemon_threads = True


def main(home: str, port: str) -> None:
    """Serve until the process is ended."""
    with make_server(LOOPBACK, int(port), RequestDispatcher(home), ThreadingServer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
