"""Save what can be read of this machine's memory hotplug, and nothing else, as one file."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pfnmap.engine.sizes import counted
from pfnmap.engine.sysroot.capture import capture_bytes, save_capture
from pfnmap.engine.sysroot.observe import page_size
from pfnmap.tui.cli.messages import Arguments, emit, say
from pfnmap.tui.cli.named_files import STANDARD_OUTPUT, output_file, outside_tree
from pfnmap.tui.cli.root import opened_root


def run(arguments: Arguments) -> int:
    """Write the capture; what could not be read is said."""
    out = arguments.output
    if out != STANDARD_OUTPUT:
        root = arguments.root or "/"
        output_file("-o", out, [(Path(root), "the capture")])
        outside_tree("-o", out, root)
    observation = opened_root(arguments).view.observation
    if arguments.page_size is not None:
        observation = replace(observation, page_bytes=page_size(arguments.page_size))
    if out == STANDARD_OUTPUT:
        emit([capture_bytes(observation).decode("ascii").removesuffix("\n")])
    else:
        nr_bytes = save_capture(observation, out)
        say(f"{out}: {counted(len(observation.blocks), 'memory block')} in {nr_bytes} bytes")
    for note in observation.notes:
        say(note)
    return 0
