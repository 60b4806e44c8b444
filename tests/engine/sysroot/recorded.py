"""Recordings of real kernels as the files that the kernel showed."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import asdict

from pfnmap.engine.params import Params
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import TextTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.trace import RecordedState, RecordedStep, ShellStep, Trace, load_trace
from tests.engine.sysroot.trees import MEMORY, NODE, PARAMETERS, zone

TRACES = sorted((Path(__file__).parents[2] / "traces").glob("*.json"))


def recording(name: str) -> Trace:
    """One of the recordings."""
    return load_trace(Path(__file__).parents[2] / "traces" / f"{name}.json")


_PARAMETER = re.compile(r"echo (\S+) > \S*/(online_policy|auto_\w+)")


def params_after(params: Params, step: RecordedStep) -> Params:
    """The parameters after a step: a recording has those of the boot only."""
    for word, name in _PARAMETER.findall(step.command if isinstance(step, ShellStep) else ""):
        if step.result is None:
            params = params.with_word(name, word)
    return params


def recorded_files(
    trace: Trace, state: RecordedState, params: Params
) -> tuple[dict[str, bytes], list[str]]:
    """The files of ``/sys`` and ``/proc`` at one moment of a recording, and the node links."""
    files = {
        "proc/sys/kernel/osrelease": trace.kernel,
        "proc/sys/kernel/arch": "aarch64" if "arm64" in trace.geometry_arch else "x86_64",
        f"{MEMORY}/block_size_bytes": f"{trace.block_bytes:x}",
        "proc/zoneinfo": "".join(
            zone(z.node, z.zone, z.start_pfn, z.spanned, z.present, z.managed, z.cma)
            for z in state.zones
        ),
        "proc/iomem": "".join(
            f"{'  ' * line.depth}{line.start:08x}-{line.end:08x} : {line.name}\n"
            for line in state.iomem
        ),
        "proc/cmdline": trace.cmdline,
        "proc/sys/vm/hugetlb_optimize_vmemmap": str(int(params.hugetlb_free_vmemmap)),
    }
    for name, word in params.words()[:4]:
        files[f"{PARAMETERS}/{name}"] = word
    files[f"{MEMORY}/auto_online_blocks"] = params.auto_online_blocks.word
    for name, mask in asdict(state.masks).items():
        files[f"{NODE}/{name}"] = mask
    links = []
    for block in state.blocks:
        directory = f"{MEMORY}/memory{block.id}"
        files[f"{directory}/state"] = block.state
        files[f"{directory}/valid_zones"] = " ".join(block.valid_zones)
        files[f"{directory}/removable"] = str(int(block.removable))
        files[f"{directory}/phys_device"] = "0"
        if block.node is not None:
            links.append(f"{directory}/node{block.node}")
    return {path: f"{text}\n".encode() for path, text in files.items()}, links


def recorded_view(trace: Trace, state: RecordedState, params: Params | None = None) -> SysrootView:
    """What the program sees of a machine at one moment of a recording."""
    files, links = recorded_files(trace, state, params or trace.params)
    return SysrootView(observe(TextTree(trace.name, files, links)))
