"""What the subcommands print, whatever they are given and wherever they run.

``outputs``: scenarios, recordings and captures that are damaged; ``places``: files that are none
and variables of the environment with junk. No traceback, no control byte, no end of it: each is a
process of its own with a limit for everything.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import traceback
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pfnmap.engine.errors import InputError
from pfnmap.tui import cli
from tests.fuzz.inputs import Inputs
from tests.fuzz.texts import Broken, Scenarios, scenarios
from tests.fuzz.traces import Traces
from tests.fuzz.trees import Captures

SHOWN = ("show", "show --json", "show --step last", "show --step 2 --json", "figure --ascii")
RUN = (*SHOWN, "run", "run --json", "check", "fmt", "compare --profile 6.1")
READ = (*SHOWN, "blocks", "blocks -J", "blocks -a", "plan -c remove=33")
MAKERS: tuple[tuple[Inputs[bytes], str, tuple[str, ...]], ...] = (
    (Scenarios(), ".hotplug", RUN),
    (Traces(), ".json", (*SHOWN, "verify", "figure")),
    (Captures(), ".json", READ),
)
"""What is damaged, and the subcommands that it is for; of a file of a wrong kind they say so."""
ANY: tuple[str, ...] = (*RUN, *READ, "verify", "figure -o output.svg", "export -o output.html")
LINES = ("run", "check", "figure")
"""Those that take lines after ``-c``."""
NAMES = ("COLUMNS", "LINES", "TERM", "NO_COLOR", "COLORTERM", "FORCE_COLOR", "HOME", "LANG",
         "LC_ALL", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PFNMAP_STATE_DIR", "LSMEM_COLUMNS",
         "TZ", "PATH")  # fmt: skip
VALUES = ("", "0", "-1", "1", "80", "99999999", "9" * 400, "dumb", "xterm-256color", "C", "de_DE",
          "/", "/dev/null", "/proc", "/nowhere/at/all", "~", ".", "\x1b[31m", "é", "a" * 5000,
          "RANGE,SIZE", "[" * 60)  # fmt: skip
SPECIAL = ("directory", "/dev/null", "/dev/zero", "loop", "locked", "missing")
MAX_PRINTED = 32 << 20
SECONDS = 20
BYTES = 3 << 30


class Called(NamedTuple):
    """A command line, its file or what stands in its place, and the environment."""

    words: tuple[str, ...]
    ending: str
    content: bytes | str
    env: tuple[tuple[str, str], ...] = ()
    output: str = "missing"
    """What is where it is written to."""


def _put(file: Path, content: bytes | str) -> None:
    """Make the file, or what is in its place."""
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "fifo":
        os.mkfifo(file)
    elif content == "directory":
        file.mkdir()
    elif content == "locked":
        file.write_text("machine\n")
        file.chmod(0)
    elif content != "missing":
        file.symlink_to(file if content == "loop" else content)


@cache
def _imported() -> None:
    for command in {*ANY, *LINES}:
        importlib.import_module(f"pfnmap.tui.cli.{command.split()[0]}")


def _child(item: Called, folder: Path) -> None:
    """The process: nobody comes back from here."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_PRINTED, MAX_PRINTED))
        for stream, name in ((0, os.devnull), (1, "printed"), (2, "said")):
            os.dup2(os.open(folder / name, os.O_RDWR | os.O_CREAT), stream)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
        os.environ.update(item.env)
        os.chdir(folder)
        file = ["input" + item.ending] if item.ending else []
        words = [word.replace("=33", " 33") for word in item.words]
        status = cli.main([words[0], *file, *words[1:]])
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 99
    sys.stderr.flush()
    os._exit(status)


class Outputs(Inputs[Called]):
    """Damaged files of every kind, to every subcommand."""

    what = "outputs"

    def make(self, rng: Random) -> Called:
        """A subcommand and what it takes, or does not."""
        if rng.random() < 0.3:
            lines = Scenarios().make(rng).decode("utf-8", "replace").replace("\0", "?").split("\n")
            given = [word for line in lines[:12] for word in ("-c", line)]
            return Called((rng.choice(LINES), *given), "", "missing")
        maker, ending, fits = rng.choice(MAKERS)
        words = rng.choice(ANY) if rng.random() < 0.2 else rng.choice(fits)
        return Called(tuple(words.split()), ending, maker.make(rng))

    def use(self, item: Called) -> str:
        """Run it, and look at what it left."""
        _imported()
        with TemporaryDirectory() as name:
            folder = Path(name)
            if item.ending:
                _put(folder / f"input{item.ending}", item.content)
            for ending in (".svg", ".html"):
                _put(folder / f"output{ending}", item.output)
            if not (child := os.fork()):
                _child(item, folder)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said = (folder / "said").read_bytes().decode("utf-8", "backslashreplace")
            printed = (folder / "printed").read_bytes().decode("utf-8", "backslashreplace")
        if status not in (0, 1, 2) or "Traceback" in said:
            raise Broken(f"it ended with {status}: {said[-1500:]!r}")
        for text in (said, printed):
            lines = text.replace("\r\n", "\n").replace("\t", " ").split("\n")
            if wrong := next((line for line in lines if not line.isprintable()), None):
                raise Broken(f"no printable line: {wrong[:300]!r}")
        if status == cli.EXIT_WRONG:
            if not said.strip() and not printed.strip():
                raise Broken("refused without a word")
            raise InputError("refused")
        return "works"

    def nr_bytes(self, item: Called) -> int:
        """Of its file."""
        return len(item.content)


class Places(Outputs):
    """Things that are no files, and environments that are none."""

    what = "places"

    def make(self, rng: Random) -> Called:
        """A sound scenario, or something special, with a few variables set to junk.

        Where it is written to, something special may be there; a pipe is one too, and is read to
        its end where it is an input.
        """
        special = rng.random() < 0.4
        content = rng.choice(SPECIAL) if special else rng.choice(scenarios()).encode()
        env = tuple((rng.choice(NAMES), rng.choice(VALUES)) for _ in range(rng.randrange(4)))
        ending = rng.choice((".hotplug", ".json", "", ".gz")) if special else ".hotplug"
        return Called(
            tuple(rng.choice(ANY).split()),
            ending or ".txt",
            content,
            env,
            rng.choice((*SPECIAL, "fifo")),
        )
