"""Write a scenario as a screencast that asciinema and its web player play."""

from __future__ import annotations

import argparse

from pfnmap.tui.cli.outputs import STANDARD_OUTPUT, output_file, theme_input
from pfnmap.tui.cli.parser import say
from pfnmap.tui.cli.picture_options import add_size, add_theme, look_of, write_out
from pfnmap.tui.cli.scenario_files import scenario_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scenario, the file, and how it looks."""
    parser.add_argument("file", metavar="FILE", help="a scenario, or the name of a shipped one")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="the .cast file, replaced when it is there; - for standard output",
    )
    add_size(parser)
    add_theme(parser)
    parser.add_argument(
        "--cast-version",
        type=int,
        choices=(2, 3),
        default=2,
        help="of the asciicast format: 2 plays everywhere (default)",
    )
    parser.add_argument(
        "--idle-time-limit",
        metavar="SECONDS",
        type=_seconds,
        help="let players shorten longer pauses to this (default: pauses as in the scenario)",
    )
    parser.add_argument(
        "--plain", action="store_true", help="show the plain-text frame instead of the screen"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the screencast; 1 when an expectation of the scenario does not hold."""
    from pfnmap.engine.scenarios.scenario import load_scenario
    from pfnmap.tui.pictures.cast.cast import make_cast
    from pfnmap.tui.pictures.cast.frames import ScreenFrames, TextFrames

    file = scenario_file(arguments.file)
    size, theme = look_of(arguments)
    out = None
    if arguments.output != STANDARD_OUTPUT:
        out = output_file("-o", arguments.output, [(file, "the scenario"), *theme_input(theme)])
    cast = make_cast(
        load_scenario(file),
        size=size,
        theme=theme,
        version=arguments.cast_version,
        idle_seconds=arguments.idle_time_limit,
        source=TextFrames() if arguments.plain else ScreenFrames(),
    )
    write_out(out, cast.text)
    for failure in cast.failures:
        say(failure, placed=True)
    return 1 if cast.failures else 0


def _seconds(text: str) -> float:
    """The value of ``--idle-time-limit``."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, such as 2 or 0.5")
    return seconds
