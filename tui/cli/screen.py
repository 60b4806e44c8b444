"""The screen, once it is sure that there is one: Textual is imported from here on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.session import History
from pfnmap.tui.app import PfnmapApp, run_app
from pfnmap.tui.cli.messages import say
from pfnmap.tui.cli.starting import Start


def show(
    start: Start,
    session: History,
    title: str,
    *,
    notice: str = "",
    opening: Callable[[PfnmapApp], object] | None = None,
) -> int:
    """Show a session on the screen until the person quits; the exit status.

    Args:
        start: how to draw.
        session: what to show.
        title: where it comes from, for the title line.
        notice: something to say at once, empty for nothing.
        opening: called once with the app when its screen is there.
    """
    status, shown_last = run_app(
        session,
        theme=start.theme,
        colour_system=start.terminal.colour_system,
        in_browser=start.terminal.in_browser,
        mouse=start.mouse,
        source_title=title,
        keymap=start.settings.keys,
        notice=notice,
        opening=opening,
    )
    if shown_last.trouble:
        say(shown_last.trouble)
    return status


def look(app: PfnmapApp, commands: Sequence[Command]) -> None:
    """Do what ``-c`` lines say about what is in sight."""
    try:
        for command in commands:
            app.main.run(command)
    except PfnmapError as error:
        app.main.complain(str(error))
