"""One scenario under several rules: what is run, and how it is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pfnmap.engine.compare import compare, counters, parse_variant
from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.scenario import Scenario, parse_scenario
from pfnmap.tui.cli import main
from pfnmap.tui.figure.variants import compare_lines
from tests.engine.sysroot.trees import x86_tree
from tests.engine.test_compare import TRACES
from tests.tui.fake_view import BLOCK

FRAMES = Path(__file__).parents[1] / "frames"
DIMM = """\
machine ram=1G
title "where 256M keep their struct pages"
add dimm0 256M
online dimm0 movable
"""


def scenario(text: str = DIMM) -> Scenario:
    return parse_scenario(text, "dimm.hotplug")


def lines(text: str, *variants: str, width: int = 72) -> list[str]:
    return compare_lines(compare(scenario(text), variants), width)


def test_the_first_post_in_one_picture() -> None:
    """Struct pages at the device's start leave one run of 252M; per block two of 126M."""
    expected = (FRAMES / "device-vs-memblock.txt").read_text(encoding="ascii").splitlines()
    assert lines(DIMM, "memmap=device", "memmap=memblock") == expected
    assert expected[-1] == "B: memmap=memblock: longest run 252M -> 126M"


def test_a_single_variant_is_compared_with_the_scenario_as_written() -> None:
    printed = lines(DIMM, "memmap_on_memory=Y")
    assert printed[1:3] == ["A: as written", "B: memmap_on_memory=Y"]
    assert sum(line.startswith("  0 DMA32 ") for line in printed) == 1, "the same is drawn once"
    assert printed[-2:] == [
        "B: memmap_on_memory=Y: costs 4M of dimm0; saves 4M of node 0; longest",
        "    run 256M -> 126M",
    ]


def test_the_first_step_that_differs_is_marked_with_its_number() -> None:
    printed = lines(DIMM, "block=128M", "block=1G")
    step = printed.index("step 2: add dimm0 256M")
    assert printed[step + 1] == "* here they part"
    assert printed[step + 2] == "  A: block=128M"
    assert any("EINVAL" in line for line in printed[printed.index("  B: block=1G") :])


def test_a_command_that_means_nothing_on_a_variant_is_said_and_left_out() -> None:
    runs = compare(
        scenario("machine ram=1G\nset memmap_on_memory=Y\nfree 64M node=3\n"), ["profile=6.1"]
    ).runs
    assert runs[0].steps[0].result == "ok"
    assert runs[0].steps[1].result.startswith("not possible: ")


def test_a_variant_wins_over_the_scenarios_own_lines() -> None:
    text = "machine ram=1G\nset memmap_on_memory=N\nadd dimm0 256M memmap=memblock\n"
    by_rule, by_param = compare(scenario(text), ["memmap=device", "memmap_on_memory=Y"]).runs
    table = {row.name: row.values for row in counters([by_rule])}
    assert table["device dimm0 largest run"] == (252 << 20,)
    assert dict(by_param.machine.view().params)["memmap_on_memory"] == "Y"


def test_counters_that_one_variant_lacks_are_not_zero() -> None:
    rows = compare(scenario(), ["block=128M", "block=1G"]).counters
    table = {row.name: row.values for row in rows}
    assert table["zone 0 Movable spanned"] == (2 * BLOCK, None)
    assert any(line.endswith("  -") for line in lines(DIMM, "block=128M", "block=1G"))


def test_more_than_three_variants_repeat_the_first() -> None:
    printed = lines(DIMM, "memmap=device", "memmap=memblock", "memmap=ram", "profile=6.1")
    heads = [line.split() for line in printed if set(line.split()) <= set("ABCD") and line.strip()]
    assert heads == [["A", "B", "C"], ["A", "D"]]


@pytest.mark.parametrize("width", [72, 100])
def test_everything_is_fit_for_mail(width: int) -> None:
    for line in lines(DIMM, "memmap=device", "memmap=ram", "block=1G", width=width):
        assert len(line) <= width
        assert line.isascii()
        assert line == line.rstrip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("profile=3.9", "profile"),
        ("memap=device", "memap"),
        ("memmap=nowhere", "nowhere"),
        ("memmap", "--with memmap"),
        ("", "--with"),
    ],
)
def test_a_wrong_variant_is_one_sentence(words: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_variant(words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dimm.hotplug"
    file.write_text(DIMM)
    assert main(["compare", str(file), "--with", "memmap=device", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "pfnmap-compare-1"
    assert [variant["name"] for variant in document["variants"]] == ["as written", "memmap=device"]
    assert document["counters"]["device dimm0 usable bytes"] == [256 << 20, 252 << 20]


@pytest.mark.parametrize("source", ["tree", "capture", "trace"])
def test_a_real_or_recorded_machine(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = x86_tree(tmp_path / "root", memmap_on_memory="N").root
    file = {"capture": tmp_path / "m.capture", "trace": TRACES / "life-1g-mom.json"}.get(source)
    if source == "capture":
        assert main(["capture", "--root", str(root), "-o", str(file)]) == 0
    assert main(["compare", str(file or root), "--with", "memmap_on_memory=Y"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "A: as written" in printed
    ends = {"trace": "B: memmap_on_memory=Y: costs and saves nothing"}
    own = "B: memmap_on_memory=Y: costs 8M of 2 devices; saves 8M of node 0;"
    assert ends.get(source, own) in printed[-2:]
