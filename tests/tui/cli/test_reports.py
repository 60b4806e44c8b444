"""How what does not hold and what is wrong is reported: to people, editors and build servers."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from tests.examples import some

WRONG = "machine ram=1G\nadd d 256\n   offline 3x\n"
LATE = "machine ram=1G\n  online d\n"
FALSE = (
    "machine ram=1G\nadd d 256M\nexpect zone DMA spanned=4096 present=4095\n"
    'expect errno=EBUSY\nexpect log "a very long text that no kernel log line of this small '
    'machine will ever hold — not even in part"\n'
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("a.hotplug")


@pytest.mark.parametrize("words", [["check"], ["run"], ["show"], [], ["fmt"], ["cast", "-o", "x"]])
def test_wrong_lines_begin_with_their_place_as_editors_look_for_it(
    words: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(WRONG)
    assert main([*words, str(file)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith('a.hotplug:2:7: the size "256" has no unit; expected a number and a')
    assert second.startswith('a.hotplug:3:12: "3x" is not a block id; expected a number')
    assert list(Path().iterdir()) == [file]


@pytest.mark.parametrize(
    "words", [["check"], ["run"], ["run", "--as-shell"], ["cast", "-o", "x"], ["run", "--svg"]]
)
def test_a_line_that_means_nothing_on_the_machine_has_its_place_too(
    words: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(LATE)
    assert main([*words, str(file)]) == 2
    error = capsys.readouterr().err
    assert error == "a.hotplug:2:10: d: there is no device of that name; there are: none\n"


def test_what_is_wrong_on_the_command_line_begins_with_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "-c", "add d 1"]) == 2
    assert capsys.readouterr().err.startswith("pfnmap: -c:1:7: the size")


def test_what_does_not_hold_is_a_diff_with_file_and_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FALSE)
    assert main(["check", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        "a.hotplug:3: zone DMA spanned: expected 4096, is 4095",
        "-expect zone DMA spanned=4096 present=4095",
        "+expect zone DMA spanned=4095 present=4095",
        "a.hotplug:4: errno: expected EBUSY, is none (it succeeded)",
        "-expect errno=EBUSY",
        "+expect ok",
    ]
    assert lines[-1] == "1 scenario, 3 expectations, 3 failed"


def test_a_claim_with_three_wrong_fields_is_one_that_does_not_hold(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("machine ram=1G\nexpect zone DMA spanned=1 present=2 managed=3\n")
    assert main(["check", str(file), "--junit", "r.xml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines[:3]] == ["spanned:", "present:", "managed:"]
    assert lines[-1] == "1 scenario, 1 expectation, 1 failed"
    (suite,) = ET.parse("r.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert len(suite.findall(".//failure")) == 1


def test_two_scenarios_that_fail_in_the_same_line_are_two(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("machine ram=1G\nexpect zone DMA spanned=1 present=2\n")
    assert main(["check", str(file), str(file)]) == 1
    assert capsys.readouterr().out.endswith("2 scenarios, 2 expectations, 2 failed\n")


# -- a line that cannot be done, behind others that can -----------------------------------------
HALF = (
    "machine ram=1G\nadd d 128M\nadd d3 100M\nexpect errno=EBUSY\n"
    'note "now"\nonline d3\nnote "never"\nonline d\n'
)
COMPLAINT = "a.hotplug:6:8: d3: there is no device of that name; there are: d; did you mean d?\n"


def test_what_was_done_before_a_line_that_cannot_be_is_told_first(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(HALF)
    assert main(["run", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.err == COMPLAINT
    lines = captured.out.splitlines()
    assert [line for line in lines if line.startswith("$ ")] == ["$ add d 128M", "$ add d3 100M"]
    assert any("refused: EINVAL" in line for line in lines)
    assert lines[-2:] == ["# now", "a.hotplug:4: errno: expected EBUSY, is EINVAL"]


@pytest.mark.parametrize(
    ("steps", "numbers"),
    [("last", [4]), ("all", [0, 1, 2]), ("0,2,4,5,7", [0, 2, 4]), ("6", [])],
)
def test_frames_are_printed_as_far_as_the_run_came(
    steps: str, numbers: list[int], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(HALF)
    assert main(["run", str(file), "--text", "--steps", steps]) == 2
    captured = capsys.readouterr()
    assert captured.err == COMPLAINT
    shown = [line for line in captured.out.splitlines() if line.startswith("step ")]
    assert shown == [f"step {number} of 7" for number in numbers]


def test_differences_are_printed_as_far_as_the_run_came(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(HALF)
    assert main(["run", str(file), "--diff", "--steps", "all"]) == 2
    captured = capsys.readouterr()
    assert captured.err == COMPLAINT
    assert "+++ step 1\n" in captured.out


@pytest.mark.parametrize("form", [["--json"], ["--json", "--diff"], ["--svg"], ["--html"],
                                  ["--as-shell"]])  # fmt: skip
def test_half_a_document_is_none(
    form: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(HALF)
    assert main(["run", str(file), *form]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == COMPLAINT


def test_the_diff_mends_the_claims(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "machine ram=1G memmap_on_memory=Y\nadd d 256M\nonline d[0] movable\n"
        "expect zone Movable start=0x5 managed=1\nexpect node 0 spanned=7 online=false\n"
        "expect block d[0] state=offline zone=none vmemmap=0\nexpect device d usable=1M heads=2\n"
        "expect pfn d+5 kind=hole memmap_at=d+1\nexpect total memmap=1G\n"
        "hugetlb p 2M\nexpect hugetlb p optimised=true freed=9\n"
        "online 99\nexpect ok\n"
    )
    file.write_text(text)
    assert main(["check", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    minus = [line[1:] for line in lines if line.startswith("-")]
    plus = [line[1:] for line in lines if line.startswith("+")]
    assert len(minus) == len(plus) == 8
    for claimed, holds in zip(minus, plus, strict=True):
        text = text.replace(f"{claimed}\n", f"{holds}\n")
    file.write_text(text)
    assert main(["check", str(file)]) == 0


def test_no_diff_where_one_line_cannot_say_what_holds(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(
        "machine ram=1G\nadd d 256M\nonline d[0]\nexpect block d state=offline zone=Movable\n"
    )
    assert main(["check", str(file)]) == 1
    assert not [x for x in capsys.readouterr().out.splitlines() if x.startswith(("-", "+"))]


def test_a_build_server_is_told_of_scenarios_that_cannot_be_run(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FALSE)
    Path("b.hotplug").write_text(WRONG)
    assert main(["check", "a.hotplug", "b.hotplug", "gone.hotplug", "--junit", "r.xml"]) == 2
    suites = ET.parse("r.xml").getroot()
    counts = {s.get("name"): (s.get("failures"), s.get("errors")) for s in suites}
    assert counts == {
        "a.hotplug": ("3", None),
        "b.hotplug": (None, "1"),
        "gone.hotplug": (None, "1"),
    }
    failure = suites.find(".//failure")
    assert failure is not None
    assert failure.text is not None
    assert "+expect zone DMA spanned=4095 present=4095" in failure.text
    errors = [error.get("message", "") for error in suites.iter("error")]
    assert 'b.hotplug:2:7: the size "256" has no unit' in errors[0]
    assert "gone.hotplug: no such file" in errors[1]


@pytest.mark.parametrize("form", ["--json", "--svg", "--html"])
def test_a_document_on_standard_output_stays_one(
    form: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FALSE)
    assert main(["run", form, str(file)]) == 1
    captured = capsys.readouterr()
    assert "expected 4096, is 4095" not in captured.out
    assert captured.err.startswith("a.hotplug:3: zone DMA spanned: expected 4096, is 4095\n")
    if form == "--json":
        assert json.loads(captured.out)["format"] == "pfnmap-run-1"


@pytest.mark.parametrize("form", [[], ["--text"], ["--text", "--steps", "all"], ["--diff"]])
def test_failures_are_as_fit_for_mail_as_the_text_above_them(
    form: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FALSE)
    assert main(["run", *form, str(file)]) == 1
    out = capsys.readouterr().out
    assert out.isascii()
    assert all(len(line) <= 72 and line == line.rstrip() for line in out.splitlines())
    assert "a.hotplug:3: zone DMA spanned: expected 4096, is 4095\n" in out


def test_claims_are_about_the_last_action_not_about_talk(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('machine ram=1G\nadd d 100M\nexpect errno=EINVAL\nnote "refused"\n')
    arguments = ["show", str(file), "--step", "last", "-c", "expect errno=EINVAL"]
    assert main(arguments) == 0
    assert "refused: EINVAL (Invalid argument)" in capsys.readouterr().out


def test_a_pasted_prompt_is_not_shown_twice(capsys: pytest.CaptureFixture[str]) -> None:
    line = "$ echo online > /sys/devices/system/memory/memory40/state"
    assert main(["run", "-c", "add d 128M", "-c", line]) == 0
    assert f"\n{line}\n" in capsys.readouterr().out


def test_claims_behind_each_step_are_exported_on_request(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("machine ram=1G\nadd d 128M\nonline d\n")
    assert main(["export", str(file), "-o", ".hotplug", "--expect-steps"]) == 0
    text = capsys.readouterr().out
    assert text.count("expect ok") == 2
    file.write_text(text)
    assert main(["check", str(file)]) == 0
    assert main(["export", str(file), "-o", ".svg", "--expect-steps"]) == 2


@pytest.mark.parametrize("name", some(shipped_scenarios()))
def test_a_shipped_scenario_as_shell_is_a_script(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", name, "--as-shell"]) == 0
    script = capsys.readouterr().out
    done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_machine_without_a_memory_block_is_shown_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "none.txt"
    dump.write_text(
        "sys/devices/system/memory/block_size_bytes:8000000\n"
        "sys/devices/system/memory/auto_online_blocks:offline\n"
    )
    for command, words in (
        ("show", "no memory blocks"),
        ("blocks", "Total online memory:                0B"),
    ):
        assert main([command, str(dump)]) == 0
        assert words in capsys.readouterr().out
    assert main(["figure", str(dump)]) == 2
    assert "there is nothing to draw" in capsys.readouterr().err
