"""Print the machine as plain text (ASCII, at most 72 columns) or as JSON."""

from __future__ import annotations

from itertools import chain

from pfnmap.engine.commands import Zoom
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.view import View
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, emit_pieces, refuse_idle, say
from pfnmap.tui.cli.opening import (
    Opened,
    is_root,
    opened,
    refuse_root_options,
)
from pfnmap.tui.cli.options import text_width
from pfnmap.tui.documents.view import json_pieces, view_data, view_data_1
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.map.viewport import level_pages
from pfnmap.tui.text.frame import render_text


def run(arguments: Arguments) -> int:
    """Print one frame; exit status 1 when an ``expect`` command did not hold."""
    if arguments.json:
        refuse_idle(arguments, "is for text, not for --json", "--width", "--zoom")
    else:
        refuse_idle(arguments, "goes with --json", "--format")
    if is_root(arguments):
        return _show_root(arguments)
    refuse_root_options(arguments)
    machine = opened(arguments, arguments.step)
    if arguments.json:
        _emit_data(arguments, machine.session.view, machine.session.last_action)
    else:
        emit(_frame(machine, arguments))
    for failure in machine.failures:
        say(failure)
    return 1 if machine.failures else 0


def _show_root(arguments: Arguments) -> int:
    """Print a real machine; what could not be read of it is said."""
    if arguments.commands or arguments.step is not None:
        raise UsageError(
            "a real machine has no steps, and -c runs nothing on it; see pfnmap plan --help"
        )
    from pfnmap.tui.cli.root import opened_root  # what reads real machines is much

    view = opened_root(arguments).view
    if arguments.json:
        _emit_data(arguments, view, None)
    else:
        emit(
            render_text(
                view,
                width=text_width(arguments),
                pages_per_cell=level_pages(view.geometry, arguments.zoom),
            )
        )
    for note in view.observation.notes:
        say(note)
    return 0


def _emit_data(arguments: Arguments, view: View, last: Outcome | None) -> None:
    """Print the machine as JSON, in the format that was asked for."""
    data = view_data_1(view, last) if arguments.format == "1" else view_data(view, last)
    emit_pieces(chain(json_pieces(data), "\n"))


def _frame(machine: Opened, arguments: Arguments) -> list[str]:
    """The frame; with ``-c``, what each command did stands below it."""
    session = machine.session
    last = session.last_action
    outcomes = machine.outcomes or ([last] if last else [])
    zooms = (look.level for look in reversed(machine.looks) if isinstance(look, Zoom))
    return render_text(
        session.view,
        width=text_width(arguments),
        pages_per_cell=level_pages(session.view.geometry, arguments.zoom or next(zooms, None)),
        before=session.before,
        outcomes=outcomes,
        step=f"step {session.position} of {len(session.outcomes)}" if session.outcomes else "",
        ground=Steps(session).ground,
    )
