"""Rebuilding the zonelists, and the log lines the kernel prints when it does.

Sources: ``mm/page_alloc.c`` of 6.12 and 6.1 (``build_all_zonelists``, ``build_zonelists``,
``find_next_best_node``, ``check_highest_zone``), ``mm/memory-tiers.c`` of 6.12.
"""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, ZoneType
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.sizes import format_mask

LOCAL_DISTANCE = 10
REMOTE_DISTANCE = 20
_MIGRATE_TYPES_FOR_GROUPING = 5


def fallback_order(
    state: State, local: int, load: list[int], memory: tuple[int, ...] | None = None
) -> list[int]:
    """Node order of one node's zonelist; ``load`` is ``node_load`` and is updated.

    ``memory``: the nodes that have any, where that is known already.
    """
    order: list[int] = []
    candidates = set(state.nodes_in("has_memory") if memory is None else memory)
    if state.profile.local_node_first:
        candidates.add(local)
    previous = local
    while candidates:
        if local in candidates:
            best = local
        else:
            best = min(sorted(candidates), key=lambda n: _penalty(state, local, n, load))
        candidates.discard(best)
        if _distance(state, local, best) != _distance(state, local, previous):
            load[best] += 1
        order.append(best)
        previous = best
    return order


def _distance(state: State, a: int, b: int) -> int:
    """``node_distance``: what the SLIT says, if there is one."""
    if a < len(state.distances) > b:
        return state.distances[a][b]
    return LOCAL_DISTANCE if a == b else REMOTE_DISTANCE


def _penalty(state: State, local: int, node: int, load: list[int]) -> int:
    value = _distance(state, local, node) + (node < local) + state.nodes[node].has_cpu
    return value * MAX_NUMNODES + load[node]


def rebuild(
    state: State, *, hotadded: int | None = None, masks: State | None = None
) -> tuple[State, list[str]]:
    """``build_all_zonelists``: the state with its policy zone, and the log lines.

    ``hotadded``: only this node's lists (a node that is being brought up). ``masks``: the state
    whose N_MEMORY counts, where that is an earlier one. ``Total pages`` sums the managed pages;
    the kernel subtracts watermarks that are not modelled.
    """
    load = [0] * len(state.nodes)
    numbers = range(len(state.nodes)) if hotadded is None else (hotadded,)
    seen = masks or state
    memory = seen.nodes_in("has_memory")
    log = []
    for number in numbers:
        order = "".join(f"{node} " for node in fallback_order(seen, number, load, memory))
        if state.profile.fallback_log:
            log.append(f"Fallback order for Node {number}: {order}")
    highest = state.policy_zone
    for node in state.nodes:
        for zone_type in KERNEL_ZONES:
            if node.zones[zone_type].managed and zone_type > highest:
                highest = zone_type
    state = replace(state, policy_zone=highest)
    total = sum(zone.managed for node in state.nodes for zone in node.zones)
    grouping = total >= state.geometry.pageblock_pages * _MIGRATE_TYPES_FOR_GROUPING
    log.append(
        f"Built {len(state.nodes_in('online'))} zonelists, mobility grouping "
        f"{'on' if grouping else 'off'}.  Total pages: {total}"
    )
    log.append(f"Policy zone: {ZoneType(highest).label}")
    return state, log


def build_all(tx: Transaction, why: str, block: int, *, masks: State | None = None) -> None:
    """:func:`rebuild` as a phase: a zone became populated or empty with this block."""
    tx.state, log = rebuild(tx.state, masks=masks)
    tx.event("build_all_zonelists", why, log=log, block=block)


def demotion_log(before: State, after: State) -> list[str]:
    """Lines of ``establish_demotion_targets`` when a node gained or lost its memory (6.6+)."""
    had, has = before.nodes_in("has_memory"), after.nodes_in("has_memory")
    if had == has or not after.profile.demotion_log:
        return []
    slow = [node for node in has if _is_slow(after, node)]
    lines = []
    for node in has:
        targets = "null"
        if slow and node not in slow:
            best = min(_distance(after, node, each) for each in slow)
            near = [each for each in slow if _distance(after, node, each) == best]
            targets = f"preferred: {format_mask(near)}, fallback: {format_mask(slow)}"
        lines.append(f"Demotion targets for Node {node}: {targets}")
    return lines


def _is_slow(state: State, node: int) -> bool:
    """Whether a node is in the memory tier below DRAM: dax/kmem alone brought its memory.

    ``dev_dax_kmem_probe`` names a farther memory type for it than DRAM has
    (``MEMTIER_DEFAULT_DAX_ADISTANCE``), which counts where the node has none yet.
    """
    rows = state.blocks.rows
    mine = rows["device"][(rows["node"] == node) & (rows["state"] == BlockState.ONLINE)]
    kmem = [device.id for device in state.devices.values() if device.kind == "kmem"]
    return len(mine) > 0 and set(kmem).issuperset(mine.tolist())
