"""A machine too full for any screen: 16 nodes of 5 zones, 100,000 blocks, 1,000 gaps."""

from __future__ import annotations

from functools import cache

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.session import Session
from pfnmap.engine.view import ZoneRow

NODES = 16
GAPS = 1000
BLOCKS_TO_A_DIMM = 100
BLOCK_BYTES = 128 << 20
FIRST = 1 << 40
ZONES = (ZoneType.DMA, ZoneType.DMA32, ZoneType.NORMAL, ZoneType.MOVABLE, ZoneType.DEVICE)


class DenseView(ModelView):
    """What no x86 machine has: the memory of every node lies in all five zones."""

    @property
    def zones(self) -> list[ZoneRow]:  # type: ignore[override]
        """Each node's span in five parts."""
        rows = []
        for node in super().nodes:
            part = node.spanned // len(ZONES)
            for index, zone in enumerate(ZONES):
                start = node.start_pfn + index * part
                rows.append(ZoneRow(node.node, zone, start, part, part // 2, part // 3))
        return rows


class DenseSession(Session):
    """A session whose machine is seen as :class:`DenseView`."""

    _seen: tuple[State, DenseView] | None = None

    @property
    def view(self) -> DenseView:
        """The view of the state shown."""
        if self._seen is None or self._seen[0] is not self.state:
            self._seen = self.state, DenseView(self.state)
        return self._seen[1]


@cache
def _machine() -> Machine:
    start = parse_line(f"machine ram=4G nodes={NODES} memmap_on_memory=Y")
    assert isinstance(start, StartMachine)
    machine = Machine.boot(start)
    for index in range(GAPS):
        address = FIRST + index * (BLOCKS_TO_A_DIMM + 1) * BLOCK_BYTES
        size = BLOCKS_TO_A_DIMM * 128
        node = index * NODES // GAPS
        assert machine.run(f"add d{index} {size}M at={address:#x} node={node}").ok
    for odd, kind in enumerate(("kernel", "movable")):
        dimms = ",".join(f"d{index}" for index in range(odd, GAPS, 2) if index % 3)
        assert machine.run(f"online {dimms} {kind}").ok
    return machine


@cache
def _view() -> DenseView:
    return DenseView(_machine().state)


def dense_session() -> DenseSession:
    """The machine as a session at rest."""
    session = DenseSession(_machine(), "dense")
    session._seen = session.state, _view()
    return session
