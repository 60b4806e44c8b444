"""Tables of memory blocks: the frame's, and the one that ``lsmem`` users know.

Neighbouring blocks that say the same in every shown column are one line. Works on any view;
what is not known is ``?`` (``null`` in JSON) and what is inferred says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence, Set
from heapq import merge
from itertools import chain, repeat
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.limits import MAX_BLOCK_LINES
from pfnmap.engine.memory.alike import Ids
from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.sizes import counted, human_size
from pfnmap.engine.view import BlockKinds, BlockRow, MemoryConfig, View
from pfnmap.tui.text.ascii import plain, span, wrapped

FORMAT: Final = "pfnmap-blocks-1"
MAX_LISTED: Final = 16384
"""Blocks that a frame looks at one by one; the rest is counted."""
HEADING: Final = f"{'blocks':<15} {'state':<13} {'node':>4} {'zone':<7} {'vmemmap':>7} valid_zones"

COLUMNS: Final[dict[str, str]] = {
    "RANGE": "physical addresses, inclusive",
    "SIZE": "size of the range",
    "STATE": "state, as sysfs says",
    "REMOVABLE": "removable, as sysfs says; nothing for an offline block",
    "BLOCK": "memory block ids",
    "NODE": "NUMA node",
    "ZONES": "valid_zones: the zone of an online block, where an offline one may go",
    "CONFIGURED": "whether firmware has configured it, where that is done block by block",
    "MEMMAP-ON-MEMORY": "whether it holds its struct pages, as firmware was told",
    "ZONE": "the zone the block is in",
    "MEMMAP": "where its struct pages live",
    "VMEMMAP": "pages at each block's start that hold its struct pages",
    "PRESENT": "pages of each block that are memory",
    "DEVICE": "the device it came with, and the driver that added it",
    "RULE": "the rule that decided ZONES",
    "WHY": "why it cannot be offlined, or what may stop that, as far as can be known",
}
"""Every column and what it shows; those of lsmem first, as it has them."""

LSMEM_COLUMNS: Final = tuple(COLUMNS)[:9]
"""What ``--output-all`` shows."""
DEFAULT_COLUMNS: Final = LSMEM_COLUMNS[:5]
_CONFIG: Final = frozenset({"CONFIGURED", "MEMMAP-ON-MEMORY"})
"""Columns that are left out where nothing says them."""
_STATES: Final = {"going-offline": "on->off", "unknown": "?"}
"""The words of lsmem that are not those of sysfs."""
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
    config: MemoryConfig | None = None
    """What firmware was told of it, where there is anything."""


class BlockTable(Struct, frozen=True, eq=False):
    """Lines of blocks as columns."""

    firsts: Ids
    lasts: Ids
    kinds: Ids
    """Index into ``examples``."""
    examples: list[BlockRange]
    """One of each kind: what its lines say but for the place."""

    def merged(self, said: Sequence[Hashable]) -> BlockTable:
        """With neighbours as one line whose kinds say the same, the first one's."""
        if not len(self.firsts):
            return self
        known: dict[Hashable, int] = {}
        codes = np.array([known.setdefault(words, len(known)) for words in said], np.int64)
        alike = codes[self.kinds]
        breaks = (alike[1:] != alike[:-1]) | (self.firsts[1:] != self.lasts[:-1] + 1)
        starts = np.append(0, np.flatnonzero(breaks) + 1)
        lasts = self.lasts[np.append(starts[1:], len(alike)) - 1]
        return replace(self, firsts=self.firsts[starts], lasts=lasts, kinds=self.kinds[starts])

    def places(self) -> Iterator[tuple[int, int, int]]:
        """(first, last, kind) of every line."""
        columns = (self.firsts.tolist(), self.lasts.tolist(), self.kinds.tolist())
        return zip(*columns, strict=True)


def block_ranges(view: View, limit: int | None = None) -> BlockTable:
    """All blocks (or the first ``limit``) in ranges that differ in their place only."""
    runs = view.block_kinds(rules=True)
    if limit is not None:
        counts = runs.lasts - runs.firsts + 1
        left = limit - (np.cumsum(counts) - counts)
        lasts = np.minimum(runs.lasts, runs.firsts + left - 1)
        runs = BlockKinds(*(column[left > 0] for column in (runs.firsts, lasts, runs.kinds)))
    examples = _examples(view, runs)
    table = BlockTable(runs.firsts, runs.lasts, runs.kinds, examples)
    return table.merged([replace(part.row, id=0, start_pfn=0) for part in examples])


