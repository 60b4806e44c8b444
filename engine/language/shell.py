"""Shell lines as people paste them: writes and reads of the kernel's files, chmem, cd, loops.

A small part of the shell's grammar: words with quotes, ``$name`` and ``{32..34}``, redirections,
``;`` ``&&`` ``||``, ``for … do … done`` with ``break``, ``sh -c '…'``, and ``| tee``. A prompt in
front (``$``, ``user@host:~#``, ``[user@host dir]#``, ``~ #``) and ``sudo`` are dropped, so is what
is done with error messages. A line that begins with ``#`` is a comment even when a command follows,
so that commenting out a line of a scenario always works.

One simple command is a command of its own; what has more to it is a :class:`Shell` line, whose
program ``pfnmap.engine.operations.shell`` runs. Globs are kept for the machine to expand, and a
path that a mail abbreviates with ``…/`` or ``.../`` is completed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from pfnmap.engine import commands as c
from pfnmap.engine.commands import Command
from pfnmap.engine.complaints import shown, wrong
from pfnmap.engine.errors import ERRNO_OF_TEXT, ParseError
from pfnmap.engine.kinds import ZONE_BY_LABEL, OnlineType
from pfnmap.engine.language.lexer import clean
from pfnmap.engine.notation import parse_name, parse_number, parse_size
from pfnmap.engine.sysfs_words import BLOCK_FILES, MAX_BRACE_WORDS, complete_path, expand_braces

CWD = "PWD"
"""Among the values of a program's variables: the folder that ``cd`` went to."""
MAX_LOOP_ROWS = 64
"""Rows that a loop which is not done on its own row may have."""
_EXPECTED = "echo WORD > PATH, grep . PATH or cat PATH"
_SUDO = r"(?:sudo[ \t]+(?:-[A-Za-z]+[ \t]+)*)?"
_PROGRAMS = r"(?:echo|grep|cat|tee|chmem|daxctl|cxl|cd|for|sleep|sync|(?:ba|da)?sh[ \t]+-c)"
_PROMPTS = r"[ \t]*(?:\$|[~/][\w./~-]*[ \t]*[#$]|\[?[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+[^#$\"]*[#$])"
_PROMPT = re.compile(rf"{_PROMPTS}[ \t]+(?={_SUDO}{_PROGRAMS}(?:[ \t]|\Z))")
_ANY_PROMPT = re.compile(rf"{_PROMPTS}(?:[ \t]|\Z)")
_LOG_LINE = re.compile(r"(?:\S+ )?\[ *[0-9]+\.[0-9]+\] (.+)")
_BEGINNING = re.compile(rf"[ \t]*{_SUDO}{_PROGRAMS}(?=[ \t]|\Z)")
_JSON_ROW = re.compile(r"(?:[\[{}\]]+,?|(\"(?P<key>\w+)\":.*?),?)\Z")
"""A row of what ndctl's tools print."""
_KNOWN_KEYS = ("chardev", "size", "mode", "online_memblocks", "total_memblocks", "region")
_PIECES = re.compile(
    r"(?P<blank>[ \t]+)|(?P<errors>2>>?[ \t]*(?:/dev/null|&1)|&>[ \t]*/dev/null"
    r"|>[ \t]*/dev/null(?:[ \t]+2>&1)?)"
    r"|(?P<operator>&&|\|\||<<<|>>?|[;|])|(?P<single>'[^']*')|(?P<double>\"(?:[^\"\\]|\\.)*\")"
    r"|\$\(seq[ \t]+(?P<seq>[0-9]{1,9}[ \t]+[0-9]{1,9})[ \t]*\)"
    r"|\$(?P<variable>[A-Za-z_]\w*|\{[A-Za-z_]\w*\})|(?P<plain>[^ \t\"'#>;&|<`$()\\]+)"
)
_KEYWORDS = re.compile(
    r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|#.*|(?P<before>(?:^|[;&|]|\bdo\b)[ \t]*)(?P<word>for|done)\b"
)
_IN_QUOTES = re.compile(r"\\(?P<escape>[\"\\$`])|\$(?P<variable>[A-Za-z_]\w*|\{[A-Za-z_]\w*\})")
_SIMPLE_PATTERN = re.compile(r"\^?[\w :.-]+\$?\Z")


