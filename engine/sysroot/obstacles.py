"""Why a memory block cannot be offlined, as far as can be known without trying."""

from __future__ import annotations

from pfnmap.engine.memory.state import State
from pfnmap.engine.operations.offline import check_offline
from pfnmap.engine.view import BlockRow

REMOVABLE_IS_0 = "removable is 0, so the kernel saw a page that cannot move (before 5.8)"


def offline_obstacle(state: State, row: BlockRow) -> str:
    """The reason in words with the errno; empty when none is known.

    ``state``: the machine as the model has it (of a real one: ``SysrootView.state``). Known
    are the block's state, zones, holes and the kernel image; that nothing is known of a
    block does not mean that the kernel keeps no page in it.
    """
    if row.state == "offline":
        return "EINVAL: offline already"
    if row.state != "online":
        return f"its state is {row.state}"
    if state.blocks.at(row.id) is None:
        return ""
    refusal = check_offline(state, row.id)
    if refusal is not None:
        return f"{refusal.errno}: {refusal.rule}"
    if row.removable is False:
        return f"EBUSY: {REMOVABLE_IS_0}"
    return ""
