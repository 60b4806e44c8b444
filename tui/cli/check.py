"""Run scenarios and check what they expect: exit 0 when all holds, 1 when not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.run import ScenarioRun, run_scenario
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sizes import counted
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle, say_error
from pfnmap.tui.cli.named_files import output_file, scenario_file
from pfnmap.tui.text.ascii import plain


def run(arguments: Arguments) -> int:
    """Check every scenario, those after a wrong one too; the worst status counts."""
    names = [*arguments.files, *(shipped_scenarios() if arguments.all else ())]
    if not names:
        raise UsageError("nothing to check; give a FILE, or --all")
    if arguments.kernel is not None:
        refuse_idle(arguments, "is not for --kernel", "--junit", "--all")
        guests = import_module("pfnmap.tui.cli.guests")  # QEMU's side is for few
        return int(guests.check(names, arguments.kernel, arguments.modules))
    refuse_idle(arguments, "goes with --kernel", "--modules")
    report = None if arguments.junit is None else _report_file(arguments.junit, names)
    runs: list[ScenarioRun] = []
    wrong: list[tuple[str, PfnmapError]] = []
    for name in names:
        try:
            runs.append(run_scenario(load_scenario(scenario_file(name))))
        except PfnmapError as error:
            say_error(error)
            wrong.append((name, error))
    failures = [failure for done in runs for failure in done.failures]
    emit(printable(line) for failure in failures for line in (str(failure), *failure.diff))
    expectations = sum(len(done.claims) for done in runs)
    # One of several fields may fail in each expectation.
    failed = sum(len({failure.line for failure in done.failures}) for done in runs)
    done = (counted(len(runs), "scenario"), counted(expectations, "expectation"))
    emit([f"{', '.join(done)}, {failed} failed"])
    if report is not None:
        write_whole(report, junit_report(runs, wrong).encode("utf-8"))
    return 2 if wrong else 1 if failures else 0


def _report_file(name: str, scenarios: Sequence[str]) -> Path:
    """Where the report goes; InputError, before anything is run, where that is a scenario."""
    inputs = []
    for scenario in scenarios:
        with suppress(PfnmapError):  # it is said when its turn comes
            inputs.append((scenario_file(scenario), "a scenario"))
    return output_file("--junit", name, inputs)


def junit_report(runs: Iterable[ScenarioRun], wrong: Iterable[tuple[str, PfnmapError]] = ()) -> str:
    """The report as XML text. Without times: the same scenarios give the same bytes.

    ``wrong``: name of each scenario that could not be run, and why.
    """
    suites = ElementTree.Element("testsuites", name="pfnmap")
    for run in runs:
        _suite(suites, run)
    for name, error in wrong:
        _not_run(suites, plain(name), plain(str(error)))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _not_run(suites: ElementTree.Element, name: str, why: str) -> None:
    """Add a scenario that is no scenario, so that a build server does not miss it."""
    suite = ElementTree.SubElement(suites, "testsuite", name=name, tests="1", errors="1")
    case = ElementTree.SubElement(suite, "testcase", classname=name, name="can be run")
    ElementTree.SubElement(case, "error", message=why)


def _suite(suites: ElementTree.Element, run: ScenarioRun) -> None:
    """Add one scenario."""
    source = plain(run.scenario.source)
    failed: dict[int, list[str]] = {}
    for failure in run.failures:
        lines = map(plain, (str(failure), *failure.diff))
        failed.setdefault(failure.line, []).extend(lines)
    suite = ElementTree.SubElement(
        suites, "testsuite", name=source, tests=str(len(run.claims)), failures=str(len(failed))
    )
    for number, claim in run.claims:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=source,
            name=f"line {number}: {plain(format_command(claim))}",
        )
        if messages := failed.get(number):
            element = ElementTree.SubElement(case, "failure", message=messages[0])
            element.text = "\n".join(messages)
