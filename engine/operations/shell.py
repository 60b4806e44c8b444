"""Shell lines that do more than one thing, on a simulated machine."""

from __future__ import annotations

from itertools import groupby

from pfnmap.engine.commands import Cd, Chmem, Command, Cxl, Daxctl, Shell, SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.shell import CWD, Break, Item, Loop, Simple, commands_of, program_of
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import dax_tools, sysfs
from pfnmap.engine.operations.chmem import chmem
from pfnmap.engine.outcome import Refusal
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
