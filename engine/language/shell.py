"""Shell lines as pasted from a mail: ``echo WORD > PATH``, ``grep . PATH…``, ``cat PATH…``.

A prompt in front is dropped: ``$``, ``user@host:~#``, ``[user@host dir]#``, ``~ #``. A line
that begins with ``#`` is a comment even when a command follows, so that commenting out a
line of a scenario always works.

``{32..34}`` is multiplied out, single quotes and ``>`` without blanks work, globs are kept for
the machine to expand, and a path that a mail abbreviates with ``…/`` or ``.../`` is completed.
"""

from __future__ import annotations

import re

from msgspec import Struct

from pfnmap.engine.commands import Command, SysfsRead, SysfsWrite
from pfnmap.engine.language.lexer import clean
from pfnmap.engine.sysfs_words import MAX_BRACE_WORDS, complete_path, expand_braces
from pfnmap.engine.wrong import shown, wrong

_PROMPT = re.compile(
    r"[ \t]*(?:\$|[~/][\w./~-]*[ \t]*[#$]|\[?[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+[^#$\"]*[#$])[ \t]+"
    r"(?=(?:sudo[ \t]+)?(?:echo|grep|cat)[ \t])"
)
_VERB = re.compile(r"[ \t]*(?:sudo[ \t]+)?(echo|grep|cat)(?=[ \t]|\Z)")
_PIECES = re.compile(
    r"(?P<blank>[ \t]+)|(?P<redirect>>>?)|(?P<single>'[^']*')|(?P<double>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<plain>[^ \t\"'#>;&|<`$()\\]+)"
)
_PATTERNS = (".", "")


class ShellWord(Struct, frozen=True):
    """A word of the shell, or the redirection sign ``>``."""

    text: str
    column: int
    redirect: bool = False
    quoted: bool = False


def without_prompt(line: str) -> tuple[str, int]:
    """The line behind a pasted prompt, and how many characters the prompt took."""
    prompt = _PROMPT.match(line)
    return (line[prompt.end() :], prompt.end()) if prompt else (line, 0)


def is_shell_line(text: str) -> bool:
    """Whether the line is for this module rather than for the verbs of the language."""
    body, _taken = without_prompt(text)
    return _VERB.match(body) is not None


def parse_shell(text: str) -> tuple[Command, str]:
    """The command of a shell line and its comment (``""`` without one)."""
    line = clean(text)
    body, taken = without_prompt(line)
    verb = _VERB.match(body)
    if verb is None:
        raise wrong("this is no shell line", expected="echo, grep or cat")
    words, comment = _split(line, taken + verb.end())
    readers = {"echo": _echo, "grep": _grep, "cat": _cat}
    return readers[verb[1]](words, len(line) + 1), comment


def _split(line: str, at: int) -> tuple[list[ShellWord], str]:
    """Words from index ``at`` on; the comment behind them."""
    words: list[ShellWord] = []
    start, pieces, quoted = -1, "", False

    def close() -> None:
        nonlocal start, pieces, quoted
        if start >= 0:
            words.append(ShellWord(pieces, start + 1, quoted=quoted))
        start, pieces, quoted = -1, "", False

    while at < len(line):
        if line[at] == "#":
            close()
            return words, line[at:].rstrip()
        piece = _PIECES.match(line, at)
        if piece is None:
            raise _unsupported(line, at)
        kind, text = piece.lastgroup, piece[0]
        if kind == "blank":
            close()
        elif kind == "redirect":
            close()
            words.append(ShellWord(text, at + 1, redirect=True))
        else:
            start = at if start < 0 else start
            if kind in ("single", "double"):
                quoted = True
                text = _unquote(text, at) if kind == "double" else text[1:-1]
            pieces += text
        at = piece.end()
    close()
    return words, ""


def _unquote(text: str, at: int) -> str:
    """The text of double quotes at index ``at``; what the shell would compute is refused."""
    if dollar := re.search(r"(?<!\\)(?:\\\\)*[$`]", text):
        raise _unsupported(text[dollar.end() - 1], 0, at + dollar.end())
    return re.sub(r'\\(["\\$`])', r"\1", text[1:-1])


def _unsupported(line: str, at: int, column: int = 0) -> Exception:
    column = column or at + 1
    if line[at] in "\"'":
        return wrong("the quotes are not closed", expected=f"a second {line[at]}", column=column)
    return wrong(
        f"the shell's {shown(line[at])} is not understood here",
        expected="echo WORD > PATH, grep . PATH or cat PATH",
        column=column,
    )


def _echo(words: list[ShellWord], end_column: int) -> Command:
    expected = "echo WORD > PATH"
    while words and words[0].text == "-n" and not words[0].quoted:
        words = words[1:]
    signs = [i for i, word in enumerate(words) if word.redirect]
    if not signs:
        raise wrong("this echo writes nowhere", expected=expected, column=end_column)
    before, behind = words[: signs[0]], words[signs[0] + 1 :]
    if not before:
        raise wrong("echo has no word to write", expected=expected, column=words[0].column)
    if not behind or behind[0].redirect:
        raise wrong("the path is missing", expected=expected, column=end_column)
    if len(behind) > 1:
        raise wrong(
            f"{shown(behind[1].text)} stands behind the path",
            expected=expected,
            column=behind[1].column,
        )
    return SysfsWrite(" ".join(word.text for word in before), _path(behind[0]))


def _grep(words: list[ShellWord], end_column: int) -> Command:
    expected = "grep . PATH…"
    flags = [word for word in words if re.fullmatch(r"-[HhsrE]+", word.text)]
    words = [word for word in words if word not in flags]
    _refuse_redirection(words, expected)
    if not words or words[0].text not in _PATTERNS:
        raise wrong(
            f"grep looks for {shown(words[0].text)}" if words else "grep has no pattern",
            expected=f"{expected} (every line)",
            column=words[0].column if words else end_column,
        )
    if len(words) < 2:
        raise wrong("the path is missing", expected=expected, column=end_column)
    named = "h" not in "".join(flag.text for flag in flags)
    return SysfsRead(_paths(words[1:]), named=named)


def _cat(words: list[ShellWord], end_column: int) -> Command:
    _refuse_redirection(words, "cat PATH")
    if not words:
        raise wrong("the path is missing", expected="cat PATH", column=end_column)
    return SysfsRead(_paths(words))


def _refuse_redirection(words: list[ShellWord], expected: str) -> None:
    for word in words:
        if word.redirect:
            raise wrong(
                f"{word.text} only stands behind echo", expected=expected, column=word.column
            )


def _paths(words: list[ShellWord]) -> tuple[str, ...]:
    """The paths to read, with braces multiplied out as the shell does before any glob."""
    paths: list[str] = []
    for word in words:
        texts = [word.text] if word.quoted else expand_braces(word.text)
        paths += (_path(ShellWord(text, word.column)) for text in texts)
        if len(paths) > MAX_BRACE_WORDS:
            raise wrong(
                f"{shown(word.text)} stands for too many files",
                expected=f"at most {MAX_BRACE_WORDS}",
                column=word.column,
            )
    return tuple(paths)


def _path(word: ShellWord) -> str:
    if not word.text:
        raise wrong("the path is empty", column=word.column)
    path = complete_path(word.text)
    if path is None:
        raise wrong(
            f"{shown(word.text)} is not an absolute path of a known file",
            expected="a path such as /sys/devices/system/memory/memory34/state",
            column=word.column,
        )
    return path
