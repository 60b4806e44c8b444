"""Following a machine: a new view when something changed, and what changed.

The interval is the caller's; nothing here knows the time.
"""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np
from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.observation import BlockColumns, Observation, Span, differing
from pfnmap.engine.sysroot.read import Reader
from pfnmap.engine.sysroot.read_blocks import MEMORY
from pfnmap.engine.sysroot.trees import DirectoryTree, Reachable, clean
from pfnmap.engine.sysroot.view import SysrootView

ABSENT = "absent"
"""What a field is before its block or zone came and after it went."""


class Change(Struct, frozen=True):
    """A field that was one thing and is another, as words.

    ``block`` is None for what belongs to no block; then ``field`` names the whole thing, e.g.
    ``node 0 zone Normal spanned``.
    """

    block: int | None
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        place = f"memory{self.block} " if self.block is not None else ""
        return f"{place}{self.field}: {self.before} -> {self.after}"


def _words(value: tuple[object, ...] | None, empty: str) -> str:
    return "unknown" if value is None else " ".join(map(str, value)) or empty


def _truth(value: int) -> str:
    return "unknown" if value < 0 else str(value)


def block_changes(before: BlockColumns, after: BlockColumns) -> list[Change]:
    """What changed about memory blocks, ascending by id, in the order of the fields."""
    if before is after:
        return []
    out: list[Change] = []
    gone = np.setdiff1d(before.ids, after.ids, assume_unique=True)
    come = np.setdiff1d(after.ids, before.ids, assume_unique=True)
    for block in gone.tolist():
        index = int(np.searchsorted(before.ids, block))
        out.append(Change(block, "state", before.state_word(index), ABSENT))
    for block in come.tolist():
        index = int(np.searchsorted(after.ids, block))
        out.append(Change(block, "state", ABSENT, after.state_word(index)))
    kept = np.intersect1d(before.ids, after.ids, assume_unique=True)
    a, b = np.searchsorted(before.ids, kept), np.searchsorted(after.ids, kept)
    for which in np.flatnonzero(differing(before, after, a, b)).tolist():
        i, j, block = int(a[which]), int(b[which]), int(kept[which])
        pairs = (
            ("state", before.state_word(i), after.state_word(j)),
            (
                "valid_zones",
                _words(before.zone_words(i), "none"),
                _words(after.zone_words(j), "none"),
            ),
            ("node", _words(before.node_set(i), "none"), _words(after.node_set(j), "none")),
            ("removable", _truth(int(before.removable[i])), _truth(int(after.removable[j]))),
            ("phys_device", _truth(int(before.phys_device[i])), _truth(int(after.phys_device[j]))),
        )
        out += [Change(block, field, was, now) for field, was, now in pairs if was != now]
    return sorted(out, key=lambda change: change.block or 0)


def changes_between(before: Observation, after: Observation) -> tuple[Change, ...]:
    """Everything that changed: blocks, zones, node masks, parameters, resources, huge pages."""
    out = block_changes(before.blocks, after.blocks)
    out += _mapping_changes(_zone_fields(before), _zone_fields(after))
    out += _mapping_changes(
        {f"nodes {name}": _words(mask, "none") for name, mask in before.masks.items()},
        {f"nodes {name}": _words(mask, "none") for name, mask in after.masks.items()},
    )
    out += _mapping_changes(dict(before.params), dict(after.params))
    out += _mapping_changes(_iomem_fields(before), _iomem_fields(after))
    out += _mapping_changes(_pool_fields(before), _pool_fields(after))
    return tuple(out)


def _mapping_changes(before: dict[str, str], after: dict[str, str]) -> list[Change]:
    names = [*before, *(name for name in after if name not in before)]
    pairs = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names)
    return [Change(None, name, was, now) for name, was, now in pairs if was != now]


def _zone_fields(observation: Observation) -> dict[str, str]:
    out: dict[str, str] = {}
    for zone in observation.zones or ():
        name = f"node {zone.node} zone {zone.name}"
        if zone.start_pfn is not None:
            out[f"{name} start_pfn"] = f"{zone.start_pfn:#x}"
        for field in ("spanned", "present", "managed"):
            out[f"{name} {field}"] = str(getattr(zone, field))
    return out


def _iomem_fields(observation: Observation) -> dict[str, str]:
    return {
        f"iomem {line.start:x}-{line.end:x}": line.name
        for line in observation.iomem or ()
        if not line.depth
    }


def _pool_fields(observation: Observation) -> dict[str, str]:
    out: dict[str, str] = {}
    for pool in observation.pools:
        where = "" if pool.node is None else f"node {pool.node} "
        name = f"{where}hugepages-{pool.page_bytes >> 10}kB"
        out[f"{name} nr_hugepages"], out[f"{name} free_hugepages"] = str(pool.total), str(pool.free)
    return out


class Observer(Protocol):
    """What a watcher reads from: a tree read again and again, or a capture."""

    def read(self, in_sight: Span | None = None) -> Observation:
        """The machine now: the same object as the last time when nothing changed.

        ``in_sight``: ids of the blocks whose changes may not come late (``BlockReader.read``);
        those of none may where it is None.
        """


class Watcher:
    """Follows one machine."""

    def __init__(
        self,
        root: str | os.PathLike[str] | DirectoryTree | Observer,
        *,
        page_bytes: int | None = None,
    ) -> None:
        """Open a tree; InputError when it has no memory directory.

        ``page_bytes``: the page size, where a person knows it and the tree does not say.
        """
        tree = DirectoryTree(root) if isinstance(root, str | os.PathLike) else root
        self.tree: Reachable | None = tree if isinstance(tree, Reachable) else None
        """The machine, to be asked of its pages and to be written to; None for a capture."""
        self._reader: Observer = Reader(tree) if isinstance(tree, DirectoryTree) else tree
        self.page_bytes = page_bytes
        self.view = SysrootView(self._reader.read(), page_bytes=page_bytes)
        """The machine as it was last read."""

    def poll(self, in_sight: Span | None = None) -> SysrootView:
        """Read what can have changed; the same object when nothing did.

        ``in_sight``: pfns that somebody looks at; of blocks elsewhere a change may be found some
        readings later (``BlockReader.read``). InputError when the tree has lost its memory
        directory.
        """
        if in_sight is not None:
            pages = self.view.geometry.block_pages
            in_sight = in_sight[0] // pages, -(-in_sight[1] // pages)
        observation = self._reader.read(in_sight)
        if observation is not self.view.observation:
            self.view = SysrootView(observation, page_bytes=self.page_bytes)
        return self.view


def is_tree(root: str | os.PathLike[str]) -> bool:
    """Whether a directory is the root of a tree that has memory blocks."""
    return os.path.isdir(os.path.join(root, MEMORY))


def page_size(text: str) -> int:
    """The value of ``--page-size``: ``4K``, ``16K``, ``64K`` or bytes; InputError."""
    number, unit = (text[:-1], 1024) if text[-1:] in ("K", "k") else (text, 1)
    size = int(number) * unit if number.isascii() and number.isdigit() and len(number) < 8 else 0
    if size not in (4096, 16384, 65536):
        raise InputError(f"--page-size {clean(text, 20)}: expected 4K, 16K or 64K")
    return size