class Word(Struct, frozen=True):
    """A word of the shell, or an operator; ``parts``: (kind, text), kinds as in ``_PIECES``."""

    parts: tuple[tuple[str, str], ...]
    column: int
    operator: str = ""

    def text(self, values: Mapping[str, str]) -> str:
        """The word with its variables replaced."""
        return "".join(values[text] if kind == "variable" else text for kind, text in self.parts)

    def texts(self, values: Mapping[str, str]) -> list[str]:
        """The words that the shell makes of it, with braces multiplied out before any glob."""
        whole = self.text(values)
        quoted = any(kind == "quoted" for kind, _ in self.parts)
        words = [whole] if quoted else list(expand_braces(whole))
        if len(words) > MAX_BRACE_WORDS:
            message = f"{shown(whole)} stands for too many files"
            raise wrong(message, expected=f"at most {MAX_BRACE_WORDS}", column=self.column)
        return words

    def is_bare(self, text: str) -> bool:
        """Whether it is that word, not in quotes."""
        return self.parts == (("plain", text),)


class Simple(Struct, frozen=True):
    """A simple command with its redirections and pipes."""

    words: tuple[Word, ...]
    end_column: int


class Loop(Struct, frozen=True):
    """``for NAME in WORDS; do BODY; done``; without a name: ``sh -c BODY``."""

    name: str
    words: tuple[Word, ...]
    body: tuple[Item, ...]


class Break(Struct, frozen=True):
    """``break``."""


class Item(Struct, frozen=True):
    """A part of a list, and when it is done: always (``;``), ``&&`` or ``||``."""

    when: str
    node: Simple | Loop | Break


# -- transcripts ---------------------------------------------------------------------------
def is_prompt(line: str) -> bool:
    """Whether a line is a prompt, with or without a command behind it."""
    return _ANY_PROMPT.match(line) is not None


def claim_of(output: str) -> c.Expect | None:
    """What a line that a command printed claims about it, None where it says nothing known."""
    output = clean(output).strip()
    if logged := _LOG_LINE.match(output):
        return c.Expect("log", logged[1])
    if json := _JSON_ROW.match(output):
        known = json["key"] in _KNOWN_KEYS and not re.search(r'"size":"', output)  # not in words
        return c.Expect("output", json[1]) if known else None
    errno = ERRNO_OF_TEXT.get(output.rpartition(": ")[2])
    return c.Expect("errno", errno) if errno else c.Expect("output", output)


# -- whole lines -----------------------------------------------------------------------------
def without_prompt(line: str) -> tuple[str, int]:
    """The line behind a pasted prompt, and how many characters the prompt took."""
    prompt = _PROMPT.match(line)
    return (line[prompt.end() :], prompt.end()) if prompt else (line, 0)


def is_shell_line(text: str) -> bool:
    """Whether the line is for this module rather than for the verbs of the language."""
    return _BEGINNING.match(without_prompt(text)[0]) is not None


def rows_of_loop(rows: Sequence[str]) -> int:
    """How many rows the line that begins the first one goes on for.

    A row that ends in a backslash goes on, and so does one with a loop that is not done; where
    ``done`` does not come, the first row stands for itself.
    """
    depth = 0
    if not is_shell_line(rows[0]):
        return 1
    for number, row in enumerate(rows[:MAX_LOOP_ROWS], 1):
        found = [word["word"] for word in _KEYWORDS.finditer(_own_words(row, number))]
        depth += found.count("for") - found.count("done")
        if depth <= 0 and not row.rstrip().endswith("\\"):
            return number
    return 1


def joined_rows(rows: Sequence[str]) -> str:
    """The rows of one line (:func:`rows_of_loop`) as that line."""
    line = rows[0]
    for number, row in enumerate(rows[1:], 2):
        if (own := _own_words(row, number))[:1] in ("", "#"):
            continue
        line = line.rstrip()
        if line.endswith("\\"):
            line = line[:-1]
        elif not line.endswith((";", "do", "&&", "||", "|")):
            line += ";"
        line += f" {own}"
    return line


