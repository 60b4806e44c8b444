"""Draw what a scenario does to a machine: spans, present and managed memory, step by step.

Every step stands on one axis, with what it changed, what it came to in a sentence, and at the
end the bill: who holds which struct pages. With --with each step is drawn under several
rules; what is the same is drawn once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.tui.cli.outputs import output_file, theme_input
from pfnmap.tui.cli.parser import UsageError, add_width, emit, printable, refuse_idle, text_width
from pfnmap.tui.cli.picture_options import DEFAULT_THEME, add_theme, write_out
from pfnmap.tui.cli.scenario_files import scenario_file

if TYPE_CHECKING:
    from pfnmap.engine.scenarios.scenario import Scenario
    from pfnmap.engine.session import Session
    from pfnmap.tui.figure.lines import Spans

ENDINGS: Final = (".txt", ".svg", ".html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to draw, and where."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a scenario, the name of a shipped one, or a recording",
    )
    parser.add_argument(
        "--steps",
        metavar="LIST",
        help="'all' that are for the machine (default), 'last', or numbers such as 0,3,7 (0: boot)",
    )
    parser.add_argument(
        "--phases", action="store_true", help="draw the phases of each step instead of the step"
    )
    parser.add_argument(
        "--focus", metavar="REF", help="give most of the width to these blocks, e.g. 32-39 or dimm0"
    )
    parser.add_argument(
        "--with",
        metavar="KEY=VALUE",
        action="append",
        dest="variants",
        help="a variant, as in 'pfnmap compare'; give one or more",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=f"the file, replaced when it is there; its name ends in {', '.join(ENDINGS)}, or is "
        "such an ending for standard output; with --all a directory",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="a page for every shipped scenario, and one that lists them, into the directory OUT",
    )
    add_width(parser)
    add_theme(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw it."""
    if arguments.all:
        return _gallery(arguments)
    if arguments.file is None:
        raise UsageError("name a FILE to draw, or --all")
    out = arguments.output or ".txt"
    ending = out if out in ENDINGS else Path(out).suffix
    if ending not in ENDINGS:
        raise UsageError(f"-o {printable(out)}: the name must end in one of {', '.join(ENDINGS)}")
    if ending != ".svg":
        refuse_idle(arguments, "is for .svg", "--theme")
    if arguments.variants and arguments.phases:
        raise UsageError("--phases draws one run; it does not go with --with")
    theme = arguments.theme or DEFAULT_THEME
    if ending == ".html":
        refuse_idle(arguments, "is not for .html, which has all of them", "--steps", "--phases")
        refuse_idle(arguments, "is not for .html", "--width")
        if arguments.variants:
            raise UsageError("--with is for text and .svg; a page shows one run")
    session, scenario, file = _opened(arguments)
    target = None
    if ending != out:
        target = output_file("-o", out, [(file, "the scenario"), *theme_input(theme)])
    if ending == ".html":
        from pfnmap.tui.figure.page import page

        write_out(target, page(session, _title(session, scenario), _focus(arguments, session)))
        return 0
    lines = _lines(arguments, session, scenario)
    if ending == ".svg":
        from pfnmap.themes import load_theme
        from pfnmap.tui.figure.svg import svg

        write_out(target, svg(lines, load_theme(theme), _title(session, scenario)))
        return 0
    from pfnmap.tui.figure.text import joined

    text = joined(lines)
    if target is None:
        emit(text)
    else:
        write_out(target, "".join(f"{line}\n" for line in text))
    return 0


def _opened(arguments: argparse.Namespace) -> tuple[Session, Scenario | None, Path]:
    """The session, the scenario where it is one, and the file it came from."""
    from pfnmap.engine.scenarios.scenario import load_scenario
    from pfnmap.engine.sources import named_file, open_source, says_recording, scenario_session

    file = named_file(arguments.file)
    if arguments.variants or not (file.is_file() and says_recording(file)):
        scenario = load_scenario(scenario_file(arguments.file))
        return scenario_session(scenario), scenario, file
    return open_source(arguments.file), None, file


def _title(session: Session, scenario: Scenario | None) -> str:
    return session.title if scenario is None else scenario.title


def _lines(
    arguments: argparse.Namespace, session: Session, scenario: Scenario | None
) -> list[Spans]:
    """The lines of the figure that was asked for."""
    from pfnmap.tui.figure.axis import ground_of
    from pfnmap.tui.figure.moments import moments, phases
    from pfnmap.tui.figure.text import figure_spans

    width = text_width(arguments)
    if arguments.variants and scenario is not None:
        return _variants(arguments, session, scenario)
    found = moments(session)
    ground = ground_of(found, _focus(arguments, session))
    numbers = _numbers(arguments, [moment.number for moment in found], len(session.outcomes))
    chosen = [moment for moment in found if moment.number in numbers]
    if arguments.phases:
        chosen = [each for moment in chosen for each in phases(moment) or [moment]]
    return list(figure_spans(chosen, ground, width=width, title=_title(session, scenario)))


def _variants(arguments: argparse.Namespace, session: Session, scenario: Scenario) -> list[Spans]:
    from pfnmap.engine.compare import compare
    from pfnmap.tui.figure.variants import LETTERS, ground_of_variants, variant_of, variant_spans

    comparison = compare(scenario, arguments.variants)
    if len(comparison.runs) > len(LETTERS):
        raise InputError(f"{len(comparison.runs)} variants are too many; at most {len(LETTERS)}")
    variants = [variant_of(each) for each in comparison.runs]
    steps = [0, *(step.number for step in comparison.runs[0].steps)]
    numbers = _numbers(arguments, steps, len(session.outcomes))
    ground = ground_of_variants(variants, _focus(arguments, session))
    return list(
        variant_spans(
            variants, ground, numbers, width=text_width(arguments), title=comparison.title
        )
    )


def _numbers(arguments: argparse.Namespace, steps: Sequence[int], last: int) -> list[int]:
    """The steps that ``--steps`` means, ascending."""
    words = arguments.steps or "all"
    if words == "all":
        return list(steps)
    if words == "last":
        return [steps[-1]]
    numbers = set()
    for word in words.split(","):
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= last):
            raise InputError(f"--steps {words}: expected all, last, or numbers from 0 to {last}")
        # A note or a claim leaves the machine as the step before it does.
        numbers.add(max(number for number in steps if number <= int(word)))
    return sorted(numbers)


def _focus(arguments: argparse.Namespace, session: Session) -> list[tuple[int, int]] | None:
    """The pfns of ``--focus``."""
    if arguments.focus is None:
        return None
    from pfnmap.engine.notation import parse_refs
    from pfnmap.engine.operations.refs import block_ranges

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


def _gallery(arguments: argparse.Namespace) -> int:
    """A page for every scenario, and an index."""
    from pfnmap.tui.figure.page import gallery

    if arguments.file is not None:
        raise UsageError("--all draws every shipped scenario; name no FILE")
    idle = ("--steps", "--phases", "--focus", "--width", "--theme")
    refuse_idle(arguments, "does not go with --all", *idle)
    if arguments.variants:
        raise UsageError("--with does not go with --all")
    if arguments.output is None:
        raise UsageError("--all: name the directory with -o")
    directory = Path(arguments.output)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in gallery():
        write_out(directory / name, text)
    return 0
