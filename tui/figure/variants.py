"""The same commands under other rules: one drawing of all variants, and what a choice costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from pfnmap.engine.compare import VariantRun
from pfnmap.engine.human import counted
from pfnmap.engine.model_view import ModelView
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.axis import Ground, ground_of
from pfnmap.tui.figure.bill import NO_HUGE_PAGES, Bill, DeviceBill, bill_of
from pfnmap.tui.figure.figure import Figure, figure_of
from pfnmap.tui.figure.lines import INDENT, Sheet, Span, Spans
from pfnmap.tui.figure.moments import BOOT, Moment
from pfnmap.tui.figure.result import result
from pfnmap.tui.text.ascii import plain, wrapped

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_NAMES: Final = 6
"""Devices that are named; more are counted."""


class Variant(Struct, frozen=True, eq=False):
    """One run of the commands: its moments, and the steps that meant nothing to it."""

    name: str
    moments: tuple[Moment, ...]
    """At the start, and after every step that could be done."""
    headline: str
    """The name, and how much of the scenario gave way to it or no longer holds."""
    problems: dict[int, str]
    """Why a step could not be done at all, by its number."""

    def at(self, number: int) -> Moment | None:
        """The moment of a step; None where it could not be done."""
        return next((moment for moment in self.moments if moment.number == number), None)


def variant_of(run: VariantRun) -> Variant:
    """The moments of a run; steps have the numbers of the session."""
    found = [Moment(ModelView(run.start), run.start, BOOT)]
    for step in run.steps:
        if step.outcome is not None:
            after = step.outcome.after
            view = ModelView(after)
            words = step.ran or step.line
            found.append(Moment(view, after, words, step.number, 0, step.outcome, None, found[-1]))
    problems = {step.number: step.problem for step in run.steps if step.outcome is None}
    return Variant(run.name, tuple(found), _headline(run), problems)


def _headline(run: VariantRun) -> str:
    words = run.name
    if changed := sum(bool(step.ran) for step in run.steps):
        words += f" (wins over {counted(changed, 'line')} of the scenario)"
    if run.nr_expectations:
        lines = len({text.partition(":")[0] for text in run.failed})
        words += f"; {run.nr_expectations - lines} of {counted(run.nr_expectations, 'expectation')}"
        words += " hold"
    return words


def ground_of_variants(
    variants: Sequence[Variant], focus: Sequence[tuple[int, int]] | None = None
) -> Ground:
    """The address space of all variants, in focus what any of them touches."""
    return ground_of([moment for variant in variants for moment in variant.moments], focus)


def variant_spans(
    variants: Sequence[Variant], ground: Ground, numbers: Sequence[int], *, width: int, title: str
) -> Iterator[Spans]:
    """Every step with the rows of each variant; those that are alike are drawn once.

    ``numbers``: steps that are drawn, ascending; 0 is the start.
    """
    sheet = Sheet(ground, width, variants[0].moments[0].view.geometry.block_bytes)
    for line in wrapped(title, width) if title else []:
        yield (Span(line, "heading"),)
    for letter, variant in zip(LETTERS, variants, strict=False):
        for line in wrapped(variant.headline, width, first=f"{letter}: "):
            yield (Span(line, "name"),)
    yield from sheet.heading()
    parted, drawn = False, list[Figure]()
    above: list[Figure | None] = [None] * len(variants)
    for number in numbers:
        bodies: list[tuple[Spans, ...]] = []
        for index, variant in enumerate(variants):
            moment = variant.at(number)
            if moment is None:
                bodies.append(tuple(sheet.clauses(_not_done(variant, number), INDENT)))
                continue
            figure = figure_of(moment, sheet.axis)
            clauses = tuple(sheet.clauses(result(moment), INDENT))
            bodies.append(clauses + tuple(sheet.rows(figure, above[index])))
            above[index] = figure
            drawn.append(figure)
        heading = _heading(variants, number)
        for line in ["", *wrapped(heading, width)]:
            yield (Span(line, "heading"),)
        if all(body == bodies[0] for body in bodies):
            yield from bodies[0]
            continue
        if not parted:
            parted = True
            yield (Span("* here they part", "changed"),)
        # Variants that come to the same stand together, in the order of the first of each.
        order = sorted(range(len(bodies)), key=lambda index: bodies.index(bodies[index]))
        for body, group in groupby(order, key=lambda index: bodies[index]):
            names = ", ".join(f"{LETTERS[index]}: {variants[index].name}" for index in group)
            for line in wrapped(names, width, first=INDENT):
                yield (Span(line, "name"),)
            yield from body
    yield ()
    yield from sheet.legend(drawn)
    yield from _bills(sheet, variants)


def _heading(variants: Sequence[Variant], number: int) -> str:
    if number == 0:
        return BOOT
    moments = [moment for variant in variants if (moment := variant.at(number)) is not None]
    words = " / ".join(dict.fromkeys(moment.words for moment in moments))
    return f"step {number}: {words or 'could not be done'}"


def _not_done(variant: Variant, number: int) -> tuple[str, ...]:
    return (f"not possible: {variant.problems.get(number, 'it stands behind the end')}",)


# -- what it costs -------------------------------------------------------------------------
def _bills(sheet: Sheet, variants: Sequence[Variant]) -> Iterator[Spans]:
    """The bill of each variant at its end, and the others' price against the first's."""
    bills = [bill_of(variant.moments[-1].state) for variant in variants]
    for index, (variant, bill) in enumerate(zip(variants, bills, strict=True)):
        same = bills.index(bill)
        name = f"{LETTERS[index]}: {plain(variant.name)}"
        yield ()
        if same < index:
            yield (Span(f"{name}: the bill of {LETTERS[same]}", "name"),)
            continue
        yield (Span(name, "name"),)
        yield from sheet.bill(bill, INDENT)
    yield ()
    for index, (variant, bill) in enumerate(zip(variants[1:], bills[1:], strict=True), 1):
        price = "; ".join(price_words(bills[0], bill)) or "costs and saves nothing"
        first = f"{LETTERS[index]}: "
        for line in wrapped(f"{variant.name}: {price}", sheet.width, first=first):
            yield (Span(line, "heading"),)


def price_words(one: Bill, other: Bill) -> Iterator[str]:
    """What the second bill costs and saves against the first, a clause each."""
    here, there = ({bill.name: bill for bill in each.devices} for each in (one, other))
    yield from _names("lacks", [name for name in here if name not in there])
    yield from _names("has", [name for name in there if name not in here])
    both = [(here[name], there[name]) for name in here if name in there]
    yield from _amount(sum(a.usable_bytes - b.usable_bytes for a, b in both), _whose(both))
    nodes = {node.node: node for node in one.nodes}
    for now in other.nodes:
        was = nodes.get(now.node)
        if was is None:
            continue
        used = (now.memmap_pages - was.memmap_pages) * one.page_bytes
        yield from _amount(used, f"node {now.node}")
        remote = (now.remote_pages - was.remote_pages) * one.page_bytes
        if remote:
            yield f"{human(abs(remote))} {_more(remote)} remote on node {now.node}"
    for longest in dict.fromkeys((a.longest_bytes, b.longest_bytes) for a, b in both):
        if longest[0] != longest[1]:
            yield f"longest run {human(longest[0])} -> {human(longest[1])}"
    huge = [(a.huge or NO_HUGE_PAGES, b.huge or NO_HUGE_PAGES) for a, b in both]
    if saved := sum(b.saved_pages - a.saved_pages for a, b in huge):
        yield f"{counted(abs(saved), 'vmemmap page')} {_more(saved)} saved by huge pages"
    if corrupt := sum(b.corrupt - a.corrupt for a, b in huge):
        yield f"{counted(abs(corrupt), 'huge page')} {_more(corrupt)} corrupt"


def _names(verb: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        few = len(names) <= MOST_NAMES
        yield f"{verb} {', '.join(names) if few else counted(len(names), 'device')}"


def _more(number: int) -> str:
    return "more" if number > 0 else "less"


def _whose(both: Sequence[tuple[DeviceBill, DeviceBill]]) -> str:
    changed = [a.name for a, b in both if a.usable_bytes != b.usable_bytes]
    return changed[0] if len(changed) == 1 else f"{len(changed)} devices"


def _amount(size_bytes: int, whose: str) -> Iterator[str]:
    if size_bytes:
        yield f"{'costs' if size_bytes > 0 else 'saves'} {human(abs(size_bytes))} of {whose}"
