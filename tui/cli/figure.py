"""Draw what a scenario does to a machine: spans, present and managed memory, step by step.

Every step stands on one axis, with what it changed, what it came to in a sentence, and at the
end the bill: who holds which struct pages. With --with each step is drawn under several
rules; what is the same is drawn once. A real machine (a directory such as /, a capture,
--root DIR) is drawn as it is, and with --with as 'pfnmap compare' compares it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pfnmap.engine.compare import Comparison
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.notation import parse_refs
from pfnmap.engine.operations.refs import block_ranges
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import Scenario, load_scenario
from pfnmap.engine.session import History
from pfnmap.engine.sources import (
    named_file,
    open_source,
    says_recording,
    scenario_session,
    shipped_scenarios,
)
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.themes import load_theme
from pfnmap.tui.cli.compare import compared
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle
from pfnmap.tui.cli.named_files import output_file, scenario_file, theme_input, write_out
from pfnmap.tui.cli.opening import is_root, refuse_root_options, step_numbers
from pfnmap.tui.cli.options import DEFAULT_THEME, FIGURES, text_width
from pfnmap.tui.cli.root import opened_root
from pfnmap.tui.cli.scenarios import GROUPS
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.line_drawing import Spans
from pfnmap.tui.figure.moments import moments, phases
from pfnmap.tui.figure.text import figure_spans, joined
from pfnmap.tui.figure.variants import Variants
from pfnmap.tui.terminal.waiting import waiting


def run(arguments: Arguments) -> int:
    """Draw it."""
    if arguments.all:
        return _gallery(arguments)
    if arguments.source is None and arguments.root is None:
        raise UsageError("name a FILE to draw, or --all")
    out = arguments.output or ".txt"
    ending = out if out in FIGURES else Path(out).suffix
    if ending not in FIGURES:
        raise UsageError(f"-o {printable(out)}: the name must end in one of {', '.join(FIGURES)}")
    if ending not in (".svg", ".cast"):
        refuse_idle(arguments, "is for .svg and .cast", "--theme")
    if arguments.variants and arguments.phases:
        raise UsageError("--phases draws one run; it does not go with --with")
    theme = arguments.theme or DEFAULT_THEME
    if ending == ".html":
        refuse_idle(arguments, "is not for .html, which has all of them", "--steps", "--phases")
    if ending in (".html", ".cast"):
        refuse_idle(arguments, f"is not for {ending}", "--steps", "--width")
        if arguments.variants:
            raise UsageError(f"--with is for text and .svg; {ending} shows one run")
    comparison: Comparison | None = None
    session: History
    scenario: Scenario | None = None
    if arguments.variants:
        comparison, given = compared(arguments)
        session, title = given(), comparison.title
    else:
        session, scenario = _opened(arguments)
        title = session.title if scenario is None else scenario.title
    if not len(session.view.extents()):
        raise InputError("no memory of this machine is known: there is nothing to draw")
    target = None
    if ending != out:
        inputs = [] if is_root(arguments) else [(named_file(arguments.source), "the scenario")]
        target = output_file("-o", out, [*inputs, *theme_input(theme)])
    focus = _focus(arguments, session)
    # Colours bring Rich along, which text does without.
    if ending == ".html":
        from pfnmap.tui.figure.page import page

        origins = scenario.origins if scenario is not None else ()
        text = page(session, title, focus, origins=origins)
    elif ending == ".cast":
        from pfnmap.tui.pictures.cast.cast import make_cast
        from pfnmap.tui.pictures.cast.frames import FigureFrames

        source, phases = FigureFrames(focus), arguments.phases
        text = make_cast(scenario or session, theme=theme, source=source, phases=phases).text
    elif ending == ".svg":
        from pfnmap.tui.figure.inks import svg

        text = svg(_lines(arguments, session, title, comparison), load_theme(theme), title)
    else:
        lines = joined(_lines(arguments, session, title, comparison))
        if target is None:
            emit(lines)
            return 0
        text = "".join(f"{line}\n" for line in lines)
    write_out(target, text)
    return 0


def _opened(arguments: Arguments) -> tuple[History, Scenario | None]:
    """The machine with its steps, and the scenario where it is one."""
    if is_root(arguments):
        return ObservedHistory(opened_root(arguments)), None
    refuse_root_options(arguments)
    file = named_file(arguments.source)
    if file.is_file() and says_recording(file):
        return open_source(arguments.source), None
    scenario = load_scenario(scenario_file(arguments.source))
    return scenario_session(scenario), scenario


def _lines(
    arguments: Arguments, session: History, title: str, comparison: Comparison | None
) -> list[Spans]:
    """The lines of the figure that was asked for."""
    width, focus = text_width(arguments), _focus(arguments, session)
    if comparison is not None:
        variants = Variants(comparison, width, focus=focus)
        steps = _numbers(arguments, variants.numbers, len(session.outcomes))
        return list(variants.lines(steps))
    found = moments(session)
    numbers = _numbers(arguments, [moment.number for moment in found], len(session.outcomes))
    chosen = [moment for moment in found if moment.number in numbers]
    if arguments.phases:
        chosen = [each for moment in chosen for each in phases(moment) or [moment]]
    return list(figure_spans(chosen, ground_of(found, focus), width=width, title=title))


def _numbers(arguments: Arguments, steps: Sequence[int], last: int) -> list[int]:
    """The steps that ``--steps`` means, ascending."""
    words = arguments.steps or "all"
    if words == "all":
        return list(steps)
    if words == "last":
        return [steps[-1]]
    # A note or a claim leaves the machine as the step before it does.
    return sorted({max(n for n in steps if n <= asked) for asked in step_numbers(words, last)})


def _focus(arguments: Arguments, session: History) -> list[tuple[int, int]] | None:
    """The pfns of ``--focus``."""
    if arguments.focus is None:
        return None
    try:
        refs = parse_refs(arguments.focus)
    except PfnmapError as error:
        raise InputError(f"--focus {printable(arguments.focus)}: {error}") from None
    states = [session.start, *(outcome.after for outcome in session.outcomes)]
    complaint: InputError | None = None
    for state in reversed(states):
        # A device may have come late, or have gone by the end.
        try:
            pages = state.geometry.block_pages
            return [(a * pages, (b + 1) * pages) for a, b in block_ranges(state, refs)]
        except InputError as error:
            complaint = complaint or error
    raise InputError(f"--focus {complaint}")


def _gallery(arguments: Arguments) -> int:
    """A page for every scenario, and an index."""
    if arguments.source is not None:
        raise UsageError("--all draws every shipped scenario; name no FILE")
    idle = ("--steps", "--phases", "--focus", "--width", "--theme", "--root")
    refuse_idle(arguments, "does not go with --all", *idle)
    if arguments.variants:
        raise UsageError("--with does not go with --all")
    if arguments.output is None:
        raise UsageError("--all: name the directory with -o")
    directory = Path(arguments.output)
    directory.mkdir(parents=True, exist_ok=True)
    from pfnmap.tui.figure.page import gallery

    files = shipped_scenarios()
    pages = gallery(GROUPS, files)
    for number in range(1, len(files) + 2):
        with waiting(f"page {number} of {len(files) + 1}", sys.stderr):
            name, text = next(pages)
        write_out(directory / name, text)
    return 0
