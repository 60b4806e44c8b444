"""Tables of memory blocks: the frame's, and the one that ``lsmem`` users know.

Neighbouring blocks that say the same in every shown column are one line. Works on any view;
what is not known is ``?`` (``null`` in JSON) and what is inferred says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.alike import joined
from pfnmap.engine.view import BlockRow, View
from pfnmap.engine.words import counted, human_size
from pfnmap.tui.text.ascii import plain, span, wrapped

FORMAT: Final = "pfnmap-blocks-1"
MAX_LISTED: Final = 16384
"""Blocks that a frame looks at one by one; the rest is counted."""
HEADING: Final = f"{'blocks':<15} {'state':<13} {'node':>4} {'zone':<7} {'vmemmap':>7} valid_zones"
BATCH: Final = 4096
"""Blocks whose ids are asked for at a time."""

COLUMNS: Final[dict[str, str]] = {
    "RANGE": "physical addresses, inclusive",
    "SIZE": "size of the range",
    "STATE": "state, as sysfs says",
    "REMOVABLE": "removable, as sysfs says; nothing for an offline block",
    "BLOCK": "memory block ids",
    "NODE": "NUMA node",
    "ZONES": "valid_zones: the zone of an online block, where an offline one may go",
    "ZONE": "the zone the block is in",
    "MEMMAP": "where its struct pages live",
    "VMEMMAP": "pages at each block's start that hold its struct pages",
    "PRESENT": "pages of each block that are memory",
    "DEVICE": "the device it came with, on a simulated machine",
    "RULE": "the rule that decided ZONES",
    "WHY": "why it cannot be offlined, as far as can be known",
}
"""Every column and what it shows, in the order of ``--output-all``."""

DEFAULT_COLUMNS: Final = (
    "RANGE",
    "SIZE",
    "STATE",
    "REMOVABLE",
    "BLOCK",
    "NODE",
    "ZONES",
    "MEMMAP",
)
_PLACES: Final = frozenset({"RANGE", "SIZE", "BLOCK"})
"""Columns that differ from block to block and never keep two apart."""
_LEFT: Final = frozenset({"RANGE", "MEMMAP", "DEVICE", "RULE", "WHY"})
_PER_BLOCK: Final = frozenset({"RULE", "WHY"})
"""Columns that blocks of one kind may differ in: they are the model's, not the files'."""


class BlockRange(Struct, frozen=True):
    """Neighbouring blocks ``first`` to ``last``."""

    first: int
    last: int
    row: BlockRow
    """The first of them."""
    why: str = ""
    """Why it cannot be offlined, where that was asked for."""


def block_ranges(view: View, limit: int | None = None) -> Iterator[BlockRange]:
    """All blocks (or the first ``limit``) in ranges that differ in their place only."""
    rows = joined(_rows(view, view.nr_blocks if limit is None else limit), _same)
    return (BlockRange(first, last, row) for first, last, row in rows)


def _rows(view: View, left: int) -> Iterator[tuple[int, int, BlockRow]]:
    for first, end in view.block_runs():
        last = min(end, first + left - 1)
        row = view.block(first) if first <= last else None
        if row is not None:
            left -= last - first + 1
            yield first, last, row


def _same(one: BlockRow, other: BlockRow) -> bool:
    return replace(one, id=other.id, start_pfn=other.start_pfn) == other


# -- the frame's table ---------------------------------------------------------------------
def block_lines(view: View) -> list[str]:
    """Heading, a line a range, and a line a device: the blocks as a frame shows them."""
    if not view.nr_blocks:
        return []
    parts = list(block_ranges(view, MAX_LISTED))
    # Ranges that differ only in what this table does not show are one line.
    words = joined((part.first, part.last, _words(part.row)) for part in parts)
    lines = [HEADING, *(f"{span(first, last):<15} {text}".rstrip() for first, last, text in words)]
    if view.nr_blocks > MAX_LISTED:
        lines.append(f"({counted(view.nr_blocks - MAX_LISTED, 'further block')} not listed)")
    devices: dict[str, list[tuple[int, int, str]]] = {}
    for part in parts:
        if name := part.row.device:
            devices.setdefault(name, []).append((part.first, part.last, name))
    for name, mine in devices.items():
        ids = ",".join(span(first, last) for first, last, _ in joined(mine))
        lines.append(f"{plain(name)} is block{'s' if '-' in ids or ',' in ids else ''} {ids}")
    return lines


def _words(row: BlockRow) -> str:
    """Everything about a block but its id."""
    node = "-" if row.node is None else str(row.node)
    zone = "-" if row.zone is ZoneType.NONE else row.zone.label
    vmemmap = "?" if row.vmemmap_pages is None else str(row.vmemmap_pages)
    valid = plain(" ".join(row.valid_zones))
    return f"{plain(row.state):<13} {node:>4} {zone:<7} {vmemmap:>7} {valid}"


# -- the table of lsmem ----------------------------------------------------------------------
class TableOptions(Struct, frozen=True):
    """What to print. ``split``: columns that keep neighbours apart, None: the shown ones."""

    columns: tuple[str, ...] = DEFAULT_COLUMNS
    split: tuple[str, ...] | None = None
    every_block: bool = False
    """A line for every block, nothing joined."""
    bytes: bool = False
    """Sizes in bytes instead of the largest unit."""
    headings: bool = True
    summary: bool = True


def parse_columns(text: str, default: Sequence[str] = DEFAULT_COLUMNS) -> tuple[str, ...]:
    """Columns of ``-o LIST`` (``+LIST`` adds to the default); InputError for an unknown one."""
    names = [name.strip().upper() for name in text.removeprefix("+").split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS:
            raise InputError(
                f"{plain(name)!s}: there is no such column; expected one of {', '.join(COLUMNS)}"
            )
    if not names:
        raise InputError(f"expected columns of {', '.join(COLUMNS)}")
    every = [*default, *names] if text.startswith("+") else names
    return tuple(dict.fromkeys(every))


def parse_split(text: str) -> tuple[str, ...]:
    """Columns of ``--split LIST``; ``none`` joins whatever is adjacent."""
    return () if text.strip().lower() == "none" else parse_columns(text, ())


def table_rows(view: View, options: TableOptions) -> Iterable[BlockRange]:
    """Blocks merged as the options say, ascending."""
    apart = options.columns if options.split is None else options.split
    keys = [name for name in apart if name not in _PLACES]
    parts = _parts(view, _PER_BLOCK & {*keys, *options.columns}, every_block=options.every_block)
    if options.every_block:
        return parts

    def same(one: BlockRange, other: BlockRange) -> bool:
        return all(_value(name, one) == _value(name, other) for name in keys)

    rows = joined(((part.first, part.last, part) for part in parts), same)
    return (replace(part, last=last) for _first, last, part in rows)


def _parts(view: View, looked_at: Set[str], *, every_block: bool) -> Iterator[BlockRange]:
    """Runs of blocks that are alike in every column, those looked at too."""

    def part(first: int, last: int) -> BlockRange | None:
        row = view.block(first)
        if row is None:
            return None
        why = view.offline_obstacle(row) if "WHY" in looked_at else ""
        return BlockRange(first, last, row, why)

    for first, last in _runs(view, cut=bool(looked_at), every_block=every_block):
        whole, end = part(first, last), part(last, last)
        # What names its block or its page is another sentence for every block of the run.
        if whole is None or end is None or _said(whole) == _said(end):
            yield from () if whole is None else (whole,)
            continue
        yield from filter(None, (part(block, block) for block in range(first, last + 1)))


def _said(part: BlockRange) -> tuple[str, str]:
    return part.row.zone_rule, part.why


def _runs(view: View, *, cut: bool, every_block: bool) -> Iterable[tuple[int, int]]:
    """(first, last) of blocks that are alike, or of each block.

    ``cut``: alike for the model as well, which knows rules and reasons.
    """
    if every_block:
        ids = (view.block_ids(rank, BATCH).tolist() for rank in range(0, view.nr_blocks, BATCH))
        return ((block, block) for batch in ids for block in batch)
    return view.block_runs(reasons=cut)


def _value(name: str, part: BlockRange) -> object:
    """A column's value as data: None where it is not known."""
    row = part.row
    match name:
        case "STATE":
            return row.state
        case "REMOVABLE":
            return row.removable
        case "NODE":
            return row.node
        case "ZONES":
            return "/".join(row.valid_zones) or None
        case "ZONE":
            return None if row.zone == ZoneType.NONE else row.zone.label
        case "MEMMAP":
            return row.memmap
        case "VMEMMAP":
            return row.vmemmap_pages
        case "PRESENT":
            return row.present_pages
        case "DEVICE":
            return row.device
        case "RULE":
            return row.zone_rule or None
        case "WHY":
            return part.why or None
    return None


