"""Run one scenario under other rules or parameters and print what differs.

Each --with is a variant: KEY=VALUE pairs such as 'profile=4.19', 'memmap=device',
'shrink=rfc2' or 'memmap_on_memory=Y block=1G'. A single variant is compared with the
scenario as it is written.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pfnmap.tui.cli.parser import (
    TERMINAL_OPTIONS,
    add_terminal_options,
    add_width,
    emit,
    refuse_idle,
    text_width,
)
from pfnmap.tui.cli.scenario_files import scenario_file
from pfnmap.tui.cli.starting import Start, prepared, show

if TYPE_CHECKING:
    from pfnmap.engine.compare import Comparison
    from pfnmap.engine.scenarios.scenario import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scenario, the variants, and the form of the output."""
    parser.add_argument("file", metavar="SCENARIO", help="a scenario, or the name of a shipped one")
    parser.add_argument(
        "--with",
        metavar="KEY=VALUE",
        action="append",
        required=True,
        dest="variants",
        help="a variant; give one or more",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print data, format pfnmap-compare-1")
    form.add_argument("--tui", action="store_true", help="show it on the screen")
    add_width(parser)
    add_terminal_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison, or show it on the screen where there is one."""
    from pfnmap.engine.compare import compare
    from pfnmap.engine.scenarios.scenario import load_scenario

    if arguments.tui or arguments.json:
        refuse_idle(arguments, "is for text, not for --json or --tui", "--width")
    if not arguments.tui:
        refuse_idle(arguments, "goes with --tui", *TERMINAL_OPTIONS)
    scenario = load_scenario(scenario_file(arguments.file))
    comparison = compare(scenario, arguments.variants)
    if arguments.json:
        emit([_json(comparison)])
        return 0
    if arguments.tui:
        start = prepared(arguments)
        if start.on_screen:
            return _on_screen(start, scenario, comparison)
    from pfnmap.themes import load_theme
    from pfnmap.tui.text.compare import compare_lines

    glyphs = [look.glyph for look in load_theme("ascii").states]
    emit(compare_lines(comparison, glyphs, width=text_width(arguments)))
    return 0


def _on_screen(start: Start, scenario: Scenario, comparison: Comparison) -> int:
    """The comparison over the scenario's own session, which is left when it is closed."""
    from pfnmap.engine.sources import scenario_session
    from pfnmap.tui.keys.effects import Compare, Open

    return show(
        start,
        scenario_session(scenario),
        scenario.title,
        machine=scenario.start,
        opening=lambda app: app.main.perform(Open(Compare(comparison))),
    )


def _json(comparison: Comparison) -> str:
    """Every variant's results and machine at the end, and all counters beside each other."""
    from pfnmap.tui.documents.reports import CompareData, VariantData, VariantStepData
    from pfnmap.tui.documents.view import as_json, view_data

    variants = [
        VariantData(
            run.name,
            [VariantStepData(step.line, step.result) for step in run.steps],
            view_data(run.machine.view()),
        )
        for run in comparison.runs
    ]
    counters = {row.name: row.values for row in comparison.counters}
    return as_json(CompareData("pfnmap-compare-1", variants, counters))
