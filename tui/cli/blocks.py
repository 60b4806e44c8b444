"""Print the table of memory blocks of this machine, of a tree, or of a capture."""

from __future__ import annotations

import argparse
import json

from pfnmap.tui.cli.parser import emit, refuse_idle
from pfnmap.tui.cli.roots import add_kept, add_root, opened_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which machine, and the form of the table; the letters are those of lsmem."""
    from pfnmap.tui.text.blocks_table import column_help

    add_kept(parser)
    add_root(parser)
    parser.add_argument(
        "-J", "--json", action="store_true", help="print data, format pfnmap-blocks-1"
    )
    parser.add_argument("-b", "--bytes", action="store_true", help="print sizes in bytes")
    parser.add_argument("-n", "--noheadings", action="store_true", help="print no headings")
    parser.add_argument(
        "-o", "--output", metavar="LIST", default=None, help="columns; +LIST adds to the usual"
    )
    parser.add_argument("--output-all", action="store_true", help="every column")
    parser.add_argument(
        "-S",
        "--split",
        metavar="LIST",
        default=None,
        help="columns that keep neighbouring blocks apart (default: those shown), or none",
    )
    parser.add_argument("-a", "--all", action="store_true", help="a line for every block")
    parser.add_argument("--no-summary", action="store_true", help="print no totals")
    parser.epilog = "columns:\n" + "\n".join(column_help())


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from pfnmap.tui.text.blocks_table import (
        COLUMNS,
        DEFAULT_COLUMNS,
        TableOptions,
        parse_columns,
        parse_split,
        table_data,
        table_lines,
    )

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
