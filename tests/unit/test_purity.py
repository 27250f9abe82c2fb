"""What no import contract can see: a clock, a dice or a file reached through a module that the core may import."""

import ast
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parents[2] / "bridge"
PURE = ("domain", "mapping")

#: Names, by the last two names of the dotted path or by the bare name, of what depends on when or where it is used.
FORBIDDEN_NAMES = {
    "datetime.now": "a clock",
    "datetime.today": "a clock",
    "datetime.utcnow": "a clock",
    "date.today": "a clock",
    "uuid.uuid1": "randomness",
    "uuid.uuid4": "randomness",
    "uuid1": "randomness",
    "uuid4": "randomness",
    "open": "a file",
    "print": "an output",
    "input": "an input",
    "breakpoint": "an input",
    "jinja2.FileSystemLoader": "a file",
    "FileSystemLoader": "a file",
    "__import__": "an import that no contract sees",
    "importlib.import_module": "an import that no contract sees",
}
#: Modules whose every use is one; the import contracts hold most of them too.
FORBIDDEN_MODULES = {
    "os": "the system",
    "random": "randomness",
    "secrets": "randomness",
    "socket": "the network",
    "time": "a clock",
    "urllib.request": "the network",
}


def dotted(node):
    """The name of an expression like `a.b.c`, or of its last attributes when it starts with something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return ""


def uses(tree):
    # A clock may also be handed on without being called (default_factory=datetime.now), so names count, not calls.
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = ".".join(dotted(node).split(".")[-2:])
            if name in FORBIDDEN_NAMES:
                yield node.lineno, name, FORBIDDEN_NAMES[name]


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name in FORBIDDEN_MODULES:
                yield node.lineno, name, FORBIDDEN_MODULES[name]


def impurities(source):
    tree = ast.parse(source)
    return sorted({*uses(tree), *imports(tree)})


def pure_modules():
    return sorted(path for name in PURE for path in (BRIDGE / name).rglob("*.py"))


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: str(path.relative_to(BRIDGE)))
def test_a_module_of_the_core_reads_no_clock_makes_no_randomness_and_opens_nothing(path):
    assert impurities(path.read_text()) == []


def test_every_pure_package_is_looked_at():
    assert {path.relative_to(BRIDGE).parts[0] for path in pure_modules()} == set(PURE)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "import datetime as d\nx = d.datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "from dataclasses import field\nfrom datetime import datetime\nx = field(default_factory=datetime.now)",
        "import time\nx = time.monotonic()",
        "from time import time",
        "import random",
        "from uuid import uuid4\nx = uuid4()",
        "import uuid\nx = uuid.uuid4()",
        "import uuid\nx = [uuid.uuid1 for _ in range(2)]",
        "with open('file') as f: pass",
        "from urllib import request",
        "import urllib.request",
        "print('hello')",
    ],
)
def test_what_is_forbidden_is_found(source):
    assert impurities(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'case')",
        "from datetime import UTC, datetime\nx = datetime(2026, 4, 1, tzinfo=UTC)",
        "from urllib.parse import quote",
        "def decide(now):\n    return now",
        "class Hours:\n    open: dict",
        "def opened(engagement):\n    return engagement.open()",
    ],
)
def test_what_is_pure_is_left_alone(source):
    assert impurities(source) == []