def _place(name: str, part: BlockRange, block_bytes: int, in_bytes: bool) -> object:
    """A column that says where: RANGE, SIZE, BLOCK."""
    nr_bytes = (part.last - part.first + 1) * block_bytes
    if name == "RANGE":
        start = part.first * block_bytes
        return f"{start:#018x}-{start + nr_bytes - 1:#018x}"
    if name == "BLOCK":
        return span(part.first, part.last)
    return nr_bytes if in_bytes else human_size(nr_bytes)


# -- text ---------------------------------------------------------------------------------
def table_lines(view: View, options: TableOptions | None = None) -> list[str]:
    """The table and the totals as text."""
    options = options or TableOptions()
    block_bytes = view.geometry.block_bytes
    cells = [
        [_cell(name, part, block_bytes, options.bytes) for name in options.columns]
        for part in table_rows(view, options)
    ]
    lines = _aligned(options.columns, cells, headings=options.headings)
    if options.summary:
        lines += ["", *summary_lines(view, in_bytes=options.bytes)] if lines else []
    return lines


def _cell(name: str, part: BlockRange, block_bytes: int, in_bytes: bool) -> str:
    if name in _PLACES:
        return str(_place(name, part, block_bytes, in_bytes))
    value = _value(name, part)
    if name == "REMOVABLE":
        return {True: "yes", False: "no"}.get(bool(value), "") if value is not None else ""
    if value is None:
        return "?" if name in ("NODE", "ZONES", "VMEMMAP") else "-"
    return plain(str(value))


