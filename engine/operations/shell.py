"""Shell lines that do more than one thing, and ``chmem``, on a simulated machine.

Source: ``sys-utils/chmem.c`` of util-linux 2.39.
"""

from __future__ import annotations

from itertools import groupby

from pfnmap.engine.commands import Cd, Chmem, Command, Cxl, Daxctl, Shell, SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, OnlineType
from pfnmap.engine.language.shell import CWD, Break, Item, Loop, Simple, commands_of, program_of
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import dax_tools, offline, online, pending, sysfs
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import ranged
from pfnmap.engine.sysfs_words import MEMORY_DIR

MAX_COMMANDS = 8192
"""Of one line, words of loops counted too: a loop in a loop may do more than anybody pastes."""


def run(tx: Transaction, command: Shell) -> Refusal | None:
    """A line as the shell does it: refused if its last command was; the others say so."""
    under_way = _Run(tx)
    refusal, _left = under_way.program(program_of(command.line), {CWD: ""})
    if under_way.unsaid is not refusal:
        under_way.say()
    return refusal


class _Run:
    """A program under way."""

    def __init__(self, tx: Transaction) -> None:
        self.tx, self.done = tx, 0
        self.unsaid: Refusal | None = None
        """Why the command before failed: said where another one follows."""

    def program(
        self, items: tuple[Item, ...], values: dict[str, str]
    ) -> tuple[Refusal | None, bool]:
        """Why its last command failed, None where it did not; and whether it was left by break."""
        refusal: Refusal | None = None
        for item in items:
            self.count(1)
            if item.when != ";" and (item.when == "&&") != (refusal is None):
                continue
            if isinstance(item.node, Break):
                return None, True
            if isinstance(item.node, Loop):
                refusal = self._loop(item.node, values)
                continue
            refusal = self._do(commands_of(item.node, values), values)
        return refusal, False

    def _do(self, commands: list[Command], values: dict[str, str]) -> Refusal | None:
        """One command after another; writes of one word are made together."""
        refusal = None
        for word, group in groupby(commands, _word_written):
            if word is not None:
                paths = [each.path for each in group if isinstance(each, SysfsWrite)]
                refusal = self._writes(word, paths)
                continue
            for command in group:
                if isinstance(command, Cd):
                    values[CWD] = command.path
                elif isinstance(command, SysfsRead | SysfsWrite | Chmem | Daxctl | Cxl):
                    refusal = self.unsaid = self._simple(command)
        return refusal

    def _writes(self, word: str, paths: list[str]) -> Refusal | None:
        """Write a word into some files; why the last write failed."""
        last = None
        for index, refusal in sysfs.write_each(self.tx, word, paths):
            self.say()
            self.unsaid = refusal
            last = refusal if index == len(paths) - 1 else None
        return last

    def count(self, nr_commands: int) -> None:
        """Take note of commands; InputError where they are more than anybody pastes."""
        self.done += nr_commands
        if self.done > MAX_COMMANDS:
            raise InputError(f"for: more than {MAX_COMMANDS} commands in one line")

    def _loop(self, loop: Loop, values: dict[str, str]) -> Refusal | None:
        texts = [
            file
            for word in loop.words
            for text in word.texts(values)
            for file in self._files(text, values[CWD])
        ]
        self.done += len(texts)
        refusal = None
        if loop.name and len(loop.body) == 1 and isinstance(node := loop.body[0].node, Simple):
            writes: list[Command] = []
            for text in texts:
                values[loop.name] = text
                commands = commands_of(node, values)
                if None in map(_word_written, commands):
                    break
                writes += commands
            else:
                self.count(len(texts))
                return self._do(writes, values)
        for text in texts if loop.name else [""]:
            if loop.name:
                values[loop.name] = text
            refusal, left = self.program(loop.body, values)
            if left:
                break
        return refusal

    def _files(self, text: str, cwd: str) -> list[str]:
        """The files that a word of a loop stands for; the word itself without a glob."""
        if text.startswith("/") or not sysfs.is_glob(text):
            return sysfs.expand(self.tx.state, text)
        folder = cwd or MEMORY_DIR
        files = sysfs.expand(self.tx.state, f"{folder}/{text}")
        return [file.removeprefix(f"{folder}/") for file in files]

    def _simple(self, command: SysfsRead | SysfsWrite | Chmem | Daxctl | Cxl) -> Refusal | None:
        self.say()
        if isinstance(command, Chmem):
            return chmem(self.tx, command)
        if isinstance(command, Daxctl):
            return dax_tools.daxctl(self.tx, command)
        if isinstance(command, Cxl):
            return dax_tools.cxl(self.tx, command)
        if isinstance(command, SysfsRead):
            return sysfs.read(self.tx, command)
        return sysfs.write(self.tx, command)

    def say(self) -> None:
        """As the shell does on its error output."""
        if self.unsaid is not None:
            self.tx.output.append(f"sh: write error: {self.unsaid.shell_text}")


