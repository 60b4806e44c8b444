"""Variants of one scenario as plain text: the figure of each step, the bills, what else differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pfnmap.engine.compare import Comparison, CounterRow
from pfnmap.engine.errors import InputError
from pfnmap.engine.human import counted
from pfnmap.engine.view import View
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.text import joined
from pfnmap.tui.figure.variants import LETTERS, ground_of_variants, variant_of, variant_spans
from pfnmap.tui.text.ascii import plain, section, wrapped
from pfnmap.tui.text.map import aligned_maps, scale_title

COLUMNS: Final = 3
"""Variants in one table; with more the first is repeated in each."""
DIFFERS: Final = "*"
MAX_BLOCK_RANGES: Final = 20


def compare_lines(comparison: Comparison, glyphs: Sequence[str], *, width: int) -> list[str]:
    """All there is to compare, in ASCII lines of at most ``width``."""
    runs, views = comparison.runs, comparison.views
    if len(runs) > len(LETTERS):
        raise InputError(f"{len(runs)} variants are too many; at most {len(LETTERS)}")
    names = LETTERS[: len(runs)]
    window, maps = aligned_maps(views, glyphs, width=width, names=names)
    variants = [variant_of(run) for run in runs]
    numbers = [0, *(step.number for step in runs[0].steps)]
    title = f"pfnmap compare: {comparison.title}"
    ground = ground_of_variants(variants)
    lines = joined(variant_spans(variants, ground, numbers, width=width, title=title))
    lines += section("counters that differ at the end", _counters(comparison.counters, names))
    lines += section(f"memory blocks that differ ({DIFFERS})", _blocks(comparison, names, width))
    lines += section(scale_title(window, views[0]), maps)
    lines += section("findings", _findings(views, names, width))
    return [line.rstrip() for line in lines]


def _counters(rows: Sequence[CounterRow], names: str) -> Iterator[str]:
    """Tables of the counters that differ, at most three variants to a table."""
    for first in range(1, len(names), COLUMNS - 1):
        shown = [0, *range(first, min(first + COLUMNS - 1, len(names)))]
        unlike = [row for row in rows if len({row.values[index] for index in shown}) > 1]
        if not unlike:
            continue
        yield f"{'':27}" + "".join(f"{names[index]:>14}" for index in shown)
        for row in unlike:
            cells = "".join(f"{_number(row.name, row.values[index]):>14}" for index in shown)
            yield f"{plain(row.name):<27}{cells}"


def _number(name: str, value: int | None) -> str:
    """A counter: bytes in a unit, a pfn in hexadecimal, else as it is."""
    if value is None:
        return "-"
    if name.endswith((" bytes", "largest run")):
        return human(value)
    return format(value, "#x" if name.endswith("start_pfn") else "d")


def _blocks(comparison: Comparison, names: str, width: int) -> Iterator[str]:
    """Each range of memory whose blocks are not alike, a line for each variant."""
    for difference in comparison.blocks[:MAX_BLOCK_RANGES]:
        yield f"{DIFFERS} pfns {difference.start_pfn:#x}-{difference.end_pfn - 1:#x}"
        for name, words in zip(names, difference.words, strict=True):
            yield from wrapped(words, width, first=f"    {name} ", indent=" " * 6)
    if (more := len(comparison.blocks) - MAX_BLOCK_RANGES) > 0:
        yield f"  ({counted(more, 'further range')})"


def _findings(views: Sequence[View], names: str, width: int) -> Iterator[str]:
    """Every variant's findings; nothing when no variant has any."""
    if not any(view.findings for view in views):
        return
    for name, view in zip(names, views, strict=True):
        if not view.findings:
            yield f"{name} none"
        for finding in view.findings:
            where = f" (pfn {finding.start_pfn:#x})" if finding.nr_pages else ""
            yield from wrapped(f"{finding.code}{where}: {finding.text}", width, first=f"{name} ")
