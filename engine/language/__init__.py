"""The command language: lines to commands and back.

The same words stand in the ``:`` line, in scenario files, on the command line and in the
journal. Reading them needs nothing but this package: no machine, no numpy.
"""

from __future__ import annotations

from pfnmap.engine.commands import ALIASES, VERBS, Kind, Verb
from pfnmap.engine.language.lines import (
    cwd_after,
    format_command,
    help_lines,
    line_of,
    parse_line,
    parse_lines,
    parse_row,
    parse_with_comment,
)
from pfnmap.engine.notation import (
    format_pfn,
    format_refs,
    format_size,
    parse_address,
    parse_number,
    parse_pfn,
    parse_refs,
    parse_size,
)

__all__ = [
    "ALIASES",
    "VERBS",
    "Kind",
    "Verb",
    "cwd_after",
    "format_command",
    "format_pfn",
    "format_refs",
    "format_size",
    "help_lines",
    "line_of",
    "parse_address",
    "parse_line",
    "parse_lines",
    "parse_number",
    "parse_pfn",
    "parse_refs",
    "parse_row",
    "parse_size",
    "parse_with_comment",
]