def place_in_rows(rows: Sequence[str], column: int) -> tuple[int, int]:
    """(row, column) of a column of :func:`joined_rows`, all from 1 on."""
    number = next(n for n in range(1, len(rows) + 1) if len(joined_rows(rows[:n])) >= column - 1)
    if number == 1:
        return 1, column
    row = rows[number - 1]
    own = _own_words(row, number)
    return number, max(1, column - len(joined_rows(rows[:number])) + len(own) + row.index(own))


def _own_words(row: str, number: int) -> str:
    """A row without its prompt; behind the first row ``>`` is one."""
    row = without_prompt(row)[0].strip()
    return row.removeprefix(">").lstrip() if number > 1 else row


def parse_shell(text: str, cwd: str = "") -> tuple[Command, str]:
    """The command of a shell line and its comment (``""`` without one).

    ``cwd``: the folder that an earlier ``cd`` went to; relative paths begin there.
    """
    line = clean(text)
    body, taken = without_prompt(line)
    words, comment = _split(line, taken)
    program = _Parser(words, len(line) + 1).program()
    commands = list(_tried(program, {CWD: cwd}))
    if len(program) == 1 and isinstance(program[0].node, Simple) and len(commands) == 1:
        return commands[0], comment
    body = body[: len(body) - len(comment)].strip() if comment else body.strip()
    return c.Shell(
        f"cd {cwd}; {body}" if cwd and _begins_there(program, commands) else body
    ), comment


def _begins_there(program: tuple[Item, ...], commands: list[Command]) -> bool:
    """Whether a program does something else, or nothing, where no ``cd`` came before it."""
    try:
        return list(_tried(program, {CWD: ""})) != commands
    except ParseError:
        return True


@lru_cache(maxsize=64)
def program_of(line: str) -> tuple[Item, ...]:
    """What a :class:`Shell` line comes to."""
    words, _comment = _split(line, 0)
    return _Parser(words, len(line) + 1).program()


def cwd_after(command: Command | None, cwd: str) -> str:
    """Where relative paths begin behind a command."""
    if isinstance(command, c.Cd):
        return command.path
    if isinstance(command, c.Shell):
        for done in _tried(program_of(command.line), {CWD: cwd}):
            cwd = cwd_after(done, cwd)
    return cwd


def _tried(program: tuple[Item, ...], values: dict[str, str]) -> Iterator[Command]:
    """Every command of a program, loops with their first words only; ParseError for a wrong one."""
    for item in program:
        if isinstance(item.node, Loop):
            texts = [text for word in item.node.words for text in word.texts(values)]
            first = re.sub(r"\[[^\]]*\]|[*?]", "0", texts[0]) if texts else ""
            for command in _tried(item.node.body, {**values, item.node.name: first}):
                values[CWD] = cwd_after(command, values[CWD])
                yield command
        elif isinstance(item.node, Simple):
            for command in commands_of(item.node, values):
                values[CWD] = cwd_after(command, values[CWD])
                yield command


# -- words ---------------------------------------------------------------------------------
def _split(line: str, at: int) -> tuple[list[Word], str]:
    """Words and operators from index ``at`` on; the comment behind them."""
    words: list[Word] = []
    parts: list[tuple[str, str]] = []
    start = -1

    def close() -> None:
        nonlocal start
        if start >= 0:
            words.append(Word(tuple(parts), start + 1))
            parts.clear()
        start = -1

    while at < len(line):
        if line[at] == "#":
            close()
            return words, line[at:].rstrip()
        if (piece := _PIECES.match(line, at)) is None:
            raise _unsupported(line, at)
        kind = piece.lastgroup
        if kind in ("blank", "errors", "operator"):
            if kind == "errors" and start >= 0 and piece[0][:1] == "2":
                piece = re.compile("2").match(line, at)  # a word that ends in 2, then >
                assert piece is not None
                parts.append(("plain", "2"))
            else:
                close()
                if kind == "operator":
                    words.append(Word((), at + 1, piece[0]))
        else:
            start = at if start < 0 else start
            parts += _parts(kind or "", piece, at)
        at = piece.end()
    close()
    return words, ""


