"""Streams that are closed, full or of another encoding; users without a home or a place to write.

Each test runs the real program as a process: the exit status is one of the documented ones, a
message is one line, and nothing is ever a traceback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.sysroot.trees import x86_tree
from tests.examples import some
from tests.tui.forked import ROOT, unread
from tests.tui.pty_program import FreshProgram, Program

PLAIN = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
STORY = 'machine ram=1G\ntitle "größer → 大"\nadd dimm0 256M\n'


def shell(line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell line in which ``pfnmap`` is the program; ``env`` is all it gets besides PATH."""
    return subprocess.run(
        ["bash", "-c", line.replace("pfnmap", f"{sys.executable} -m pfnmap.tui", 1)],
        cwd=ROOT, env={**PLAIN, **env}, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


def assert_calm(done: subprocess.CompletedProcess[bytes]) -> None:
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Exception ignored" not in done.stderr


# -- streams -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("pfnmap show >&-", 0, b""),
        ("pfnmap nonsense 2>&-", 2, b""),
        ("pfnmap <&- >&- 2>&-", 0, b""),
        ("pfnmap show >/dev/full", 1, b"pfnmap: standard output: No space left on device\n"),
        ("pfnmap show | true; exit ${PIPESTATUS[0]}", 141, b""),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("pfnmap <&-", 0, b""),
                ("pfnmap show 2>&-", 0, b""),
                ("pfnmap show --json >/dev/full", 1,
                 b"pfnmap: standard output: No space left on device\n"),
                ("pfnmap run --text --steps all shrink-e1-merged | head -n 1 >/dev/null;"
                 " exit $((PIPESTATUS[0] == 141 ? 0 : PIPESTATUS[0]))", 0, b""),
            )
        ),
    ],
)  # fmt: skip
def test_streams_that_are_closed_or_full(line: str, status: int, said: bytes) -> None:
    done = shell(line)
    assert_calm(done)
    assert (done.returncode, done.stderr) == (status, said)


PRINTERS = [
    ["show"], ["show", "--json"], ["run", "shrink-e1-merged"], ["check", "shrink-e1-merged"],
    ["cast", "STORY", "-o", "-", "--plain"], ["fmt", "STORY"], ["scenarios"],
    ["themes"], ["--help"], ["export", "STORY", "-o", ".txt"],
    ["compare", "STORY", "--with", "profile=6.1"], ["plan", "--root", "TREE", "-c", "offline 1"],
    ["blocks", "--root", "TREE"], ["config"], ["--version"],
]  # fmt: skip
"""A command line of everything that prints."""


@pytest.mark.parametrize("words", some(PRINTERS), ids=" ".join)
def test_nobody_reads_what_is_printed(words: list[str], tmp_path: Path) -> None:
    story = tmp_path / "story.hotplug"
    story.write_text(STORY, encoding="utf-8")
    x86_tree(tmp_path / "tree")
    places = {"STORY": str(story), "TREE": str(tmp_path / "tree")}
    told = unread([places.get(word, word) for word in words], PLAIN, tmp_path / "errors")
    assert told == (141, b"")


def test_without_standard_input_the_frame_is_printed() -> None:
    assert shell("pfnmap <&-").stdout.startswith(b"pfnmap: simulated")


