"""Run one scenario under other rules or parameters and print what differs.

Each --with is a variant: KEY=VALUE pairs such as 'profile=4.19', 'memmap=device',
'shrink=rfc2' or 'memmap_on_memory=Y block=1G'. A single variant is compared with the
scenario as it is written.
"""

from __future__ import annotations

import argparse

from pfnmap.engine.compare import Comparison, compare
from pfnmap.engine.scenarios.scenario import Scenario, load_scenario
from pfnmap.engine.sources import scenario_session
from pfnmap.tui.cli.files import scenario_file
from pfnmap.tui.cli.options import TERMINAL_OPTIONS, text_width
from pfnmap.tui.cli.parser import emit, refuse_idle
from pfnmap.tui.cli.starting import Start, prepared
from pfnmap.tui.documents.reports import CompareData, VariantData, VariantStepData
from pfnmap.tui.documents.view import as_json, view_data
from pfnmap.tui.figure.text import MAIL_WIDTH
from pfnmap.tui.figure.variants import Variants, compare_lines
from pfnmap.tui.keys.effects import Compare, Open


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison, or show it on the screen where there is one."""
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
    emit(compare_lines(comparison, text_width(arguments)))
    return 0


def _on_screen(start: Start, scenario: Scenario, comparison: Comparison) -> int:
    """The comparison over the scenario's own session, which is left when it is closed."""
    from pfnmap.tui.cli.screen import show  # there is one: Textual may be imported

    return show(
        start,
        scenario_session(scenario),
        scenario.title,
        opening=lambda app: app.main.perform(Open(Compare(comparison))),
    )


def _json(comparison: Comparison) -> str:
    """Every variant's results and machine at the end, and all counters beside each other."""
    drawn = Variants(comparison, MAIL_WIDTH)
    variants = [
        VariantData(
            run.name,
            [VariantStepData(step.number, step.line, step.result) for step in run.steps],
            price,
            view_data(run.machine.view()),
        )
        for run, price in zip(comparison.runs, drawn.clauses, strict=True)
    ]
    counters = {row.name: row.values for row in comparison.counters}
    parts_at = next((step.number for step in drawn.steps(drawn.numbers) if step.parts), None)
    return as_json(CompareData("pfnmap-compare-1", variants, parts_at, counters))
