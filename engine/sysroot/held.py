"""Pages that are known not to move, placed in the machine that stands for a real one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.memory.runs import RunMap
from engine.memory.state import TAKEN_DTYPE, State
from engine.sysroot.page_kinds import CANNOT_MOVE, PageKinds


def with_held(state: State, kinds: PageKinds) -> State:
    """The state with every page that was read and cannot move taken, as a pin takes it.

    Pages that were not read are left free; of a sample only the pages themselves are taken.
    """
    old = state.taken.rows
    held = np.isin(kinds.states, CANNOT_MOVE)
    pfns, what = kinds.pfns[held], kinds.states[held]
    inside = np.searchsorted(old["start"], pfns, side="right") - 1
    free = inside < 0
    free |= pfns >= (old["start"] + old["count"])[inside] if len(old) else True
    rows = np.zeros(int(free.sum()), TAKEN_DTYPE)
    rows["start"], rows["count"] = pfns[free], 1
    rows["kind"], rows["owner"] = what[free], -1
    both = np.concatenate((old, rows))
    return replace(state, taken=RunMap.from_rows(both[np.argsort(both["start"], kind="stable")]))