# -- the frame's table ---------------------------------------------------------------------
def block_lines(view: View) -> list[str]:
    """Heading, a line a range, and a line a device: the blocks as a frame shows them."""
    if not view.nr_blocks:
        return []
    table = block_ranges(view, MAX_LISTED)
    # Ranges that differ only in what this table does not show are one line.
    words = [_words(part.row) for part in table.examples]
    shown = table.merged(words).places()
    lines = [HEADING, *(f"{span(a, b):<15} {words[kind]}".rstrip() for a, b, kind in shown)]
    if view.nr_blocks > MAX_LISTED:
        lines.append(f"({counted(view.nr_blocks - MAX_LISTED, 'further block')} not listed)")
    owners = [part.row.device for part in table.examples]
    devices: dict[str, list[str]] = {}
    for first, last, kind in table.merged(owners).places():
        if name := owners[kind]:
            devices.setdefault(name, []).append(span(first, last))
    for name, mine in devices.items():
        ids = ",".join(mine)
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
    form: Literal["table", "raw", "pairs"] = "table"
    split: tuple[str, ...] | None = None
    every_block: bool = False
    """A line for every block, nothing joined."""
    bytes: bool = False
    """Sizes in bytes instead of the largest unit."""
    headings: bool = True
    table: bool = True
    summary: bool = True


def parse_columns(text: str, default: Sequence[str] = DEFAULT_COLUMNS) -> tuple[str, ...]:
    """Columns of ``-o LIST`` (``+LIST`` adds to the default, ``all`` is every one); InputError."""
    names = [name.strip().upper() for name in text.removeprefix("+").split(",") if name.strip()]
    names = list(COLUMNS) if names == ["ALL"] else names
    for name in names:
        if name not in COLUMNS:
            raise InputError(
                f"{plain(name)!s}: there is no such column; expected all or some of "
                f"{', '.join(COLUMNS)}"
            )
    if not names:
        raise InputError(f"expected columns of {', '.join(COLUMNS)}")
    every = [*default, *names] if text.startswith("+") else names
    return tuple(dict.fromkeys(every))


def parse_split(text: str) -> tuple[str, ...]:
    """Columns of ``--split LIST``; ``none`` joins whatever is adjacent."""
    return () if text.strip().lower() == "none" else parse_columns(text, ())


def block_table(view: View, options: TableOptions) -> BlockTable:
    """Blocks merged as the options say, ascending."""
    apart = options.columns if options.split is None else options.split
    keys = [name for name in apart if name not in _PLACES]
    looked_at = {*keys, *options.columns}
    if options.every_block and view.nr_blocks > MAX_BLOCK_LINES:
        raise InputError(
            f"--all: {view.nr_blocks} blocks, a line for each; at most {MAX_BLOCK_LINES}; "
            "without --all blocks that are alike are one line"
        )
    if view.config or _PER_BLOCK & looked_at:
        table = _one_by_one(view, _PER_BLOCK & looked_at, every_block=options.every_block)
    else:
        runs = view.block_kinds()
        table = BlockTable(runs.firsts, runs.lasts, runs.kinds, _examples(view, runs))
        if options.every_block:
            which, place = one_by_one(table.lasts - table.firsts + 1)
            blocks = table.firsts[which] + place
            table = BlockTable(blocks, blocks, table.kinds[which], table.examples)
    if options.every_block:
        return table
    return table.merged([tuple(_value(name, part) for name in keys) for part in table.examples])


def _examples(view: View, runs: BlockKinds) -> list[BlockRange]:
    rows = ((block, view.block(block)) for block in runs.examples)
    return [BlockRange(block, block, row) for block, row in rows if row is not None]


def _one_by_one(view: View, looked_at: Set[str], *, every_block: bool) -> BlockTable:
    """A table in which each run is of a kind of its own: what is asked for may tell it apart."""
    parts: Iterable[BlockRange] = _parts(view, looked_at, every_block=every_block)
    if view.config:
        rest = _unconfigured(view, every_block=every_block)
        parts = merge(parts, rest, key=lambda part: part.first)
    examples = [*parts]
    places = np.array([(part.first, part.last) for part in examples], np.int64).reshape(-1, 2)
    return BlockTable(places[:, 0], places[:, 1], np.arange(len(examples)), examples)