def _parts(kind: str, piece: re.Match[str], at: int) -> list[tuple[str, str]]:
    text = piece[kind]
    if kind == "single":
        return [("quoted", text[1:-1])]
    if kind == "double":
        return [("quoted", ""), *_unquoted(text, at)]
    if kind == "seq":
        return [("plain", "{" + "..".join(text.split()) + "}")]
    return [(kind, text.strip("{}") if kind == "variable" else text)]


def _unquoted(text: str, at: int) -> list[tuple[str, str]]:
    """What double quotes at index ``at`` hold; what the shell would compute is refused."""
    parts, done = [], 1
    for found in _IN_QUOTES.finditer(text, 1, len(text) - 1):
        parts.append(("quoted", text[done : found.start()]))
        variable = (found["variable"] or "").strip("{}")
        parts.append(("variable", variable) if variable else ("quoted", found["escape"]))
        done = found.end()
    parts.append(("quoted", text[done:-1]))
    for kind, part in parts:
        if kind == "quoted" and part not in ("$", "`") and (sign := re.search("[$`]", part)):
            raise _unsupported(sign[0], 0, at + text.index(sign[0]) + 1)
    return parts


def _unsupported(line: str, at: int, column: int = 0) -> ParseError:
    column = column or at + 1
    if line[at] in "\"'":
        return wrong("the quotes are not closed", expected=f"a second {line[at]}", column=column)
    return _not_understood(line[at], column)


def _not_understood(what: str, column: int) -> ParseError:
    return wrong(
        f"the shell's {shown(what)} is not understood here", expected=_EXPECTED, column=column
    )


# -- the grammar -----------------------------------------------------------------------------
class _Parser:
    """Words into a program, from left to right."""

    def __init__(self, words: list[Word], end_column: int) -> None:
        self._words, self._at, self._end_column = words, 0, end_column

    def program(self, end: str = "") -> tuple[Item, ...]:
        """Parts up to the word ``end``, or to the end of the line."""
        items: list[Item] = []
        when = ";"
        while (word := self._next(end)) is not None:
            if word.operator:
                raise _not_understood(word.operator, word.column)
            if word.is_bare("for"):
                items.append(Item(when, self._loop()))
            elif word.is_bare("break"):
                self._at += 1
                items.append(Item(when, Break()))
            else:
                items.append(Item(when, self._simple()))
            following = self._peek()
            if following is None or following.operator not in (";", "&&", "||"):
                break
            when = following.operator
            self._at += 1
        if end:
            self._take(end)
        if (extra := self._peek()) is not None and not end:
            raise _not_understood(extra.operator or extra.text({}), extra.column)
        return tuple(items)

    def _peek(self) -> Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _next(self, end: str) -> Word | None:
        word = self._peek()
        return None if word is None or (end and word.is_bare(end)) else word

    def _take(self, text: str) -> None:
        """Step over a word of the grammar; a semicolon before it may stand or not."""
        word = self._peek()
        if word is None or not (word.is_bare(text) or word.operator == text):
            raise wrong(
                f"the loop has no {text}",
                expected="for NAME in WORD…; do LINE; done",
                column=word.column if word else self._end_column,
            )
        self._at += 1

    def _loop(self) -> Loop:
        self._at += 1
        name = self._peek()
        if name is None or not re.fullmatch(r"[A-Za-z_]\w*", name.text({}) if _plain(name) else ""):
            raise wrong("for has no name", expected="for NAME in WORD…", column=self._end_column)
        self._at += 1
        self._take("in")
        words: list[Word] = []
        while (word := self._peek()) is not None and not word.operator:
            words.append(word)
            self._at += 1
        self._take(";")
        self._take("do")
        return Loop(name.text({}), tuple(words), self.program("done"))

    def _simple(self) -> Simple | Loop:
        words: list[Word] = []
        while (word := self._peek()) is not None and word.operator not in (";", "&&", "||"):
            words.append(word)
            self._at += 1
        end_column = word.column if word else self._end_column
        words = _without_sudo(words)
        if len(words) == 3 and words[1].is_bare("-c") and words[0].parts[0][1].endswith("sh"):
            inner, _ = _split(words[2].text({}), 0) if _plain(words[2]) else ([], "")
            return Loop("", (), _Parser(inner, words[2].column).program())
        return Simple(tuple(words), end_column)