def _aligned(columns: Sequence[str], cells: list[list[str]], *, headings: bool) -> list[str]:
    """Columns as wide as their content, two blanks never needed: one as in lsmem."""
    rows = [list(columns), *cells] if headings else cells
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    return [
        " ".join(
            text.ljust(width) if name in _LEFT else text.rjust(width)
            for name, text, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def summary_lines(view: View, *, in_bytes: bool = False) -> list[str]:
    """Totals, online blocks of each node, and what could not be read."""
    block_bytes = view.geometry.block_bytes
    counts = view.block_counts()
    show = str if in_bytes else human_size
    online, offline = counts.get("online", 0), counts.get("offline", 0)
    lines = [
        f"{'Memory block size:':<24} {show(block_bytes):>8}",
        f"{'Total online memory:':<24} {show(online * block_bytes):>8}",
        f"{'Total offline memory:':<24} {show(offline * block_bytes):>8}",
    ]
    for state, number in sorted(counts.items()):
        if state not in ("online", "offline"):
            lines.append(f"{plain(state)}: {counted(number, 'block')}")
    for node, up, total in view.node_block_counts():
        name = "node not known" if node is None else f"node {node}"
        lines.append(f"{name}: {up} of {counted(total, 'block')} online")
    for pool in view.pools:
        if pool.node is None and pool.total:
            size = show(pool.page_bytes)
            lines.append(f"huge pages of {size}: {pool.total}, of which {pool.free} free")
    for note in view.notes:
        lines += wrapped(note, 100, first="note: ", indent="      ")
    return lines


# -- data ---------------------------------------------------------------------------------
def table_data(view: View, options: TableOptions | None = None) -> dict[str, Any]:
    """The same as data: ``memory`` as ``lsmem -J`` has it, then the totals."""
    options = options or TableOptions()
    block_bytes = view.geometry.block_bytes
    counts = view.block_counts()
    return {
        "format": FORMAT,
        "memory": [_object(part, options, block_bytes) for part in table_rows(view, options)],
        "block_size_bytes": block_bytes,
        "blocks": dict(sorted(counts.items())),
        "nodes": [
            {"node": node, "online_blocks": up, "blocks": total}
            for node, up, total in view.node_block_counts()
        ],
        "huge_pages": [
            {
                "node": pool.node,
                "page_bytes": pool.page_bytes,
                "total": pool.total,
                "free": pool.free,
            }
            for pool in view.pools
        ],
        "notes": list(view.notes),
    }


def _object(part: BlockRange, options: TableOptions, block_bytes: int) -> Mapping[str, object]:
    return {
        name.lower(): _place(name, part, block_bytes, options.bytes)
        if name in _PLACES
        else _value(name, part)
        for name in options.columns
    }


def column_help() -> Iterable[str]:
    """A line for every column."""
    return (f"  {name:<10} {words}" for name, words in COLUMNS.items())
