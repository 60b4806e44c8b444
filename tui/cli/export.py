"""Write a scenario or a session down: as a picture of its screen, or as a scenario file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pfnmap.engine.errors import InputError
from pfnmap.tui.cli.outputs import SCENARIO, output_file, theme_input
from pfnmap.tui.cli.parser import UsageError, printable, refuse_idle
from pfnmap.tui.cli.picture_options import PICTURE_OPTIONS, add_size, add_theme, look_of, write_out
from pfnmap.tui.cli.scenario_files import scenario_file

if TYPE_CHECKING:
    from pfnmap.engine.scenarios.scenario import Scenario
    from pfnmap.tui.pictures.render import TextFormat

PICTURES: Final[dict[str, TextFormat]] = {
    ".txt": "text",
    ".svg": "svg",
    ".html": "html",
    ".ansi": "ansi",
}
"""What the file's name ends in, and what is drawn into it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to write down, where, and how it looks."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a scenario, or the name of a shipped one"
    )
    parser.add_argument(
        "--session", metavar="ID", help="a session of 'pfnmap sessions', or latest, instead"
    )
    endings = ", ".join([*PICTURES, SCENARIO])
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help=f"the file, replaced when it is there; its name ends in {endings}, or is such an "
        "ending for standard output",
    )
    parser.add_argument(
        "--step", metavar="N", type=int, help="the screen at step N (default: at the end)"
    )
    parser.add_argument(
        "--expect",
        action="store_true",
        help=f"with {SCENARIO}: add what is true at the end as expect lines",
    )
    parser.add_argument(
        "--expect-steps",
        action="store_true",
        help="as --expect, and behind each command how it ended and what it changed",
    )
    add_size(parser)
    add_theme(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    out = arguments.output
    suffix = out if out in (*PICTURES, SCENARIO) else Path(out).suffix
    if suffix not in (*PICTURES, SCENARIO):
        endings = ", ".join([*PICTURES, SCENARIO])
        raise UsageError(f"-o {printable(out)}: the name must end in one of {endings}")
    claiming = arguments.expect or arguments.expect_steps
    if claiming and suffix != SCENARIO:
        raise UsageError(f"--expect goes with a {SCENARIO} file")
    if suffix == SCENARIO:
        refuse_idle(arguments, f"is for pictures, not for {SCENARIO}", "--step", *PICTURE_OPTIONS)
    scenario, inputs = _scenario(arguments, as_file=suffix == SCENARIO)
    size, theme = look_of(arguments)
    file = None
    if suffix != out:
        inputs += theme_input(theme)
        file = output_file("-o", out, inputs, scenario=suffix == SCENARIO)
    if suffix == SCENARIO:
        text = _as_scenario(scenario, expect=arguments.expect, each_step=arguments.expect_steps)
    else:
        from pfnmap.tui.pictures.render import render

        text = render(
            scenario,
            size=size,
            theme=theme,
            format=PICTURES[suffix],
            step=arguments.step,
        )
    write_out(file, text)
    return 0


def _scenario(
    arguments: argparse.Namespace, *, as_file: bool
) -> tuple[Scenario, list[tuple[Path, str]]]:
    """The scenario that is named, or the one that a session amounts to; and what was read.

    ``as_file``: with a line for the session's title. A picture takes the title from the name,
    for the line would be a step that the session does not have.
    """
    from pfnmap.engine.scenarios.scenario import build_scenario, load_scenario

    if (arguments.file is None) == (arguments.session is None):
        raise UsageError("name one thing to export: a scenario FILE, or --session ID")
    if arguments.file is not None:
        file = scenario_file(arguments.file)
        return load_scenario(file), [(file, "the scenario")]
    from pfnmap.engine.journal.resume import read_session
    from pfnmap.tui.settings.state_directory import session_store

    replayed = read_session(session_store(os.environ), arguments.session)
    start, session = replayed.origin.start, replayed.session
    if start is None:
        raise InputError(
            f"session {arguments.session} began with {replayed.origin.words}, which no "
            "scenario can hold"
        )
    commands = [outcome.command for outcome in session.outcomes[: session.position]]
    if as_file:
        return build_scenario(start, commands, title=session.title), []
    return build_scenario(start, commands, source=session.title or "session"), []


def _as_scenario(scenario: Scenario, *, expect: bool, each_step: bool) -> str:
    """The scenario in normal form, with claims about its end or its steps when wanted."""
    from pfnmap.engine.scenarios.generated import with_expectations
    from pfnmap.engine.scenarios.scenario import format_scenario

    if expect or each_step:
        scenario = with_expectations(scenario, each_step=each_step)
    return format_scenario(scenario)
