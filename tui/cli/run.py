"""Run a scenario and print what every command did, or frames of the machine.

Without a scenario the -c commands run on the default machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import InputError, PfnmapError
from engine.values import dataclass
from tui.cli.opening import parsed
from tui.cli.parser import (
    UsageError,
    add_commands,
    add_width,
    emit,
    printable,
    refuse_idle,
    say,
    text_width,
)
from tui.cli.picture_options import PICTURE_OPTIONS, add_size, add_theme, look_of, write_out
from tui.cli.scenario_files import scenario_file

if TYPE_CHECKING:
    from engine.commands import Command
    from engine.outcome import Outcome
    from engine.scenarios.scenario import Scenario
    from engine.view import View
    from tui.render import TextFormat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scenario and the form of the output."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a scenario, or the name of a shipped one"
    )
    add_commands(parser, "to run, behind those of FILE, e.g. 'add dimm0 256M'")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="print frames of the machine")
    form.add_argument("--json", action="store_true", help="print every outcome and the end")
    form.add_argument("--svg", action="store_true", help="print the screen at the end as SVG")
    form.add_argument("--html", action="store_true", help="print it as an HTML page")
    form.add_argument(
        "--as-shell", action="store_true", help="print shell lines that do it on a real machine"
    )
    parser.add_argument(
        "--steps",
        metavar="LIST",
        help="of --text and --diff: 'all', 'last' (default), or numbers such as 0,3,7 (0: boot)",
    )
    parser.add_argument(
        "--diff", action="store_true", help="the difference each step makes, as text or --json"
    )
    add_width(parser)
    add_size(parser)
    add_theme(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run everything, print what was asked for; 1 when an expectation did not hold."""
    _refuse_idle_options(arguments)
    scenario = _scenario(arguments)
    if arguments.as_shell:
        from engine.scenarios.shell_script import as_shell

        emit(map(printable, as_shell(scenario)))
        return 0
    steps, failures = _run(scenario)
    if arguments.svg or arguments.html:
        _print_picture(scenario, arguments)
    elif arguments.json:
        emit([_json_diff(steps, arguments) if arguments.diff else _json(steps)])
    else:
        if arguments.text or arguments.diff:
            emit(_frames(steps, arguments))
        else:
            emit(_transcript(steps, text_width(arguments)))
        emit(_fitted(failures, text_width(arguments)))
        return 1 if failures else 0
    # What is on standard output is a document, and stays one.
    for failure in failures:
        say(failure, placed=True)
    return 1 if failures else 0


def _refuse_idle_options(arguments: argparse.Namespace) -> None:
    """Refuse options that the form of the output has no use for."""
    picture = arguments.svg or arguments.html
    if picture or arguments.as_shell:
        refuse_idle(arguments, "is for text and --json", "--diff")
    if picture or arguments.as_shell or arguments.json:
        refuse_idle(arguments, "is for text", "--width")
    if not picture:
        refuse_idle(arguments, "goes with --svg or --html", *PICTURE_OPTIONS)
    if not (arguments.text or arguments.diff):
        refuse_idle(arguments, "goes with --text or --diff", "--steps")


def _fitted(failures: list[str], width: int) -> Iterator[str]:
    """What does not hold, as fit for a mail as what stands above it."""
    from tui.plain.words import wrapped

    for failure in failures:
        yield from wrapped(failure, width)


def _print_picture(scenario: Scenario, arguments: argparse.Namespace) -> None:
    """The screen at the end, as ``pfnmap export`` draws it."""
    from tui.render import render

    form: TextFormat = "svg" if arguments.svg else "html"
    size, theme = look_of(arguments)
    write_out(None, render(scenario, size=size, theme=theme, format=form))


@dataclass(frozen=True, slots=True)
class _Step:
    """The machine after a command; the first step is the machine at boot."""

    view: View
    outcome: Outcome | None = None
    said: tuple[str, ...] = ()
    """Titles and notes since the step before."""


def _scenario(arguments: argparse.Namespace) -> Scenario:
    """The file's lines, then the ``-c`` commands."""
    from engine.scenarios.scenario import Scenario, ScenarioLine, load_scenario

    commands = parsed(arguments.commands)
    if arguments.file is None and not commands:
        raise UsageError("nothing to run; give a FILE, or commands with -c")
    _refuse_session_verbs(commands, but=() if arguments.as_shell else ("profiles",))
    scenario = Scenario("-c", ())
    if arguments.file is not None:
        scenario = load_scenario(scenario_file(arguments.file))
        _refuse_second_machine(commands)
    last = scenario.body[-1].number if scenario.body else 0
    extra = (ScenarioLine(last + n, command) for n, command in enumerate(commands, 1))
    return Scenario(scenario.source, (*scenario.body, *extra))


