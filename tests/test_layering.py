"""The house has floors, and imports point down only; see `FLOORS` for which room is where."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import MappingProxyType

import pytest

import scissorsd

HOUSE = Path(scissorsd.__file__).parent

# From the cellar up. A room is a module or, as a whole, a package. A room imports from the floors
# below its own, and from nothing beside it.
FLOORS = (
    {"errors"},
    {"core", "failpoints", "plain_text", "rate_limit", "streams"},
    {"terminal"},
    {"atomic", "logs", "machine", "settings"},
    {"folders", "inference", "pictures"},
    {"config"},
    {"api", "records"},
    {"daemon", "service"},
    {"hosts"},
    {"commands", "cli_options"},
    {"page"},
    {
        *("cli_errors", "cli_hub", "cli_models", "cli_page", "cli_reviews", "cli_second_thoughts"),
        *("cli_service", "cli_upkeep", "cli_worker"),
    },
    {"", "cli"},  # "" is the package itself: `from scissorsd import …`
    {"__main__"},
)

# A library that is met in one place can be replaced there.
HOMES = MappingProxyType(
    {
        "sqlite3": {
            *("records.journal", "records.journal_file", "records.journal_rows"),
            *("records.known_paths", "records.names", "records.stamps", "records.recuts"),
            *("records.adoptions", "records.backups", "records.copies", "records.migrations"),
            *("records.moving", "records.pictures_view"),
        },
        "watchdog": {"folders.native_watch"},
        "yaml": {"config", "hosts.joining.join"},
        "pydantic": {"config"},
        "onnxruntime": {"inference.onnx_runtime"},
        "openvino": {"inference.openvino", "inference.openvino_int8"},
        "click": {
            *("cli", "cli_hub", "cli_models", "cli_options", "cli_page", "cli_reviews"),
            *("cli_second_thoughts", "cli_service", "cli_upkeep", "cli_worker", "commands"),
        },
        "starlette": {"page"},
        "uvicorn": {"page"},
        "h11": {"page.gates.connections"},
        "sse_starlette": {"page"},
        "prometheus_client": {"page.metrics"},
        "python_multipart": {"page.foreign.bodies"},
        "cryptography": {"hosts.joining.certificates"},
        "isal": {"pictures.png", "pictures.tiff"},
        "rich": {
            *("commands.console", "commands.models", "commands.status_table"),
        },
        "celery": {"hosts"},
        "kombu": {"hosts"},
        "amqp": {"hosts"},
        "msgpack": {"hosts.messages.packing"},
        "PIL": {"core", "config", "pictures", "api", "commands.lettering", "commands.sheet"},
    }
)

IMPURE = {
    *("os", "time", "threading", "logging", "yaml", "onnxruntime", "watchdog"),
    *("io.open", "pathlib.Path", "shutil", "socket", "sqlite3", "structlog", "subprocess"),
    *("tempfile", "random", "asyncio", "concurrent", "multiprocessing", "queue"),
}

VERSION = "scissorsd.__version__"  # a word, not a room


@dataclass(frozen=True)
class Import:
    """That one module imports another; modules have dotted names."""

    by: str
    of: str
    line: int
    always: bool  # as soon as the module itself is imported


def modules() -> dict[str, Path]:
    """Return every module of ours, by its dotted name."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports_of(name: str) -> Iterator[Import]:
    """Yield every import that stands in a module, in functions and for type checking too."""
    yield from _imports_below(name, ast.parse(MODULES[name].read_bytes()), always=True)


def _imports_below(name: str, tree: ast.AST, *, always: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno, always)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: imports are written in full"
            for alias in node.names:
                yield Import(name, f"{node.module}.{alias.name}", node.lineno, always)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            )
            yield from _imports_below(name, node, always=always and not later)


@cache
def imports() -> list[Import]:
    """Return every import of ours."""
    return [found for name in MODULES for found in imports_of(name)]


def module_of(dotted: str) -> str | None:
    """Return the module of ours that an import names, or whose word it names; none for others'."""
    while dotted not in MODULES:
        dotted, _, _ = dotted.rpartition(".")
        if not dotted:
            return None
    return dotted


def room_of(module: str) -> str:
    """Return the room in which a module lies."""
    return module.removeprefix("scissorsd").removeprefix(".").partition(".")[0]


def ours() -> Iterator[tuple[Import, str, str]]:
    """Yield each import of ours from another room, with the two rooms: who imports, and what."""
    for found in imports():
        module = module_of(found.of)
        if module is not None and found.of != VERSION:
            by, of = room_of(found.by), room_of(module)
            if by != of:
                yield found, by, of


def floor(room: str) -> int:
    """Return the number of a room's floor."""
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor() -> None:
    """A new room is given its floor in this test, and one that is pulled down leaves it."""
    assert {room_of(module) for module in MODULES} == set().union(*FLOORS)


def test_imports_point_down() -> None:
    """No room imports from a floor above its own, nor from beside it."""
    wrong = [
        f"{found.by}:{found.line}: {by} imports {of}"
        for found, by, of in ours()
        if floor(of) >= floor(by)
    ]
    assert wrong == []


def test_no_circles() -> None:
    """No module needs, to be imported, one that needs it; within a package neither."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for found in imports():
        module = module_of(found.of)
        if found.always and module is not None and module != found.by and found.of != VERSION:
            graph[found.by].add(module)
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("library", HOMES)
def test_libraries_are_at_home(library: str) -> None:
    """A library is imported only in the rooms that are there to deal with it."""
    users = {found.by for found in imports() if found.of.split(".")[0] == library}
    homes = tuple(f"scissorsd.{home}" for home in HOMES[library])
    assert {
        user for user in users if not f"{user}.".startswith(tuple(f"{h}." for h in homes))
    } == set()


CORE = [module for module in MODULES if room_of(module) == "core"]


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_nothing_impure(module: str) -> None:
    """The core knows no disk, clock, thread, log or network."""
    named = {found.of for found in imports() if found.by == module}
    impure = {of for of in named if of in IMPURE or of.split(".")[0] in IMPURE}
    assert impure == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_opens_and_saves_nothing(module: str) -> None:
    """The core calls neither `open` nor a picture's `open` and `save`."""
    calls = [
        ast.unparse(n.func)
        for n in ast.walk(ast.parse(MODULES[module].read_bytes()))
        if isinstance(n, ast.Call)
    ]
    assert [c for c in calls if c.split(".")[-1] in {"open", "save", "now", "today"}] == []


def test_errors_import_nothing() -> None:
    """The tree of errors stands on nothing at all."""
    assert [found for found in imports() if found.by == "scissorsd.errors"] == []


HEAVY = ("numpy", "PIL", "onnxruntime", "pydantic", "yaml", "watchdog", "structlog", "rich")
ASK_FOR_HELP = """
import sys
sys.argv = ["scissorsd", *{arguments}]
from scissorsd.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("HEAVY:", *(name for name in {heavy} if name in sys.modules))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_is_light(arguments: list[str]) -> None:
    """Asking for help loads none of the heavy libraries."""
    script = ASK_FOR_HELP.format(arguments=arguments, heavy=HEAVY)
    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        cwd=HOUSE.parent,
    )
    assert said.stdout.splitlines()[-1].strip() == "HEAVY:"
