"""The figure as lines of spans: what every painter that draws lines of letters starts from.

A span is text with a role, and for a cell its code and its pages; the text is ASCII. The text
painter joins them, others colour them by role and code or put a theme's glyph in a cell's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.sizes import counted
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.axis import Axis, Column, Ground, axis_of
from pfnmap.tui.figure.bill import Bill
from pfnmap.tui.figure.figure import Figure, Key, Mark, Row, Strip, Told, place
from pfnmap.tui.figure.gauge import SIGNS, Gauge
from pfnmap.tui.figure.result import result
from pfnmap.tui.map.cells import OVER_SHIFT, STATE_MASK, glyph_code
from pfnmap.tui.say.glossary import LETTERS
from pfnmap.tui.text.ascii import plain, wrapped

INDENT: Final = "  "
NUMBERS: Final = ("spanned", "present", "managed")
MOST_DIGITS: Final = 8
"""Longest number that has a column of its own; longer ones stand below their row."""
ALL_DIGITS: Final = 13
"""Of the pages of the largest machine there can be: all numbers stand beside their row."""
WORDS: Final[dict[PageState, str]] = {
    PageState.HOLE: "no memory",
    PageState.OFFLINE: "offline",
    PageState.VMEMMAP: "nothing but struct pages (vmemmap)",
    PageState.FREE_DMA: "DMA",
    PageState.FREE_DMA32: "DMA32",
    PageState.FREE_NORMAL: "Normal",
    PageState.FREE_MOVABLE: "Movable",
    PageState.MOVABLE: "a movable allocation",
    PageState.UNMOVABLE: "an unmovable allocation",
    PageState.HUGETLB: "huge pages",
    PageState.HUGETLB_OPTIMISED: "huge pages, vmemmap given back",
    PageState.ISOLATED: "isolated",
    PageState.DEVICE: "ZONE_DEVICE",
    PageState.RESERVED: "reserved at boot, not managed",
    PageState.BROKEN: "struct pages gone or wrong",
    PageState.ONLINE: "online",
    PageState.PAGE_OFFLINE: "PageOffline",
}
PART: Final = ("v", "in part struct pages (vmemmap)")
MARKS: Final[dict[Mark, tuple[str, str]]] = {
    Mark.GAP: ("-", "in the span, not present"),
    Mark.OPEN: ("[", ""),
    Mark.CLOSE: ("]", ""),
    Mark.TICK: ("|", ""),
    Mark.BREAK: ("/", "blocks left out"),
    Mark.NODE: ("=", "span of a node"),
    Mark.REFUSED: ("X", "refused, so not there"),
    Mark.BLANK: (" ", ""),
}


class Span(Struct, frozen=True):
    """Text in one role."""

    text: str
    role: str = "text"
    """heading, text, refusal, finding, name, axis, mark, cell, number, changed or dim."""
    code: int = -1
    """Of a cell, what it is (``pfnmap.tui.map.cells``)."""
    changed: bool = False
    """Whether it differs from the moment before."""
    pfns: tuple[int, int] = (0, 0)
    """Of a cell, the first pfn and the first one behind it."""
    refused: bool = False
    """Whether a step that was refused was about it."""
    old: bool = False
    """Whether it is as it was before the step."""

    def seen(self, gone: str) -> str:
        """The text, with ``gone`` for what a row lost, where nothing below points at the blanks."""
        return self.text.replace(" ", gone) if self.role == "mark" and self.changed else self.text


Spans = tuple[Span, ...]


def spans_of(
    text: str, width: int, role: str = "text", *, first: str = "", indent: str = "    "
) -> Iterator[Spans]:
    """Words in one role, in as many lines as they take."""
    for line in wrapped(text, width, first=first, indent=indent):
        yield (Span(line, role),)


class Sheet:
    """Columns for names and numbers, the axis between them, and the lines of moments on it."""

    def __init__(
        self, ground: Ground, width: int, block_bytes: int, *, most_digits: int = MOST_DIGITS
    ) -> None:
        """Lay out the columns.

        Args:
            ground: Of all moments that are to share them.
            width: Columns of a line.
            block_bytes: Size of a memory block.
            most_digits: The longest number that stands beside its row and not below it.
        """
        self.width, self.block_bytes = width, block_bytes
        self.node_digits = len(str(ground.last_node))
        self.names = len(INDENT) + self.node_digits + 1 + len("Movable") + 1
        self.digits = max(len("spanned"), len(str(ground.largest_span)))
        self.beside = self.digits <= most_digits
        self.numbers = 3 * (self.digits + 1) if self.beside else 0
        self.axis = axis_of(ground, width - self.names - self.numbers)

    # -- above the rows ----------------------------------------------------------------
    def heading(self) -> Iterator[Spans]:
        """The axis: the scale in words, blocks, pfns, the rule."""
        yield from self.scale_lines()
        yield ()
        yield from self.axis_lines()

    def scale_lines(self) -> Iterator[Spans]:
        """The scale in words."""
        return spans_of(self.scale, self.width, "axis")

    @property
    def scale(self) -> str:
        """What a column stands for, and what the rule's signs mean."""
        return scale_words(self.axis, self.block_bytes)

    def axis_lines(self) -> Iterator[Spans]:
        """The axis itself, the most important line first: blocks, pfns, the rule."""
        axis = self.axis
        blocks = _placed(_block_labels(axis), axis.width)
        heads = "".join(f" {name:>{self.digits}}" for name in NUMBERS) if self.beside else ""
        yield (self._name("blocks"), Span(blocks, "axis"), Span(heads, "dim"))
        pfns = _placed(_pfn_labels(axis), self.width - self.names)
        yield (self._name("pfn"), Span(pfns, "axis"))
        yield (self._name("scale"), Span(_rule(axis), "axis"))

    def _name(self, words: str) -> Span:
        return Span(f"{INDENT}{words}".ljust(self.names), "dim")

    # -- a moment ----------------------------------------------------------------------
    def words(self, figure: Figure) -> Iterator[Spans]:
        """What was done, and what it came to."""
        moment = figure.moment
        head = moment.title if not moment.number else f"{moment.title}: {moment.words}"
        yield from spans_of(head, self.width, "heading")
        yield from self.clauses(result(moment), INDENT)

    def clauses(self, clauses: Iterable[str], indent: str) -> Iterator[Spans]:
        """The clauses of a result, one a line."""
        for clause in clauses:
            role, deeper = clause_role(clause), indent + INDENT
            yield from spans_of(clause, self.width, role, first=indent, indent=deeper)

    def rows(self, figure: Figure, above: Figure | None) -> Iterator[Spans]:
        """The rows that changed; all of them where no figure stands above.

        A row as it was stands above it, unless the figure above ends with it.
        """
        for row in figure.rows if above is None else figure.changed:
            if above is not None and row.zone is None and _says_nothing(figure, row):
                continue
            yield from self.row(row, paired=row.paired and not _stands_in(above, row))
            if row.was is not None:
                yield self._marks(row)
            if not self.beside:
                yield from self._below(row)
        for gauge in figure.gauges:
            if above is None or gauge.changed:
                yield self.gauge(gauge)

    def gauge(self, gauge: Gauge) -> Spans:
        """How much of a device is plugged of what is requested, and of all that it has room for."""
        name = f"{gauge.node:>{self.node_digits}} {plain(gauge.name)}"[: self.names - 3]
        width = self.axis.width - 2
        signs = (Span(sign * columns, SIGNS[sign][1]) for sign, columns in gauge.runs(width))
        words = f" {gauge.words:>{max(self.numbers - 1, 0)}}"
        return (
            *(self._name(name), Span("["), *signs, Span("]")),
            Span(words, _number_role(gauge.changed and gauge.was is not None)),
        )

    def at_places(
        self, figure: Figure, places: Mapping[Key, bool], devices: Iterable[str] = ()
    ) -> Iterator[Spans]:
        """The rows, each at a place that it has in every figure of a series.

        ``places``: the keys of all rows; those with True have three lines: as it was, as it is,
        and what differs. ``devices``: names of those with a gauge, each a line.
        """
        rows = {row.key: row for row in figure.rows}
        for key in sorted(places, key=place):
            row, roomy = rows.get(key), places[key]
            paired = row is not None and row.paired and roomy
            lines = [()] if row is None else list(self.row(row, paired=paired))
            yield from [()] * (1 + roomy - len(lines))
            yield from lines
            if roomy:
                yield self._marks(row) if row is not None and row.paired else ()
        gauges = {gauge.name: self.gauge(gauge) for gauge in figure.gauges}
        yield from (gauges.get(name, ()) for name in devices)

    def _marks(self, row: Row) -> Spans:
        """A sign below each column that differs."""
        signs = "".join(" ^"[each] for each in row.differs.tolist())
        return Span(" " * self.names), Span(signs, "changed")

    def row(self, row: Row, *, paired: bool) -> Iterator[Spans]:
        """A row as it is; ``paired``: below it as it was."""
        name = f"{row.node:>{self.node_digits}} {row.name}"
        if paired and row.was is not None:
            yield self._row(row, row.was, name, old=True)
            name = f"{'now':>{self.names - 3}}"
        yield self._row(row, row.now, name)

    def _row(self, row: Row, strip: Strip, name: str, *, old: bool = False) -> Spans:
        """One line of a row, with its numbers."""
        drawn = (self._name(name), *self._cells(row, strip, old=old))
        values = [
            (number.was if old else number.now, number.changed and not old)
            for number in row.numbers
        ]
        if not self.beside:
            return drawn
        if row.zone == ZoneType.NONE:
            words = counted(values[0][0] or 0, "block")
            return (*drawn, Span(f"{words:>{self.numbers}}", _number_role(values[0][1])))
        return (
            *drawn,
            *(Span(f" {value:>{self.digits}}", _number_role(new)) for value, new in values),
        )

    def _cells(self, row: Row, strip: Strip, *, old: bool) -> Iterator[Span]:
        at = 0
        for mark, code, told, length in strip.runs(None if old else row.told):
            changed = told == Told.CHANGED
            if mark == Mark.CELL:
                pfns = int(self.axis.starts[at]), int(self.axis.ends[at + length - 1])
                refused = told == Told.REFUSED
                yield Span(letter(code) * length, "cell", code, changed, pfns, refused, old)
            else:
                refused = mark == Mark.REFUSED
                yield Span(MARKS[mark][0] * length, "mark", -1, changed, refused=refused)
            at += length

    def _below(self, row: Row) -> Iterator[Spans]:
        """The numbers of a row where they are too long to stand beside it."""
        for number in row.numbers:
            change = f"{number.was} -> {number.now}" if number.changed else f"{number.now}"
            words = f"{'':{self.names}}{number.name} {change}"
            yield (Span(words, _number_role(number.changed)),)

    # -- below the rows ----------------------------------------------------------------
    def legend(
        self, drawn: Sequence[Figure], *, changed: str = "^", also: Iterable[PageState] = ()
    ) -> Iterator[Spans]:
        """What the letters that can be seen mean, several to a line.

        ``changed`` is the sign for what differs; states in ``also`` are seen elsewhere.
        """
        letters = [(LETTERS[state], words) for state, words in WORDS.items()]
        yield from self.marks(drawn, letters, changed=changed, also=also)

    def marks(
        self,
        drawn: Sequence[Figure],
        letters: Iterable[tuple[str, str]] = (),
        *,
        changed: str = "^",
        also: Iterable[PageState] = (),
    ) -> Iterator[Spans]:
        """The same where the letters are explained elsewhere."""
        codes = ((LETTERS[state], glyph_code(state)) for state in also)
        used = {sign: Span(sign, "cell", code) for sign, code in codes}
        rows = [row for figure in drawn for row in figure.rows]
        for strip in (strip for row in rows for strip in (row.now, row.was) if strip is not None):
            for mark, code, _, _ in strip.runs():
                sign = letter(code) if mark == Mark.CELL else MARKS[mark][0]
                cell = Span(sign, "cell", code) if mark == Mark.CELL else Span(sign, "mark")
                used.setdefault(sign, cell)
        if any(row.was is not None for row in rows):
            used[changed] = Span(changed, "changed")
        entries = [PART, *letters, *MARKS.values(), (changed, "changed")]
        known = [(used[sign], words) for sign, words in entries if words and sign in used]
        gauges = (gauge for figure in drawn for gauge in figure.gauges)
        seen = {sign for each in gauges for sign, columns in each.runs(self.axis.width) if columns}
        known += [(Span(s, role), words) for s, (words, role) in SIGNS.items() if s in seen]
        yield from _packed(known, self.width)

    def bill(self, bill: Bill, indent: str = "") -> Iterator[Spans]:
        """Who holds what, one fact a line."""
        last = ""
        for who, what, words in bill.lines():
            if who != last:
                yield (Span(indent + plain(who), "name"),)
                last = who
            first = f"{indent}{INDENT}{what:<24} "
            yield from spans_of(words, self.width, first=first, indent=" " * len(first))


