"""The verbs of the language that are for the session: undo, seek, diff, save, write and so on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pfnmap.engine.commands import Interactive
from pfnmap.engine.errors import InputError
from pfnmap.engine.language import ALIASES, help_lines
from pfnmap.engine.language.tables import profile_names
from pfnmap.tui.keys.actions import action_of_verb
from pfnmap.tui.keys.keymap import shown_key

if TYPE_CHECKING:
    from pfnmap.engine.compare import Comparison
from pfnmap.tui.screens.acts import Acts


def do_verb(acts: Acts, command: Interactive) -> None:
    """Do a session verb. Raises InputError with one sentence when it cannot be done."""
    arguments = command.arguments
    match command.verb:
        case "undo":
            acts.clock.undo(int(arguments[0]) if arguments else 1)
        case "redo":
            acts.clock.redo(int(arguments[0]) if arguments else 1)
        case "seek":
            acts.clock.seek(int(arguments[0]))
        case "diff":
            _diff(acts, arguments)
        case "help":
            _help(acts, arguments)
        case "profiles":
            acts.tell("profiles: " + " ".join(profile_names()))
        case "quit":
            acts.screen.app.exit(0)
        case "write":
            _write(acts, Path(arguments[0]))
        case "compare":
            _compare(acts, command)
        case "save":
            _save(acts, Path(arguments[0]), dict(command.options))
        case _:
            raise InputError(f"{command.verb}: not here")


def _help(acts: Acts, arguments: tuple[str, ...]) -> None:
    if not arguments:
        acts.read("show_help")
        return
    keymap = acts.desk.keymap
    lines = help_lines(arguments[0])
    if not lines:
        key = keymap.first("app.help")
        raise InputError(f"there is no verb {arguments[0]!r}; press {key} for all of them")
    for line in lines:
        acts.tell(line)
    action = action_of_verb(ALIASES.get(arguments[0], arguments[0]))
    if action is not None and (keys := keymap.keys(action.id)):
        acts.tell(f"  keys: {' '.join(shown_key(key) for key in keys)}")


def _diff(acts: Acts, arguments: tuple[str, ...]) -> None:
    """``diff``: the last step; ``diff A B``: between two steps."""
    from pfnmap.tui.screens.pages import diff_lines
    from pfnmap.tui.screens.reader import Reader

    if not arguments:
        acts.read("show_diff")
        return
    session = acts.desk.session
    steps = [int(step) for step in arguments]
    for step in steps:
        if not 0 <= step <= len(session.outcomes):
            raise InputError(f"there is no step {step}; steps are 0 to {len(session.outcomes)}")
    lines = diff_lines(*map(session.view_at, steps))
    title = f"from step {arguments[0]} to step {arguments[1]}"
    acts.screen.app.push_screen(Reader(acts.screen.paint, title, lambda _: lines))


def _write(acts: Acts, file: Path) -> None:
    """``write FILE.txt``, ``.svg`` and ``.html``: the frame."""
    from pfnmap.tui.pictures.offscreen import picture
    from pfnmap.tui.pictures.web import to_html, to_svg
    from pfnmap.tui.screens.frame import frame_text

    if file.suffix == ".txt":
        _put(file, frame_text(acts.screen) + "\n")
    elif file.suffix == ".svg":
        _put(file, to_svg(picture(acts.screen.app, acts.screen.paint.theme), "pfnmap"))
    elif file.suffix == ".html":
        _put(file, to_html(picture(acts.screen.app, acts.screen.paint.theme), "pfnmap"))
    else:
        raise InputError(f"write {file}: the name must end in .txt, .svg or .html")
    acts.tell(f"wrote {file}")


def _compare(acts: Acts, command: Interactive) -> None:
    """``compare KEY=VALUE…``: the session's commands under other rules."""
    from pfnmap.engine.compare import compare_commands
    from pfnmap.tui.screens.compare_screen import CompareScreen, variants_of

    session, start = acts.desk.session, acts.desk.start
    if start is None:
        raise InputError("compare: this machine was not described by a machine line")
    commands = [outcome.command for outcome in session.outcomes[: session.position]]
    variants, title = variants_of(command.options), session.title

    def show(comparison: Comparison) -> None:
        acts.screen.app.push_screen(CompareScreen(acts.screen.paint, comparison))
        acts.saw("session.compare")

    acts.work.do("compare", lambda: compare_commands(start, commands, variants, title), show)


def _save(acts: Acts, file: Path, options: dict[str, str]) -> None:
    """``save FILE``: the session's commands as a scenario."""
    from pfnmap.engine.scenarios.scenario import build_scenario, format_scenario

    session = acts.desk.session
    start = acts.desk.start
    if start is None:
        raise InputError("save: this machine was not described by a machine line")
    commands = [outcome.command for outcome in session.outcomes[: session.position]]
    expect = acts.desk.view if options.get("expect") == "yes" else None
    title = session.title

    def written() -> str:
        return format_scenario(build_scenario(start, commands, title=title, expect=expect))

    def put(text: str) -> None:
        _put(file, text)
        acts.tell(f"saved {len(commands)} commands to {file}")

    acts.work.do(f"save {file.name}", written, put)


def _put(file: Path, text: str) -> None:
    """Write a whole file or nothing."""
    from pfnmap.engine.whole_file import write_whole

    write_whole(file, text.encode("utf-8"))
