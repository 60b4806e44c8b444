"""The few shell commands that recorded steps run on a real machine.

Writes into the kernel's files become commands of the language; commands that only read mean
nothing; anything else is refused, because its effect is not known.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pfnmap.engine.commands import Command, Note, Signal, SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError, quoted
from pfnmap.engine.sysfs_words import BIND, DAX_FILE, DAX_MODE

READERS = frozenset(
    {
        "cat",
        "grep",
        "ls",
        "sleep",
        "true",
        "head",
        "tail",
        "sync",
        "dmesg",
        "free",
        ":",
        "wc",
        "find",
        "sort",
        "awk",
        "sed",
        "cut",
        "tr",
        "uname",
        "printf",
        "insmod",
        "modprobe",
        "test",
        "[",
    }
)
"""Commands that change no memory."""

IGNORED_DIRECTORIES = ("/sys/bus/nd/devices/", "/proc/sys/kernel/", "/sys/kernel/debug/")
"""Where writes configure things that the memory model does not see."""

_ERRORS = re.compile(r"(?<!\S)2>>?\s*(?:&1|\S+)")
_LOOP = re.compile(r"for\s+(\w+)\s+in\s+([^;]*?)\s*;\s*do\s+(.*?)\s*;?\s*done", re.S)


_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


class ShellError(InputError):
    """A command whose effect on memory is not known."""


def parse_script(script: str, directory: str = "/") -> list[Command]:
    """The writes of a script, in order; ShellError where something is not understood."""
    commands: list[Command] = []
    answers = False
    for words in _simple_commands(_unroll(script)):
        before = len(commands)
        if words[0] == "cat" and (paths := [each for each in words[1:] if DAX_FILE.match(each)]):
            commands.append(SysfsRead(tuple(paths)))
        elif words[0] == "cd":
            directory = _join(directory, words[1] if len(words) > 1 else "/")
        elif words[0] == "kill":
            commands.append(Signal())
        elif words[0] == "echo":
            commands += _echo(words[1:], directory)
        elif words[0] not in READERS:
            raise ShellError(f"{words[0]}: the effect of this command is not known")
        elif ">" in words and _target(words, directory) not in ("", "/dev/null"):
            raise ShellError(f"{' '.join(words)}: the effect of this write is not known")
        answers = len(commands) > before
    # A script's answer is that of its last command, even of one that only prints.
    return commands if answers or not commands else [*commands, Note("")]


def only_reads(script: str) -> bool:
    """Whether a script is known to change nothing."""
    try:
        return not any(isinstance(each, SysfsWrite | Signal) for each in parse_script(script))
    except ShellError:
        return False


def _simple_commands(script: str) -> Iterator[list[str]]:
    """The words of each simple command; redirections stay as words of their own."""
    script = _ERRORS.sub(" ", script).replace("\n", " ; ")
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    try:
        for word in lexer:
            if word in (";", "&&", "||", "|", "&", ";;", "(", ")") or _ASSIGNMENT.match(word):
                if words:
                    yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        raise ShellError(f"{quoted(script)}: the quotes do not match") from None
    if words:
        yield words


def _unroll(script: str) -> str:
    """Write ``for`` loops over plain words out."""

    def body(match: re.Match[str]) -> str:
        name, words, inner = match[1], match[2].split(), match[3]
        pattern = re.compile(rf"\$\{{?{name}\b\}}?")
        return "; ".join(pattern.sub(word, inner) for word in words)

    return _LOOP.sub(body, script)


def _join(directory: str, path: str) -> str:
    return path if path.startswith("/") else f"{directory.rstrip('/')}/{path}"


def _target(words: list[str], directory: str) -> str:
    """The file that standard output goes to, empty where it is not redirected."""
    for index, word in enumerate(words[:-1]):
        if word in (">", ">>"):
            return _join(directory, words[index + 1])
    return ""


def _echo(words: list[str], directory: str) -> list[Command]:
    """``echo WORD > PATH``; an echo that only prints is nothing."""
    path = _target(words, directory)
    ignored = path.startswith(IGNORED_DIRECTORIES) and not DAX_MODE.match(path)
    if not path or path == "/dev/null" or ignored:
        return []
    if not DAX_MODE.match(path) and path.startswith("/sys/bus/nd/") and not BIND.match(path):
        return []
    signs = [i for i, word in enumerate(words) if word in (">", ">>")]
    text = [word for word in words[: signs[0]] if word != "-n"]
    return [SysfsWrite(" ".join(text), path)]
