"""The whole gate: style, types, import contracts and tests. ``python -m tests [PYTEST-ARG…]``.

``python -m tests --quick`` leaves pytest out: what a commit should wait for. Every check runs
even when an earlier one failed; pytest runs last, so that its closing line is the last line of a
good run. Exit status 0 when all passed, 1 otherwise.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kernel.boots import VERSIONS, why_not

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent

CHECKS: tuple[tuple[str, ...], ...] = (
    (sys.executable, "-m", "ruff", "check", "--quiet", "."),
    (sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."),
    (sys.executable, "-m", "mypy", "--no-error-summary"),
    (str(SCRIPTS / "lint-imports"), "--no-logo"),
)


def run(command: tuple[str, ...]) -> bool:
    """Run one check in the project's root, its output passed through; True when it passed."""
    print("$", Path(command[0]).name, *command[1:], flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def ask_kernel() -> bool:
    """Boot one of the kernels that are here for a short scenario; says so where there is none."""
    reasons = {version: why_not(version) for version in VERSIONS}
    here = [version for version, reason in reasons.items() if reason is None]
    if not here:
        print(f"no real kernel is asked: {reasons[VERSIONS[0]]}", flush=True)
        return True
    chosen = ("tests/kernel/test_kernel.py", "-m", "kernel", "-k", f"life and {here[0]}")
    return run((sys.executable, "-m", "pytest", "-q", *chosen))


def main(pytest_arguments: list[str]) -> int:
    """Run the checks, then pytest on two processes (with these arguments, if any)."""
    failed = [" ".join(check[1:]) for check in CHECKS if not run(check)]
    passed = True
    if pytest_arguments != ["--quick"]:
        arguments = pytest_arguments or ["-q", "-n", "2"]
        passed = bool(pytest_arguments) or ask_kernel()
        passed &= run((sys.executable, "-m", "pytest", *arguments))
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
