"""Scenario files (``*.hotplug``): one command a line, read, written and put in normal form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from pfnmap.engine.commands import (
    Command,
    Expect,
    Interactive,
    Note,
    Pause,
    Source,
    StartMachine,
    Title,
)
from pfnmap.engine.complaints import wrong
from pfnmap.engine.errors import InputError, ParseError, PfnmapError
from pfnmap.engine.language.lines import cwd_after, format_command, parse_row
from pfnmap.engine.language.shell import MAX_LOOP_ROWS, joined_rows, place_in_rows, rows_of_loop
from pfnmap.engine.limits import MAX_SCENARIO_LINES, MAX_WRONG_LINES
from pfnmap.engine.printable import printable

MAX_FILE_BYTES: Final = 16 << 20
MAX_ERRORS_SHOWN: Final = 20
SUFFIX: Final = ".hotplug"


class ScenarioLine(Struct, frozen=True):
    """A line of the file: a command, a comment, both, or neither (a blank line)."""

    number: int
    command: Command | None = None
    comment: str = ""
    """From ``#`` on."""
    indent: int = 0
    """Characters before the command in the file."""

    def column_of(self, complaint: str) -> int:
        """The column of what a machine complains about: its first word, else the command."""
        text = self.command.text if self.command else ""
        about = complaint.partition(": ")[0]
        for word in (about, *reversed(about.replace("=", " ").split())):
            found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) if word else None
            if found:
                return self.indent + found.start() + 1
        return self.indent + 1

    def __str__(self) -> str:
        """The line in normal form."""
        words = format_command(self.command) if self.command else ""
        return "  ".join(part for part in (words, self.comment) if part)


class Scenario(Struct, frozen=True):
    """A whole file. ``source`` is its name as messages show it."""

    source: str
    body: tuple[ScenarioLine, ...]

    @property
    def lines(self) -> tuple[tuple[int, Command], ...]:
        """(line number, command) of every line that has a command."""
        return tuple((line.number, line.command) for line in self.body if line.command)

    def complaint(self, number: int, error: PfnmapError) -> ParseError:
        """What a machine says about a line of this file, with its place."""
        line = next((line for line in self.body if line.number == number), ScenarioLine(number))
        words = str(error)
        return ParseError(words, source=self.source, line=number, column=line.column_of(words))

    @property
    def start(self) -> StartMachine:
        """The machine at boot: the ``machine`` line's, otherwise the default one."""
        commands = (line.command for line in self.body)
        return next((c for c in commands if isinstance(c, StartMachine)), StartMachine())

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every command but ``machine``, in order."""
        return tuple(c for _number, c in self.lines if not isinstance(c, StartMachine))

    @property
    def title(self) -> str:
        """The words of the first ``title`` line, otherwise the file's name."""
        titles = (c.words for _number, c in self.lines if isinstance(c, Title))
        return next(titles, Path(self.source).stem)

    @property
    def origins(self) -> tuple[str, ...]:
        """The words of its ``source`` lines: where its claims come from."""
        return tuple(c.words for _number, c in self.lines if isinstance(c, Source))


_LINES: Final = re.compile(r", lines? [0-9-]+$")


def by_source(scenarios: Mapping[str, Scenario]) -> dict[str, dict[str, Scenario]]:
    """Each post, commit or document that claims come from, the one with the most first.

    With its scenarios by name; a post is one however many of its lines are named.
    """
    found: dict[str, dict[str, Scenario]] = {}
    for name, scenario in scenarios.items():
        for origin in scenario.origins:
            found.setdefault(_LINES.sub("", origin), {})[name] = scenario
    return dict(sorted(found.items(), key=lambda post: (-len(post[1]), post[0])))


