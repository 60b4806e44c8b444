"""Files that the command line writes: nothing that is read is lost, and no name is taken amiss."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from tests.engine.sysroot.trees import dimm_tree

ROOT = Path(__file__).resolve().parents[3]
STORY = "machine ram=1G\nadd dimm0 128M\nexpect ok\n"
THEME = 'name = "mine"\ntitle = "mine"\nbase = "dark"\n'


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``a.hotplug`` and ``b.hotplug``, a theme, a tree and its capture, and where they are."""
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(THEME)
    dimm_tree(Path("root"))
    assert main(["capture", "--root", "root", "-o", "c.json"]) == 0
    for name in ("a.hotplug", "b.hotplug"):
        Path(name).write_text(STORY)
    return Path("a.hotplug")


def everything() -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}


def refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line is refused with, before it changed or wrote any file."""
    before = everything()
    capsys.readouterr()
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.out == ""
    assert everything() == before
    return captured.err.removeprefix("pfnmap: ").rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("check a.hotplug b.hotplug --junit {}", "a scenario"),
        ("check nothing.hotplug a.hotplug --junit {}", "a scenario"),
        ("cast a.hotplug -o {}", "the scenario"),
    ],
)
@pytest.mark.parametrize("way", ["name", "path", "hard", "soft"])
def test_a_scenario_is_not_overwritten_by_any_name(
    arguments: str, what: str, way: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path("other")
    if way == "hard":
        other.hardlink_to(story)
    elif way == "soft":
        other.symlink_to(story)
    name = {"name": str(story), "path": f"../{Path.cwd().name}/{story}"}.get(way, str(other))
    said = refused(arguments.format(name), capsys)
    assert said.endswith(f" {name}: that is {what} itself; name another file")


def test_a_shipped_scenario_is_not_overwritten_by_the_report_on_all(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = next(iter(shipped_scenarios().values()))
    before = shipped.read_bytes()
    assert "that is a scenario itself" in refused(f"check --all --junit {shipped}", capsys)
    assert shipped.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        "check --junit a.hotplug b.hotplug",
        "check b.hotplug --junit new.hotplug",
        "cast b.hotplug -o a.hotplug",
        "capture --root root -o a.hotplug",
    ],
)
def test_what_is_no_scenario_takes_no_scenarios_name(
    arguments: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``check --junit *.hotplug`` takes the first of them for the report."""
    assert "*.hotplug is the name of a scenario; name another file" in refused(arguments, capsys)


def test_a_theme_that_is_read_is_not_overwritten(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused("cast a.hotplug --theme mine.toml -o ./mine.toml", capsys)
    assert said == "-o ./mine.toml: that is the theme itself; name another file"


def test_a_capture_does_not_overwrite_what_it_is_made_of(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "that is the capture itself" in refused("capture --root c.json -o ./c.json", capsys)
    Path("link").symlink_to("root/sys/devices/system/memory/memory32/state")
    os.mkfifo("root/sys/pipe")
    state = "root/sys/devices/system/memory/memory32/state"
    for name in (state, "link", "root/proc/new", "root/sys/pipe", "root/../root/sys/new"):
        assert refused(f"capture --root root -o {name}", capsys) == (
            f"-o {name}: that is among the files that are read; name another place"
        )
    assert main(["capture", "--root", "root", "-o", "root/kept.json"]) == 0


def test_no_capture_is_put_among_the_files_of_this_machine(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "/sys/devices/system/memory/memory0/state"
    assert "among the files that are read" in refused(f"capture -o {name}", capsys)


@pytest.mark.parametrize(
    "arguments",
    ["check a.hotplug --junit", "cast a.hotplug -o", "capture --root root -o"],
)
@pytest.mark.parametrize("name", [".", "..", "root/", "new/", "root/."])
def test_a_directory_is_no_name_of_a_file(
    arguments: str, name: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(f"{arguments} {name}", capsys).endswith(f" {name}: expected the name of a file")


def test_a_picture_is_not_called_like_a_directory(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused("export a.hotplug -o new.svg/", capsys) == (
        "-o new.svg/: expected the name of a file"
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("check a.hotplug --junit", "out"),
        ("cast a.hotplug --plain -o", "out"),
        ("export a.hotplug -o", "out.svg"),
        ("export a.hotplug -o", "b.hotplug"),
        ("capture --root root -o", "out"),
    ],
)
def test_another_file_that_is_there_is_replaced(
    arguments: str, name: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments.split(), name]) == 0
    first = Path(name).read_bytes()
    Path(name).write_text("x" * 1_000_000)
    assert main([*arguments.split(), name]) == 0
    assert Path(name).read_bytes() == first


def test_a_capture_goes_to_standard_output(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["capture", "--root", "root", "-o", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.out == Path("c.json").read_text()
    assert not Path("-").exists()


def test_a_report_has_a_file_of_its_own(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("check a.hotplug --junit -", capsys) == (
        "--junit -: expected the name of a file"
    )


@pytest.mark.parametrize(
    "arguments",
    ["cast a.hotplug --plain -o", "check a.hotplug --junit", "capture --root root -o"],
)
def test_standard_output_is_written_to_by_its_name_too(arguments: str, story: Path) -> None:
    """A pipe has no other name: what its link in /proc says leads nowhere."""
    done = subprocess.run(
        [sys.executable, "-m", "pfnmap.tui", *arguments.split(), "/dev/stdout"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, "cannot be written" in done.stderr) == (0, False)
    assert any(line.startswith(("{", "<?xml")) for line in done.stdout.splitlines())


def test_a_file_with_the_longest_name_is_written(story: Path) -> None:
    name = "x" * 247 + ".json.gz"
    assert len(name) == 255
    for _ in range(2):
        assert main(["capture", "--root", "root", "-o", name]) == 0
    assert json.loads(gzip.decompress(Path(name).read_bytes()))["format"] == "pfnmap-capture-1"


def test_formatting_reads_a_pipe_once(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_scenario(story).start.ram_bytes == 1 << 30
    for text, status in ((STORY, 0), (STORY.replace(" ram", "  ram"), 1)):
        done = subprocess.run(
            [sys.executable, "-m", "pfnmap.tui", "fmt", "--check", "/dev/stdin"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert (done.returncode, done.stderr) == (status, "")