def _plain(word: Word) -> bool:
    return all(kind != "variable" for kind, _ in word.parts)


def _without_sudo(words: list[Word]) -> list[Word]:
    if words and words[0].is_bare("sudo"):
        words = words[1:]
        while words and words[0].parts and words[0].text({})[:1] == "-":
            words = words[1:]
    return words


# -- simple commands -------------------------------------------------------------------------
def commands_of(simple: Simple, values: Mapping[str, str]) -> list[Command]:
    """What a simple command does, with the values that variables have now; ParseError."""
    for word in simple.words:
        for kind, text in word.parts:
            if kind == "variable" and text not in values:
                raise _not_understood("$", word.column)
    name, *words = simple.words
    match name.text(values):
        case "echo":
            return _echo(words, simple.end_column, values)
        case "tee":
            return _tee(words, simple.end_column, values)
        case "grep":
            return [_grep(words, simple.end_column, values)]
        case "cat":
            _refuse_redirection(words, "cat PATH")
            return [c.SysfsRead(_paths(words, values, simple.end_column, "cat PATH"))]
        case "cd":
            return [_cd(words, values)]
        case "sleep" | "sync":
            return []  # the machine waits for nobody
        case "chmem":
            return [_chmem([word.text(values) for word in words], name.column)]
        case "daxctl":
            return [_daxctl([word.text(values) for word in words], name.column)]
        case "cxl":
            return [_cxl([word.text(values) for word in words], name.column)]
    raise _not_understood(name.text(values), name.column)


def _echo(words: list[Word], end_column: int, values: Mapping[str, str]) -> list[Command]:
    expected = "echo WORD > PATH"
    while words and words[0].is_bare("-n"):
        words = words[1:]
    signs = [i for i, word in enumerate(words) if word.operator]
    if not signs:
        raise wrong("this echo writes nowhere", expected=expected, column=end_column)
    before, sign, behind = words[: signs[0]], words[signs[0]], words[signs[0] + 1 :]
    if sign.operator == "|":
        behind = _without_sudo(behind)
        if not behind or not behind[0].is_bare("tee"):
            raise _not_understood("|", sign.column)
        return _written(before, _tee_paths(behind[1:], values, end_column), values)
    if sign.operator not in (">", ">>"):
        raise _not_understood(sign.operator, sign.column)
    if not before:
        raise wrong("echo has no word to write", expected=expected, column=words[0].column)
    if not behind or behind[0].operator:
        raise wrong("the path is missing", expected=expected, column=end_column)
    if len(behind) > 1:
        if behind[1].operator:
            raise _not_understood(behind[1].operator, behind[1].column)
        message = f"{shown(behind[1].text(values))} stands behind the path"
        raise wrong(message, expected=expected, column=behind[1].column)
    path = _path(behind[0].text(values), behind[0].column, values)
    if re.search(r"[*?\[]", path):
        message = f"{shown(path)} may fit several files"
        raise wrong(message, expected="one path, or | tee", column=sign.column)
    return _written(before, (path,), values)


def _written(words: list[Word], paths: tuple[str, ...], values: Mapping[str, str]) -> list[Command]:
    text = " ".join(word.text(values) for word in words)
    return [c.SysfsWrite(text, path) for path in paths]


def _tee(words: list[Word], end_column: int, values: Mapping[str, str]) -> list[Command]:
    """``tee PATH… <<< WORD``."""
    sign = next((i for i, word in enumerate(words) if word.operator == "<<<"), len(words) - 1)
    if sign != len(words) - 2:
        raise wrong("tee has nothing to write", expected="echo WORD | tee PATH", column=end_column)
    return _written(words[-1:], _tee_paths(words[:sign], values, end_column), values)


def _tee_paths(words: list[Word], values: Mapping[str, str], end_column: int) -> tuple[str, ...]:
    while words and words[0].is_bare("-a"):
        words = words[1:]
    _refuse_redirection(words, "tee PATH")
    return _paths(words, values, end_column, "tee PATH")


