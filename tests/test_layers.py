"""Who may import whom, and what stands where: rules that keep the layers apart."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCREEN = {"textual", "rich"}
EVERYTHING_IN_ENGINE = """
import pkgutil, importlib, pfnmap.engine
for module in pkgutil.walk_packages(pfnmap.engine.__path__, "pfnmap.engine."):
    importlib.import_module(module.name)
"""


def modules_after(code: str) -> set[str]:
    """Packages that a fresh interpreter has loaded after running some code; ours as pfnmap.tui."""
    program = (
        f"import sys\n{code}\n"
        "print(*{name.partition('.')[0] for name in sys.modules},"
        " *{'.'.join(name.split('.')[:2]) for name in sys.modules if name.startswith('pfnmap.')})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split("\n")[-2].split())


def cli(*arguments: str) -> str:
    """Code that runs the command line with its output thrown away."""
    return (
        "import contextlib, io\n"
        "from pfnmap.tui.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    assert main({list(arguments)!r}) == 0"
    )


PRINTERS = (
    ("show", "-c", "add dimm0 256M"),
    ("show", "--json"),
    ("run", "--text", "-c", "add dimm0 256M"),
    ("themes",),
    ("scenarios",),
    ("config",),
)


def test_nothing_but_the_screen_loads_textual() -> None:
    code = "\n".join(cli(*arguments) for arguments in PRINTERS)
    assert (
        not modules_after(f"import pfnmap.themes; pfnmap.themes.load_theme('dark')\n{code}")
        & SCREEN
    )


def test_the_engine_knows_no_other_layer() -> None:
    others = {"pfnmap.tui", "pfnmap.themes", "platformdirs", *SCREEN}
    assert not modules_after(EVERYTHING_IN_ENGINE) & others


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_version_and_help_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not modules_after(cli(*arguments)) & {*SCREEN, "numpy", "platformdirs", "tomllib"}


def test_the_top_level_holds_what_it_is_meant_to() -> None:
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    tracked = {"pyproject.toml", "README.md", "engine", "tui", "themes", "tests"}
    built = {"dist", "build", "__pycache__"}
    assert tracked <= visible
    assert visible - built <= tracked


def test_ci_runs_the_command_of_the_readme() -> None:
    command = next(
        line.strip() for line in (ROOT / "README.md").read_text().splitlines() if "-m tests" in line
    )
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_package_says_that_it_is_typed() -> None:
    for package in ("engine", "themes", "tui"):
        assert (ROOT / package / "py.typed").is_file()


DOORS = {
    "engine/__init__.py": "the library's two names, of which each loads its own part",
    "engine/journal/": "sessions of recordings and real machines read what most never need",
    "engine/language/lines.py": "each grammar, with the first line of its kind",
    "engine/model_view.py": "one table asks whether a block can be offlined",
    "tui/__main__.py": "the command line, behind what must stand before it",
    "tui/cli/": "the dispatch: a subcommand loads what it does, and real machines what reads them",
    "tui/keys/actions.py": "the ':' line, with the first that is typed",
    "tui/pictures/": "the toolkit, where a picture is drawn and not only described",
    "tui/say/told.py": "claims, where there are some",
    "tui/screens/main.py": "dialogs and pictures, with the first of them",
}
"""Where imports stand inside functions, and why; everywhere else they stand at the top."""


def late_imports(file: Path) -> int:
    text = file.read_text()
    if not re.search(r"^[ \t]+(from \S+ )?import ", text, re.MULTILINE):
        return 0
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    inside = [node for node in ast.walk(ast.parse(text)) if isinstance(node, functions)]
    found = [node for function in inside for node in ast.walk(function)]
    return len({node.lineno for node in found if isinstance(node, (ast.Import, ast.ImportFrom))})


def test_imports_wait_at_a_few_doors_only() -> None:
    files = [file for room in ("engine", "themes", "tui") for file in (ROOT / room).rglob("*.py")]
    late = {str(file.relative_to(ROOT)): late_imports(file) for file in files}
    waiting = {name for name, count in late.items() if count}
    assert [name for name in waiting if not name.startswith(tuple(DOORS))] == []
    assert [door for door in DOORS if not any(name.startswith(door) for name in waiting)] == []
    assert sum(late.values()) <= 50
