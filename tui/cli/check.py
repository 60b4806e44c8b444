"""Run scenarios and check what they expect: exit 0 when all holds, 1 when not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.words import counted
from pfnmap.tui.cli.outputs import output_file
from pfnmap.tui.cli.parser import UsageError, emit, printable, say_error
from pfnmap.tui.cli.scenario_files import scenario_file

if TYPE_CHECKING:
    from pfnmap.engine.scenarios.run import ScenarioRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scenarios, and where else to report."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="a scenario, or the name of a shipped one"
    )
    parser.add_argument("--all", action="store_true", help="check every shipped scenario")
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help="also write a JUnit report, which replaces a file that is there",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check every scenario, those after a wrong one too; the worst status counts."""
    from pfnmap.engine.sources import shipped_scenarios

    names = [*arguments.files, *(shipped_scenarios() if arguments.all else ())]
    if not names:
        raise UsageError("nothing to check; give a FILE, or --all")
    report = None if arguments.junit is None else _report_file(arguments.junit, names)
    runs: list[ScenarioRun] = []
    wrong: list[tuple[str, PfnmapError]] = []
    for name in names:
        try:
            runs.append(_checked(scenario_file(name)))
        except PfnmapError as error:
            say_error(error)
            wrong.append((name, error))
    failures = [failure for done in runs for failure in done.failures]
    emit(printable(line) for failure in failures for line in (str(failure), *failure.diff))
    expectations = sum(len(done.claims) for done in runs)
    done = (counted(len(runs), "scenario"), counted(expectations, "expectation"))
    emit([f"{', '.join(done)}, {sum(map(_nr_failed, runs))} failed"])
    if report is not None:
        from pfnmap.engine.whole_file import write_whole
        from pfnmap.tui.cli.junit import junit_report

        write_whole(report, junit_report(runs, wrong).encode("utf-8"))
    return 2 if wrong else 1 if failures else 0


def _nr_failed(run: ScenarioRun) -> int:
    """How many expectations do not hold; one of several fields may fail in each of them."""
    return len({failure.line for failure in run.failures})


def _report_file(name: str, scenarios: Sequence[str]) -> Path:
    """Where the report goes; InputError, before anything is run, where that is a scenario."""
    inputs = []
    for scenario in scenarios:
        with suppress(PfnmapError):  # it is said when its turn comes
            inputs.append((scenario_file(scenario), "a scenario"))
    return output_file("--junit", name, inputs)


def _checked(file: Path) -> ScenarioRun:
    """One scenario, run."""
    from pfnmap.engine.scenarios.run import run_scenario
    from pfnmap.engine.scenarios.scenario import load_scenario

    return run_scenario(load_scenario(file))
