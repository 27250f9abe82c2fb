"""All threads of the service allocate from two arenas."""

import subprocess
import sys

import pytest

_THREADS = """
import ctypes, sys, threading
from bridge.cli.memory import share_arenas

libc = ctypes.CDLL(None)
assert len(sys.argv) == 1 or share_arenas()
ready, go = threading.Barrier(9), threading.Event()

def work():
    kept = [bytes(600) for _ in range(2000)]
    ready.wait(60)
    go.wait(60)

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
ready.wait(60)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
go.set()
"""


@pytest.mark.parametrize("arguments, few", [(["shared"], True), ([], False)])
def test_threads_share_two_arenas(arguments, few):
    command = [sys.executable, "-c", _THREADS, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert (told.count("<heap nr=") <= 2) == few
