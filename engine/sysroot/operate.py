"""Operating a real machine: the only code of this program that has one written to.

One call writes one word to one block's ``state`` file. It takes a :class:`WriteAllowed`, which
only the caller that was given ``--allow-writes`` makes and which names the block and the
word that a person confirmed; anything else is refused before a file is opened.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from pfnmap.engine.commands import SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.runs import unbroken
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.params import ONLINE_WORDS
from pfnmap.engine.sizes import listed
from pfnmap.engine.sysroot.observe import Watcher, block_changes
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read_blocks import MEMORY
from pfnmap.engine.sysroot.view import SysrootView


class WriteAllowed(Struct, frozen=True):
    """A person's consent to one write: given with ``--allow-writes``, block and word named."""

    block: int
    word: str


class Foreseen(Struct, frozen=True):
    """What to show a person before they confirm."""

    block: int
    word: str
    zone: ZoneType
    """The zone the block is in, or would go to."""
    prediction: Outcome
    warning: str
    """Why the kernel would refuse, as far as the model knows; empty when it would not."""
    block_bytes: int


class Written(Struct, frozen=True):
    """The kernel's answer to one write, beside the model's."""

    block: int
    word: str
    errno: str | None
    """Name of the kernel's error, None for success."""
    prediction: Outcome
    audit: str
    """One line for the journal."""

    @property
    def agrees(self) -> bool:
        """Whether the model foresaw this answer."""
        return self.errno == self.prediction.errno

    @property
    def explanation(self) -> str:
        """The model's words to the kernel's answer."""
        refusal = self.prediction.refusal
        foreseen = f"{refusal.errno}: {refusal.rule}" if refusal else "success"
        doubts = "; ".join(self.prediction.notes)
        if self.agrees:
            return refusal.rule if refusal else "as foreseen"
        return f"the model foresaw {foreseen}{f' ({doubts})' if doubts else ''}"


def foresee(view: SysrootView, blocks: Sequence[int], word: str) -> list[Foreseen]:
    """What writing ``word`` to the state of each block would do, after the writes before it.

    One after another, because where a block goes may depend on those that went before: the
    auto-movable policy counts them. InputError for what is no write.
    """
    paths = [_path(view, block, word) for block in blocks]
    outcomes = plan(view, [_write_command(path, word) for path in paths])
    return [
        _foreseen(view, block, word, outcome)
        for block, outcome in zip(blocks, outcomes, strict=True)
    ]


def _foreseen(view: SysrootView, block: int, word: str, prediction: Outcome) -> Foreseen:
    now = view.block(block)
    row = prediction.after.blocks.at(block)
    going = ZoneType(int(row["zone"])) if row is not None else ZoneType.NONE
    zone = now.zone if now is not None and now.zone != ZoneType.NONE else going
    refusal = prediction.refusal
    warning = f"the kernel would refuse: {refusal.errno}, {refusal.rule}" if refusal else ""
    return Foreseen(block, word, zone, prediction, warning, view.geometry.block_bytes)


def questions(foreseen: Sequence[Foreseen]) -> list[str]:
    """One question for all blocks of each zone; together they name every block."""
    alike: dict[tuple[str, ZoneType], list[Foreseen]] = {}
    for each in foreseen:
        alike.setdefault((each.word, each.zone), []).append(each)
    return [_question(word, zone, those) for (word, zone), those in alike.items()]


def _question(word: str, zone: ZoneType, foreseen: list[Foreseen]) -> str:
    its, on_it = ("its", "it") if len(foreseen) == 1 else ("their", "them")
    if word == "offline":
        what = f"takes {its} memory out of zone {zone.label}; everything on {on_it} must move away"
    else:
        what = f"puts {its} memory into zone {zone.label}"
    return f"write {word} to {_place(foreseen)}? It {what}."


def _place(foreseen: list[Foreseen]) -> str:
    """The blocks by name and number; where they lie when that is one range."""
    count = f"{len(foreseen)} blocks, " if len(foreseen) > 1 else ""
    ids = sorted(each.block for each in foreseen)
    size = foreseen[0].block_bytes
    one_range = ids[-1] - ids[0] + 1 == len(ids)
    where = f" [{ids[0] * size:#x}-{(ids[-1] + 1) * size - 1:#x}]" if one_range else ""
    return f"{count}{_names(foreseen)}{where}"


def _names(foreseen: list[Foreseen]) -> str:
    """Blocks as ``memory32-34,40``."""
    ids = np.array(sorted(each.block for each in foreseen), np.int64)
    return f"memory{listed(unbroken(ids))}"


def went_as_foreseen(each: Foreseen, before: SysrootView, after: SysrootView) -> bool:
    """Whether one write left the machine as the model said, and nobody changed a block besides.

    If so, what was foreseen of the writes behind it is true still, and truer than what one
    would foresee anew: no file tells boot memory from memory that came later.
    """
    now, row = after.block(each.block), each.prediction.after.blocks.at(each.block)
    if now is None or row is None:
        return False
    changes = block_changes(before.observation.blocks, after.observation.blocks)
    changed = {change.block for change in changes if change.field == "state"}
    foreseen = BlockState(int(row["state"])).word, row["zone"]
    return (now.state, now.zone) == foreseen and changed <= {each.block}


def _write_command(path: str, word: str) -> SysfsWrite:
    return SysfsWrite(word, path, text=f"echo {word} > {path}")


def _path(view: SysrootView, block: int, word: str) -> str:
    if word not in ONLINE_WORDS:
        raise InputError(f"{word!r}: the state of a block is {', '.join(ONLINE_WORDS)}")
    if view.block(block) is None:
        raise InputError(f"memory{block}: there is no such memory block")
    return f"/{MEMORY}/memory{block}/state"


def write_state(
    watcher: Watcher,
    block: int,
    word: str,
    allowed: WriteAllowed | None,
    prediction: Outcome | None = None,
) -> Written:
    """Write one word to one block's ``state`` file of the watched tree.

    The kernel's answer is set beside ``prediction``, what the model foresees of this write; None
    for what it foresees from the watcher's last reading.

    Raises InputError, before anything is opened, without consent for exactly this block and
    word, for a capture, and for a block or word that is not one. The kernel's refusal is a
    result.
    """
    if allowed is None:
        raise InputError(f"memory{block} is not written without --allow-writes")
    if (allowed.block, allowed.word) != (block, word):
        raise InputError(f"memory{block}: writing {word} was not confirmed")
    if watcher.tree is None:
        raise InputError("a capture cannot be operated; open the machine itself")
    view = watcher.view
    path = _path(view, block, word)
    prediction = prediction or plan(view, [_write_command(path, word)])[0]
    answer = watcher.tree.write(path.removeprefix("/"), word)
    foreseen = prediction.errno or "success"
    audit = (
        f"write {word} > {path} kernel={answer or 'success'} model={foreseen} "
        f"zone={_zone_word(view, block)}"
    )
    return Written(block, word, answer, prediction, audit)


def _zone_word(view: SysrootView, block: int) -> str:
    row = view.block(block)
    return row.zone.label if row is not None else "none"