def _grep(words: list[Word], end_column: int, values: Mapping[str, str]) -> Command:
    expected = "grep . PATH…"
    flags = [word for word in words if re.fullmatch(r"-[HhsrEi]+", word.text(values))]
    words = [word for word in words if word not in flags]
    _refuse_redirection(words, expected)
    given = "".join(flag.text(values) for flag in flags)
    pattern = words[0].text(values) if words else None
    paths = _paths(words[1:], values, end_column, expected) if words[1:] else ()
    # Files of one line are told from each other by their names: whole lines are wanted.
    of_many = [path for path in paths if path.endswith("/meminfo")]
    if pattern not in (".", "") and (
        not pattern or of_many != [*paths] or not paths or not _SIMPLE_PATTERN.match(pattern)
    ):
        raise wrong(
            f"grep looks for {shown(pattern)}" if pattern else "grep has no pattern",
            expected=f"{expected} (every line)",
            column=words[0].column if words else end_column,
        )
    if not paths:
        raise wrong("the path is missing", expected=expected, column=end_column)
    pattern = "" if pattern in (".", "") else f"(?i){pattern}" if "i" in given else pattern
    return c.SysfsRead(paths, named="h" not in given, pattern=pattern or "")


def _cd(words: list[Word], values: Mapping[str, str]) -> Command:
    """A folder; without one the home, where no file of the kernel is."""
    cwd = values.get(CWD, "")
    path = words[0].text(values).rstrip("/") if words and not words[0].operator else ""
    if path in ("-", "~", "") or path.startswith(("~", "$")):
        return c.Cd("/")
    if not path.startswith("/"):
        path = f"{cwd.rstrip('/')}/{path}" if cwd or path.startswith(".") else f"/{path}"
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return c.Cd("/" + "/".join(parts))


_CHMEM = "chmem -e|-d SIZE, FIRST-LAST with -b, or 0xSTART-0xEND"


def _chmem(words: list[str], column: int) -> Command:
    """``chmem -e|-d [-b] [-z ZONE] SIZE|RANGE`` of util-linux; its long options too."""
    values, given, flags = _options(words, "-z/--zone")
    enable, blocks = bool(flags & {"-e", "--enable"}), bool(flags & {"-b", "--blocks"})
    known = {"-e", "--enable", "-d", "--disable", "-b", "--blocks"}
    known |= {"-v", "--verbose", "-q", "--quiet"}
    wanted, zone = values.get("--zone"), OnlineType.ONLINE
    if wanted in ZONE_BY_LABEL:
        movable = wanted == "Movable"
        zone = OnlineType.ONLINE_MOVABLE if movable else OnlineType.ONLINE_KERNEL
    one = enable != bool(flags & {"-d", "--disable"}) and len(given) == 1
    if not one or flags - known or wanted not in (None, *ZONE_BY_LABEL):
        raise wrong("chmem has nothing to do", expected=_CHMEM, column=column)
    try:
        if "-" not in given[0] and not blocks:
            size = given[0] if given[0][-1:].isalpha() else f"{given[0]}M"
            return c.Chmem(enable, size_bytes=parse_size(size.upper()), zone=zone)
        first, _, last = given[0].partition("-")
        numbers = parse_number(first), parse_number(last or first)
    except ParseError as error:
        raise wrong(error.message, expected=_CHMEM, column=column) from None
    return c.Chmem(enable, first=numbers[0], last=numbers[1], blocks=blocks, zone=zone)


_DAXCTL = (
    "daxctl list, reconfigure-device -m system-ram|devdax NAME, online-memory NAME or "
    "offline-memory NAME"
)
_CXL = (
    "cxl list, create-region -m -d decoder0.N -w WAYS MEM… [-s SIZE], or enable-, disable- or "
    "destroy-region REGION"
)
_Values = dict[str, str]


def _options(words: list[str], valued: str) -> tuple[_Values, list[str], set[str]]:
    """Options with values (by their last name), other words, and flags of a line of ndctl's tools.

    ``valued``: names of options that take a value, ``-s/--size``; a short one may hold it.
    """
    last = {name: names.split("/")[-1] for names in valued.split() for name in names.split("/")}
    left = [part for word in words for part in (word.split("=", 1) if word[:1] == "-" else [word])]
    values, given, flags = _Values(), list[str](), set[str]()
    while left:
        word = left.pop(0)
        if word in last and left:
            values[last[word]] = left.pop(0)
        elif word[:2] in last and word[2:] and word[1] != "-":
            values[last[word[:2]]] = word[2:]
        elif word.startswith("-"):
            flags.add(word)
        else:
            given.append(word)
    return values, given, flags


