"""No two modules of the folder know each other, not even by an import inside a function."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pfnmap.engine.sysroot

FOLDER = Path(pfnmap.engine.sysroot.__file__).parent
NAME = "pfnmap.engine.sysroot."


def imported(module: Path) -> set[str]:
    """The modules of the folder that a module names in any import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
            found.add(str(node.module).removeprefix(NAME))
        elif isinstance(node, ast.Import):
            found |= {n.name.removeprefix(NAME) for n in node.names if n.name.startswith(NAME)}
    return found


def test_imports_have_one_direction() -> None:
    graph = {module.stem: imported(module) for module in FOLDER.glob("*.py")}
    assert graph["view"] >= {"reading", "what_if"}
    order = list(TopologicalSorter(graph).static_order())  # a cycle is an error here
    assert order.index("what_if") < order.index("view") < order.index("history")
