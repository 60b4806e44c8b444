"""List the scenarios that come with pfnmap; open one with 'pfnmap NAME'."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from pfnmap.engine.complaints import shown
from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.scenario import Scenario, by_source, load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.text.ascii import plain

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Questions that the posts ask": ("ask-",),
    "Where the struct pages of hot-added memory go": ("memmap-", "layout-", "v1-"),
    "What they cost before the memory is online": ("oom-", "order-", "ppc64-"),
    "Struct pages in the added memory, as posted in 2019": ("v2-", "v3-"),
    "The same, as it was merged": ("merged-", "eligibility-"),
    "Huge pages whose struct pages are given back": ("hugetlb-",),
    "Spans of zones and nodes that shrink": ("shrink-",),
    "Memory of devices": ("device-", "kmem-", "virtio-mem-"),
    "Zones to choose from, offlines that fail, shell lines": (
        "valid-zones-",
        "offline-",
        "pasted-",
    ),
}
"""What the scenarios are about, and how the names of each group begin."""
FIRST: Final = ("memmap-device-256m", "oom-before-online", "shrink-e1-merged")
"""Where to start: one DIMM, one mistake, one span."""


def run(arguments: Arguments) -> int:
    """Print a line for each scenario, its name and its title, by what they are about.

    Then their names by the post or commit that they come from. With ``--source`` only those whose
    source has the words, and their sources too.
    """
    scenarios = {name: load_scenario(file) for name, file in shipped_scenarios().items()}
    if (words := arguments.origin) is None:
        emit([f"to start with: {', '.join(f'pfnmap {name}' for name in FIRST)}", ""])
    else:
        scenarios = {
            name: scenario
            for name, scenario in scenarios.items()
            if words.casefold() in "\n".join(scenario.origins).casefold()
        }
        if not scenarios:
            raise InputError(f"--source: no scenario has a source with {shown(words)}")
    emit("\n\n".join(_groups(scenarios, with_sources=words is not None)).splitlines())
    for post, told in by_source(scenarios).items() if words is None else ():
        emit(["", plain(post), *wrap(" ".join(told), 80, break_on_hyphens=False)])
    return 0


def _groups(scenarios: dict[str, Scenario], *, with_sources: bool) -> Iterator[str]:
    """Each group that has scenarios: its heading, and their lines."""
    width = max((len(name) for name in scenarios), default=0)
    for group, beginnings in GROUPS.items():
        lines = [group]
        for name, scenario in scenarios.items():
            if name.startswith(beginnings):
                lines.append(f"{name:<{width}}  {plain(scenario.title)}")
                lines += [f"  source: {plain(each)}" for each in scenario.origins if with_sources]
        if lines[1:]:
            yield "\n".join(lines)