def _daxctl(words: list[str], column: int) -> Command:
    """``daxctl list|reconfigure-device|online-memory|offline-memory`` of ndctl."""
    values, given, flags = _options(words, "-m/--mode -r/--region -d/--dev")
    mode, action = values.get("--mode", ""), given[0] if given else ""
    if action == "list" and len(given) == 1:
        return c.Daxctl("list", parse_name(values["--dev"]) if "--dev" in values else "")
    known = {"-f", "--force", "-N", "--no-online", "--no-movable", "-u", "--human", "-v"}
    right = action in ("online-memory", "offline-memory") and not mode
    right |= action == "reconfigure-device" and mode in ("system-ram", "devdax")
    if not right or len(given) != 2 or flags - known:
        raise wrong("daxctl is not understood", expected=_DAXCTL, column=column)
    return c.Daxctl(
        action,
        parse_name(given[1]),
        mode,
        not flags & {"-N", "--no-online"},
        "--no-movable" not in flags,
        bool(flags & {"-f", "--force"}),
    )


def _cxl(words: list[str], column: int) -> Command:
    """``cxl list|create-region|enable-region|disable-region|destroy-region`` of ndctl."""
    valued = "-d/--decoder -w/--ways -s/--size -t/--type -g/--granularity -U/--uuid -r/--region"
    values, given, flags = _options(words, valued)
    action, *names = given or [""]
    if action == "list" and not names:
        return c.Cxl("list")
    if values.get("--type", "ram") != "ram":
        raise wrong("cxl: only volatile regions are modelled", expected="-t ram", column=column)
    decoder = re.fullmatch(r"decoder0\.(\d{1,9})", values.get("--decoder", ""))
    region = re.fullmatch(r"region(\d{1,9})", names[0]) if len(names) == 1 else None
    known = {"-m", "--memdevs", "-f", "--force", "-b", "--bus", "-Q", "--enforce-qos", "--debug"}
    if action == "create-region" and decoder and names and not flags - known:
        size = values.get("--size")
        size_bytes = None if size is None else int(size) if size.isdigit() else parse_size(size)
        memdevs = tuple(map(parse_name, names))
        return c.Cxl(action, int(decoder[1]), size_bytes, memdevs=memdevs)
    regions = ("enable-region", "disable-region", "destroy-region")
    if action not in regions or region is None or flags - known:
        raise wrong("cxl is not understood", expected=_CXL, column=column)
    return c.Cxl(action, int(region[1]), force=bool(flags & {"-f", "--force"}))


def _refuse_redirection(words: list[Word], expected: str) -> None:
    for word in words:
        if word.operator in (">", ">>"):
            raise wrong(
                f"{word.operator} only stands behind echo", expected=expected, column=word.column
            )
        if word.operator:
            raise _not_understood(word.operator, word.column)


def _paths(
    words: list[Word], values: Mapping[str, str], end_column: int, expected: str
) -> tuple[str, ...]:
    """The paths to read or write."""
    paths = [_path(text, word.column, values) for word in words for text in word.texts(values)]
    if not paths:
        raise wrong("the path is missing", expected=expected, column=end_column)
    if len(paths) > MAX_BRACE_WORDS:
        raise wrong("too many files", expected=f"at most {MAX_BRACE_WORDS}", column=words[0].column)
    return tuple(paths)


def _path(text: str, column: int, values: Mapping[str, str]) -> str:
    cwd = values.get(CWD, "")
    if not text:
        raise wrong("the path is empty", column=column)
    relative = not text.startswith(("/", "…/", ".../"))
    path = (
        f"{cwd.rstrip('/')}/{text.removeprefix('./')}" if cwd and relative else complete_path(text)
    )
    if path is None:
        told = " (cd says where it is)" if text in BLOCK_FILES else ""
        raise wrong(
            f"{shown(text)} is not an absolute path of a known file{told}",
            expected="a path such as /sys/devices/system/memory/memory34/state",
            column=column,
        )
    return path
