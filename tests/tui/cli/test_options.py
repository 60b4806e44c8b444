"""Options that would do nothing are refused, as are empty words and words in the wrong place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pfnmap.tui.cli import NO_WORDS, OPEN, main
from pfnmap.tui.cli.options import TEXT_COLUMNS, parser_of
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.text.frame import MAIL_WIDTH
from tests.engine.sysroot.trees import Tree, dimm_tree, x86_tree
from tests.tui.pty_program import Program

STORY = 'machine ram=1G\ntitle "a DIMM"\nadd dimm0 256M\nonline dimm0[1] movable\n'


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario ``a.hotplug`` and a capture ``c.json`` in the directory of this test."""
    monkeypatch.chdir(tmp_path)
    file = Path("a.hotplug")
    file.write_text(STORY)
    dimm_tree(Path("root"))
    assert main(["capture", "--root", "root", "-o", "c.json"]) == 0
    return file


def refused(arguments: str | list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that a command line is refused with."""
    capsys.readouterr()
    assert main(arguments.split() if isinstance(arguments, str) else arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return captured.err.removeprefix("pfnmap: ").rstrip("\n")


PICTURES = "is for pictures, not for .hotplug"
REAL = "is for a real machine: --root DIR, a directory or a capture"
SCREEN = (
    "needs the screen; there is none where standard input or standard error is no terminal, or a "
    "dumb one"
)


@pytest.mark.parametrize(
    ("arguments", "option", "why"),
    [
        # A page size, where no tree is read.
        ("--page-size 4K", "--page-size", REAL),
        ("a.hotplug --page-size 4K", "--page-size", REAL),
        ("--resume --page-size 4K", "--page-size", REAL),
        ("show --page-size 3K", "--page-size", REAL),
        ("show a.hotplug --page-size 4K", "--page-size", REAL),
        # What only a screen does, where there is none.
        ("live --root root --interval 2", "--interval", SCREEN),
        ("live --root root --allow-writes", "--allow-writes", SCREEN),
        # Forms of the output.
        ("show --json --width 80", "--width", "is for text, not for --json"),
        ("show --format 1", "--format", "goes with --json"),
        ("show --json --zoom page", "--zoom", "is for text, not for --json"),
        ("show c.json --json --zoom page", "--zoom", "is for text, not for --json"),
        ("run a.hotplug --steps all", "--steps", "goes with --text or --diff"),
        ("run a.hotplug --steps last", "--steps", "goes with --text or --diff"),
        ("run a.hotplug --json --steps 0", "--steps", "goes with --text or --diff"),
        ("run a.hotplug --svg --steps all", "--steps", "goes with --text or --diff"),
        ("run a.hotplug --as-shell --steps 1", "--steps", "goes with --text or --diff"),
        ("run a.hotplug --svg --diff", "--diff", "is for text and --json"),
        ("run a.hotplug --html --diff", "--diff", "is for text and --json"),
        ("run a.hotplug --as-shell --diff", "--diff", "is for text and --json"),
        ("run a.hotplug --json --width 80", "--width", "is for text"),
        ("run a.hotplug --svg --width 80", "--width", "is for text"),
        ("run a.hotplug --as-shell --width 80", "--width", "is for text"),
        ("run a.hotplug --size 80x24", "--size", "goes with --svg or --html"),
        ("run a.hotplug --text --theme dark", "--theme", "goes with --svg or --html"),
        ("run a.hotplug --json --theme light", "--theme", "goes with --svg or --html"),
        ("compare a.hotplug --with memmap=ram --theme dark", "--theme", "goes with --tui"),
        ("compare a.hotplug --with memmap=ram --color 16", "--color", "goes with --tui"),
        ("compare a.hotplug --with memmap=ram --no-ascii", "--ascii", "goes with --tui"),
        ("compare a.hotplug --with memmap=ram --json --mouse", "--mouse", "goes with --tui"),
        (
            "compare a.hotplug --with memmap=ram --json --width 80",
            "--width",
            "is for text, not for --json or --tui",
        ),
        (
            "compare a.hotplug --with memmap=ram --tui --width 72",
            "--width",
            "is for text, not for --json or --tui",
        ),
        ("blocks c.json -J -n", "--noheadings", "is for text, not for --json"),
        ("blocks c.json --json --no-summary", "--no-summary", "is for text, not for --json"),
        ("blocks c.json --all -S none", "--split", "keeps apart what --all does not join"),
        (
            "blocks c.json -o SIZE --output-all",
            "--output",
            "goes without --output-all, which is every column",
        ),
        ("export a.hotplug -o .hotplug --step 0", "--step", PICTURES),
        ("export a.hotplug -o b.hotplug --size 90x30", "--size", PICTURES),
        ("export a.hotplug -o .hotplug --theme dark", "--theme", PICTURES),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    arguments: str, option: str, why: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().iterdir())
    assert refused(arguments, capsys) == f"{option} {why}"
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        "show root --page-size 4K",
        "show c.json --page-size 4K --width 80 --zoom fit",
        "show a.hotplug --json --step last",
        "run a.hotplug --text --steps all --width 80",
        "run a.hotplug --diff --steps 1",
        "run a.hotplug --json --diff --steps all",
        "run a.hotplug --text --diff",
        "run a.hotplug --svg --size 90x30 --theme light",
        "compare a.hotplug --with memmap=ram --width 90",
        "compare a.hotplug --with memmap=ram --tui --theme light --no-mouse",
        "blocks c.json --json --split none --bytes -o +WHY",
        "blocks c.json --all --output-all --noheadings --no-summary",
        "export a.hotplug -o .txt --step 0 --size 90x30 --theme light",
        "export a.hotplug -o .hotplug --expect --expect-steps",
        "cast a.hotplug -o - --plain --theme light --size 90x30",
        "--theme light --no-journal --ascii --no-mouse",
        "live --root root --no-journal",
    ],
)
def test_options_that_do_something_together_are_taken(
    arguments: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 0


def test_steps_are_the_last_unless_named(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(story), "--text"]) == 0
    usual = capsys.readouterr().out
    assert main(["run", str(story), "--text", "--steps", "last", "--width", "72"]) == 0
    assert capsys.readouterr().out == usual


def test_the_width_that_help_names_is_that_of_the_text() -> None:
    assert TEXT_COLUMNS == MAIL_WIDTH


@pytest.mark.parametrize("option", [["--interval", "2"], ["--allow-writes"]])
def test_a_capture_is_neither_followed_nor_operated(
    option: list[str], story: Path, tmp_path: Path
) -> None:
    with Program("live", "--root", str(tmp_path / "c.json"), *option, home=tmp_path) as program:
        assert program.end() == 2
        assert f"{option[0]} is for a machine, not for a capture" in program.text


# -- empty words ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([""], "SOURCE"),
        (["--root", ""], "--root"),
        (["--resume", ""], "--resume"),
        (["--theme="], "--theme"),
        (["show", ""], "SOURCE"),
        (["show", "--root="], "--root"),
        (["live", "--root", "", "--allow-writes"], "--root"),
        (["plan", "", "-c", "offline 3"], "FILE"),
        (["plan", "--root", "", "-c", "offline 3"], "--root"),
        (["blocks", ""], "FILE"),
        (["blocks", "-o", ""], "-o/--output"),
        (["capture", "--root", "", "-o", "x"], "--root"),
        (["capture", "-o", ""], "-o/--output"),
        (["run", ""], "FILE"),
        (["run", "a.hotplug", "--text", "--steps", ""], "--steps"),
        (["check", "a.hotplug", ""], "FILE"),
        (["check", "a.hotplug", "--junit", ""], "--junit"),
        (["fmt", "--write", ""], "FILE"),
        (["verify", ""], "TRACE"),
        (["cast", "", "-o", "x"], "FILE"),
        (["export", "--session", "", "-o", ".txt"], "--session"),
        (["compare", "a.hotplug", "--with", ""], "--with"),
        (["themes", ""], "NAME"),
    ],
)
def test_an_empty_word_does_not_stand_for_something_else(
    arguments: list[str], name: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``pfnmap live --root "$DIR" --allow-writes`` must not operate this machine."""
    assert refused(arguments, capsys).startswith(
        f"argument {name}: it is empty; is a variable of the shell not set?; see pfnmap "
    )


def test_an_empty_command_is_a_line_that_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "-c", "", "-c", "# nothing"]) == 0


