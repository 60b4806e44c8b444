"""Print what commands would do on a real machine, without touching it."""

from __future__ import annotations

from pfnmap.engine import commands
from pfnmap.engine.errors import InputError
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sysroot.plan import is_false, looked_at, plan
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.cli.opening import parsed
from pfnmap.tui.cli.root import opened_root
from pfnmap.tui.documents.reports import PlanData
from pfnmap.tui.documents.view import as_json, outcome_data
from pfnmap.tui.text.ascii import wrapped
from pfnmap.tui.text.frame import outcome_lines


def run(arguments: Arguments) -> int:
    """Print an outcome for each command; exit status 1 for a refusal or a false claim."""
    commands = parsed(arguments.commands)
    if not commands:
        raise InputError("plan: give at least one command, e.g. -c 'offline 32-39'")
    watcher = opened_root(arguments)
    view = watcher.view
    outcomes = plan(view, commands)
    if watcher.tree is not None:
        view = looked_at(watcher.tree, view, outcomes)
        outcomes = plan(view, commands)
    if arguments.json:
        done = [outcome_data(outcome) for outcome in outcomes]
        data = PlanData("pfnmap-plan-1", view.title, done, view.assumptions)
        emit([as_json(data, indent=1)])
    else:
        for outcome in outcomes:
            emit(outcome_lines(outcome))
            emit(_verdict(outcome))
        emit(["", "assumed:"])
        for text in view.assumptions:
            emit(wrapped(text, 72, first="  "))
    return 0 if all(outcome.ok and not is_false(outcome) for outcome in outcomes) else 1


def _verdict(outcome: Outcome) -> list[str]:
    """What the kernel, or the claim, comes to; nothing for lines that are for the reader."""
    premises = (
        commands.SetRule,
        commands.Pin,
        commands.Unpin,
        commands.Free,
        commands.Freelist,
        commands.FailNext,
    )
    match outcome.command:
        case commands.Expect():
            return ["  does not hold" if is_false(outcome) else "  holds"]
        case command if not outcome.ok or not commands.is_action(command):
            return []
        case command if isinstance(command, premises):
            return ["  assumed for the commands that follow"]
    if outcome.unknown:
        return ["  what the kernel would do is not known"]
    return ["  the kernel would do it, as far as can be known"]