# -- encodings -----------------------------------------------------------------------------------
ENCODINGS: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "iso-8859-1", "PYTHONUTF8": "0"},
}


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        ("run", "C"), ("fmt", "latin-1"),
        *(
            pytest.param(*both, marks=pytest.mark.slow)
            for both in (
                ("run", "latin-1"), ("check", "C"), ("fmt", "C"), ("export -o .txt", "latin-1"),
                ("run --json", "latin-1"), ("run --as-shell", "C"), ("cast --plain -o -", "C"),
            )
        ),
    ],
)  # fmt: skip
def test_a_locale_that_lacks_a_character(command: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "story.hotplug"
    file.write_text(STORY, encoding="utf-8")
    verb, *options = command.split()
    done = shell(f"pfnmap {verb} {file} {' '.join(options)}", **ENCODINGS[encoding])
    assert_calm(done)
    assert (done.returncode, done.stderr) == (0, b"")
    if verb == "fmt":
        assert done.stdout.decode("utf-8") == STORY


@pytest.mark.parametrize("env", ENCODINGS.values(), ids=ENCODINGS)
def test_a_name_that_the_locale_cannot_spell(env: dict[str, str]) -> None:
    done = shell("pfnmap show 'nö→.hotplug'", **env)
    assert_calm(done)
    assert done.returncode == 2
    assert done.stderr.startswith(b"pfnmap: n")
    assert done.stderr.count(b"\n") == 1


LOCALES: dict[str, dict[str, str]] = {
    "unset": {},
    "LANG=C": {"LANG": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "invalid": {"LC_ALL": "xx_YY.NOPE", "LANG": "\udcff"},
    "C without UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize(
    "locale",
    [
        pytest.param(
            env, id=name, marks=pytest.mark.slow if name in ("LANG=C", "POSIX", "unset") else ()
        )
        for name, env in LOCALES.items()
    ],
)
def test_without_a_locale_everything_prints(locale: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "story.hotplug"
    file.write_text(STORY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pfnmap.tui", "run", str(file)],
        cwd=ROOT, env={"PATH": os.environ["PATH"], **locale}, stdin=subprocess.DEVNULL,
        capture_output=True,
    )  # fmt: skip
    assert_calm(done)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


class PlainProgram(FreshProgram):
    """On a terminal, with nothing in its environment but what is given."""

    @staticmethod
    def _environment(env: dict[str, str], home: Path | None) -> dict[str, str]:
        base = Program._environment(env, home)
        return {key: value for key, value in base.items() if key != "LC_ALL" or key in env}


@pytest.mark.parametrize(
    "locale",
    [
        pytest.param(LOCALES[name], id=name, marks=marks)
        for name, marks in (
            # Without UTF-8 mode: test_terminals, of tests/tui/terminal/test_terminal_e2e.py.
            ("C without UTF-8 mode", pytest.mark.slow),
            ("unset", pytest.mark.slow),
            ("invalid", pytest.mark.slow),
        )
    ],
)
def test_without_a_locale_the_screen_works(locale: dict[str, str], tmp_path: Path) -> None:
    with PlainProgram("-c", "add dimm0 256M", home=tmp_path, env=locale) as program:
        program.wait_for("step 1/1")
        program.send("Gm")
        program.wait_for("step 2/2")
        program.send("q")
        assert program.end() == 0
        assert program.after == program.before
        assert b"Traceback" not in program.raw


# -- homes and places ------------------------------------------------------------------------------
HOMES: list[dict[str, str]] = [{}, {"HOME": ""}, {"HOME": "relative"}]


def test_a_user_without_a_home(tmp_path: Path) -> None:
    statuses = {
        "show": 0, "config": 0, "themes": 0, "sessions": 2, "--resume": 2,
        "check shrink-e1-merged": 0,
    }  # fmt: skip
    some = ["show", "--resume"]  # what differs by the words in HOME is where it is looked for
    for home in HOMES:
        for line in some if home else statuses:
            status, said = unread(
                line.split(), {**PLAIN, **home}, tmp_path / "errors", homeless=True
            )
            assert b"Traceback" not in said
            assert status == statuses[line], said
            assert said.count(b"\n") == (1 if status else 0)
    assert not (ROOT / "~").exists()


class HomelessProgram(Program):
    """On a terminal, without HOME and any of the XDG directories."""

    @staticmethod
    def _environment(env: dict[str, str], home: Path | None) -> dict[str, str]:
        base = Program._environment(env, home)
        kept = {key: value for key, value in base.items() if not key.startswith("XDG_")}
        return {**kept, "HOME": "relative"}


def test_the_screen_of_a_user_without_a_home_says_that_nothing_is_kept(tmp_path: Path) -> None:
    with HomelessProgram("-c", "add dimm0 256M", home=tmp_path, size=(120, 40)) as program:
        program.wait_for("step 1/1")
        program.wait_for("is not being kept")
        program.send("q")
        assert program.end() == 0
        assert program.after == program.before
        assert b"Traceback" not in program.raw


@pytest.mark.parametrize(
    "place", ["/dev/null/here", pytest.param("/proc/nowhere", marks=pytest.mark.slow)]
)
def test_a_state_directory_that_cannot_be_made(place: str, tmp_path: Path) -> None:
    env = {"PFNMAP_STATE_DIR": place}
    with Program("-c", "add dimm0 256M", home=tmp_path, env=env, size=(160, 40)) as program:
        program.wait_for("step 1/1")
        program.wait_for("is not being kept")
        program.send("Gm")
        program.wait_for("step 2/2")  # the session itself goes on
        program.send("q")
        assert program.end() == 0
        left = bytes(program.raw).rpartition(b"\x1b[?1049l")[2].decode()
        assert "pfnmap: the session goes on but is not being kept: " + place in left
        assert program.after == program.before
