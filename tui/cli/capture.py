"""Save what can be read of this machine's memory hotplug, and nothing else, as one file."""

from __future__ import annotations

import argparse

from tui.cli.parser import counted, say
from tui.cli.roots import add_root, opened_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which machine, and where to."""
    add_root(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="the capture to write, compressed where the name ends in .gz",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the capture; what could not be read is said."""
    from engine.sysroot.capture import save_capture

    observation = opened_root(arguments).view.observation
    nr_bytes = save_capture(observation, arguments.output)
    blocks = counted(len(observation.blocks), "memory block")
    say(f"{arguments.output}: {blocks} in {nr_bytes} bytes")
    for note in observation.notes:
        say(note)
    return 0
