"""Put scenarios in normal form: canonical spelling, comments and blank lines kept."""

from __future__ import annotations

from pathlib import Path

from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import (
    decode_scenario,
    format_scenario,
    parse_scenario,
    scenario_bytes,
)
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.cli.named_files import write_out


def run(arguments: Arguments) -> int:
    """Format every file; all are read before the first is written."""
    formatted = [(Path(file), *_formatted(Path(file))) for file in arguments.files]
    if not (arguments.write or arguments.check):
        # Not in the locale's encoding: what is printed is a scenario again.
        write_out(None, "".join(text for _, _, text in formatted))
        return 0
    changed = [(file, text) for file, data, text in formatted if data != text.encode()]
    if arguments.write:
        for file, text in changed:
            write_whole(file, text.encode())
        return 0
    emit(printable(f"{file}: not in normal form") for file, _ in changed)
    return 1 if changed else 0


def _formatted(file: Path) -> tuple[bytes, str]:
    """What is in the file, which may be a pipe and is read once, and what ought to be."""
    data, name = scenario_bytes(file), printable(str(file))
    return data, format_scenario(parse_scenario(decode_scenario(data, name), name))
