"""``python -m tests.mutation [MODULE…]``: how many wrong programs the tests tell apart.

mutmut makes each function wrong in every small way it knows (another operator, number, word or
argument) and runs the tests that reach it; a mutant that no test fails on has survived. The
modules and tests are those of ``[tool.mutmut]`` in ``pyproject.toml``; what survives is judged
in ``survivors.txt``. Nothing here writes into the checkout: mutmut works on a copy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("engine", "themes", "tui")
COPIED = (*PACKAGES, "tests", "pyproject.toml", "README.md")
KILLED = ("killed", "timeout", "segfault", "suspicious")
"""What counts as noticed: a failing test, or a program that hangs or dies."""

DIGITS = "3816429750"
"""A sample is the mutants whose number in their function ends in one of the first of these."""


def main(arguments: list[str] | None = None) -> int:
    """Run mutmut on a copy and print the table; 0 where every module has its score."""
    options = _options(arguments)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    if not os.path.exists(mutmut):
        print("mutmut is missing: pip install -e '.[test,mutation]'", file=sys.stderr)
        return 2
    work = Path(options.dir or tempfile.mkdtemp(prefix="pfnmap-mutation-"))
    modules = _chosen(options.modules)
    names = patterns(modules, options)
    if options.again:
        earlier = statuses(_results(mutmut, work), modules)
        names = [name for of in earlier.values() for name, s in of.items() if s != "killed"]
    _copy(work)
    if names:
        command = [mutmut, "run", "--max-children", str(options.processes), *names]
        output = None if options.verbose else subprocess.DEVNULL
        subprocess.run(command, cwd=work, check=True, stdout=output)
    found = statuses(_results(mutmut, work), modules)
    print(table(found))
    survivors = [name for of in found.values() for name, s in of.items() if s not in KILLED]
    if survivors:
        print(f"\nin {work}: mutmut show NAME", *survivors, sep="\n    ")
    return 0 if all(score(of.values()) >= options.least for of in found.values()) else 1


def _results(mutmut: str, work: Path) -> str:
    """What mutmut has found in ``work`` so far."""
    command = [mutmut, "results", "--all", "true"]
    return subprocess.run(command, cwd=work, check=True, capture_output=True, text=True).stdout


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as engine/memory/spans.py; default: all")
    parser.add_argument("--sample", type=int, default=100, help="percent of the mutants, in tens")
    parser.add_argument("--least", type=float, default=85.0, help="percent that must be killed")
    parser.add_argument("--dir", help="where to work; one that exists is continued")
    parser.add_argument("--again", action="store_true", help="only those not killed in --dir")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--verbose", action="store_true", help="show what mutmut says")
    return parser.parse_args(arguments)


def _copy(work: Path) -> None:
    """The sources as they are now; results of an earlier run in ``work`` stay."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        source = ROOT / name
        target = work / "pfnmap" / name if name in PACKAGES else work / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            continue
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=ignored)


def _chosen(words: list[str]) -> list[str]:
    """Dotted names of the modules that the words mean; all that are configured without words."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    globs = [glob.removeprefix("pfnmap/") for glob in settings["only_mutate"]]
    paths = sorted(path for glob in globs for path in ROOT.glob(glob))
    names = {path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"}
    if unknown := [word for word in words if word not in names]:
        raise SystemExit(f"{unknown[0]}: mutated are {', '.join(sorted(names))}")
    chosen = words or sorted(names)
    return ["pfnmap." + name.removesuffix(".py").replace("/", ".") for name in chosen]


def patterns(modules: Iterable[str], options: argparse.Namespace) -> list[str]:
    """What mutmut is to run: the mutants of these modules, or the sample of them."""
    digits = DIGITS[: max(1, round(options.sample / 10))]
    return [f"{module}.*__mutmut_*[{digits}]" for module in modules]


def statuses(told: str, modules: Iterable[str]) -> dict[str, dict[str, str]]:
    """Status by mutant by module, from the lines of ``mutmut results``; unchecked ones not."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in told.splitlines():
        name, _, status = line.strip().rpartition(": ")
        module = name.rpartition(".")[0]
        if module in modules and status != "not checked":
            found[module][name] = status
    return dict(found)


def score(found: Iterable[str]) -> float:
    """Percent of the mutants that were noticed, by their statuses."""
    counts = Counter(status in KILLED for status in found)
    return 100 * counts[True] / max(1, counts.total())


def table(found: dict[str, dict[str, str]]) -> str:
    """One line a module, and one for all."""
    lines = [f"{'module':<36} {'mutants':>8} {'killed':>8} {'survived':>8} {'score':>7}"]
    rows = {name: list(of.values()) for name, of in sorted(found.items())}
    rows["all"] = [status for of in rows.values() for status in of]
    for name, row in rows.items():
        killed = sum(status in KILLED for status in row)
        numbers = f"{len(row):>8} {killed:>8} {len(row) - killed:>8} {score(row):>6.1f}%"
        lines.append(f"{name:<36} {numbers}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
