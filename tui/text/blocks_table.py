"""The table of memory blocks that ``lsmem`` users know, with what else is known of them.

Neighbouring blocks that say the same in every shown column are one line. Works on any view;
what is not known is ``?`` (``null`` in JSON) and what is inferred says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.view import BlockRow, View
from pfnmap.engine.words import counted
from pfnmap.tui.text.ascii import plain, span, wrapped
from pfnmap.tui.text.blocks import block_ranges

if TYPE_CHECKING:
    from pfnmap.engine.sysroot.observation import HugetlbPool
    from pfnmap.engine.sysroot.view import SysrootView

FORMAT: Final = "pfnmap-blocks-1"
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

Key = tuple[object, ...]


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


class TableRow(Struct, frozen=True):
    """Neighbouring blocks ``first`` to ``last``."""

    first: int
    last: int
    row: BlockRow
    """The first of them."""
    why: str

    @property
    def nr_blocks(self) -> int:
        """How many blocks."""
        return self.last - self.first + 1


# -- rows ---------------------------------------------------------------------------------
def table_rows(view: View, options: TableOptions) -> Iterator[TableRow]:
    """Blocks merged as the options say, ascending."""
    apart = options.columns if options.split is None else options.split
    keys = [name for name in apart if name not in _PLACES]
    looked_at = _PER_BLOCK & {*keys, *options.columns}
    current: TableRow | None = None
    last_key: Key = ()
    for fresh in _parts(view, looked_at, every_block=options.every_block):
        key = tuple(_value(name, fresh) for name in keys)
        joins = current is not None and fresh.first == current.last + 1 and key == last_key
        if current is not None and joins and not options.every_block:
            current = TableRow(current.first, fresh.last, current.row, current.why)
            continue
        if current is not None:
            yield current
        current, last_key = fresh, key
    if current is not None:
        yield current


def _parts(view: View, looked_at: Set[str], *, every_block: bool) -> Iterator[TableRow]:
    """Runs of blocks that are alike in every column, those looked at too."""

    def part(first: int, last: int) -> TableRow | None:
        row = view.block(first)
        if row is None:
            return None
        return TableRow(first, last, row, _why(view, row) if "WHY" in looked_at else "")

    for first, last in _runs(view, cut=bool(looked_at), every_block=every_block):
        whole, end = part(first, last), part(last, last)
        # What names its block or its page is another sentence for every block of the run.
        if whole is None or end is None or _said(whole) == _said(end):
            yield from () if whole is None else (whole,)
            continue
        yield from filter(None, (part(block, block) for block in range(first, last + 1)))


def _said(part: TableRow) -> tuple[str, str]:
    return part.row.zone_rule, part.why


def _runs(view: View, *, cut: bool, every_block: bool) -> Iterable[tuple[int, int]]:
    """(first, last) of blocks that are alike, or of each block.

    ``cut``: alike for the model as well, which knows rules and reasons.
    """
    if every_block:
        ids = (view.block_ids(rank, BATCH).tolist() for rank in range(0, view.nr_blocks, BATCH))
        return ((block, block) for batch in ids for block in batch)
    if not cut:
        return view.block_runs()
    from pfnmap.engine.memory.alike import alike

    return alike(cast("SysrootView", view).state, view.block_runs())


def _why(view: View, row: BlockRow) -> str:
    """Why the block cannot be offlined; nothing for a view without a model behind it."""
    from pfnmap.engine.sysroot.obstacles import offline_obstacle

    state = getattr(view, "state", None)
    return "" if state is None else offline_obstacle(state, row)


def _value(name: str, part: TableRow) -> object:
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


def _place(name: str, part: TableRow, block_bytes: int, in_bytes: bool) -> object:
    """A column that says where: RANGE, SIZE, BLOCK."""
    nr_bytes = part.nr_blocks * block_bytes
    if name == "RANGE":
        start = part.first * block_bytes
        return f"{start:#018x}-{start + nr_bytes - 1:#018x}"
    if name == "BLOCK":
        return span(part.first, part.last)
    return nr_bytes if in_bytes else human_size(nr_bytes)


def human_size(nr_bytes: int) -> str:
    """A size as lsmem prints it: the largest unit, one decimal rounded half up."""
    if nr_bytes <= 0:
        return "0B"
    exponent = min((nr_bytes.bit_length() - 1) // 10, 6)
    unit = 1 << 10 * exponent
    tenths = (nr_bytes * 10 + unit // 2) // unit
    if tenths >= 10240 and exponent < 6:
        tenths, exponent = 10, exponent + 1
    whole, rest = divmod(tenths, 10)
    return f"{whole}{f'.{rest}' if rest else ''}{'BKMGTPE'[exponent]}"


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


def _cell(name: str, part: TableRow, block_bytes: int, in_bytes: bool) -> str:
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
    for node, up, total in node_counts(view):
        name = "node not known" if node is None else f"node {node}"
        lines.append(f"{name}: {up} of {counted(total, 'block')} online")
    for pool in _pools(view):
        if pool.node is None and pool.total:
            size = show(pool.page_bytes)
            lines.append(f"huge pages of {size}: {pool.total}, of which {pool.free} free")
    for note in getattr(view, "notes", ()):
        lines += wrapped(note, 100, first="note: ", indent="      ")
    return lines


def _pools(view: View) -> Sequence[HugetlbPool]:
    """The pools of huge pages of a real machine."""
    observation = getattr(view, "observation", None)
    return () if observation is None else cast("Sequence[HugetlbPool]", observation.pools)


def node_counts(view: View) -> list[tuple[int | None, int, int]]:
    """(node, online blocks, blocks) of every node; None: not known which."""
    counter = getattr(view, "node_block_counts", None)
    if counter is not None:
        return list(counter())
    totals: dict[int | None, list[int]] = {}
    for part in block_ranges(view):
        pair = totals.setdefault(part.row.node, [0, 0])
        number = part.last - part.first + 1
        pair[0] += number if part.row.state == "online" else 0
        pair[1] += number
    ordered = sorted(totals.items(), key=lambda item: (item[0] is None, item[0] or 0))
    return [(node, up, total) for node, (up, total) in ordered]


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
            for node, up, total in node_counts(view)
        ],
        "huge_pages": [
            {
                "node": pool.node,
                "page_bytes": pool.page_bytes,
                "total": pool.total,
                "free": pool.free,
            }
            for pool in _pools(view)
        ],
        "notes": list(getattr(view, "notes", ())),
    }


def _object(part: TableRow, options: TableOptions, block_bytes: int) -> Mapping[str, object]:
    return {
        name.lower(): _place(name, part, block_bytes, options.bytes)
        if name in _PLACES
        else _value(name, part)
        for name in options.columns
    }


def column_help() -> Iterable[str]:
    """A line for every column."""
    return (f"  {name:<10} {words}" for name, words in COLUMNS.items())


__all__ = [
    "COLUMNS",
    "DEFAULT_COLUMNS",
    "FORMAT",
    "TableOptions",
    "column_help",
    "human_size",
    "parse_columns",
    "parse_split",
    "summary_lines",
    "table_data",
    "table_lines",
]
