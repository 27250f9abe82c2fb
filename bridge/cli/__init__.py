"""The command line: `cpsd-bridge`. Commands only; what they do lives in the layers below."""

from bridge.cli.program import main, program

__all__ = ["main", "program"]
