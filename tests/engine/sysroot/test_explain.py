"""The model against reality: what real kernels did is foreseen, and what they never do is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from pfnmap.engine.memory.runs import unbroken
from pfnmap.engine.sysroot.explain import Explanation, explain
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.recorded import recorded_view, recording
from tests.engine.sysroot.trees import Tree, x86_tree, zone


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


def findings(explanation: Explanation) -> list[str]:
    return [finding.text for finding in explanation.findings]


SAID: list[tuple[str, ...]] = [
    ("add added0 256M at=0x100000000 node=0",),
    ("online 32 movable",),
    ("online 33 movable",),
    ("offline 32",),
    ("offline 33",),
    ("online 33",),  # recorded as online_kernel: the simplest word that gives the zone
    (),
    ("online 32",),
    ("offline 32",),
    (),
]


def test_the_commands_behind_a_change_are_named() -> None:
    trace = recording("life-256m-mom")
    views = [recorded_view(trace, trace.boot)]
    views += [recorded_view(trace, step.after) for step in trace.steps]
    said = [explain(before, after).commands for before, after in pairwise(views)]
    assert said == SAID


# -- what no kernel does ------------------------------------------------------------------------
@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def offlined(tree: Tree, *, spanned: int = 32768, zones: str = "Movable Normal") -> SysrootView:
    """Block 33 offline: the span of Movable follows."""
    tree.block(33, "offline", zones)
    text = (tree.root / "proc/zoneinfo").read_text()
    old = zone(0, "Movable", 0x100000, 65536, 65536, 64512)
    assert old in text
    new = zone(0, "Movable", 0x100000, spanned, 32768, 32256)
    tree.write("proc/zoneinfo", text.replace(old, new))
    return view_of(tree)


def test_what_the_kernel_does_is_no_finding(tree: Tree) -> None:
    before = view_of(tree)
    found = explain(before, offlined(tree, zones="Normal Movable"))
    assert found.commands == ("offline 33",)
    assert findings(found) == []
    assert found.changes[0].field == "state"


def test_a_span_that_did_not_shrink_is_a_finding_with_everything_to_report_it(tree: Tree) -> None:
    before = view_of(tree)
    (text,) = findings(explain(before, offlined(tree, spanned=65536, zones="Movable Normal")))[:1]
    assert text.startswith("after `offline 33`: ")
    assert "node 0 zone Movable spanned: the model foresees 32768, the kernel shows 65536" in text
    for part in ("kernel 6.12.9-amd64", "rules of 6.12", "memmap_on_memory=Y", "before: node 0"):
        assert part in text
    assert text.isprintable()


def test_an_operation_that_the_model_refuses_is_a_finding(tree: Tree) -> None:
    before = view_of(tree)
    tree.block(0, "offline", "DMA Movable")
    (text, *_) = findings(explain(before, view_of(tree)))
    assert "after `offline 0`: it was done, but the model refuses it: EINVAL" in text


def test_a_zone_that_no_online_type_gives_is_a_finding(tree: Tree) -> None:
    before = view_of(tree)
    tree.block(34, "online", "DMA")
    (text, *_) = findings(explain(before, view_of(tree)))
    assert "it came online in DMA; the model foresees online: " in text
    assert "online_movable: Movable" in text


def test_wrong_valid_zones_are_a_finding(tree: Tree) -> None:
    before = view_of(tree)
    found = findings(explain(before, offlined(tree, zones="DMA32")))
    assert any("memory33 valid_zones: the model foresees" in text for text in found)


def test_a_parameter_that_changed_in_between_is_taken_into_account(tree: Tree) -> None:
    tree.params(memmap_on_memory="N")
    before = view_of(tree)
    tree.params(online_policy="auto-movable")
    found = explain(before, view_of(tree))
    assert found.commands == ()
    assert found.findings == ()


def test_nothing_changed_explains_nothing(tree: Tree) -> None:
    found = explain(view_of(tree), view_of(tree))
    assert (found.changes, found.outcomes, found.findings) == ((), (), ())


def test_only_zones_changed_is_no_matter_of_blocks(tree: Tree) -> None:
    before = view_of(tree)
    zones = before.observation.zones
    assert zones is not None
    lower = replace(zones[1], managed=zones[1].managed - 7)
    after = SysrootView(
        replace(before.observation, zones=(zones[0], lower, *zones[2:])),
    )
    found = explain(before, after)
    assert len(found.changes) == 1
    assert found.findings == ()


def test_ids_become_unbroken_ranges() -> None:
    import numpy as np

    assert unbroken(np.array([], np.int64)) == []
    assert unbroken(np.array([1, 2, 3, 7, 9, 10], np.int64)) == [(1, 3), (7, 7), (9, 10)]
