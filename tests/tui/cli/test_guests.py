"""record, check --kernel, compare and bisect with kernels; the guest is played by the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.guest import scenario
from pfnmap.engine.traces.trace import load_trace
from pfnmap.tui.cli import main
from tests.engine.guest import tools
from tests.engine.guest.tools import qemu as qemu  # a fixture

CLAIM = """\
machine ram=1G memmap_on_memory=Y
add dimm0 256M
expect ok
online dimm0[1] movable
expect block 33 state=online zone=Movable vmemmap=512
expect zone Movable spanned=32768
online dimm0[1]
expect errno=EINVAL
expect pfn 0x108000 kind=vmemmap
"""


@pytest.fixture
def claim(tmp_path: Path) -> str:
    file = tmp_path / "claim.hotplug"
    file.write_text(CLAIM)
    return str(file)


def test_a_recording_is_verified_without_qemu(
    claim: str, qemu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.json"
    assert main(["record", claim, "--kernel", "6.12", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 3 steps on 6.12.0-fake (emulation)\n"
    assert [step.result for step in load_trace(out).steps] == [None, None, "EINVAL"]
    assert main(["verify", str(out)]) == 0


def test_a_recording_of_a_kernel_that_fails_has_what_came_before(
    claim: str, qemu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.image(qemu / "vmlinuz-6.12.0-fake", {"panics at": "memory33/state"})
    out = tmp_path / "a.json"
    assert main(["record", claim, "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert "Kernel panic - not syncing: asked to; the console's last lines:\n" in said
    trace = load_trace(out)
    assert len(trace.steps) == 1
    assert trace.ended.startswith("line 4: 6.12.0-fake (emulation): Kernel panic")


def test_claims_are_checked_on_a_kernel(
    claim: str, qemu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", claim, "--kernel", "6.12"]) == 0
    assert capsys.readouterr().out == (
        "6.12.0-fake: 1 scenario, 5 expectations, 2 of them about what no file of a kernel shows, "
        "0 failed\n"
    )
    Path(claim).write_text(CLAIM.replace("spanned=32768", "spanned=1"))
    assert main(["check", claim, "--kernel", "6.12"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{claim}:6: zone Movable spanned: expected 1, is 32768"
    )


@pytest.mark.parametrize(
    ("plays", "line", "said"),
    [
        ({"boot": "dies"}, "", "the guest ended"),
        ({"boot": "has no hotplug"}, "", "CONFIG_MEMORY_HOTPLUG"),
        ({"lacks": "acpi"}, "", "CONFIG_ACPI_HOTPLUG_MEMORY"),
        ({}, "pin 32", "a real kernel places its allocations itself"),
    ],
)
def test_what_cannot_be_asked_is_125_for_git(
    plays: dict[str, object],
    line: str,
    said: str,
    claim: str,
    qemu: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tools.image(qemu / "vmlinuz-6.12.0-fake", plays)
    Path(claim).write_text(f"{CLAIM}{line}\n")
    assert main(["check", claim, "--kernel", "6.12"]) == 125
    assert said in capsys.readouterr().err
    assert main(["check", claim, "--kernel", str(qemu / "no-image")]) == 125


def test_the_first_kernel_that_fails_is_named(
    claim: str, qemu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(claim).write_text("add dimm0 128M\nonline dimm0\nexpect ok\n")
    names = []
    for number, plays in enumerate(({}, {"boot": "dies"}, {"lacks": "acpi"}, {})):
        names.append(str(tools.image(qemu / f"bzImage-{number}", plays, f"6.{number}.0")))
    kernels = [word for name in names for word in ("--kernel", name)]
    assert main(["bisect", claim, *kernels]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no claim fails on any of them"
    tools.image(Path(names[3]), {"refuses": "memory40/state"}, "6.3.0")
    assert main(["bisect", claim, *kernels]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == (
        f"first to fail: {names[3]} (or one that was passed over: {names[1]}, {names[2]})"
    )
    assert "cannot be asked" in told.err
    assert main(["bisect", claim, *kernels[:2]]) == 2


def test_two_recordings_part_at_a_step_and_a_field(
    claim: str, qemu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = str(tmp_path / "one.json"), str(tmp_path / "two.json")
    for out, change in ((one, ("", "")), (two, ("dimm0[1] movable", "dimm0[1] kernel"))):
        Path(claim).write_text(CLAIM.replace(*change))
        assert main(["record", claim, "-o", out]) == 0
    capsys.readouterr()
    assert main(["compare", one, one]) == 0
    assert capsys.readouterr().out == f"{one} and {one}: 3 steps, the same in all\n"
    assert main(["compare", one, two]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (f"{one} and {two} part at step 2: echo online_movable > memory33/state")
    assert f"  zone Movable node 0 start: {one} 0x108000, {two} absent" in lines
    assert main(["compare", one]) == 2
    assert main(["compare", one, two, "--with", "profile=6.1"]) == 2


def test_kernels_and_rules_are_compared_side_by_side(
    claim: str, qemu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = ["kernel=6.12", "memmap_on_memory=N"]
    words = [word for each in variants for word in ("--with", each)]
    assert main(["compare", claim, *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "A: 6.12.0-fake; 5 of 5 expectations hold" in lines
    part = lines.index("where they part")
    assert lines[part + 1] == "6.12.0-fake and memmap_on_memory=N part at step 3: online dimm0[1]"
    assert main(["compare", claim, "--with", "kernel=6.12"]) == 0
    assert "A: as written; 5 of 5 expectations hold" in capsys.readouterr().out
    assert main(["compare", claim, "--with", "kernel=6.9"]) == 2


@pytest.mark.parametrize("available", [1, 64 << 20], ids=["one after another", "at once"])
def test_kernels_are_compared_as_many_at_once_as_there_is_memory_for(
    available: int,
    claim: str,
    qemu: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scenario, "available_kib", lambda: available)
    tools.image(qemu / "vmlinuz-6.13", {"refuses": "memory33/state"}, "6.13.0-fake")
    tools.image(qemu / "vmlinuz-6.14", {"panics at": "memory33/state"}, "6.14.0-fake")
    words = ["compare", claim, "--with", "kernel=6.12", "--with"]
    assert main([*words, "kernel=6.13"]) == 0
    said = capsys.readouterr().out
    assert "6.12.0-fake and 6.13.0-fake part at step 3: online dimm0[1] movable" in said
    assert main([*words, "kernel=6.14"]) == 2
    assert "6.14.0-fake (emulation): Kernel panic" in capsys.readouterr().err


def test_a_kernel_is_fetched_by_a_word_of_its_own(
    qemu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vm", "--fetch", "the newest"]) == 2
    assert "expected a release such as 6.12" in capsys.readouterr().err
