"""Configuration folders that tests may spoil."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copytree

from bridge.configuration import InvalidConfigurationError, Problem, load

SHIPPED = Path(__file__).parents[3] / "config"
ENVIRON: Mapping[str, str] = {
    "SN_URL": "https://example.service-now.com",
    "SN_CLIENT_ID": "an-identifier",
    "SN_CLIENT_SECRET": "Zk41vQ-sn-secret",
    "MAIL_PASSWORD": "Pw93xT-mail-secret",
    "BRIDGE_SIGNING_KEY": "Kf58mR-signing-secret-0123456789abcdef",
}
SECRETS = tuple(ENVIRON[name] for name in ("SN_CLIENT_SECRET", "MAIL_PASSWORD", "BRIDGE_SIGNING_KEY"))


def shipped_copy(folder: Path) -> Path:
    """A copy of the shipped configuration."""
    return copytree(SHIPPED, folder / "config")


def spoil(path: Path, old: str, new: str) -> int:
    """Replace a piece of a file that is there once; gives the line it starts in."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def problems_of(folder: Path, environ: Mapping[str, str] = ENVIRON) -> tuple[Problem, ...]:
    """What is wrong with a folder; nothing if it loads."""
    try:
        load(folder, environ)
    except InvalidConfigurationError as error:
        return error.problems
    return ()
