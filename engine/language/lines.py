"""Lines of the command language into commands and back: ``parse_line(format_command(c)) == c``.

There are two grammars, that of the language's own verbs and that of shell lines; each is loaded
with the first line of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType

from msgspec.structs import replace

from pfnmap.engine import commands as c
from pfnmap.engine.errors import ParseError


def parse_line(text: str, *, source: str = "", line: int = 0, cwd: str = "") -> c.Command | None:
    """The command of a line, None for a blank line or one that is only a comment.

    Args:
        text: The line, with or without its line end.
        source: The file's name, for messages.
        line: The line's number from 1, for messages.
        cwd: The folder that an earlier ``cd`` went to: relative paths of shell lines begin there.

    Raises:
        ParseError: The line is wrong; ``str()`` is ready to show.
    """
    return parse_with_comment(text, source=source, line=line, cwd=cwd)[0]


def parse_with_comment(
    text: str, *, source: str = "", line: int = 0, cwd: str = ""
) -> tuple[c.Command | None, str]:
    """As :func:`parse_line`, with the comment (from ``#`` on, ``""`` without one)."""
    try:
        return _parse(text, cwd)
    except ParseError as error:
        raise error.at(source, line) from None


def parse_lines(lines: Iterable[str], *, source: str) -> Iterator[c.Command]:
    """The commands of lines that follow each other; as :func:`parse_line`."""
    cwd = ""
    for number, text in enumerate(lines, 1):
        if (command := parse_line(text, source=source, line=number, cwd=cwd)) is not None:
            cwd = cwd_after(command, cwd)
            yield command


def cwd_after(command: c.Command | None, cwd: str) -> str:
    """The folder in which relative paths of shell lines begin behind a command."""
    if not isinstance(command, c.Cd | c.Shell):
        return cwd
    folder: str = _shell().cwd_after(command, cwd)
    return folder


def parse_row(text: str, cwd: str, *, pasted: bool) -> tuple[c.Command | None, str, bool]:
    """A line of a file: its command, its comment, and whether what that prints may follow.

    ``pasted``: a shell line with its prompt came before, so this may be what that printed; it
    becomes a claim then.
    """
    try:
        command, comment = parse_with_comment(text, cwd=cwd)
    except ParseError:
        if not pasted or (_shell().is_prompt(text) and text.split()[-1][-1:] not in "#$"):
            raise
        claim = None if _shell().is_prompt(text) else _shell().claim_of(text)
        return claim, "", True
    if command is None:
        return None, comment, pasted
    has_prompt = _may_be_shell(text) and _shell().without_prompt(text)[1] > 0
    return command, comment, has_prompt


def _may_be_shell(text: str) -> bool:
    return any(word in text for word in c.SHELL_WORDS)


def _shell() -> ModuleType:
    """The grammar of shell lines, loaded when one comes: most are of the language's own verbs."""
    from pfnmap.engine.language import shell

    return shell


def _parse(text: str, cwd: str) -> tuple[c.Command | None, str]:
    """The command, with its line as written but for the comment; and the comment."""
    if _may_be_shell(text) and _shell().is_shell_line(text):
        command, comment = _shell().parse_shell(text, cwd)
        written = _shell().without_prompt(text.strip())[0]
    else:
        command, comment = _grammar().parse(text)
        written = text.strip()
    if command is None:
        return None, comment
    return replace(command, text=written.removesuffix(comment).rstrip()), comment


def _grammar() -> ModuleType:
    """The grammar of the language's own verbs, loaded with the first line."""
    from pfnmap.engine.language import grammar

    return grammar


# -- back into lines -----------------------------------------------------------------------
def format_command(command: c.Command) -> str:
    """The command's line in normal form: what ``pfnmap fmt``, journals and files hold."""
    line: str = _grammar().format_command(command)
    return line


def line_of(command: c.Command) -> str:
    """The words that a person is shown for a command: its line as written, else in normal form.

    Only what was read from a line has one; the steps of a recording, for example, have none.
    """
    return command.text or format_command(command)
