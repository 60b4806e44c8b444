"""Write a scenario or a session down: as a picture of its screen, or as a scenario file."""

from __future__ import annotations

import os
from pathlib import Path

from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.resume import read_session
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.generated import with_expectations
from pfnmap.engine.scenarios.scenario import (
    Scenario,
    build_scenario,
    format_scenario,
    load_scenario,
)
from pfnmap.tui.cli.messages import Arguments, UsageError, refuse_idle
from pfnmap.tui.cli.named_files import output_file, scenario_file, theme_input, write_out
from pfnmap.tui.cli.options import PICTURE_OPTIONS, PICTURES, SCENARIO, look_of
from pfnmap.tui.settings.state_directory import sessions_directory


def run(arguments: Arguments) -> int:
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
        if claiming:
            scenario = with_expectations(scenario, each_step=arguments.expect_steps)
        text = format_scenario(scenario)
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


def _scenario(arguments: Arguments, *, as_file: bool) -> tuple[Scenario, list[tuple[Path, str]]]:
    """The scenario that is named, or the one that a session amounts to; and what was read.

    ``as_file``: with a line for the session's title. A picture takes the title from the name,
    for the line would be a step that the session does not have.
    """
    if (arguments.file is None) == (arguments.session is None):
        raise UsageError("name one thing to export: a scenario FILE, or --session ID")
    if arguments.file is not None:
        file = scenario_file(arguments.file)
        return load_scenario(file), [(file, "the scenario")]
    store = JournalStore(sessions_directory(os.environ))
    replayed = read_session(store, arguments.session)
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
