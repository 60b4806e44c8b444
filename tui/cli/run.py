"""Run a scenario and print what every command did, or frames of the machine.

Without a scenario the -c commands run on the default machine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from difflib import unified_diff
from functools import cached_property

from msgspec import Struct

from pfnmap.engine.commands import Command, Interactive, Note, StartMachine, Title, is_step
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.notation import PROFILE
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.play import play
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.run import failures_of, opened
from pfnmap.engine.scenarios.scenario import Scenario, ScenarioLine, load_scenario
from pfnmap.engine.scenarios.shell_script import as_shell
from pfnmap.engine.session import Session
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle, say
from pfnmap.tui.cli.named_files import scenario_file, write_out
from pfnmap.tui.cli.opening import parsed, step_numbers
from pfnmap.tui.cli.options import (
    PICTURE_OPTIONS,
    TextFormat,
    look_of,
    text_width,
)
from pfnmap.tui.documents.diff import DiffData, step_diff
from pfnmap.tui.documents.reports import RunData
from pfnmap.tui.documents.view import as_json, outcome_data, view_data_1
from pfnmap.tui.figure.axis import Ground
from pfnmap.tui.figure.moments import Moment, moments
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.text.ascii import wrapped
from pfnmap.tui.text.frame import outcome_lines, render_text
from pfnmap.tui.text.step_table import numbers


def run(arguments: Arguments) -> int:
    """Run everything, print what was asked for; 1 when an expectation did not hold.

    Where a line cannot be done, text tells what happened before it; a document would be half.
    """
    _refuse_idle_options(arguments)
    scenario = _scenario(arguments)
    if arguments.as_shell:
        emit(map(printable, as_shell(scenario)))
        return 0
    done = _run(scenario)
    if done.error is not None and (arguments.svg or arguments.html or arguments.json):
        raise done.error
    if arguments.svg or arguments.html:
        _print_picture(scenario, arguments)
    elif arguments.json:
        emit([_json_diff(done, arguments) if arguments.diff else _json(done.moments)])
    else:
        if arguments.numbers:
            steps = [(moment.number, moment.outcome) for moment in done.moments if moment.outcome]
            emit(numbers(done.session.start, steps, text_width(arguments)))
        elif arguments.text or arguments.diff:
            emit(_frames(done, arguments))
        else:
            emit(_transcript(done, text_width(arguments)))
        emit(line for words in done.failures for line in wrapped(words, text_width(arguments)))
        if done.error is not None:
            raise done.error
        return 1 if done.failures else 0
    # What is on standard output is a document, and stays one.
    for failure in done.failures:
        say(failure, placed=True)
    return 1 if done.failures else 0


def _refuse_idle_options(arguments: Arguments) -> None:
    """Refuse options that the form of the output has no use for."""
    picture = arguments.svg or arguments.html
    if picture or arguments.as_shell or arguments.numbers:
        refuse_idle(arguments, "is for text and --json", "--diff")
    if picture or arguments.as_shell or arguments.json:
        refuse_idle(arguments, "is for text", "--width")
    if not picture:
        refuse_idle(arguments, "goes with --svg or --html", *PICTURE_OPTIONS)
    if not (arguments.text or arguments.diff):
        refuse_idle(arguments, "goes with --text or --diff", "--steps")


def _print_picture(scenario: Scenario, arguments: Arguments) -> None:
    """The screen at the end, as ``pfnmap export`` draws it."""
    from pfnmap.tui.pictures.render import render

    form: TextFormat = "svg" if arguments.svg else "html"
    size, theme = look_of(arguments)
    write_out(None, render(scenario, size=size, theme=theme, format=form))


class _Run(Struct, frozen=True, dict=True):
    """A scenario, run to its end or to the line that cannot be done."""

    session: Session
    told: list[str | Outcome]
    """What was said, and what commands for the machine did, in order."""
    nr_steps: int
    """Of the whole scenario, also where the run stops before its end."""
    failures: list[str]
    """Expectations that did not hold."""
    error: PfnmapError | None = None
    """Why the run stopped."""

    @property
    def reached(self) -> int:
        """The number of the last step that was done."""
        return self.session.position

    @cached_property
    def moments(self) -> list[Moment]:
        """The machine at boot, and after every command that was for it."""
        return moments(self.session)

    def at(self, number: int) -> int:
        """Where in ``moments`` the machine stands at a step; a note leaves it where it was."""
        return bisect_right(self.moments, number, key=lambda moment: moment.number) - 1


def _scenario(arguments: Arguments) -> Scenario:
    """The file's lines, then the ``-c`` commands."""
    commands = parsed(arguments.commands)
    if arguments.file is None and not commands:
        raise UsageError("nothing to run; give a FILE, or commands with -c")
    _refuse_session_verbs(commands, but=() if arguments.as_shell else ("profiles",))
    scenario = Scenario("-c", ())
    if arguments.file is not None:
        scenario = load_scenario(scenario_file(arguments.file))
        if any(isinstance(command, StartMachine) for command in commands):
            raise InputError("-c machine: the scenario has its own machine")
    last = scenario.body[-1].number if scenario.body else 0
    extra = (ScenarioLine(last + n, command) for n, command in enumerate(commands, 1))
    return Scenario(scenario.source, (*scenario.body, *extra))


