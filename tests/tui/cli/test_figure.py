"""``pfnmap figure``: which steps, where to, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from tests.engine.sysroot.trees import x86_tree
from tests.engine.test_compare import TRACES
from tests.test_layers import SCREEN, cli, modules_after

NAME = "shrink-e1-merged"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["figure", *words]) == 0
    return capsys.readouterr().out.splitlines()


def headings(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("at the start", "step "))]


def test_steps_have_the_numbers_of_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    assert headings(printed(capsys, NAME)) == [
        "at the start",
        "step 2: add dimm0 1G at=0x140000000 node=1",
        "step 3: online 41 movable",
        "step 5: online 43 movable",
        "step 7: offline 43",
        "step 11: offline 41",
    ]
    assert headings(printed(capsys, NAME, "--steps", "4,7")) == [
        "step 3: online 41 movable",
        "step 7: offline 43",
    ]
    assert headings(printed(capsys, NAME, "--steps", "last")) == ["step 11: offline 41"]


def test_phases_stand_in_place_of_their_step(capsys: pytest.CaptureFixture[str]) -> None:
    found = headings(printed(capsys, NAME, "--steps", "7", "--phases"))
    assert found[0] == "step 7.1: memory_block_action"
    assert len(found) > 5


def test_a_focus_is_to_scale(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, NAME, "--focus", "dimm0[0-1]")
    blocks = next(line for line in lines if line.startswith("  blocks"))
    assert "40" in blocks
    assert "44-47" in blocks


def test_variants_end_in_what_the_choice_costs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "memmap-64g", "--with", "memmap=memblock")
    assert lines[-1] == "B: memmap=memblock: longest run 63G -> 126M"
    assert "* here they part" in lines


@pytest.mark.parametrize("source", ["tree", "capture", "recording"])
def test_a_real_machine_is_drawn_as_it_is_and_under_other_rules(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = x86_tree(tmp_path / "root", memmap_on_memory="N").root
    if source == "capture":
        assert main(["capture", "--root", str(file), "-o", str(tmp_path / "m.capture")]) == 0
        file = tmp_path / "m.capture"
    if source == "recording":
        file = TRACES / "life-128m-mom-6.1.json"
    lines = printed(capsys, str(file))
    assert headings(lines)[0] == "at the start"
    assert any(line.startswith("  0 Movable") for line in lines)
    lines = printed(capsys, str(file), "--with", "memmap_on_memory=Y")
    assert any(line.startswith("B: memmap_on_memory=Y: ") for line in lines[-5:])
    assert main(["figure", str(file), "-o", str(tmp_path / "x.html")]) == 0


def test_files_by_their_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = tmp_path / "story.hotplug"
    story.write_text("machine ram=1G\nadd dimm0 256M\nonline dimm0 movable\n")
    begins_with = {".txt": "story", ".svg": "<svg ", ".html": "<!DOCTYPE html>", ".cast": "{"}
    for ending, begins in begins_with.items():
        out = tmp_path / f"x{ending}"
        assert main(["figure", str(story), "-o", str(out)]) == 0
        assert out.read_text().startswith(begins)
        assert main(["figure", str(story), "-o", ending]) == 0
        assert capsys.readouterr().out == out.read_text()


def test_a_screencast_is_that_of_the_figure_alone(tmp_path: Path) -> None:
    figure, cast = tmp_path / "figure.cast", tmp_path / "cast.cast"
    story = tmp_path / "story.hotplug"
    story.write_text("machine ram=1G\nadd dimm0 256M\nonline dimm0 movable\n")
    for walked in ([], ["--phases"]):
        assert main(["figure", str(story), "-o", str(figure), *walked]) == 0
        assert main(["cast", str(story), "-o", str(cast), "--plain", *walked]) == 0
        assert figure.read_text() == cast.read_text()
    assert main(["figure", str(TRACES / "life-128m-mom-6.1.json"), "-o", str(figure)]) == 0


def test_all_is_a_page_for_every_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = dict(sorted(shipped_scenarios().items(), key=lambda item: item[1].stat().st_size)[:2])
    monkeypatch.setattr("pfnmap.tui.cli.figure.shipped_scenarios", lambda: few)
    assert main(["figure", "--all", "-o", str(tmp_path / "pages")]) == 0
    files = {path.name for path in (tmp_path / "pages").iterdir()}
    assert files == {"index.html", *(f"{name}.html" for name in few)}
    index = (tmp_path / "pages" / "index.html").read_text()
    by_question, _, by_post = index.partition("<h2>by post and commit</h2>")
    for name in few:
        for part in (by_question, by_post):
            assert f'<a href="{name}.html">' in part
        page = (tmp_path / "pages" / f"{name}.html").read_text()
        assert '<a href="index.html">all scenarios</a>' in page


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "name a FILE to draw, or --all"),
        ([NAME, "-o", "x.png"], "-o x.png: the name must end in one of .txt, .svg, .html"),
        ([NAME, "--steps", "99"], "--steps 99: expected all, last, or numbers from 0 to 15"),
        ([NAME, "--focus", "dimm9"], "--focus dimm9: there is no device of that name"),
        ([NAME, "--focus", "[]"], "--focus []: "),
        ([NAME, "--with", "x=y"], "--with x=y: "),
        ([NAME, "--theme", "dark"], "--theme is for .svg and .cast"),
        ([NAME, "--phases", "--with", "profile=4.19"], "--phases draws one run"),
        ([NAME, "--steps", "1", "-o", ".html"], "--steps is not for .html"),
        ([NAME, "--with", "profile=4.19", "-o", ".html"], "--with is for text and .svg"),
        ([NAME, "--width", "90", "-o", ".cast"], "--width is not for .cast"),
        (["--all"], "--all: name the directory with -o"),
        ([NAME, "--all", "-o", "x"], "--all draws every shipped scenario; name no FILE"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figure", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pfnmap: {complaint}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("ending", ["", ".svg", ".html"])
def test_a_machine_without_memory_is_nothing_to_draw(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text("/sys/devices/system/memory/block_size_bytes:8000000\n/proc/cmdline:quiet\n")
    out = ["-o", str(tmp_path / f"out{ending}")] if ending else []
    assert main(["figure", str(dump), *out]) == 2
    assert "there is nothing to draw" in capsys.readouterr().err


def test_text_loads_neither_textual_nor_rich() -> None:
    assert not modules_after(cli("figure", NAME)) & SCREEN