def _word_written(command: Command) -> str | None:
    """What a command writes into one file that it names; None for any other."""
    whole = isinstance(command, SysfsWrite) and not sysfs.is_glob(command.path)
    return command.word if isinstance(command, SysfsWrite) and whole else None


def chmem(tx: Transaction, command: Chmem) -> Refusal | None:
    """Blocks in ascending order, for a size to be disabled from the top; failures are passed over.

    What it is asked for and is so already is passed over as well.
    """
    if (refusal := pending.waits(tx)) is not None:
        return refusal
    block_bytes = tx.state.geometry.block_bytes
    first, last = command.first, command.last
    if command.size_bytes is None and not command.blocks:
        first, last = first // block_bytes, last // block_bytes
    wanted = 1 << 64 if command.size_bytes is None else command.size_bytes // block_bytes
    refusal, tries = None, 0
    for low, high in _fitting(tx.state, command):
        if command.size_bytes is None:
            low, high = max(low, first), min(high, last)
        while wanted and low <= high and tx.state.pending is None:
            part = min(wanted, high - low + 1)
            start = low if command.enable else high - part + 1
            done, failed = _switched(tx, command, start, start + part - 1)
            refusal, wanted, tries = failed or refusal, wanted - done, tries + 1
            if tries > MAX_BLOCKS_ONE_BY_ONE:
                raise InputError(
                    f"chmem: more than {MAX_BLOCKS_ONE_BY_ONE} tries, block by block, and still "
                    "not as much as asked for; name blocks (-b)"
                )
            low, high = (low + part, high) if command.enable else (low, high - part)
    if command.size_bytes is None and not len(tx.state.blocks.slice(first, last + 1)):
        return Refusal("ENOENT", "sysfs", f"not there: {ranged('block', first, last)}")
    return None if command.size_bytes is not None and not wanted else refusal


def _switched(tx: Transaction, command: Chmem, low: int, high: int) -> tuple[int, Refusal | None]:
    """How many of the blocks could be switched, and the last failure."""
    refusal, done = None, 0
    while low <= high and tx.state.pending is None:
        if command.enable:
            through = "online" if command.zone == OnlineType.ONLINE else "state"
            failed = online.online_blocks(tx, low, high, command.zone, through=through)
        else:
            failed = offline.offline_blocks(tx, low, high, through="online")
        if failed is None or failed.block is None:
            return done + (high - low + 1 if failed is None else 0), failed or refusal
        refusal, done, low = failed, done + failed.block - low, failed.block + 1
    return done, refusal


def _fitting(state: State, command: Chmem) -> list[tuple[int, int]]:
    """[first, last] of blocks that are not yet as they shall be, in chmem's order."""
    found = []
    for row in state.blocks.rows:
        if (row["state"] == BlockState.ONLINE) != command.enable:
            start = int(row["start"])
            zones = valid_zones(state, start, row)[0]
            wanted = "Movable" if command.zone == OnlineType.ONLINE_MOVABLE else "Normal"
            if command.zone == OnlineType.ONLINE or wanted in zones:
                found.append((start, start + int(row["count"]) - 1))
    return found if command.enable else found[::-1]
