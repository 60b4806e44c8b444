"""How much of a virtio-mem device is plugged, against what the hypervisor requests: a gauge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.unplugged import plugged_pages
from pfnmap.tui.figure.amounts import human

PLUGGED, LACKING, SURPLUS, ROOM = "#", "+", "%", "."
SIGNS: Final = {
    PLUGGED: ("plugged", "number"),
    LACKING: ("requested, not plugged", "changed"),
    SURPLUS: ("plugged, not requested", "refusal"),
    ROOM: ("room of the device", "dim"),
}
"""Meaning and role of each sign."""


class Gauge(Struct, frozen=True):
    """A device at one moment; pages."""

    name: str
    node: int
    size: int
    plugged: int
    requested: int
    words: str
    was: tuple[int, int] | None
    """Plugged and requested at the moment before; None: it is new, or nothing was before."""

    @property
    def changed(self) -> bool:
        """Whether it is otherwise than at the moment before."""
        return self.was != (self.plugged, self.requested)

    def runs(self, width: int) -> Iterator[tuple[str, int]]:
        """(sign, columns) of so many columns; what differs has one column at least."""
        plugged, requested = (
            -(-pages * width // self.size) for pages in (self.plugged, self.requested)
        )
        if plugged == requested and self.plugged != self.requested:
            plugged -= self.plugged < self.requested
            requested -= self.requested < self.plugged
        common, most = min(plugged, requested), max(plugged, requested)
        yield PLUGGED, common
        yield LACKING if requested > plugged else SURPLUS, most - common
        yield ROOM, width - most


def gauges_of(state: State, before: State | None) -> tuple[Gauge, ...]:
    """The gauges of all virtio-mem devices, by node and place."""
    old = {} if before is None else before.devices
    found = [
        _gauge(state, device, before, old.get(number))
        for number, device in state.devices.items()
        if device.is_dynamic
    ]
    return tuple(sorted(found, key=lambda gauge: gauge.node))


def plugged_words(state: State, device: Device) -> str:
    """``300M of 512M``: how much is plugged of what is requested."""
    plugged, page = plugged_pages(state, device), state.geometry.page_bytes
    return f"{human(plugged * page)} of {human(device.requested_pages * page)}"


def _gauge(state: State, device: Device, before: State | None, old: Device | None) -> Gauge:
    was = None
    if before is not None and old is not None:
        was = plugged_pages(before, old), old.requested_pages
    pages = device.nr_pages, plugged_pages(state, device), device.requested_pages
    return Gauge(device.name, device.node, *pages, plugged_words(state, device), was)