class ScenarioError(ParseError):
    """Everything that is wrong with a scenario; ``str()`` has a line for each error.

    At most :data:`MAX_ERRORS_SHOWN` errors are shown; ``errors`` holds them all.
    """

    def __init__(self, errors: Iterable[ParseError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.message, source=first.source, line=first.line, column=first.column)

    def __str__(self) -> str:
        shown = [str(error) for error in self.errors[:MAX_ERRORS_SHOWN]]
        if more := len(self.errors) - len(shown):
            least = "at least " if len(self.errors) == MAX_WRONG_LINES else ""
            shown.append(f"{self.source}: {least}{more} more wrong lines")
        return "\n".join(shown)


# -- reading -----------------------------------------------------------------------------
def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file.

    Raises:
        InputError: The file cannot be read, is too large or is no text.
        ScenarioError: Lines are wrong; all of them are reported together.
    """
    name = printable(str(path))
    return parse_scenario(decode_scenario(scenario_bytes(path), name), name)


def scenario_bytes(path: str | Path) -> bytes:
    """What is in a file, as far as a scenario may be long and one byte more; InputError."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        name = printable(str(path))
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: the scenario cannot be read: {printable(reason)}") from None


def decode_scenario(data: bytes, source: str) -> str:
    """The text of a scenario's bytes; InputError with the line where it is no UTF-8 text."""
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{source}: the file is too large for a scenario (over {MAX_FILE_BYTES >> 20} MiB)"
        )
    if (at := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise InputError(
            f"{source}:{line}: this is no text file (it holds a NUL byte); expected a scenario"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{source}:{line}: byte {data[error.start]:#04x} is not valid UTF-8; "
            "expected a file in UTF-8"
        ) from None


def parse_scenario(text: str, source: str = "scenario") -> Scenario:
    """Read a scenario's text; ScenarioError with every wrong line when there is one."""
    body: list[ScenarioLine] = []
    errors: list[ParseError] = []
    cwd, pasted = "", False
    rows = text.split("\n")
    if rows[-1] == "":
        rows.pop()
    if len(rows) > MAX_SCENARIO_LINES:
        raise InputError(
            f"{source}: {len(rows)} lines; a scenario has at most {MAX_SCENARIO_LINES}"
        )
    following = 0
    while following < len(rows) and len(errors) < MAX_WRONG_LINES:
        number = following + 1
        following += rows_of_loop(rows[following : following + MAX_LOOP_ROWS])
        together = rows[number - 1 : following]
        row = joined_rows(together)
        try:
            command, comment, pasted = parse_row(row, cwd, pasted=pasted)
            cwd = cwd_after(command, cwd)
            _check_place(command, body)
        except ParseError as error:
            at, column = place_in_rows(together, error.column)
            errors.append(
                ParseError(error.message, source=source, line=number - 1 + at, column=column)
            )
            command, comment = None, ""
        indent = len(row) - len(row.lstrip(" \t")) if command else 0
        body.append(ScenarioLine(number, command, comment, indent))
    if errors:
        raise ScenarioError(errors)
    return Scenario(source, tuple(body))


def _check_place(command: Command | None, before: list[ScenarioLine]) -> None:
    """Whether a command may stand here: ``machine`` first, no session commands."""
    if isinstance(command, Interactive):
        raise wrong(f"{command.verb} works in a session only", expected="a command for a machine")
    if not isinstance(command, StartMachine):
        return
    earlier = next((line for line in before if isinstance(line.command, StartMachine)), None)
    if earlier:
        raise wrong(
            f"there is a second machine (the first is in line {earlier.number})",
            expected="one machine line",
        )
    talk = (Note, Title, Source, Pause)
    if late := next((x for x in before if x.command and not isinstance(x.command, talk)), None):
        raise wrong(
            f"machine stands behind a command (line {late.number})",
            expected="machine before all other commands",
        )


# -- writing -----------------------------------------------------------------------------
def format_scenario(scenario: Scenario) -> str:
    """The file in normal form: canonical spelling, comments and blank lines kept.

    Reading the result and formatting it again gives the same bytes.
    """
    rows = [str(line) for line in scenario.body]
    while rows and not rows[-1]:
        rows.pop()
    return "".join(f"{row}\n" for row in rows)


def build_scenario(
    start: StartMachine,
    commands: Iterable[Command],
    *,
    source: str = "session",
    title: str = "",
    claims: Iterable[Expect] = (),
) -> Scenario:
    """A scenario from a session: its machine, its commands, and claims about its end.

    Args:
        start: The machine at boot.
        commands: What was done, in order; commands for the session itself are left out.
        source: The name messages will show.
        title: A title line; none when empty, a scenario's file name, or among the commands.
        claims: About the machine at the end, such as :func:`.generated.expectations_of` gives.
    """
    done = [c for c in commands if not isinstance(c, Interactive | StartMachine)]
    written: list[Command] = [start]
    # A file's name is its title anyway; the title it gives itself counts.
    if title and not title.endswith(SUFFIX) and not any(isinstance(c, Title) for c in done):
        written.append(Title(title))
    written += [*done, *claims]
    lines = (ScenarioLine(number, command) for number, command in enumerate(written, 1))
    return Scenario(source, tuple(lines))
