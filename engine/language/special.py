"""The verbs that have more to say than words and keys: how their lines are read and printed.

``machine``, ``set``, ``rule`` and ``compare`` take parameters and rules by their names, ``goto``
takes a place of any sort, ``diff`` two steps or none; ``expect`` has a table of its own, and
shell lines a grammar of their own. Some others are only looked at before they are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from math import isqrt
from typing import Any, Final

from pfnmap.engine import commands
from pfnmap.engine.cmdline import read_cmdline
from pfnmap.engine.complaints import choose, closest, either, shown, wrong
from pfnmap.engine.errors import InputError, ParseError
from pfnmap.engine.geometry import ARCHITECTURES, MAX_NUMNODES
from pfnmap.engine.kinds import OnlineType
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.expectations import format_expect, parse_expect
from pfnmap.engine.language.lexer import Token
from pfnmap.engine.notation import (
    MARK,
    ONLINE_TO,
    STEP,
    PfnRef,
    Ref,
    format_hex,
    format_pfn,
    format_refs,
    format_size,
    parse_address,
    parse_number,
    parse_param,
    parse_pfn,
    parse_profile,
    parse_refs,
    parse_size,
    quote,
    rule_values,
)
from pfnmap.engine.params import PARAM_VALUES

ADDRESS_FLOOR = 1 << 32
PAGE_MASK = 0xFFF
_HEX = r"0[xX]"
_SIZED = r"[0-9]+[A-Za-z]"
_NODE_RAM = r"ram([0-9]{1,4})\Z"


def parse_machine(arguments: Arguments) -> commands.Command:
    """``machine [ram=SIZE] [arch=…] [profile=…] [block=SIZE] [nodes=N] [ramN=SIZE…] …``."""
    cmdline_column, given = arguments.column_of("cmdline"), dict[str, Any]()
    for key in commands.VERBS["machine"].keys:
        read = partial(_block_size, given.get("arch")) if key.key == "block" else key.kind.parse
        if (value := arguments.option(key.key, read)) is not None:
            given[key.field] = value
    words = read_cmdline(given.get("cmdline", "")).params
    node_ram: dict[int, int] = {}
    params: dict[str, str] = {}
    while pair := arguments.take_pair():
        if matched := re.match(_NODE_RAM, pair.key):
            node = int(matched[1])
            _check_node(node, given.get("nodes"), pair.column)
            if node in node_ram:
                raise wrong(f"ram{node}= is given twice", column=pair.column)
            node_ram[node] = arguments.convert_value(pair, parse_size)
        elif pair.key in PARAM_VALUES:
            name, value = parse_param(pair.key, pair.value, pair.column, pair.value_column)
            if name in words:
                raise wrong(
                    f"{name}= is said on the command line too ({words[name][0]})",
                    expected="one of the two",
                    column=max(pair.column, cmdline_column),
                )
            params[name] = value
        else:
            known = [key.key for key in commands.VERBS["machine"].keys]
            meant = closest(pair.key, (*known, *PARAM_VALUES))
            raise wrong(
                f"machine has no key {shown(pair.key)}",
                expected=either((*(f"{key}=" for key in known), "ramN=", "a parameter of set")),
                meant=f"{meant}=" if meant else "",
                column=pair.column,
            )
    arguments.finish()
    nodes = max(max(node_ram, default=0) + 1, isqrt(len(given.get("distances", ()))))
    ram = tuple(sorted(node_ram.items()))
    params_given = tuple(params.items())
    return commands.StartMachine(
        **{"nodes": nodes} | given, node_ram_bytes=ram, params=params_given
    )


def _check_node(node: int, nodes: int | None, column: int) -> None:
    """``ramN`` needs a node N; without ``nodes=`` it makes one."""
    if node == 0:
        raise wrong("node 0 has no ram0=", expected="ram=", meant="ram=", column=column)
    if node >= (nodes or MAX_NUMNODES):
        raise wrong(
            f"ram{node}= is for a node that does not exist",
            expected=f"nodes={node + 1} or more"
            if node < MAX_NUMNODES
            else f"a node below {MAX_NUMNODES}",
            column=column,
        )


def _block_size(arch: str | None, text: str) -> int:
    size = parse_size(text)
    try:
        ARCHITECTURES[arch or commands.StartMachine().arch].with_block_bytes(size)
    except InputError as error:
        raise wrong(str(error)) from None
    return size


def parse_set(arguments: Arguments) -> commands.Command:
    """``set NAME=VALUE``."""
    pair = _only_pair(arguments, PARAM_VALUES, "parameter")
    return commands.SetParam(*parse_param(pair.key, pair.value, pair.column, pair.value_column))


def parse_rule(arguments: Arguments) -> commands.Command:
    """``rule NAME=VALUE``."""
    rules = rule_values()
    pair = _only_pair(arguments, {name: "|".join(values) for name, values in rules.items()}, "rule")
    choose(pair.key, rules, "rule", pair.column)
    return commands.SetRule(
        pair.key, choose(pair.value, rules[pair.key], f"{pair.key} rule", pair.value_column)
    )


def _only_pair(arguments: Arguments, values: Mapping[str, str], what: str) -> Token:
    """The one ``NAME=VALUE`` of a line; ``values``: what each name may be, in words."""
    if (pair := arguments.take_pair()) is None:
        word, end = arguments.next_word, arguments.end_column
        name = choose(word.text if word else "", values, what, word.column if word else end)
        message = f"{arguments.verb} {name} has no value"
        raise wrong(message, expected=f"{arguments.verb} {name}={values[name]}", column=end)
    if second := arguments.take_pair():
        message = f"{arguments.verb} has a second {what} {shown(second.key)}"
        raise wrong(message, expected=f"one {what} a line", column=second.column)
    arguments.finish()
    return pair


# -- goto ---------------------------------------------------------------------------------
def parse_goto(arguments: Arguments) -> commands.Command:
    """``goto PFN|block N|ADDR``; ``goto pfn N`` and ``goto addr N`` leave no doubt.

    ``goto mark NAME`` is for a session only, as the marks are.
    """
    if arguments.keyword("mark"):
        mark = arguments.word(MARK.parse, "the name of a mark", "a")
        arguments.finish()
        return commands.Interactive("goto", ("mark", mark))
    readers: dict[str, Callable[[str], commands.Goto]] = {
        "block": _goto_block,
        "pfn": _goto_pfn,
        "addr": _goto_address,
    }
    unit = arguments.keyword(*readers)
    reader = readers[unit] if unit else _goto_anything
    command = arguments.word(reader, "a place", "0x108000, or block 34, or 4G")
    arguments.finish()
    return command


def is_plainly_address(text: str) -> bool:
    """Whether a bare place is an address: ``4G``, or ``0x…`` page-aligned from 4 GiB up.

    pfns are written in hexadecimal too, so small numbers stay pfns; ``pfn`` and ``addr``
    in front settle the rest.
    """
    if re.match(_SIZED, text) and not re.match(_HEX, text):
        return True
    if not re.match(_HEX, text):
        return False
    number = parse_number(text, "pfn")
    return number >= ADDRESS_FLOOR and not number & PAGE_MASK


def _goto_anything(text: str) -> commands.Goto:
    if "[" in text:
        return _goto_block(text)
    return _goto_address(text) if is_plainly_address(text) else _goto_pfn(text)


def _goto_pfn(text: str) -> commands.Goto:
    page = parse_pfn(text)
    return commands.Goto(page.offset, "pfn", page.device)


def _goto_address(text: str) -> commands.Goto:
    return commands.Goto(parse_address(text), "address")


def _goto_block(text: str) -> commands.Goto:
    refs = parse_refs(text)
    if len(refs) != 1 or refs[0].first is None or refs[0].first != refs[0].last:
        raise wrong(f"{shown(text)} is not one block", expected="one block such as 34 or dimm0[1]")
    return commands.Goto(refs[0].first, "block", refs[0].device)


# -- for the session -----------------------------------------------------------------------
def parse_diff(arguments: Arguments) -> commands.Command:
    """``diff [A B]``."""
    first = arguments.optional_word(STEP.parse)
    second = None if first is None else arguments.word(STEP.parse, "two steps or none", "A B")
    arguments.finish()
    return commands.Interactive("diff", () if first is None or second is None else (first, second))


def parse_compare(arguments: Arguments) -> commands.Command:
    """``compare KEY=VALUE…``: a profile, a rule, a parameter or ``block=``."""
    pairs: list[tuple[str, str]] = []
    while pair := arguments.take_pair():
        try:
            pairs.append(_variant(pair.key, pair.value))
        except ParseError as error:
            column = pair.column if error.column == 0 else pair.value_column
            raise ParseError(error.message, column=column) from None
    if word := arguments.next_word:
        raise wrong(
            f"{shown(word.text)} is not KEY=VALUE",
            expected="KEY=VALUE, such as profile=4.19 or memmap=device",
            column=word.column,
        )
    if not pairs:
        raise wrong(
            "compare needs what differs",
            expected="compare profile=4.19 or memmap=device or another rule or parameter",
            column=arguments.end_column,
        )
    arguments.finish()
    return commands.Interactive("compare", (), tuple(pairs))


def _variant(key: str, value: str) -> tuple[str, str]:
    """One thing that differs; an error about the key has column 0, about the value 1."""
    rules = rule_values()
    choose(key, ("profile", "block", *rules, *PARAM_VALUES), "compare key", 0)
    if key == "profile":
        return key, parse_profile(value)
    if key == "block":
        parse_size(value)
        return key, value
    if key in rules:
        return key, choose(value, rules[key], f"{key} rule")
    return parse_param(key, value, 0, 1)


# -- a look before reading -------------------------------------------------------------------
def _check_text(arguments: Arguments) -> None:
    """A text is one word: more of them lack their quotes."""
    for extra in arguments.words[1:]:
        message = f"{shown(extra.text)} stands behind the text"
        raise wrong(message, expected='words in quotes: "…"', column=extra.column)


def _check_order_of_online(arguments: Arguments) -> None:
    """``online movable 34``: the blocks come first."""
    first, second = (*arguments.words, None, None)[:2]
    if first and second and first.text in ONLINE_TO.words and second.text not in ONLINE_TO.words:
        raise wrong(
            f"{first.text} stands before the blocks",
            expected="online REF [kernel|movable]",
            meant=f"online {second.text} {first.text}"
            if second.text.isprintable() and len(second.text) < 40
            else "",
            column=first.column,
        )


def _check_orders(arguments: Arguments) -> None:
    """``freelist`` has each order once."""
    found = [re.fullmatch("([0-9]{1,9}):[0-9]+", word.text) for word in arguments.words]
    orders = [int(each[1]) for each in found if each]
    for order in orders if all(found) else ():
        if orders.count(order) > 1:
            message = f"order {order} is given twice"
            raise wrong(message, expected="each order once", column=arguments.end_column)


# -- printing --------------------------------------------------------------------------------
def _machine(m: commands.StartMachine) -> str:
    default, said = commands.StartMachine(), list[tuple[str, str]]()
    for key in commands.VERBS["machine"].keys:
        value = getattr(m, key.field)
        if key.key == "ram" or value != getattr(default, key.field):
            said.append((key.key, key.kind.format(value)))
        if key.key == "nodes":
            said += [(f"ram{node}", format_size(size)) for node, size in m.node_ram_bytes]
    return " ".join(("machine", *(f"{key}={value}" for key, value in (*said, *m.params))))


def _goto(g: commands.Goto) -> str:
    if g.unit == "block":
        return f"goto block {format_refs((Ref(g.value, g.value, g.device),))}"
    if g.unit == "address":
        place = format_hex(g.value)
        return f"goto {place}" if is_plainly_address(place) else f"goto addr {place}"
    place = format_pfn(PfnRef(g.value, g.device))
    return f"goto pfn {place}" if is_plainly_address(place) else f"goto {place}"


def _interactive(i: commands.Interactive) -> str:
    words = [quote(word) for word in i.arguments]
    return " ".join((i.verb, *words, *(f"{key}={quote(value)}" for key, value in i.options)))


def _shell_word(text: str) -> str:
    """A word as the shell takes it: bare where it can be, else in double quotes."""
    if text and re.fullmatch(r"[\w@%+=:,./*?\[\]!~^-]+", text, re.ASCII):
        return text
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def _sysfs_write(w: commands.SysfsWrite) -> str:
    sign = "| tee" if re.search(r"[*?\[]", w.path) else ">"
    return f"echo {_shell_word(w.word)} {sign} {_shell_word(w.path)}"


def _sysfs_read(r: commands.SysfsRead) -> str:
    words = ["grep", _shell_word(r.pattern or ".")] if r.named or r.pattern else ["cat"]
    if r.pattern.startswith("(?i)"):
        words = ["grep", "-i", _shell_word(r.pattern.removeprefix("(?i)"))]
    if r.pattern and not r.named:
        words.insert(1, "-h")
    return " ".join((*words, *(_shell_word(path) for path in r.paths)))


def _daxctl(c: commands.Daxctl) -> str:
    words = ["daxctl", c.action] + ["-d"] * bool(c.action == "list" and c.name)
    words += ["-m", c.mode] * bool(c.mode) + ["--no-online"] * (not c.online)
    words += ["--no-movable"] * (not c.movable) + ["--force"] * c.force
    return " ".join([*words, c.name]).rstrip()


def _cxl(c: commands.Cxl) -> str:
    words = ["cxl", c.action]
    if c.action == "create-region":
        words += ["-m", "-d", f"decoder0.{c.number}", *c.memdevs]
        words += ["-s", format_size(c.size_bytes)] if c.size_bytes is not None else []
    elif c.action != "list":
        words += ["-f"] * c.force + [f"region{c.number}"]
    return " ".join(words)


def _chmem(c: commands.Chmem) -> str:
    words = ["chmem", "-e" if c.enable else "-d"]
    if c.zone != OnlineType.ONLINE:
        words += ["-z", "Movable" if c.zone == OnlineType.ONLINE_MOVABLE else "Normal"]
    if c.size_bytes is not None:
        return " ".join((*words, format_size(c.size_bytes)))
    if c.blocks:
        return " ".join((*words, "-b", f"{c.first}-{c.last}"))
    return " ".join((*words, f"{c.first:#x}-{c.last:#x}"))


READERS: Final[dict[str, Callable[[Arguments], commands.Command]]] = {
    "machine": parse_machine,
    "set": parse_set,
    "rule": parse_rule,
    "goto": parse_goto,
    "expect": parse_expect,
    "diff": parse_diff,
    "compare": parse_compare,
}
"""Verbs whose lines are read by a function of their own."""

CHECKS: Final[dict[str, Callable[[Arguments], None]]] = {
    "online": _check_order_of_online,
    "freelist": _check_orders,
    "note": _check_text,
    "source": _check_text,
    "title": _check_text,
}
"""What is looked at before a line is read as its verb is declared."""

PRINTERS: Final[dict[type[commands.Command], Callable[[Any], str]]] = {
    commands.StartMachine: _machine,
    commands.SetParam: lambda s: f"set {s.name}={s.value}",
    commands.SetRule: lambda r: f"rule {r.name}={r.value}",
    commands.Goto: _goto,
    commands.Interactive: _interactive,
    commands.Expect: lambda e: f"expect {format_expect(e)}",
    commands.SysfsWrite: _sysfs_write,
    commands.SysfsRead: _sysfs_read,
    commands.Chmem: _chmem,
    commands.Daxctl: _daxctl,
    commands.Cxl: _cxl,
    commands.Shell: lambda s: s.line,
    commands.Cd: lambda c: f"cd {c.path}",
}
"""Commands that are printed by a function of their own."""
