"""The same commands under other rules: one drawing of all variants, and what a choice costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Final

from msgspec import Struct

from pfnmap.engine.compare import Comparison, CounterRow, VariantRun
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.sizes import counted
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.bill import NO_HUGE_PAGES, Bill, DeviceBill, bill_of
from pfnmap.tui.figure.figure import Figure, figure_of
from pfnmap.tui.figure.line_drawing import INDENT, MOST_DIGITS, Sheet, Span, Spans, spans_of
from pfnmap.tui.figure.moments import BOOT, Moment
from pfnmap.tui.figure.result import result
from pfnmap.tui.figure.text import MAIL_WIDTH, joined
from pfnmap.tui.text.ascii import plain

MOST_NAMES: Final = 6
"""Devices that are named; more are counted."""
MOST_AGAIN: Final = 4
"""Lines that bring back what a machine has before the first step; more are one moment."""
AGAIN: Final = -1
"""The number of that moment."""
MOST_RUNS: Final = 2
"""Changes of the longest run that are told apart; of more the longest."""
MOST_RANGES: Final = 20
"""Ranges of blocks that differ; more are counted."""
NAME: Final = 27
VALUE: Final = 14
"""Columns for the name of a counter, and for its value in each variant."""


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
    found = [Moment(ModelView(run.start), BOOT)]
    again = [step for step in run.steps if step.number < 0 and step.outcome is not None]
    if len(again) > MOST_AGAIN:
        last = again[-1].outcome
        assert last is not None
        words = f"{again[0].line} ... {again[-1].line}, {len(again)} lines"
        found.append(Moment(ModelView(last.after), words, AGAIN, before=found[0]))
    for step in run.steps:
        if step.outcome is not None and (step.number > 0 or len(again) <= MOST_AGAIN):
            view = ModelView(step.outcome.after)
            words = step.ran or step.line
            found.append(Moment(view, words, step.number, 0, step.outcome, None, found[-1]))
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


def letter(index: int) -> str:
    """What a variant is called: A to Z, then AA and so on."""
    tens, ones = divmod(index, 26)
    return (letter(tens - 1) if tens else "") + chr(ord("A") + ones)


def compare_lines(comparison: Comparison, width: int = MAIL_WIDTH) -> list[str]:
    """All there is to compare in plain text: every step, the bills, what else differs, prices."""
    variants = Variants(comparison, width)
    return joined(variants.lines(variants.numbers, more=True))


class Variants:
    """All variants of a comparison on one axis, as lines for a painter."""

    def __init__(
        self,
        comparison: Comparison,
        width: int,
        *,
        focus: Sequence[tuple[int, int]] | None = None,
        most_digits: int = MOST_DIGITS,
    ) -> None:
        """``focus``: pfn ranges instead of what any of them touches; the rest as in Sheet."""
        self.comparison = comparison
        self.variants = [variant_of(run) for run in comparison.runs]
        self.letters = [letter(index) for index in range(len(self.variants))]
        told = {number for each in self.variants for number in each.problems}
        told |= {moment.number for each in self.variants for moment in each.moments}
        behind = [step.number for step in comparison.runs[0].steps if step.number > 0]
        self.numbers = [0, *sorted(number for number in told if number < 0), *behind]
        """The steps there are; 0 is the start."""
        found = [moment for variant in self.variants for moment in variant.moments]
        block_bytes = found[0].view.geometry.block_bytes
        self.sheet = Sheet(ground_of(found, focus), width, block_bytes, most_digits=most_digits)
        self._drawn: list[Figure] = []

    def lines(self, numbers: Sequence[int], *, more: bool = False) -> Iterator[Spans]:
        """The figure of these steps, ascending, and the bills; ``more``: whatever differs."""
        title = self.comparison.title
        yield from heading_lines(f"pfnmap compare: {title}" if more else title, self.sheet.width)
        yield from self.names()
        yield from self.sheet.heading()
        for step in self.steps if numbers == self.numbers else self._steps(numbers):
            yield from step.lines
        yield from self.legend()
        yield from self.bills()
        if more:
            yield from self.differences()
        yield ()
        yield from self.prices()

    def names(self) -> Iterator[Spans]:
        """The letter and the name of each variant."""
        for name, variant in zip(self.letters, self.variants, strict=True):
            yield from spans_of(variant.headline, self.sheet.width, "name", first=f"{name}: ")

    @cached_property
    def steps(self) -> list[VariantLines]:
        """Every step with the rows of each variant; those that are alike are drawn once."""
        return list(self._steps(self.numbers))

    @property
    def parts_at(self) -> int | None:
        """The step in which two of them first differ; None where none does."""
        return next((step.number for step in self.steps if step.parts), None)

    def _steps(self, numbers: Sequence[int]) -> Iterator[VariantLines]:
        sheet, variants = self.sheet, self.variants
        parted = False
        above: list[Figure | None] = [None] * len(variants)
        for number in numbers:
            bodies: list[tuple[Spans, ...]] = []
            for index, variant in enumerate(variants):
                moment = variant.at(number)
                if moment is None:
                    why = variant.problems.get(number, "it stands behind the end")
                    bodies.append(tuple(sheet.clauses([f"not possible: {why}"], INDENT)))
                    continue
                figure = figure_of(moment, sheet.axis)
                clauses = tuple(sheet.clauses(result(moment), INDENT))
                bodies.append(clauses + tuple(sheet.rows(figure, above[index])))
                above[index] = figure
                self._drawn.append(figure)
            parts = not parted and any(body != bodies[0] for body in bodies)
            parted |= parts
            heading = _heading(variants, number)
            lines: list[Spans] = [(), *heading_lines(heading, sheet.width)]
            if parts:
                lines.append((Span("* here they part", "changed"),))
            yield VariantLines(number, parts, [*lines, *self._grouped(bodies)])
        if not parted:
            yield VariantLines(None, False, [(), (Span("no step differs", "dim"),)])

    def _grouped(self, bodies: Sequence[tuple[Spans, ...]]) -> Iterator[Spans]:
        """Variants that come to the same stand together, in the order of the first of each."""
        order = sorted(range(len(bodies)), key=lambda index: bodies.index(bodies[index]))
        for body, group in groupby(order, key=lambda index: bodies[index]):
            if len(members := list(group)) < len(bodies):
                names = ", ".join(f"{self.letters[at]}: {self.variants[at].name}" for at in members)
                yield from spans_of(names, self.sheet.width, "name", first=INDENT)
            yield from body

    def legend(self) -> Iterator[Spans]:
        """What the letters of the steps drawn so far mean."""
        yield ()
        yield from self.sheet.legend(self._drawn)

    @cached_property
    def _bills(self) -> list[Bill]:
        return [bill_of(variant.moments[-1].state) for variant in self.variants]

    def bills(self) -> Iterator[Spans]:
        """The bill of each variant at its end."""
        for index, (variant, bill) in enumerate(zip(self.variants, self._bills, strict=True)):
            same = self._bills.index(bill)
            name = f"{self.letters[index]}: {plain(variant.name)}"
            yield ()
            if same < index:
                yield (Span(f"{name}: the bill of {self.letters[same]}", "name"),)
                continue
            yield (Span(name, "name"),)
            yield from self.sheet.bill(bill, INDENT)

    @cached_property
    def clauses(self) -> list[list[str]]:
        """What each costs, saves, breaks and mends against the first; nothing of the first."""
        codes = [dict.fromkeys(f.code for f in found) for found in self.comparison.findings]
        nothing = "costs and saves nothing" + " at the end" * (self.parts_at is not None)
        found: list[list[str]] = [[]]
        for run, bill, mine in zip(
            self.comparison.runs[1:], self._bills[1:], codes[1:], strict=True
        ):
            clauses = [*price_words(self._bills[0], bill)] or [nothing]
            clauses += _other_answers(self.comparison.runs[0], run)
            clauses += [f"breaks {code}" for code in mine if code not in codes[0]]
            found.append(clauses + [f"mends {code}" for code in codes[0] if code not in mine])
        return found

    def prices(self) -> Iterator[Spans]:
        """The same in a sentence for each of the others."""
        for at, clauses in enumerate(self.clauses):
            words = f"{self.letters[at]}: {self.variants[at].name}: {'; '.join(clauses)}"
            yield from heading_lines(words, self.sheet.width) if clauses else ()

    # -- whatever else differs at the end --------------------------------------------------
    def differences(self, *, every_counter: bool = False) -> Iterator[Spans]:
        """Where kernels part; counters, those that differ or all; blocks that differ; findings."""
        parted = (line for text in self.comparison.parted for line in self._wrapped(text, ""))
        yield from _section("where they part", parted)
        yield from _section(
            "counters at the end" if every_counter else "counters that differ at the end",
            self._counters(every_counter),
        )
        yield from _section("memory blocks that differ", self._blocks())
        if any(self.comparison.findings):
            yield from _section("findings", self._findings())
        assumed = (line for text in self.comparison.assumed for line in self._wrapped(text, "  "))
        yield from _section("assumed", assumed)

    def _counters(self, every: bool) -> Iterator[Spans]:
        """Tables of as many variants as there is room for; the first is in each."""
        columns = max(2, (self.sheet.width - NAME) // VALUE)
        letters = self.letters
        for first in range(1, len(letters), columns - 1):
            shown = [0, *range(first, min(first + columns - 1, len(letters)))]
            rows = [
                row
                for row in self.comparison.counters
                if every or len({row.values[index] for index in shown}) > 1
            ]
            if rows:
                heads = "".join(f"{letters[index]:>{VALUE}}" for index in shown)
                yield (Span(f"{'':{NAME}}{heads}", "name"),)
            for row in rows:
                cells = "".join(f"{_counter(row, row.values[index]):>{VALUE}}" for index in shown)
                differs = every and row.differs
                role = "changed" if differs else "text"
                yield (Span(f"{plain(row.name):<{NAME}}{cells}{' *' if differs else ''}", role),)

    def _blocks(self) -> Iterator[Spans]:
        """Each range of memory whose blocks are not alike, a line for each variant."""
        blocks = self.comparison.blocks
        for difference in blocks[:MOST_RANGES]:
            yield (Span(f"  pfns {difference.start_pfn:#x}-{difference.end_pfn - 1:#x}", "name"),)
            for name, words in zip(self.letters, difference.words, strict=True):
                yield from self._wrapped(words, f"    {name} ")
        if (more := len(blocks) - MOST_RANGES) > 0:
            yield (Span(f"  ({counted(more, 'further range')})"),)

    def _findings(self) -> Iterator[Spans]:
        for name, findings in zip(self.letters, self.comparison.findings, strict=True):
            if not findings:
                yield (Span(f"{name} none", "dim"),)
            for finding in findings:
                where = f" (pfn {finding.start_pfn:#x})" if finding.nr_pages else ""
                words = f"{finding.code}{where}: {finding.text}"
                yield from self._wrapped(words, f"{name} ", "finding")

    def _wrapped(self, words: str, first: str, role: str = "text") -> Iterator[Spans]:
        indent = " " * len(first)
        return spans_of(words, self.sheet.width, role, first=first, indent=indent)


def _section(title: str, lines: Iterator[Spans]) -> Iterator[Spans]:
    """A blank line, the title, the lines; nothing where there are none."""
    body = list(lines)
    if body:
        yield from ((), (Span(title, "heading"),), *body)


def _counter(row: CounterRow, value: int | None) -> str:
    """A counter: bytes in a unit, a pfn in hexadecimal, else as it is."""
    if value is None:
        return "-"
    if row.name.endswith((" bytes", "largest run")):
        return human(value)
    return format(value, "#x" if row.name.endswith("start_pfn") else "d")


class VariantLines(Struct, frozen=True):
    """A step of all variants."""

    number: int | None
    """None behind the last step where none differs."""
    parts: bool
    """Whether it is the first in which they differ."""
    lines: list[Spans]


def heading_lines(text: str, width: int) -> Iterator[Spans]:
    """A heading in as many lines as it takes; none where there is nothing to say."""
    return spans_of(text, width, "heading") if text else iter(())


def _heading(variants: Sequence[Variant], number: int) -> str:
    if number == 0:
        return BOOT
    moments = [moment for variant in variants if (moment := variant.at(number)) is not None]
    words = " / ".join(dict.fromkeys(moment.words for moment in moments))
    step = f"step {number}" if number > 0 else "hot-added again"
    return f"{step}: {words or 'could not be done'}"


def _other_answers(one: VariantRun, other: VariantRun) -> Iterator[str]:
    """Which steps only one of them does."""
    for words, does, fails in (("fails at", one, other), ("does what A fails at:", other, one)):
        pairs = zip(does.steps, fails.steps, strict=True)
        mine = [step.number for step, failed in pairs if step.result == "ok" != failed.result]
        if mine:
            more = f" and {counted(len(mine) - 1, 'further step')}" if len(mine) > 1 else ""
            yield f"{words} {f'step {mine[0]}' if mine[0] > 0 else 'adding again'}{more}"


# -- what it costs -------------------------------------------------------------------------
def price_words(one: Bill, other: Bill) -> Iterator[str]:
    """What the second bill costs and saves against the first, a clause each."""
    here, there = ({bill.name: bill for bill in each.devices} for each in (one, other))
    yield from _names("lacks", [name for name in here if name not in there])
    yield from _names("has", [name for name in there if name not in here])
    both = [(here[name], there[name]) for name in here if name in there]
    amounts = [(sum(a.usable_bytes - b.usable_bytes for a, b in both), _whose(both))]
    remote, nodes = [], {node.node: node for node in one.nodes}
    for now in other.nodes:
        was = nodes.get(now.node)
        if was is None:
            continue
        used = (now.memmap_pages - was.memmap_pages) * one.page_bytes
        amounts.append((used, f"node {now.node}"))
        if more := (now.remote_pages - was.remote_pages) * one.page_bytes:
            remote.append(f"{human(abs(more))} {_more(more)} remote on node {now.node}")
    for verb, sign in (("costs", 1), ("saves", -1)):
        for size, whose in amounts:
            if size * sign > 0:
                yield f"{verb} {human(abs(size))} of {whose}"
    yield from remote
    runs = dict.fromkeys((a.longest_bytes, b.longest_bytes) for a, b in both)
    changed = [(was, now) for was, now in runs if was != now]
    if len(changed) > MOST_RUNS:
        changed = [(max(was for was, _ in changed), max(now for _, now in changed))]
    for was_bytes, now_bytes in changed:
        yield f"longest run {human(was_bytes)} -> {human(now_bytes)}"
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
