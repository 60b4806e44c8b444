"""What the verbs of the language do that are for the session: undo, diff, save and so on."""

from __future__ import annotations

from pathlib import Path

from pfnmap.engine.commands import ALIASES, Interactive
from pfnmap.engine.compare import Comparison, Pairs, compare_commands, compare_machine
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.grammar import help_lines
from pfnmap.engine.notation import PROFILE
from pfnmap.engine.scenarios.generated import expectations_of
from pfnmap.engine.scenarios.scenario import build_scenario, format_scenario
from pfnmap.engine.sizes import counted
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.keys import actions
from pfnmap.tui.keys import effects as want
from pfnmap.tui.keys.action_table import action_of_verb
from pfnmap.tui.keys.effects import Effects
from pfnmap.tui.keys.names import shown_key
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import pfn_words


def effects_of(command: Interactive, shown: Shown) -> Effects:
    """What a verb wants done. InputError with one sentence where that cannot be."""
    match command.verb, command.arguments:
        case "undo", arguments:
            return actions.undo(shown, int(arguments[0]) if arguments else 1)
        case "redo", arguments:
            return actions.redo(shown, int(arguments[0]) if arguments else 1)
        case "seek", (position,):
            return actions.seek(shown, int(position))
        case "mark", (name,):
            pfn = shown.viewport.cursor_pfn
            return want.Mark(name, pfn), want.Tell(f"mark {name} is pfn {pfn_words(pfn)}")
        case "goto", (_, name):
            return _to_mark(shown, name)
        case "diff", ():
            return actions.read_diff(shown, shown.here)
        case "diff", (first, second):
            return _diff(shown, int(first), int(second))
        case "help", ():
            return want.Open(want.Read.HELP)
        case "help", (verb,):
            return _help(shown, verb)
        case "profiles", _:
            return want.Tell("profiles: " + " ".join(PROFILE.words))
        case "quit", _:
            return want.Exit()
        case "write", (file,):
            return want.WriteFrame(Path(file))
        case "compare", _:
            return _compare(shown, command.options)
        case "save", (file,):
            return _save(shown, Path(file), dict(command.options).get("expect") == "yes")
    raise InputError(f"{command.verb}: not here")


def _to_mark(shown: Shown, name: str) -> Effects:
    marks = shown.session.marks
    pfn = marks.get(name)
    if pfn is None:
        known = f"marks are {' '.join(sorted(marks))}" if marks else ":mark NAME sets one"
        raise InputError(f"there is no mark {name!r}; {known}")
    if pfn >= shown.view.end_pfn:
        raise InputError(f"mark {name}: pfn {pfn:#x} is behind the end of memory now")
    return actions.jump(shown, pfn)


def _diff(shown: Shown, first: int, second: int) -> Effects:
    """``diff A B``: between two steps."""
    for step in (first, second):
        if not 0 <= step <= shown.last:
            raise InputError(f"there is no step {step}; steps are 0 to {shown.last}")
    before, after = map(shown.session.view_at, (first, second))
    return want.Open(
        want.ReadDiff(before, after, f"from step {first} to step {second}", (first, second))
    )


def _help(shown: Shown, verb: str) -> Effects:
    """``help VERB``: its lines, and its keys."""
    lines = help_lines(verb)
    if not lines:
        key = shown.key("app.help")
        raise InputError(f"there is no verb {verb!r}; press {key} for all of them")
    action = action_of_verb(ALIASES.get(verb, verb))
    if action is not None and (keys := shown.keys[action.id]):
        lines.append(f"  keys: {' '.join(map(shown_key, keys))}")
    return [want.Tell(line) for line in lines]


def _compare(shown: Shown, options: Pairs) -> Effects:
    """``compare KEY=VALUE…``: the session's commands under other rules."""
    session, start, variants = shown.session, shown.start, variants_of(options)
    commands = [outcome.command for outcome in shown.outcomes[: shown.position]]

    def compared() -> Comparison:
        if start is not None:
            return compare_commands(start, commands, variants, session.title)
        if session.read_only:  # what a real machine did are no commands
            view = session.view
            return compare_machine(view.state, (), variants, view.title, session.assumptions)
        return compare_machine(session.start, commands, variants, session.title)

    return want.Work("compare", compared, lambda comparison: want.Open(want.Compare(comparison)))


def variants_of(options: Pairs) -> list[Pairs]:
    """The variants that pairs of one line mean: a key that comes again begins the next one.

    ``memmap=device memmap=memblock`` are two variants, ``profile=4.19 memmap=ram`` is one.
    """
    variants: list[list[tuple[str, str]]] = [[]]
    for key, value in options:
        if key in {seen for seen, _ in variants[-1]}:
            variants.append([])
        variants[-1].append((key, value))
    return [tuple(pairs) for pairs in variants if pairs]


def _save(shown: Shown, file: Path, expect: bool) -> Effects:
    """``save FILE``: the session's commands as a scenario; with ``expect`` also what holds.

    Of a guest a file whose name ends in .json is its recording.
    """
    if file.suffix == ".json" and (recording := shown.session.recording):
        steps = counted(shown.last, "step")

        def keep() -> str:
            write_whole(file, recording, only_regular=True)
            return f"saved the recording of {steps} to {file}"

        return want.Work(f"save {file.name}", keep, want.Tell)
    start, title = shown.start, shown.session.title
    if start is None:
        raise InputError("save: this machine was not described by a machine line")
    commands = [outcome.command for outcome in shown.outcomes[: shown.position]]
    view = shown.view

    def put() -> str:
        claims = expectations_of(view) if expect else ()
        text = format_scenario(build_scenario(start, commands, title=title, claims=claims))
        write_whole(file, text.encode("utf-8"), only_regular=True)
        return f"saved {counted(len(commands), 'command')} to {file}"

    return want.Work(f"save {file.name}", put, want.Tell)
