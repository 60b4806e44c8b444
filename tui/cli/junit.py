"""The JUnit report of checked scenarios: a test suite a file, a test case an ``expect`` line."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language import format_command
from pfnmap.engine.scenarios.run import ScenarioRun
from pfnmap.tui.text.ascii import plain


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
