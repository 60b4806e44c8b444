"""The figure in plain text: 72 ASCII columns, one fact a line, so that ``diff`` compares two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.words import counted
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.axis import Axis, Column, Ground, axis_of
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import Figure, Line, Mark, Row, figure_of
from pfnmap.tui.figure.labels import pfn_labels, piece_labels, placed
from pfnmap.tui.figure.moments import Moment
from pfnmap.tui.figure.result import result
from pfnmap.tui.map.cells import OVER_SHIFT, STATE_MASK
from pfnmap.tui.text.ascii import plain, wrapped

MAIL_WIDTH: Final = 72
INDENT: Final = "  "
MOST_DIGITS: Final = 8
"""Longest number that has a column of its own; longer ones stand below their row."""
LETTERS: Final[dict[PageState, tuple[str, str]]] = {
    PageState.HOLE: (".", "no memory"),
    PageState.OFFLINE: ("o", "offline"),
    PageState.VMEMMAP: ("V", "nothing but struct pages (vmemmap)"),
    PageState.FREE_DMA: ("d", "DMA"),
    PageState.FREE_DMA32: ("D", "DMA32"),
    PageState.FREE_NORMAL: ("N", "Normal"),
    PageState.FREE_MOVABLE: ("M", "Movable"),
    PageState.MOVABLE: ("m", "a movable allocation"),
    PageState.UNMOVABLE: ("u", "an unmovable allocation"),
    PageState.HUGETLB: ("H", "huge pages"),
    PageState.HUGETLB_OPTIMISED: ("h", "huge pages, vmemmap given back"),
    PageState.ISOLATED: ("x", "isolated"),
    PageState.DEVICE: ("Z", "ZONE_DEVICE"),
    PageState.RESERVED: ("R", "reserved at boot, not managed"),
    PageState.BROKEN: ("!", "struct pages gone or wrong"),
    PageState.ONLINE: ("O", "online"),
    PageState.PAGE_OFFLINE: ("b", "PageOffline"),
}
PART: Final = ("v", "in part struct pages (vmemmap)")
MARKS: Final[dict[Mark, tuple[str, str]]] = {
    Mark.GAP: ("-", "in the span, not present"),
    Mark.OPEN: ("[", ""),
    Mark.CLOSE: ("]", ""),
    Mark.TICK: ("|", ""),
    Mark.BREAK: ("/", "blocks left out"),
    Mark.NODE: ("=", "span of a node"),
    Mark.BLANK: (" ", ""),
}


def figure_lines(
    found: Sequence[Moment],
    ground: Ground,
    *,
    width: int = MAIL_WIDTH,
    title: str = "",
    bill: bool = True,
) -> list[str]:
    """Draw moments below each other on one axis.

    Args:
        found: What is drawn, in order; rows that stay as they were are drawn only at first.
        ground: The address space that all of them share.
        width: Longest line.
        title: First line; none when empty.
        bill: Whether the bill of the last moment stands at the end.
    """
    page = _Page(found, ground, width)
    lines = wrapped(title, width) if title else []
    lines += page.heading()
    drawn: list[Figure] = []
    for moment in found:
        figure = figure_of(moment, page.axis)
        lines += ["", *page.group(figure, drawn[-1] if drawn else None)]
        drawn.append(figure)
    lines += page.legend(drawn)
    if bill and found:
        lines += ["", *_bill_lines(found[-1], width)]
    return [line.rstrip() for line in lines]


class _Page:
    """What all groups of rows share: columns for names and numbers, and the axis between."""

    def __init__(self, found: Sequence[Moment], ground: Ground, width: int) -> None:
        self.width = width
        self.block_bytes = found[0].view.geometry.block_bytes
        self.node_digits = len(str(ground.last_node))
        self.names = len(INDENT) + self.node_digits + 1 + len("Movable") + 1
        self.digits = max(len("spanned"), len(str(ground.largest_span)))
        self.beside = self.digits <= MOST_DIGITS
        room = width - self.names - (3 * (self.digits + 1) if self.beside else 0)
        self.axis = axis_of(ground, room)

    # -- above the rows ----------------------------------------------------------------
    def heading(self) -> list[str]:
        """The axis: blocks, the scale, pfns."""
        axis = self.axis
        blocks = self._named("blocks", placed(piece_labels(axis), axis.width))
        rule = self._named("scale", _rule(axis))
        pfns = self._named("pfn", placed(pfn_labels(axis), self.width - self.names))
        if self.beside:
            blocks = blocks.ljust(self.width - 3 * (self.digits + 1))
            blocks += "".join(f" {name:>{self.digits}}" for name in NUMBERS)
        return [*wrapped(scale_words(axis, self.block_bytes), self.width), "", blocks, pfns, rule]

    def _named(self, name: str, drawn: str) -> str:
        return f"{INDENT}{name}".ljust(self.names) + drawn

    # -- rows --------------------------------------------------------------------------
    def group(self, figure: Figure, above: Figure | None) -> Iterator[str]:
        """A moment: its command, its result, and the rows that changed."""
        moment = figure.moment
        head = moment.title if not moment.number else f"{moment.title}: {moment.words}"
        yield from wrapped(head, self.width)
        for clause in result(moment):
            yield from wrapped(clause, self.width, first=INDENT, indent=INDENT * 2)
        for row in figure.rows if above is None else figure.changed:
            if above is not None and row.zone is None and _says_nothing(figure, row):
                continue
            was, name = row.was, f"{INDENT}{row.node:>{self.node_digits}} {row.name}"
            paired = was is not None and not was.empty and not _stands_in(above, row)
            if was is not None and paired:
                yield from self.row(row, was, name, old=True)
            yield from self.row(row, row.now, f"{'now':>{self.names - 1}}" if paired else name)
            if was is not None and not was.empty:
                yield " " * self.names + "".join(" ^"[each] for each in row.differs.tolist())
            if not self.beside:
                yield from self._below(row)

    def row(self, row: Row, line: Line, name: str, *, old: bool = False) -> Iterator[str]:
        """One line of a row, with its numbers."""
        drawn = name.ljust(self.names) + letters(line)
        values = [number.was if old else number.now for number in row.numbers]
        if not self.beside:
            yield drawn
        elif row.zone == ZoneType.NONE:
            count = counted(values[0] or 0, "block")
            yield f"{drawn:<{self.width - len(count) - 1}} {count}"
        else:
            cells = "".join(f" {value:>{self.digits}}" for value in values)
            yield drawn.ljust(self.width - 3 * (self.digits + 1)) + cells

    def _below(self, row: Row) -> Iterator[str]:
        """The numbers of a row where they are too long to stand beside it."""
        for number in row.numbers:
            change = f"{number.was} -> {number.now}" if number.changed else f"{number.now}"
            yield f"{'':{self.names}}{number.name} {change}"

    # -- below the rows ----------------------------------------------------------------
    def legend(self, drawn: Sequence[Figure]) -> Iterator[str]:
        """What the letters that can be seen mean, several to a line."""
        states = sorted({state for figure in drawn for state in figure.states})
        used = "".join(
            letters(line)
            for figure in drawn
            for row in figure.rows
            for line in (row.now, row.was)
            if line is not None
        )
        entries = [PART, *(LETTERS[state] for state in states), *MARKS.values()]
        words = [f"{letter} {text}" for letter, text in entries if text and letter in used]
        if any(row.was is not None for figure in drawn for row in figure.rows):
            words.append("^ changed")
        if words:
            yield ""
            yield from _packed(words, self.width)


def _says_nothing(figure: Figure, node: Row) -> bool:
    """Whether a node has but one zone, before and now, and the same span as that."""
    zones = [
        row
        for row in figure.rows
        if row.node == node.node and row.zone not in (None, ZoneType.NONE)
    ]
    spans = {(row.numbers[0].was, row.numbers[0].now) for row in zones}
    return len(zones) == 1 and spans == {(node.numbers[0].was, node.numbers[0].now)}


def _stands_in(above: Figure | None, row: Row) -> bool:
    """Whether the figure above ends with this row as it was."""
    return above is not None and any(
        other.changed and (other.node, other.zone) == (row.node, row.zone) for other in above.rows
    )


NUMBERS: Final = ("spanned", "present", "managed")


def letters(line: Line) -> str:
    """A line as ASCII."""
    return "".join(
        (_letter(code) if mark == Mark.CELL else MARKS[mark][0]) * length
        for mark, code, _, length in line.runs()
    )


def _letter(code: int) -> str:
    under, over = code & STATE_MASK, code >> OVER_SHIFT & STATE_MASK
    return LETTERS[PageState(under)][0] if under == over else PART[0]


def _rule(axis: Axis) -> str:
    """The scale: ``+`` an edge, ``-`` to scale, ``~`` not to scale, blank a hole."""
    out = []
    for kind, exact in zip(axis.kinds.tolist(), axis.exact.tolist(), strict=True):
        if kind == Column.CELL:
            out.append("-" if exact else "~")
        else:
            out.append({Column.EDGE: "+", Column.BREAK: "/"}.get(Column(kind), " "))
    return "".join(out)


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


def _bill_lines(moment: Moment, width: int) -> Iterator[str]:
    last = ""
    for who, what, words in bill_of(moment.state).lines():
        if who != last:
            yield plain(who)
            last = who
        yield from wrapped(words, width, first=f"{INDENT}{what:<24} ", indent=" " * 27)


def _packed(words: Iterable[str], width: int) -> Iterator[str]:
    """Entries in lines, each entry whole."""
    line = INDENT
    for word in words:
        joined = f"{line}   {word}" if line != INDENT else f"{line}{word}"
        if len(joined) > width:
            yield line
            joined = f"{INDENT}{word}"
        line = joined
    yield line
