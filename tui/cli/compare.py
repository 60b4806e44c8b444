"""Run one machine under other rules or parameters and print what differs.

Each --with is a variant: KEY=VALUE pairs such as 'profile=4.19', 'memmap=device',
'shrink=rfc2' or 'memmap_on_memory=Y block=1G'. A single variant is compared with the
scenario as it is written. A real machine (a directory such as /, a capture, --root DIR) is
compared by what was hot-added to it: under each variant that is added and brought online again.
--with kernel=K is a real kernel in a virtual machine. Two recordings are compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from pfnmap.engine.compare import (
    Comparison,
    compare,
    compare_machine,
)
from pfnmap.engine.machine import Machine
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.sizes import counted
from pfnmap.engine.sources import named_file, open_source, says_recording, scenario_session
from pfnmap.engine.traces.parting import course_of_trace, parting
from pfnmap.engine.traces.trace import load_trace
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle
from pfnmap.tui.cli.named_files import scenario_file
from pfnmap.tui.cli.opening import is_root, refuse_root_options
from pfnmap.tui.cli.options import TERMINAL_OPTIONS, text_width
from pfnmap.tui.cli.root import opened_root
from pfnmap.tui.cli.starting import Start, prepared
from pfnmap.tui.documents.reports import CompareData, VariantData, VariantStepData
from pfnmap.tui.documents.view import as_json, view_data_1
from pfnmap.tui.figure.text import MAIL_WIDTH
from pfnmap.tui.figure.variants import Variants, compare_lines
from pfnmap.tui.keys.effects import Compare, Open

KERNEL: Final = "kernel="
"""What a variant that is a kernel begins with."""
_NOT_FOR_RECORDINGS: Final = ("--modules", "--json", "--tui", "--width", "--root")


def run(arguments: Arguments) -> int:
    """Print the comparison, or show it on the screen where there is one."""
    if arguments.other is not None:
        refuse_idle(arguments, "is not for two recordings", *_NOT_FOR_RECORDINGS)
        if arguments.variants:
            raise UsageError("--with is not for two recordings")
        return _recordings(arguments.source, arguments.other)
    if not arguments.variants:
        raise UsageError("nothing to compare with; give --with KEY=VALUE, or two recordings")
    if arguments.tui or arguments.json:
        refuse_idle(arguments, "is for text, not for --json or --tui", "--width")
    if not arguments.tui:
        refuse_idle(arguments, "goes with --tui", *TERMINAL_OPTIONS)
    comparison, session = compared(arguments)
    if arguments.json:
        emit([_json(comparison)])
        return 0
    if arguments.tui:
        start = prepared(arguments)
        if start.on_screen:
            return _on_screen(start, session(), comparison)
    emit(compare_lines(comparison, text_width(arguments)))
    return 0


def _recordings(*names: str) -> int:
    """Say where two recordings part; 1 where they do."""
    one, two = (course_of_trace(load_trace(named_file(name)), printable(name)) for name in names)
    found = parting(one, two)
    if found is None:
        emit([f"{one.name} and {two.name}: {counted(len(one.moments), 'step')}, the same in all"])
        return 0
    emit(map(printable, found.lines))
    return 1


def compared(arguments: Arguments) -> tuple[Comparison, Callable[[], Session]]:
    """The comparison that SOURCE and --with name, and what gives the session it is about."""
    variants = arguments.variants
    if any(each.startswith(KERNEL) for each in variants):
        refuse_root_options(arguments)
        if arguments.source is None:
            raise UsageError("name a scenario for the kernels to go through")
        scenario = load_scenario(scenario_file(arguments.source))
        guests = import_module("pfnmap.tui.cli.guests")  # QEMU's side is for few
        comparison = guests.compared(scenario, variants, arguments.modules)
        return comparison, lambda: scenario_session(scenario)
    refuse_idle(arguments, "goes with --with kernel=K", "--modules")
    if is_root(arguments):
        view = opened_root(arguments).view
        comparison = compare_machine(view.state, (), variants, view.title, view.assumptions)
        return comparison, lambda: Session(Machine(view.state), f"what if: {view.title}")
    refuse_root_options(arguments)
    if arguments.source is None:
        raise UsageError("name a FILE to compare, or --root DIR")
    file = named_file(arguments.source)
    if file.is_file() and says_recording(file):
        session = open_source(arguments.source)
        commands = [outcome.command for outcome in session.outcomes]
        comparison = compare_machine(session.start, commands, variants, session.title)
        return comparison, lambda: session
    scenario = load_scenario(scenario_file(arguments.source))
    return compare(scenario, variants), lambda: scenario_session(scenario)


def _on_screen(start: Start, session: Session, comparison: Comparison) -> int:
    """The comparison over the session that it is about, which is left when it is closed."""
    from pfnmap.tui.cli.screen import show  # there is one: Textual may be imported

    return show(
        start,
        session,
        comparison.title,
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
            view_data_1(run.machine.view()),
        )
        for run, price in zip(comparison.runs, drawn.clauses, strict=True)
    ]
    counters = {row.name: row.values for row in comparison.counters}
    told = (variants, drawn.parts_at, counters, comparison.assumed, comparison.parted)
    return as_json(CompareData("pfnmap-compare-1", *told))
