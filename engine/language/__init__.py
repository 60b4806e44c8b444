"""The command language: lines to commands and back, and the registry of verbs.

The same words stand in the ``:`` line, in scenario files, on the command line and in the
journal. Reading them needs nothing but this package: no machine, no numpy.
"""

from __future__ import annotations

from pfnmap.engine.language.parser import parse_line, parse_with_comment
from pfnmap.engine.language.printer import format_command, line_of
from pfnmap.engine.language.refs import format_pfn, format_refs, parse_pfn, parse_refs
from pfnmap.engine.language.registry import (
    ALIASES,
    VERBS,
    Kind,
    Verb,
    help_lines,
)
from pfnmap.engine.language.values import format_size, parse_address, parse_number, parse_size

__all__ = [
    "ALIASES",
    "VERBS",
    "Kind",
    "Verb",
    "format_command",
    "format_pfn",
    "format_refs",
    "format_size",
    "help_lines",
    "line_of",
    "parse_address",
    "parse_line",
    "parse_number",
    "parse_pfn",
    "parse_refs",
    "parse_size",
    "parse_with_comment",
]