def _refuse_session_verbs(commands: list[Command], but: tuple[str, ...]) -> None:
    """Refuse what no scenario file can hold either."""
    for command in commands:
        if isinstance(command, Interactive) and command.verb not in but:
            raise InputError(
                f"-c {command.verb}: works in a session only; expected a command for a machine"
            )


def _run(scenario: Scenario) -> _Run:
    """Every command, as far as they can be done."""
    session = opened(scenario)
    told: list[str | Outcome] = [f"source: {words}" for words in scenario.origins]
    told += session.view.notes
    failures: list[str] = []
    stopped: PfnmapError | None = None
    try:
        for step in play(scenario.lines, session, scenario.complaint):
            failures += map(str, failures_of(step, scenario.source))
            match step.command:
                case Note(words=words) | Title(words=words):
                    told.append(words)
                case Interactive():
                    told.append("profiles: " + " ".join(PROFILE.words))
                case _ if step.is_action:
                    told.append(step.outcome)
    except PfnmapError as error:
        stopped = error
    nr_steps = sum(is_step(command) for _line, command in scenario.lines)
    return _Run(session, told, nr_steps, failures, stopped)


def _transcript(run: _Run, width: int) -> Iterator[str]:
    """What was done, and what was said as comments, in order."""
    for each in run.told:
        if isinstance(each, str):
            yield from wrapped(each, width, first="# ", indent="# ")
        else:
            yield from outcome_lines(each, width=width)


def _frames(run: _Run, arguments: Arguments) -> Iterator[str]:
    """Frames, or with ``--diff`` the differences between frames, of the chosen steps."""
    width = text_width(arguments)
    ground = Steps(run.session).ground
    for position, number in enumerate(_chosen(run, arguments)):
        if position:
            yield ""
        if arguments.diff:
            yield from _diff(run, number, width, ground)
        else:
            yield from _frame(run, number, width, ground)


def _diff(run: _Run, number: int, width: int, ground: Ground) -> Iterator[str]:
    """What a step changed, as a unified diff of two frames; nothing for boot and for notes."""
    moment = run.moments[run.at(number)]
    if moment.before is None or moment.number != number:
        return
    # One column less: the diff puts its sign before each line.
    before, after = (
        render_text(each.view, width=width - 1, ground=ground) for each in (moment.before, moment)
    )
    names = f"step {number - 1}", f"step {number}"
    for line in unified_diff(before, after, *names, lineterm=""):
        yield line.rstrip()


def _frame(run: _Run, number: int, width: int, ground: Ground) -> list[str]:
    """The frame at a step."""
    moment = run.moments[run.at(number)]
    return render_text(
        moment.view,
        width=width,
        before=moment.before.view if moment.before else None,
        outcomes=[moment.outcome] if moment.outcome else [],
        step=f"step {number} of {run.nr_steps}",
        ground=ground,
    )


def _chosen(run: _Run, arguments: Arguments) -> list[int]:
    """The step numbers that ``--steps`` means, as far as the run came."""
    words = "last" if arguments.steps is None else arguments.steps
    if words == "all":
        return [moment.number for moment in run.moments]
    if words == "last":
        # Notes and claims at the end have a frame, but make no difference.
        return [run.moments[-1].number if arguments.diff else run.reached]
    return [number for number in step_numbers(words, run.nr_steps) if number <= run.reached]


def _json(found: list[Moment]) -> str:
    """The outcomes of all steps and the machine at the end."""
    outcomes = [outcome_data(moment.outcome) for moment in found if moment.outcome]
    return as_json(
        RunData("pfnmap-run-1", outcomes, view_data_1(found[-1].view, found[-1].outcome))
    )


def _json_diff(run: _Run, arguments: Arguments) -> str:
    """What the chosen steps changed."""
    diffs = []
    for number in _chosen(run, arguments):
        moment = run.moments[run.at(number)]
        if moment.outcome is not None and moment.before is not None and moment.number == number:
            errno, before = moment.outcome.errno, moment.before.view
            diffs.append(step_diff(number, moment.words, errno, before, moment.view))
    return as_json(DiffData("pfnmap-diff-1", diffs))
