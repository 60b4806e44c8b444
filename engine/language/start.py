"""``machine``, ``set`` and ``rule``: the machine at boot and what can be changed about it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pfnmap.engine.commands import Command, SetParam, SetRule, StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import ARCHITECTURES, MAX_NUMNODES
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.tables import parse_param, parse_profile, rule_values
from pfnmap.engine.language.values import parse_positive, parse_size
from pfnmap.engine.language.wrong import choose, closest, either, shown, wrong
from pfnmap.engine.params import PARAM_VALUES

_NODE_RAM = re.compile(r"ram([0-9]{1,4})\Z")
_KEYS = ("ram", "arch", "profile", "block", "nodes")


def parse_machine(arguments: Arguments) -> Command:
    """``machine [ram=SIZE] [arch=…] [profile=…] [block=SIZE] [nodes=N] [ramN=SIZE…] […]``."""
    default = StartMachine()
    ram = arguments.option("ram", parse_size)
    arch = arguments.option("arch", lambda word: choose(word, ARCHITECTURES, "architecture"))
    profile = arguments.option("profile", parse_profile)
    block = arguments.option("block", lambda word: _block_size(word, arch or default.arch))
    nodes = arguments.option("nodes", _node_count)
    node_ram: dict[int, int] = {}
    params: dict[str, str] = {}
    while pair := arguments.take_pair():
        if matched := _NODE_RAM.match(pair.key):
            node = int(matched[1])
            _check_node(node, nodes, pair.column)
            if node in node_ram:
                raise wrong(f"ram{node}= is given twice", column=pair.column)
            node_ram[node] = arguments.convert_value(pair, parse_size)
        elif pair.key in PARAM_VALUES:
            name, value = parse_param(pair.key, pair.value, pair.column, pair.value_column)
            params[name] = value
        else:
            meant = closest(pair.key, (*_KEYS, *PARAM_VALUES))
            raise wrong(
                f"machine has no key {shown(pair.key)}",
                expected=either((*(f"{key}=" for key in _KEYS), "ramN=", "a parameter of set")),
                meant=f"{meant}=" if meant else "",
                column=pair.column,
            )
    arguments.finish()
    return StartMachine(
        ram_bytes=default.ram_bytes if ram is None else ram,
        arch=arch or default.arch,
        profile=profile or default.profile,
        block_bytes=block,
        nodes=nodes or max(node_ram, default=0) + 1,
        node_ram_bytes=tuple(sorted(node_ram.items())),
        params=tuple(params.items()),
    )


def _node_count(text: str) -> int:
    count = parse_positive(text, "number of nodes")
    if count > MAX_NUMNODES:
        raise wrong(f"{count} nodes are too many", expected=f"at most {MAX_NUMNODES}")
    return count


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


def _block_size(text: str, arch: str) -> int:
    size = parse_size(text)
    try:
        ARCHITECTURES[arch].with_block_bytes(size)
    except InputError as error:
        raise wrong(str(error)) from None
    return size


def parse_set(arguments: Arguments) -> Command:
    """``set NAME=VALUE``."""
    pair = arguments.take_pair()
    if pair is None:
        name = _chosen(arguments, PARAM_VALUES, "parameter")
        raise wrong(
            f"set {name} has no value",
            expected=f"set {name}={PARAM_VALUES[name]}",
            column=arguments.end_column,
        )
    name, value = parse_param(pair.key, pair.value, pair.column, pair.value_column)
    _refuse_second(arguments, "parameter")
    return SetParam(name, value)


def _chosen(arguments: Arguments, names: Iterable[str], what: str) -> str:
    """The name of a line that lacks ``=VALUE``; a wrong or missing name is complained about."""
    word = arguments.next_word
    return choose(
        word.text if word else "", names, what, word.column if word else arguments.end_column
    )


def parse_rule(arguments: Arguments) -> Command:
    """``rule NAME=VALUE``."""
    rules = rule_values()
    pair = arguments.take_pair()
    if pair is None:
        name = _chosen(arguments, rules, "rule")
        raise wrong(
            f"rule {name} has no value",
            expected=f"rule {name}={'|'.join(rules[name])}",
            column=arguments.end_column,
        )
    choose(pair.key, rules, "rule", pair.column)
    value = choose(pair.value, rules[pair.key], f"{pair.key} rule", pair.value_column)
    _refuse_second(arguments, "rule")
    return SetRule(pair.key, value)


def _refuse_second(arguments: Arguments, what: str) -> None:
    if second := arguments.take_pair():
        raise wrong(
            f"{arguments.verb} has a second {what} {shown(second.key)}",
            expected=f"one {what} a line",
            column=second.column,
        )
    arguments.finish()