def _parts(view: View, looked_at: Set[str], *, every_block: bool) -> Iterator[BlockRange]:
    """Runs of blocks that are alike in every column, those looked at too."""
    told = [each for each in view.config if each.configured is not False]

    def part(first: int, last: int) -> BlockRange | None:
        row = view.block(first)
        if row is None:
            return None
        why = view.offline_obstacle(row) if "WHY" in looked_at else ""
        at = bisect_right(told, first, key=lambda each: each.first) - 1
        config = told[at] if at >= 0 and first < told[at].first + told[at].count else None
        return BlockRange(first, last, row, why, config)

    for first, last in view.block_runs(reasons=bool(looked_at)):
        whole = part(first, last)
        end = part(last, last) if looked_at and last > first else whole
        # What names its block or its page is another sentence for every block of the run.
        if not every_block and (whole is None or end is None or _said(whole) == _said(end)):
            yield from () if whole is None else (whole,)
        else:
            yield from filter(None, (part(block, block) for block in range(first, last + 1)))


def _unconfigured(view: View, *, every_block: bool) -> Iterator[BlockRange]:
    """What is not configured and so no memory block yet: lsmem lists it as offline."""
    pages = view.geometry.block_pages
    for each in view.config:
        if each.configured is not False:
            continue
        step = 1 if every_block else each.count
        for first in range(each.first, each.first + each.count, step):
            row = BlockRow(
                id=first,
                state="offline",
                node=0,
                zone=ZoneType.NONE,
                valid_zones=(),
                removable=None,
                start_pfn=first * pages,
                nr_pages=pages,
                present_pages=0,
                vmemmap_pages=None,
                device=None,
                memmap="unknown",
                zone_rule="",
            )
            yield BlockRange(first, first + step - 1, row, "it is not configured", each)


def _said(part: BlockRange) -> tuple[str, str]:
    return part.row.zone_rule, part.why


def _value(name: str, part: BlockRange) -> object:
    """A column's value as data: None where it is not known."""
    row = part.row
    match name:
        case "STATE":
            return _STATES.get(row.state, row.state)
        case "CONFIGURED":
            return None if part.config is None else part.config.configured
        case "MEMMAP-ON-MEMORY":
            return None if part.config is None else part.config.own_memmap
        case "REMOVABLE":
            return row.removable
        case "NODE":
            return row.node
        case "ZONES":
            words = "/".join(row.valid_zones)
            return "None" if words == "none" else words or None
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


def _place(name: str, table: BlockTable, block_bytes: int, in_bytes: bool) -> list[Any]:
    """A column that says where: RANGE, SIZE, BLOCK."""
    firsts, counts = table.firsts.tolist(), (table.lasts - table.firsts + 1).tolist()
    if name == "RANGE":
        places = zip(firsts, table.lasts.tolist(), strict=True)
        return [f"{a * block_bytes:#018x}-{(b + 1) * block_bytes - 1:#018x}" for a, b in places]
    if name == "BLOCK":
        return [*map(span, firsts, table.lasts.tolist())]
    if in_bytes:
        return [count * block_bytes for count in counts]
    words = {count: human_size(count * block_bytes) for count in {*counts}}
    return [words[count] for count in counts]


# -- text ---------------------------------------------------------------------------------
def table_lines(view: View, options: TableOptions | None = None) -> list[str]:
    """The table and the totals as text."""
    options = options or TableOptions()
    lines = [*_table(view, options)] if options.table else []
    if options.summary:
        lines += [*([""] if lines else []), *summary_lines(view, in_bytes=options.bytes)]
    return lines


def _table(view: View, options: TableOptions) -> Iterator[str]:
    columns, table = _shown(view, options), block_table(view, options)
    kinds = sorted({*table.kinds.tolist()})
    headings: list[str] = []
    cells: list[dict[int, str]] = []
    places: list[list[str]] = []
    for name in columns:
        texts = {}
        if name in _PLACES:
            placed = [*map(str, _place(name, table, view.geometry.block_bytes, options.bytes))]
            width = max(map(len, placed), default=0)
        else:
            texts = {kind: _cell(name, table.examples[kind]) for kind in kinds}
            width = max(map(len, texts.values()), default=0)
        form = _FORMS[options.form](name, max(width, len(name) * options.headings))
        if name in _PLACES:
            places.append([*map(form, placed)])
        cells.append({kind: form(text).replace("%", "%%") for kind, text in texts.items()})
        headings.append(form(name))
    # Lines of one kind have one template, into which the place goes.
    templates = {kind: " ".join(texts.get(kind, "%s") for texts in cells) for kind in kinds}
    here = zip(*places, strict=True) if places else repeat((), len(table.kinds))
    lines: Iterable[str] = (
        templates[kind] % at for kind, at in zip(table.kinds.tolist(), here, strict=True)
    )
    if options.headings and options.form != "pairs":
        lines = chain((" ".join(headings),), lines)
    yield from (line.rstrip() for line in lines) if options.form == "table" else lines