def clause_role(clause: str) -> str:
    """The role of a clause of a result."""
    roles = {"refused:": "refusal", "broken:": "finding", "differs:": "finding"}
    return roles.get(clause.split(" ")[0], "text")


def _number_role(changed: bool) -> str:
    return "changed" if changed else "number"


def letter(code: int) -> str:
    """The letter of a cell."""
    under, over = code & STATE_MASK, code >> OVER_SHIFT & STATE_MASK
    return LETTERS[PageState(under)] if under == over else PART[0]


def _says_nothing(figure: Figure, node: Row) -> bool:
    """Whether a node has but one zone, before and now, and the same span as that."""
    both = (None, ZoneType.NONE)
    zones = [row for row in figure.rows if row.node == node.node and row.zone not in both]
    spans = {(row.numbers[0].was, row.numbers[0].now) for row in zones}
    return len(zones) == 1 and spans == {(node.numbers[0].was, node.numbers[0].now)}


def _stands_in(above: Figure | None, row: Row) -> bool:
    """Whether the figure above ends with this row as it was."""
    return above is not None and any(
        other.changed and (other.node, other.zone) == (row.node, row.zone) for other in above.rows
    )


Label = tuple[int, int, str]
"""Rank, column and words: of two that would touch, the one of lower rank is drawn."""