# -- what -c can hold ----------------------------------------------------------------------
@pytest.mark.parametrize("form", [[], ["--as-shell"], ["--json"], ["--svg"]])
@pytest.mark.parametrize(
    "line", ["undo", "seek 0", "save x.hotplug", "write x.txt", "goto mark a", "quit", "help"]
)
def test_run_takes_no_line_that_a_scenario_cannot_hold(
    line: str, form: list[str], story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(["run", *form, "-c", "add d 256M", "-c", line], capsys) == (
        f"-c {line.split()[0]}: works in a session only; expected a command for a machine"
    )


def test_a_list_of_profiles_is_no_line_of_a_shell_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "-c", "profiles"]) == 0
    assert "6.12" in capsys.readouterr().out
    assert refused("run --as-shell -c profiles", capsys).startswith("-c profiles: ")


def test_what_is_said_before_the_screen_opens_is_done_on_it(tmp_path: Path) -> None:
    lines = ["goto block 33", "zoom page", 'note "look here"']
    words = [word for line in lines for word in ("-c", line)]
    with Program(*words, home=tmp_path) as program:
        program.wait_for("look here")
        program.wait_for("1 cell = 1 pfn")
        program.wait_for("pfn 0x108000")
        program.send("q")
        assert program.end() == 0


def test_a_place_that_is_none_is_said_on_the_screen(tmp_path: Path) -> None:
    with Program("-c", "goto 0xffffffffff", home=tmp_path) as program:
        program.wait_for("behind the end of memory")
        program.send("q")
        assert program.end() == 0


def test_a_note_is_a_step_as_on_the_command_line_of_the_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["show", "-c", 'title "t"', "-c", 'note "n"', "-c", "add d 256M"]) == 0
    assert "step 3 of 3" in capsys.readouterr().out


# -- words in the wrong place --------------------------------------------------------------
@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommand_behind_an_option_is_told_where_it_belongs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(["--theme", "light", name], capsys) == (
        f"{name}: the subcommand comes first, as in: pfnmap {name}"
    )


# -- a real machine's own words --------------------------------------------------------------
def test_a_capture_holds_the_page_size_that_the_tree_does_not_say(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="20000000")
    tree.block(0)
    for number, words in enumerate(([], ["--page-size", "64K"])):
        out = tmp_path / f"{number}.json"
        assert main(["capture", "--root", str(tree.root), "-o", str(out), *words]) == 0
    sizes = [json.loads((tmp_path / f"{n}.json").read_text())["page_bytes"] for n in (0, 1)]
    assert sizes == [None, 65536]


def test_data_name_the_kernel_of_a_real_machine_beside_the_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = x86_tree(tmp_path / "root")
    assert main(["show", str(tree.root), "--json"]) == 0
    machine = json.loads(capsys.readouterr().out)["machine"]
    assert (machine["profile"], machine["kernel_release"]) == ("6.12", "6.12.9-amd64")
    assert main(["show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["machine"]["kernel_release"] is None


def test_no_words_are_what_the_parser_makes_of_them() -> None:
    assert parser_of(OPEN).parse([]) == NO_WORDS