def _shown(view: View, options: TableOptions) -> tuple[str, ...]:
    """The columns without those that nothing says."""
    return tuple(name for name in options.columns if view.config or name not in _CONFIG)


def _cell(name: str, part: BlockRange) -> str:
    value = _value(name, part)
    if name == "REMOVABLE" or name in _CONFIG:
        return {True: "yes", False: "no"}.get(bool(value), "") if value is not None else ""
    if value is None:
        unknown = name in ("NODE", "ZONES", "VMEMMAP") and part.row.present_pages
        return "" if name == "ZONES" and not unknown else "?" if unknown else "-"
    return plain(str(value))


def _raw(name: str, width: int) -> Callable[[str], str]:
    r"""One blank between cells: what is blank in one is ``\x20``, as libsmartcols writes it."""
    return lambda text: text.replace("\\", "\\x5c").replace(" ", "\\x20")


def _pairs(name: str, width: int) -> Callable[[str], str]:
    """``NAME="text"``, which a shell can take as it is."""
    quoted = str.maketrans({char: f"\\x{ord(char):02x}" for char in '"\\`$'})
    return lambda text: f'{name}="{text.translate(quoted)}"'


def _aligned(name: str, width: int) -> Callable[[str], str]:
    """Columns as wide as their content, two blanks never needed: one as in lsmem."""
    if name in _LEFT:
        return lambda text: text.ljust(width)
    return lambda text: text.rjust(width)


_FORMS: Final = {"table": _aligned, "raw": _raw, "pairs": _pairs}
"""What makes a cell of a text, for a column and its width."""


def summary_lines(view: View, *, in_bytes: bool = False) -> list[str]:
    """Totals, online blocks of each node, and what could not be read."""
    block_bytes = view.geometry.block_bytes
    counts = view.block_counts()
    show = str if in_bytes else human_size
    online = counts.get("online", 0)
    missing = sum(each.count for each in view.config if each.configured is False)
    offline = sum(counts.values()) - online + missing  # lsmem knows no other states
    totals = [
        ("Memory block size:", show(block_bytes)),
        ("Total online memory:", show(online * block_bytes)),
        ("Total offline memory:", show(offline * block_bytes)),
    ]
    if word := dict(view.params).get("memmap_on_memory"):
        totals.append(("Memmap on memory parameter:", {"Y": "yes", "N": "no"}.get(word, word)))
    lines = [f"{name:<32} {words:>{15 if in_bytes else 5}}" for name, words in totals]
    for state, number in sorted(counts.items()):
        if state not in ("online", "offline"):
            lines.append(f"{plain(state)}: {counted(number, 'block')}")
    for node, up, total in view.node_block_counts():
        name = "node not known" if node is None else f"node {node}"
        lines.append(f"{name}: {up} of {counted(total, 'block')} online")
    for row in view.driven():
        words = f"{row.online} of {counted(row.blocks, 'block')} online"
        if row.plugged_bytes is not None:
            words += f", {show(row.plugged_bytes)} plugged"
        if row.requested_bytes not in (None, row.plugged_bytes):
            words += f" of {show(row.requested_bytes or 0)} requested"
        words += f", in {row.window}" if row.window else ""
        lines.append(f"{plain(row.name)} ({row.driver}): {plain(words)}")
    for window in (each for each in view.resources if each.name.startswith("CXL Window")):
        ram = (each for each in view.resources if each.name.startswith("System RAM"))
        inside = (window.start <= each.start <= window.end for each in ram)
        if not any(inside):
            size = show(window.end + 1 - window.start)
            lines.append(f"{plain(window.name)}: {size}, nothing of it is System RAM")
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
        "memory": [*_objects(view, options)],
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


def _objects(view: View, options: TableOptions) -> Iterator[dict[str, object]]:
    columns, table = _shown(view, options), block_table(view, options)
    size = view.geometry.block_bytes
    places = {
        name.lower(): _place(name, table, size, options.bytes)
        for name in columns
        if name in _PLACES
    }
    examples = [
        {name.lower(): None if name in _PLACES else _value(name, part) for name in columns}
        for part in table.examples
    ]
    for index, kind in enumerate(table.kinds.tolist()):
        yield {**examples[kind], **{name: column[index] for name, column in places.items()}}


def column_help() -> Iterable[str]:
    """A line for every column."""
    return (f"  {name:<16} {words}" for name, words in COLUMNS.items())
