"""Print the table of memory blocks of this machine, of a tree, or of a capture."""

from __future__ import annotations

import argparse
import json

from pfnmap.tui.cli.opening import opened_root
from pfnmap.tui.cli.parser import emit, refuse_idle
from pfnmap.tui.text.blocks import (
    COLUMNS,
    DEFAULT_COLUMNS,
    TableOptions,
    parse_columns,
    parse_split,
    table_data,
    table_lines,
)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    if arguments.json:
        refuse_idle(arguments, "is for text, not for --json", "--noheadings", "--no-summary")
    if arguments.all:
        refuse_idle(arguments, "keeps apart what --all does not join", "--split")
    if arguments.output_all:
        refuse_idle(arguments, "goes without --output-all, which is every column", "--output")
    columns = DEFAULT_COLUMNS if arguments.output is None else parse_columns(arguments.output)
    options = TableOptions(
        columns=tuple(COLUMNS) if arguments.output_all else columns,
        split=None if arguments.split is None else parse_split(arguments.split),
        every_block=arguments.all,
        bytes=arguments.bytes,
        headings=not arguments.noheadings,
        summary=not arguments.no_summary,
    )
    view = opened_root(arguments).view
    if arguments.json:
        emit([json.dumps(table_data(view, options), indent=1)])
    else:
        emit(table_lines(view, options))
    return 0
