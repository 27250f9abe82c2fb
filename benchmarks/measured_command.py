"""Runs a command and prints, as JSON, what it printed, how long it took, and the most memory it ever had.

A process of its own, because the kernel tells the peak of all children together.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def main() -> None:
    """Run what the arguments say; ends with its exit code."""
    started = time.perf_counter()
    ended = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1_000_000
    print(json.dumps({"output": ended.stdout, "seconds": seconds, "memory": memory}))
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
