"""Variants of one scenario side by side as plain text: steps, counters, maps, findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pfnmap.engine.compare import Comparison, CounterRow, VariantRun, VariantStep
from pfnmap.engine.errors import InputError
from pfnmap.engine.human import counted
from pfnmap.engine.view import View
from pfnmap.tui.text.ascii import plain, section, wrapped
from pfnmap.tui.text.map import aligned_maps, scale_title

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
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
    lines = wrapped(comparison.title, width, first="pfnmap compare: ")
    for name, run in zip(names, runs, strict=True):
        lines += wrapped(_headline(run), width, first=f"{name}: ")
    lines += section(f"steps ({DIFFERS} differs)", _steps(runs, names, width))
    lines += section(f"counters ({DIFFERS} differs)", _counters(comparison.counters, names))
    lines += section(f"memory blocks that differ ({DIFFERS})", _blocks(comparison, names, width))
    lines += section(scale_title(window, views[0]), maps)
    lines += section("findings", _findings(views, names, width))
    return [line.rstrip() for line in lines]


def _steps(runs: Sequence[VariantRun], names: str, width: int) -> Iterator[str]:
    """Each command with its result; a line for each variant where the results differ."""
    for steps in zip(*(run.steps for run in runs), strict=True):
        results = [_result(step) for step in steps]
        if len(set(results)) == 1:
            yield from wrapped(f"{steps[0].line}: {results[0]}", width, first="  ")
            continue
        yield from wrapped(steps[0].line, width, first=f"{DIFFERS} ")
        for name, result in zip(names, results, strict=True):
            yield from wrapped(result, width, first=f"    {name} ", indent=" " * 6)


def _result(step: VariantStep) -> str:
    """What came of a command, and what was run where the variant won over the line."""
    return f"{step.result}, run as: {step.ran}" if step.ran else step.result


def _headline(run: VariantRun) -> str:
    """The variant, and how much of the scenario gave way to it or no longer holds."""
    words = run.name
    changed = sum(bool(step.ran) for step in run.steps)
    if changed:
        words += f" (wins over {counted(changed, 'line')} of the scenario)"
    if run.nr_expectations:
        lines = len({text.partition(":")[0] for text in run.failed})
        words += f"; {run.nr_expectations - lines} of {counted(run.nr_expectations, 'expectation')}"
        words += " hold"
    return words


def _counters(rows: Sequence[CounterRow], names: str) -> Iterator[str]:
    """Tables of all counters, at most three variants to a table."""
    for first in range(1, len(names), COLUMNS - 1):
        shown = [0, *range(first, min(first + COLUMNS - 1, len(names)))]
        if first > 1:
            yield ""
        yield f"{'':27}" + "".join(f"{names[index]:>14}" for index in shown)
        for row in rows:
            counter, values = row.name, row.values
            mark = "" if len({values[index] for index in shown}) == 1 else f" {DIFFERS}"
            form = "#x" if counter.endswith("start_pfn") else "d"
            cells = "".join(f"{_number(values[index], form):>14}" for index in shown)
            yield f"{plain(counter):<27}{cells}{mark}"


def _number(value: int | None, form: str) -> str:
    return "-" if value is None else format(value, form)


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
