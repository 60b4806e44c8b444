"""Operating a real machine: the only code of this program that writes to one.

One call writes one word to one block's ``state`` file. It takes a :class:`WriteAllowed`, which
only the caller that was given ``--allow-writes`` makes and which names the block and the
word that a person confirmed; anything else is refused before a file is opened.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from engine.commands import SysfsWrite
from engine.errors import InputError
from engine.kinds import ZoneType
from engine.outcome import Outcome
from engine.params import ONLINE_WORDS
from engine.sysroot.files import DirectoryTree, FileProblem
from engine.sysroot.observe import Watcher
from engine.sysroot.plan import plan
from engine.sysroot.read_blocks import MEMORY
from engine.sysroot.view import SysrootView


@dataclass(frozen=True, slots=True)
class WriteAllowed:
    """A person's consent to one write: given with ``--allow-writes``, block and word named."""

    block: int
    word: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What to show a person before they confirm."""

    block: int
    word: str
    zone: ZoneType
    """The zone the block is in, or would go to."""
    prediction: Outcome
    question: str
    """Names block, zone and consequence."""
    warning: str
    """Why the kernel would refuse, as far as the model knows; empty when it would not."""


@dataclass(frozen=True, slots=True)
class Written:
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


def foresee(view: SysrootView, block: int, word: str) -> Foreseen:
    """What writing ``word`` to a block's state would do; InputError for what is no write."""
    path = _path(view, block, word)
    prediction = plan(view, [SysfsWrite(word, path, text=f"echo {word} > {path}")])[0]
    now = view.block(block)
    row = prediction.after.blocks.at(block)
    going = ZoneType(int(row["zone"])) if row is not None else ZoneType.NONE
    zone = now.zone if now is not None and now.zone != ZoneType.NONE else going
    if word == "offline":
        what = f"takes its memory out of zone {zone.label}; everything on it must move away"
    else:
        what = f"puts its memory into zone {zone.label}"
    start = block * view.geometry.block_bytes
    place = f"memory{block} [{start:#x}-{start + view.geometry.block_bytes - 1:#x}]"
    refusal = prediction.refusal
    warning = f"the kernel would refuse: {refusal.errno}, {refusal.rule}" if refusal else ""
    return Foreseen(block, word, zone, prediction, f"write {word} to {place}? It {what}.", warning)


def _path(view: SysrootView, block: int, word: str) -> str:
    if word not in ONLINE_WORDS:
        raise InputError(f"{word!r}: the state of a block is {', '.join(ONLINE_WORDS)}")
    if view.block(block) is None:
        raise InputError(f"memory{block}: there is no such memory block")
    return f"/{MEMORY}/memory{block}/state"


def write_state(watcher: Watcher, block: int, word: str, allowed: WriteAllowed | None) -> Written:
    """Write one word to one block's ``state`` file of the watched tree.

    Raises InputError, before anything is opened, without consent for exactly this block and
    word, for a capture, and for a block or word that is not one. The kernel's refusal is a
    result.
    """
    if allowed is None:
        raise InputError(f"memory{block} is not written without --allow-writes")
    if (allowed.block, allowed.word) != (block, word):
        raise InputError(f"memory{block}: writing {word} was not confirmed")
    if not isinstance(watcher.tree, DirectoryTree):
        raise InputError("a capture cannot be operated; open the machine itself")
    view = watcher.view
    path = _path(view, block, word)
    prediction = plan(view, [SysfsWrite(word, path, text=f"echo {word} > {path}")])[0]
    answer = _write(watcher.tree, block, word)
    foreseen = prediction.errno or "success"
    audit = (
        f"write {word} > {path} kernel={answer or 'success'} model={foreseen} "
        f"zone={_zone_word(view, block)}"
    )
    return Written(block, word, answer, prediction, audit)


def _zone_word(view: SysrootView, block: int) -> str:
    row = view.block(block)
    return row.zone.label if row is not None else "none"


def _write(tree: DirectoryTree, block: int, word: str) -> str | None:
    """The one write: no new file, no link followed. The error's name, None for success."""
    try:
        base = tree.directory(f"{MEMORY}/memory{block}")
    except FileProblem as problem:
        return errno.errorcode.get(problem.number, "EIO")
    try:
        flags = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
        handle = os.open("state", flags, dir_fd=base)
        try:
            os.write(handle, f"{word}\n".encode("ascii"))
        finally:
            os.close(handle)
    except OSError as error:
        return errno.errorcode.get(error.errno or errno.EIO, "EIO")
    finally:
        os.close(base)
    return None
