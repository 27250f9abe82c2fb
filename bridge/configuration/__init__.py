"""From the configuration's files to checked, frozen values: all of it, or an error that lists everything wrong."""

from bridge.configuration.loader import load
from bridge.configuration.problems import InvalidConfigurationError, Problem

__all__ = ["InvalidConfigurationError", "Problem", "load"]
