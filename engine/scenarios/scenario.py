"""Scenario files (``*.hotplug``): one command a line, read, written and put in normal form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.commands import (
    Command,
    Expect,
    Interactive,
    Note,
    Pause,
    Ref,
    StartMachine,
    Title,
)
from engine.errors import InputError, ParseError
from engine.kinds import ZoneType
from engine.language import format_command, parse_with_comment
from engine.language.lexer import MAX_LINE_CHARACTERS
from engine.language.wrong import printable, wrong
from engine.values import dataclass

if TYPE_CHECKING:
    from engine.commands import ExpectValue
    from engine.view import BlockRow, View

MAX_FILE_BYTES: Final = 16 << 20
MAX_ERRORS_SHOWN: Final = 20
SUFFIX: Final = ".hotplug"


@dataclass(frozen=True, slots=True)
class ScenarioLine:
    """A line of the file: a command, a comment, both, or neither (a blank line)."""

    number: int
    command: Command | None = None
    comment: str = ""
    """From ``#`` on."""

    def __str__(self) -> str:
        """The line in normal form."""
        words = format_command(self.command) if self.command else ""
        return "  ".join(part for part in (words, self.comment) if part)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file. ``source`` is its name as messages show it."""

    source: str
    body: tuple[ScenarioLine, ...]

    @property
    def lines(self) -> tuple[tuple[int, Command], ...]:
        """(line number, command) of every line that has a command."""
        return tuple((line.number, line.command) for line in self.body if line.command)

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
    def has_expectations(self) -> bool:
        """Whether anything in it is checked."""
        return any(isinstance(c, Expect) for _number, c in self.lines)


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
            shown.append(f"{self.source}: {more} more wrong lines")
        return "\n".join(shown)


# -- reading -----------------------------------------------------------------------------
def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file.

    Raises:
        InputError: The file cannot be read, is too large or is no text.
        ScenarioError: Lines are wrong; all of them are reported together.
    """
    name = printable(str(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: the scenario cannot be read: {printable(reason)}") from None
    return parse_scenario(decode_scenario(data, name), name)


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
    rows = text.split("\n")
    if rows[-1] == "":
        rows.pop()
    for number, row in enumerate(rows, 1):
        try:
            command, comment = parse_with_comment(row, source=source, line=number)
            _check_place(command, body)
        except ParseError as error:
            errors.append(error.at(source, number))
            command, comment = None, ""
        body.append(ScenarioLine(number, command, comment))
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
    talk = (Note, Title, Pause)
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
    expect: View | None = None,
) -> Scenario:
    """A scenario from a session: its machine, its commands, and claims about its end.

    Args:
        start: The machine at boot.
        commands: What was done, in order; commands for the session itself are left out.
        source: The name messages will show.
        title: A title line, none when empty.
        expect: The view whose zones, blocks and totals are written down as ``expect`` lines.
    """
    written: list[Command] = [start]
    if title:
        written.append(Title(title))
    written += [c for c in commands if not isinstance(c, Interactive | StartMachine)]
    if expect is not None:
        written += expectations_of(expect)
    lines = (ScenarioLine(number, command) for number, command in enumerate(written, 1))
    return Scenario(source, tuple(lines))


def expectations_of(view: View) -> Iterator[Expect]:
    """Claims that hold in a view: populated zones, runs of equal blocks, the total."""
    for zone in view.zones:
        if zone.present or zone.spanned:
            yield Expect(
                "zone",
                zone.zone,
                zone.node,
                (
                    ("start", zone.start_pfn),
                    ("spanned", zone.spanned),
                    ("present", zone.present),
                    ("managed", zone.managed),
                ),
            )
    yield from _block_claims(view)
    yield Expect(
        "total",
        pairs=(
            ("managed", sum(zone.managed for zone in view.zones)),
            ("present", sum(zone.present for zone in view.zones)),
        ),
    )


_RANKS_AT_ONCE = 4096


def _block_claims(view: View) -> Iterator[Expect]:
    """``expect block`` lines, neighbouring blocks with equal facts in one."""
    first = last = -1
    facts: tuple[tuple[str, ExpectValue], ...] = ()
    for rank in range(0, view.nr_blocks, _RANKS_AT_ONCE):
        for block_id in view.block_ids(rank, _RANKS_AT_ONCE).tolist():
            row = view.block(block_id)
            if row is None:
                continue
            pairs = _block_pairs(row)
            if pairs != facts or block_id != last + 1:
                if first >= 0:
                    yield Expect("block", (Ref(first, last),), pairs=facts)
                first, facts = block_id, pairs
            last = block_id
    if first >= 0:
        yield Expect("block", (Ref(first, last),), pairs=facts)


def _block_pairs(row: BlockRow) -> tuple[tuple[str, ExpectValue], ...]:
    pairs: list[tuple[str, ExpectValue]] = [("state", row.state)]
    if row.zone != ZoneType.NONE:
        pairs.append(("zone", row.zone.label))
    if row.node is not None:
        pairs.append(("node", row.node))
    if row.valid_zones:
        pairs.append(("valid_zones", " ".join(row.valid_zones)))
    if row.vmemmap_pages is not None:
        pairs.append(("vmemmap", row.vmemmap_pages))
    return tuple(pairs)


__all__ = [
    "MAX_FILE_BYTES",
    "MAX_LINE_CHARACTERS",
    "SUFFIX",
    "Scenario",
    "ScenarioError",
    "ScenarioLine",
    "build_scenario",
    "decode_scenario",
    "expectations_of",
    "format_scenario",
    "load_scenario",
    "parse_scenario",
]