def _block_labels(axis: Axis) -> Iterator[Label]:
    """Ids of memory blocks: one where each block begins that has an edge, a range for others."""
    pages, edges = axis.block_pages, axis.edges
    for piece in axis.pieces:
        first, last = piece.start_pfn // pages, (piece.end_pfn - 1) // pages
        if piece.hole:
            continue
        if not piece.ruled and first < last:
            yield 0 if piece.focus else 2, edges[piece.start_pfn], f"{first}-{last}"
            continue
        yield 0 if piece.focus else 3, edges[piece.start_pfn], str(first)
        for pfn, column in edges.items():
            if piece.start_pfn < pfn < piece.end_pfn:
                yield 1, column, str(pfn // pages)


def _pfn_labels(axis: Axis) -> Iterator[Label]:
    """The pfn of each edge; those of the focus first."""
    ends = {pfn for piece in axis.pieces if piece.focus for pfn in (piece.start_pfn, piece.end_pfn)}
    pieces = {pfn for piece in axis.pieces for pfn in (piece.start_pfn, piece.end_pfn)}
    for pfn, column in axis.edges.items():
        yield 0 if pfn in ends else 1 if pfn in pieces else 2, column, f"{pfn:#x}"


def _placed(labels: Iterable[Label], width: int) -> str:
    """The labels as one line, as many as fit; one that would pass the end is moved left."""
    line = [" "] * width
    for _, column, words in sorted(labels):
        at = min(column, width - len(words))
        if at >= 0 and not "".join(line[max(0, at - 1) : at + len(words) + 1]).strip():
            line[at : at + len(words)] = words
    return "".join(line)


def _rule(axis: Axis) -> str:
    """The scale: ``+`` an edge, ``-`` to scale, ``~`` not to scale, blank a hole."""
    signs = {Column.EDGE: "+", Column.BREAK: "/"}
    return "".join(
        ("-" if exact else "~") if kind == Column.CELL else signs.get(Column(kind), " ")
        for kind, exact in zip(axis.kinds.tolist(), axis.exact.tolist(), strict=True)
    )


def scale_words(axis: Axis, block_bytes: int) -> str:
    """What a column stands for, and what the rule's signs mean."""
    words = [f"memory blocks of {human(block_bytes)}"]
    if axis.blocks_a_cell > 1:
        each = human(axis.blocks_a_cell * block_bytes)
        words.append(f"- 1 column is {axis.blocks_a_cell} blocks, {each}")
    elif axis.cells_a_block:
        words.append(f"- {counted(axis.cells_a_block, 'column')} a block")
    kinds = axis.kinds
    if (~axis.exact & (kinds == Column.CELL)).any():
        words.append("~ not to scale")
    if (kinds == Column.BREAK).any():
        words.append("// blocks like those beside it left out")
    return "; ".join(words)


def _packed(entries: Iterable[tuple[Span, str]], width: int) -> Iterator[Spans]:
    """Signs with what they mean in lines, each entry whole."""
    line: list[Span] = []
    room = 0
    for sign, words in entries:
        gap = len(INDENT) if not line else 3
        room -= gap + 2 + len(words)
        if line and room < 0:
            yield tuple(line)
            line = []
        if not line:
            gap, room = len(INDENT), width - len(INDENT) - 2 - len(words)
        line += [Span(" " * gap), sign, Span(f" {words}", "dim")]
    if line:
        yield tuple(line)
