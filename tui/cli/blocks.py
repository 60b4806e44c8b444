"""Print the table of memory blocks of this machine, of a tree, or of a capture."""

from __future__ import annotations

import json
import os
from typing import Literal

from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle
from pfnmap.tui.cli.root import opened_root
from pfnmap.tui.text.blocks import (
    DEFAULT_COLUMNS,
    LSMEM_COLUMNS,
    TableOptions,
    parse_columns,
    parse_split,
    table_data,
    table_lines,
)


def run(arguments: Arguments) -> int:
    """Print the table."""
    if arguments.json:
        words = ("--noheadings", "--no-summary", "--summary", "--raw", "--pairs")
        refuse_idle(arguments, "is for text, not for --json", *words)
    if arguments.pairs:
        refuse_idle(arguments, "goes without --pairs", "--raw")
    if arguments.all:
        refuse_idle(arguments, "keeps apart what --all does not join", "--split")
    if arguments.output_all:
        refuse_idle(arguments, "goes without --output-all, which is every column", "--output")
    named = arguments.output or os.environ.get("LSMEM_COLUMNS")
    columns = parse_columns(named) if named else DEFAULT_COLUMNS
    form: Literal["table", "raw", "pairs"] = "raw" if arguments.raw else "table"
    form = "pairs" if arguments.pairs else form
    if form != "table" and arguments.summary == "only":
        raise UsageError(f"--summary=only goes without --{form}, which has no totals")
    usual = "always" if form == "table" else "never"
    options = TableOptions(
        columns=LSMEM_COLUMNS if arguments.output_all else columns,
        form=form,
        split=None if arguments.split is None else parse_split(arguments.split),
        every_block=arguments.all,
        bytes=arguments.bytes,
        headings=not arguments.noheadings,
        table=arguments.summary != "only",
        summary=not arguments.no_summary and (arguments.summary or usual) != "never",
    )
    view = opened_root(arguments).view
    if arguments.json:
        emit([json.dumps(table_data(view, options), indent=1)])
    else:
        emit(table_lines(view, options))
    return 0
