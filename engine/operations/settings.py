"""What is said about a machine rather than done to it: parameters, rules, free memory, faults."""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.commands import FailNext, Free, Freelist, SetParam, SetRule
from pfnmap.engine.errors import InputError
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.state import Fault, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.params import BOOT_ONLY_PARAMS


def set_param(tx: Transaction, command: SetParam) -> Refusal | None:
    """``set NAME=VALUE``: a parameter of the running kernel, where it has one of that name."""
    profile = tx.state.profile
    if not profile.has_param(command.name):
        return Refusal("ENOENT", "set", f"{profile.name} has no parameter {command.name}")
    tx.state = replace(tx.state, params=tx.state.params.with_word(command.name, command.value))
    if command.name in BOOT_ONLY_PARAMS:
        tx.notes.append(
            f"a real kernel takes {command.name} on its command line only; the simulator lets "
            "it change"
        )
    tx.event("set", f"{command.name}={command.value}")
    return None


def set_rule(tx: Transaction, command: SetRule) -> None:
    """``rule NAME=VALUE``: one rule of the profile."""
    profile = tx.state.profile.with_rule(command.name, command.value)
    tx.state = replace(tx.state, profile=profile)
    tx.event("rule", f"{command.name}={command.value} from here on")


def free(tx: Transaction, command: Free) -> None:
    """``free SIZE``: how much kernel memory of a node is free."""
    node, pages = command.node or 0, command.size_bytes >> tx.state.geometry.page_shift
    _check_node(tx.state, node)
    tx.state, left = free_memory.set_free(tx.state, node, pages)
    if left < pages:
        tx.notes.append(f"node {node} has no more than {left} kernel pages that could be free")
    tx.event("free", f"{left} kernel pages of node {node} are free")


def freelist(tx: Transaction, command: Freelist) -> None:
    """``freelist ORDER:COUNT…``: what the buddy lists of a node hold."""
    node = command.node or 0
    _check_node(tx.state, node)
    highest = tx.state.geometry.max_order
    for order, _ in command.counts:
        if order > highest:
            raise InputError(f"freelist {order}: the largest order is {highest}")
    counts = tuple(sorted((order, count) for order, count in command.counts if count))
    total = sum(count << order for order, count in counts)
    state, left = free_memory.set_free(tx.state, node, total)
    if left < total:
        raise InputError(f"freelist: node {node} has {left} pages that could be free, not {total}")
    tx.state = replace(state, freelists={**state.freelists, node: counts})
    kib = total * tx.state.geometry.page_bytes >> 10
    tx.event("freelist", f"node {node}: {total} pages = {kib}K free")


def fail_next(tx: Transaction, command: FailNext) -> None:
    """``fail next``: a phase of the next action fails."""
    tx.arm(Fault(command.phase, command.errno))
    tx.event("fail", f"the next {command.phase} fails with {command.errno}")


def _check_node(state: State, node: int) -> None:
    if not 0 <= node < len(state.nodes):
        raise InputError(f"node={node}: there are nodes 0 to {len(state.nodes) - 1}")