def _refuse_session_verbs(commands: list[Command], but: tuple[str, ...]) -> None:
    """Refuse what no scenario file can hold either."""
    from engine.commands import Interactive

    for command in commands:
        if isinstance(command, Interactive) and command.verb not in but:
            raise InputError(
                f"-c {command.verb}: works in a session only; expected a command for a machine"
            )


def _refuse_second_machine(commands: list[Command]) -> None:
    from engine.commands import StartMachine

    if any(isinstance(command, StartMachine) for command in commands):
        raise InputError("-c machine: the scenario has its own machine")


def _run(scenario: Scenario) -> tuple[list[_Step], list[str]]:
    """Every step with the machine after it, and the expectations that did not hold."""
    from engine.commands import Expect, Goto, Interactive, Note, Pause, StartMachine, Title, Zoom
    from engine.language.tables import profile_names
    from engine.scenarios.expect import booted, evaluate

    machine = booted(scenario)
    steps = [_Step(machine.view())]
    failures: list[str] = []
    said: list[str] = []
    for number, command in scenario.lines:
        place = f"{scenario.source}:{number}"
        match command:
            case StartMachine() | Pause() | Goto() | Zoom():
                pass
            case Note() | Title():
                said.append(command.words)
            case Expect():
                last = steps[-1].outcome
                found = evaluate(command, view=machine.view(), state=machine.state, last=last)
                failures += [f"{place}: {difference}" for difference in found]
            case Interactive(verb="profiles"):
                said.append("profiles: " + " ".join(profile_names()))
            case _:
                try:
                    outcome = machine.apply(command)
                except PfnmapError as error:
                    raise scenario.complaint(number, error) from None
                steps.append(_Step(machine.view(), outcome, tuple(said)))
                said = []
    if said:
        last_step = steps[-1]
        steps[-1] = _Step(last_step.view, last_step.outcome, (*last_step.said, *said))
    return steps, failures


def _transcript(steps: list[_Step], width: int) -> Iterator[str]:
    """What was said and done, in order."""
    from tui.plain.text import outcome_lines
    from tui.plain.words import wrapped

    for step in steps:
        for words in step.said:
            yield from wrapped(words, width, first="# ", indent="# ")
        if step.outcome is not None:
            yield from outcome_lines(step.outcome, width=width)


def _frames(steps: list[_Step], arguments: argparse.Namespace) -> Iterator[str]:
    """Frames, or with ``--diff`` the differences between frames, of the chosen steps."""
    width = text_width(arguments)
    for position, number in enumerate(_chosen(arguments, len(steps) - 1)):
        if position:
            yield ""
        if arguments.diff:
            yield from _diff(steps, number, width)
        else:
            yield from _frame(steps, number, width)


def _diff(steps: list[_Step], number: int, width: int) -> Iterator[str]:
    """What a step changed, as a unified diff of two frames; nothing for the machine at boot."""
    from difflib import unified_diff

    from tui.plain.text import render_text

    if number == 0:
        return
    # One column less: the diff puts its sign before each line.
    before, after = (render_text(steps[n].view, width=width - 1) for n in (number - 1, number))
    names = f"step {number - 1}", f"step {number}"
    for line in unified_diff(before, after, *names, lineterm=""):
        yield line.rstrip()


def _frame(steps: list[_Step], number: int, width: int) -> list[str]:
    """The frame after a step."""
    from tui.plain.text import render_text

    step = steps[number]
    return render_text(
        step.view,
        width=width,
        before=steps[number - 1].view if number else None,
        outcomes=[step.outcome] if step.outcome else [],
        step=f"step {number} of {len(steps) - 1}",
    )


def _chosen(arguments: argparse.Namespace, last: int) -> list[int]:
    """The step numbers that ``--steps`` means."""
    words = "last" if arguments.steps is None else arguments.steps
    if words == "all":
        return list(range(last + 1))
    if words == "last":
        return [last]
    numbers = []
    for word in words.split(","):
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= last):
            raise InputError(f"--steps {words}: expected all, last, or numbers from 0 to {last}")
        numbers.append(int(word))
    return numbers


def _json(steps: list[_Step]) -> str:
    """The outcomes of all steps and the machine at the end."""
    from tui.data import as_json, outcome_data, view_data

    outcomes = [outcome_data(step.outcome) for step in steps if step.outcome]
    return as_json(
        {
            "format": "pfnmap-run-1",
            "steps": outcomes,
            "end": view_data(steps[-1].view, steps[-1].outcome),
        }
    )


def _json_diff(steps: list[_Step], arguments: argparse.Namespace) -> str:
    """What the chosen steps changed."""
    from engine.language import format_command
    from tui.data import as_json
    from tui.data_diff import FORMAT, step_diff

    diffs = []
    for number in _chosen(arguments, len(steps) - 1):
        outcome = steps[number].outcome
        if outcome is not None:
            line = outcome.command.text or format_command(outcome.command)
            before, after = steps[number - 1].view, steps[number].view
            diffs.append(step_diff(number, line, outcome.errno, before, after))
    return as_json({"format": FORMAT, "steps": diffs})
