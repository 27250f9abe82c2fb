"""What a process has used, as Linux tells it."""

from __future__ import annotations

import re
from pathlib import Path


def peak_memory(process: int | str = "self") -> float:
    """The most resident memory that a process ever had (`VmHWM` of proc_pid_status(5)), in MB of a million bytes."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/{process}/status does not tell the peak memory: the benchmark needs Linux")
    return int(found[1]) * 1024 / 1_000_000
