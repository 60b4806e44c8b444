"""The command line: what it prints, what it refuses, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.engine.profile import NEWEST
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.themes import theme_files
from pfnmap.tui.cli import main
from pfnmap.tui.help.subcommands import SUBCOMMANDS

DEMO = """\
machine ram=1G memmap_on_memory=Y
title "a DIMM and its struct pages"
add   dimm0 256M
expect device dimm0 usable=252M
online dimm0[1] movable   # the upper half
expect block 33 state=online zone=Movable
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    file = tmp_path / "demo.hotplug"
    file.write_text(DEMO)
    return file


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def program(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own."""
    command = [sys.executable, "-m", "pfnmap.tui", *arguments]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, capture_output=True, text=True, check=False, cwd=ROOT, **options
    )


ROOT = Path(__file__).resolve().parents[3]


# -- what can go wrong: one line on standard error, status 2, nothing on standard output --------
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate; see pfnmap --help"),
        (["show", "--frobnicate"], "see pfnmap show --help"),
        (["show", "--width", "20"], "'20' is no width; expected 71 to 1000 columns"),
        (["show", "--width", "x" * 50], "is no width"),
        (["show", "--zoom", "galaxy"], "invalid choice: 'galaxy'"),
        (["show", "--step", "-"], "--step -: expected a number or 'last'"),
        (["show", "--step", "7"], "there are steps 0 to 0"),
        (["show", "nothing-here"], "nothing-here"),
        (["show", "nothing-here.json"], "nothing-here.json"),
        (["show", "a", "b"], "unrecognized arguments: b"),
        (["show", "-c", "add dimm0 256"], '-c:1:11: the size "256" has no unit'),
        (["show", "-c", "frob 3"], '-c:1:1: there is no verb "frob"'),
        (["show", "-c", "online 3", "-c", "machine"], "the machine comes first"),
        (["show", "-c", "write x.txt"], "-c write: works on the ':' line of the screen only"),
        (["run"], "nothing to run"),
        (["run", "nothing-here.hotplug"], "no such file"),
        (["run", "nothing-here"], "no scenario of that name"),
        (["run", "-c", "add d 256M", "--text", "--steps", "9"], "numbers from 0 to 1"),
        (["check"], "nothing to check"),
        (["check", "nothing-here.hotplug"], "no such file"),
        (["verify", "nothing-here.json"], "nothing-here.json"),
        (["fmt", "nothing-here.hotplug"], "No such file"),
        (["themes", "nothing-here"], "no such theme"),
        (["--theme", "nothing-here"], "no such theme"),
        (["--color", "pink"], "invalid choice: 'pink'"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("pfnmap: ")
    assert message in captured.err


@pytest.mark.parametrize(
    "words",
    [["run"], ["run", "--as-shell"], ["cast", "-o", "x"],
     ["export", "-o", "x.svg"]],
)  # fmt: skip
def test_a_recording_that_is_run_is_named_with_what_opens_it(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    recording = ROOT / "tests" / "traces" / "bad-input.json"
    assert run(*words, recording) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"pfnmap: {recording}: this is a recording, not a scenario: `pfnmap FILE` opens it, "
        "`pfnmap show FILE` prints it, `pfnmap verify FILE` compares it with the model\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["run"], ["cast", "-o", "x"], ["export", "-o", "x.svg"], ["check"]],
)  # fmt: skip
@pytest.mark.parametrize("text", ["/proc/cmdline:quiet\npagesize:4096\n", '{"memory": [{"range": '])
def test_a_capture_that_is_run_is_named_with_what_opens_it(
    words: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dump.txt").write_text(text)
    assert run(*words, "dump.txt") == 2
    assert "dump.txt: this is a capture of a machine, not a scenario: " in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "show", "check"])
def test_a_misspelt_scenario_is_guessed_in_one_sentence(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(verb, "layout-table-1g-block") == 2
    assert capsys.readouterr().err == (
        "pfnmap: layout-table-1g-block: no such file, and no scenario of that name; "
        "did you mean layout-table-1g-blocks?\n"
    )


def test_a_directory_binary_or_empty_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise.json").write_bytes(os.urandom(64) + b"\xff")
    (tmp_path / "empty.json").write_bytes(b"")
    for name in ("noise.json", "empty.json", "."):
        assert run("show", tmp_path / name) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_escape_sequences_in_names_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("show", "\x1b[31mred\u202e") == 2
    assert "\\x1b[31mred\\u202e" in capsys.readouterr().err


# -- help, version, lists -----------------------------------------------------------------------
def test_version_comes_from_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("pfnmap ")


def test_help_lists_every_subcommand_and_fits_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    for name in SUBCOMMANDS:
        assert any(line.split()[:1] == [name] for line in lines)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(name, "--help")
    assert left.value.code == 0
    assert f"usage: pfnmap {name} " in capsys.readouterr().out


def test_no_subcommand_is_a_verb_that_would_mean_something_else() -> None:
    assert set(SUBCOMMANDS) & set(VERBS) <= {"compare", "help", "profiles"}, (
        "these are the same thing"
    )


def test_themes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("themes") == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(theme_files())
    assert run("themes", "ascii") == 0
    shown = capsys.readouterr().out
    assert "V  state vmemmap " in shown
    assert "@  mark cursor " in shown


def test_config_says_where_things_are(
    capsys: pytest.CaptureFixture[str], own_directories: Path
) -> None:
    assert run("config", "--json") == 0
    places = json.loads(capsys.readouterr().out)
    assert places.pop("format") == "pfnmap-config-1"
    assert set(places) == {"config", "settings", "themes", "state"}
    assert all(path.startswith(str(own_directories)) for path in places.values())


# -- show ------------------------------------------------------------------------------------
def test_show_prints_the_default_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"Linux {NEWEST} on x86_64"
    assert all(len(line) <= 72 and line.isascii() for line in lines)


def test_show_runs_commands_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "-c", "machine ram=1G memmap_on_memory=Y", "-c", "add dimm0 256M") == 0
    out = capsys.readouterr().out
    assert "    32*V" + "o" * 63 in out
    assert "$ add dimm0 256M\n" in out


def test_show_json_is_the_same_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "--json", "-c", "machine ram=1G", "-c", "add dimm0 256M") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "pfnmap-view-2"
    assert document["block_counts"] == {"offline": 2, "online": 8}
    assert document["last_step"]["command"] == "add dimm0 256M"
    (dimm,) = document["bill"]["devices"]
    assert (dimm["name"], dimm["memmap_pages"], dimm["usable_bytes"]) == ("dimm0", 1024, 256 << 20)
    assert document["bill"]["nodes"][0]["waiting_pages"] == 1024


def test_show_reports_a_refusal_but_does_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "-c", "online 500") == 0
    assert "refused: ENOENT" in capsys.readouterr().out


def test_show_fails_when_an_expectation_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "-c", "expect zone DMA present=1") == 1
    assert "zone DMA present: expected 1, is 4095" in capsys.readouterr().err


def test_show_opens_a_scenario_at_its_start_and_goes_where_told(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", demo) == 0
    assert "dimm0" not in capsys.readouterr().out
    assert run("show", demo, "--step", "4") == 0
    out = capsys.readouterr().out
    assert "dimm0 is blocks 32-33" in out
    assert "$ online dimm0[1] movable" in out
    assert run("show", demo, "--step", "last") == 0
    assert "step 5 of 5" in capsys.readouterr().out


def test_zoom_sets_the_scale(capsys: pytest.CaptureFixture[str]) -> None:
    run("show", "--zoom", "block")
    assert "1 letter = 32768 pages = 128M" in capsys.readouterr().out
    run("show", "-c", "zoom section")
    assert "1 letter = 32768 pages = 128M" in capsys.readouterr().out


# -- run, check, fmt, verify --------------------------------------------------------------------
def test_run_tells_what_happened(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", demo) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# a DIMM and its struct pages"
    assert lines[1] == "$ add   dimm0 256M"
    assert any(line.startswith("  sparse_add_section: ") for line in lines)


def test_run_prints_frames_of_chosen_steps(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", demo, "--text", "--steps", "0,4") == 0
    out = capsys.readouterr().out
    assert "step 0 of 5" in out
    assert "step 2 of 5" not in out
    assert "step 4 of 5" in out
    assert run("run", demo, "--text") == 0
    assert capsys.readouterr().out.count("pfnmap: ") == 1


def test_run_prints_what_each_step_changes(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", demo, "--diff", "--steps", "all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "--- step 1" in lines
    assert "+++ step 4" in lines
    assert "+   0 Movable 0x108000       0x110000" in lines
    assert all(len(line) <= 72 for line in lines)


def test_run_as_data(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", demo, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "pfnmap-run-1"
    assert [step["refusal"] for step in document["steps"]] == [None, None]
    assert document["end"]["blocks"][-1]["zone"] == "Movable"


def test_run_as_shell_lines(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", demo, "--as-shell") == 0
    assert (
        "echo online_movable > /sys/devices/system/memory/memory33/state\n"
        in capsys.readouterr().out
    )


def test_check_passes_and_fails(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", demo) == 0
    assert capsys.readouterr().out == "1 scenario, 2 expectations, 0 failed\n"
    demo.write_text(DEMO.replace("zone=Movable", "zone=Normal"))
    assert run("check", demo) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{demo}:6: block 33 zone: expected Normal, is Movable\n")
    assert out.endswith("1 scenario, 2 expectations, 1 failed\n")


def test_check_reports_the_others_when_one_is_wrong(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = demo.with_name("wrong.hotplug")
    wrong.write_text("onlin 3\n")
    assert run("check", wrong, demo) == 2
    captured = capsys.readouterr()
    assert captured.out == "1 scenario, 2 expectations, 0 failed\n"
    assert f"{wrong}:1:1: " in captured.err


def test_check_writes_a_junit_report(demo: Path, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    report = tmp_path / "report.xml"
    demo.write_text(DEMO.replace("zone=Movable", "zone=Normal") + 'expect log "&<x>"\n')
    assert run("check", demo, "--junit", report) == 1
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [len(case) for case in suite] == [0, 1, 1]


def test_all_shipped_scenarios_can_be_checked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = dict(list(shipped_scenarios().items())[::10])  # each by itself: test_shipped.py
    monkeypatch.setattr("pfnmap.tui.cli.check.shipped_scenarios", lambda: some)
    assert run("check", "--all") == 0
    assert f"{len(some)} scenarios" in capsys.readouterr().out


def test_fmt_prints_the_normal_form(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fmt", demo) == 0
    out = capsys.readouterr().out
    assert "add dimm0 256M\n" in out
    assert "# the upper half" in out


def test_fmt_checks_and_writes(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.chmod(0o640)
    assert run("fmt", "--check", demo) == 1
    assert capsys.readouterr().out == f"{demo}: not in normal form\n"
    assert run("fmt", "--write", demo) == 0
    assert run("fmt", "--check", demo) == 0
    assert demo.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in demo.parent.glob("*hotplug*")] == [demo.name]


# -- streams -------------------------------------------------------------------------------------
def test_without_a_terminal_the_frame_is_printed() -> None:
    done = program("-c", "add dimm0 256M", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dimm0 is blocks 40-41" in done.stdout


@pytest.mark.parametrize("verb", ["cast", "export"])
@pytest.mark.parametrize("way", ["name", "link"])
def test_a_scenario_is_not_overwritten_by_what_is_made_of_it(
    verb: str, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = "machine ram=1G\nadd dimm0 128M\n# kept\n"
    file, link = tmp_path / "a.hotplug", tmp_path / "b.hotplug"
    file.write_text(story)
    link.hardlink_to(file)
    output = file if way == "name" else link
    assert main([verb, str(file), "-o", str(output)]) == 2
    assert capsys.readouterr().err == (
        f"pfnmap: -o {output}: that is the scenario itself; name another file\n"
    )
    assert file.read_text() == story


def test_a_variant_without_a_value_is_told_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "hugetlb-boot-hole", "--with", "foo"]) == 2
    assert '"foo" is not KEY=VALUE' in capsys.readouterr().err


def test_a_misspelt_subcommand_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["shw"], ["shw", "capture.txt"]):
        assert main(words) == 2
        assert capsys.readouterr().err == (
            "pfnmap: shw: no subcommand or file; did you mean show?\n"
        )


def test_a_file_named_like_a_subcommand_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shw").write_bytes(b"\0\1")
    assert main(["shw"]) == 2
    said = capsys.readouterr().err
    assert "neither a recording" in said
    assert "nor a capture of a machine" in said
