"""Write a scenario as a screencast that asciinema and its web player play."""

from __future__ import annotations

from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.tui.cli.messages import Arguments, say
from pfnmap.tui.cli.named_files import (
    STANDARD_OUTPUT,
    output_file,
    scenario_file,
    theme_input,
    write_out,
)
from pfnmap.tui.cli.options import look_of
from pfnmap.tui.pictures.cast.cast import make_cast
from pfnmap.tui.pictures.cast.frames import FigureFrames, ScreenFrames


def run(arguments: Arguments) -> int:
    """Write the screencast; 1 when an expectation of the scenario does not hold."""
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
        source=FigureFrames() if arguments.plain else ScreenFrames(),
        phases=arguments.phases,
    )
    write_out(out, cast.text)
    for failure in cast.failures:
        say(failure, placed=True)
    return 1 if cast.failures else 0
