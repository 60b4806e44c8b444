"""Trees of kernel files and captures: wrong contents, missing files, files that vanish."""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.sysroot.capture import capture_bytes, load_capture, parse_capture
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read import Reader, observe
from pfnmap.engine.sysroot.trees import DirectoryTree, FileProblem, TextTree, Tree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.trace import load_trace
from pfnmap.tui.documents.view import as_json, view_data
from pfnmap.tui.text.blocks import table_lines
from pfnmap.tui.text.frame import render_text
from tests.engine.sysroot.recorded import recorded_files
from tests.fuzz.damage import NASTY_TEXTS, NUMBERS, damaged_bytes, damaged_value, nasty_text
from tests.fuzz.inputs import Inputs
from tests.fuzz.texts import Broken
from tests.fuzz.traces import FOLDER

NAMES = ("gap-shrink", "pmem-altmap", "walk-6.1-mom", "node-one-empty-6.12", "hvo-boot-6.12")
MANY_BLOCKS = 20_000
"""Beyond this data are not made: they take a time that grows with the blocks, not the file."""
Files = dict[str, bytes]


@cache
def trees() -> tuple[tuple[Files, tuple[str, ...]], ...]:
    """Files and links of recorded machines, at boot and after the last step."""
    out = []
    for name in NAMES:
        trace = load_trace(FOLDER / f"{name}.json")
        for state in (trace.boot, trace.steps[-1].after):
            files, links = recorded_files(trace, state, trace.params)
            out.append((files, tuple(links)))
    return tuple(out)


@dataclass(frozen=True)
class Machine:
    """A tree as an input."""

    files: tuple[tuple[str, bytes], ...]
    links: tuple[str, ...]
    vanishing: int
    """Seed of the files that vanish while it is read; 0: none does."""
    on_disk: bool


class VanishingTree(TextTree):
    """Files and directories that are gone, or fail, between one look and the next."""

    def __init__(self, name: str, files: Mapping[str, bytes], links: Sequence[str], seed: int):
        super().__init__(name, files, links)
        self._rng = Random(seed)

    def _maybe(self, path: str) -> None:
        if self._rng.random() < 0.1:
            code = self._rng.choice((errno.ENOENT, errno.EIO, errno.EACCES, errno.ENODEV))
            raise FileProblem(path, code)

    def read(self, path: str, limit: int) -> bytes:
        """The content of a file, if it is still there."""
        self._maybe(path)
        return super().read(path, limit)

    def names(self, path: str) -> list[str]:
        """Names in a directory, if it is still there."""
        self._maybe(path)
        return super().names(path)

    def subdirectories(self, path: str) -> dict[str, int]:
        """Directories in a directory, if it is still there."""
        self._maybe(path)
        return super().subdirectories(path)


def looked_at(view: SysrootView) -> None:
    """Everything that is printed of a machine; plain ASCII lines."""
    lines = [*render_text(view), *table_lines(view), *view.assumptions]
    if view.nr_blocks <= MANY_BLOCKS:
        as_json(view_data(view))
    if wrong := next((line for line in lines if not line.isprintable()), None):
        raise Broken(f"no printable line: {wrong!r}")
    _ = view.state
    for line in ("offline 33", "online 33", "add new 256M", "remove 33"):
        command = parse_line(line)
        assert command is not None
        with contextlib.suppress(PfnmapError):  # such as a block that does not exist
            plan(view, [command])


class Trees(Inputs[Machine]):
    """A directory in the layout of ``/sys`` and ``/proc``."""

    what = "trees"

    def make(self, rng: Random) -> Machine:
        """A recorded machine with some files damaged, missing, moved or made up."""
        files, links = rng.choice(trees())
        content = dict(files)
        names = list(links)
        for _ in range(rng.randrange(6)):
            path = rng.choice(list(content))
            match rng.randrange(6):
                case 0:
                    del content[path]
                case 1:
                    content[path] = damaged_bytes(rng, content[path], list(files.values()))
                case 2:
                    content[path] = f"{rng.choice((*NASTY_TEXTS, *NUMBERS))}\n".encode(
                        "utf-8", "surrogatepass"
                    )
                case 3:
                    content[path] = rng.choice(list(files.values()))
                case 4:
                    content[path.replace("memory", f"memory{rng.choice(NUMBERS)}")] = b"online\n"
                case _:
                    names.append(f"{path.rpartition('/')[0]}/node{rng.choice(NUMBERS)}")
        vanishing = rng.choice((0, 0, rng.randrange(1, 1 << 30)))
        return Machine(tuple(content.items()), tuple(names), vanishing, rng.random() < 0.05)

    def use(self, item: Machine) -> str:
        """Read it, read it again, print and plan, keep it, and compare it with what it was."""
        if item.on_disk:
            with TemporaryDirectory() as folder:
                _put(Path(folder), item)
                return self._watched(Path(folder))
        tree = TextTree("fuzzed", dict(item.files), item.links)
        if item.vanishing:
            tree = VanishingTree("fuzzed", dict(item.files), item.links, item.vanishing)
        return self._read(tree)

    @staticmethod
    def _read(tree: Tree) -> str:
        reader = Reader(tree)
        view = SysrootView(reader.read())
        looked_at(view)
        again = SysrootView(reader.read())
        explain(view, again)
        files, links = trees()[0]
        explain(SysrootView(observe(TextTree("before", files, links))), again)
        kept = capture_bytes(again.observation)
        if capture_bytes(parse_capture(kept, "kept")) != kept:
            raise Broken("a capture that was read is not what was written")
        return "works"

    @staticmethod
    def _watched(folder: Path) -> str:
        session = ObservedHistory(Watcher(DirectoryTree(folder)))
        looked_at(session.view)
        for path in sorted(folder.rglob("state"))[:2]:
            path.unlink()
        session.poll()
        looked_at(session.view)
        return "works"

    def nr_bytes(self, item: Machine) -> int:
        """All contents."""
        return sum(len(data) for _, data in item.files)

    def shown(self, item: Machine) -> list[str]:
        """A file a line."""
        files = [f"{path}: {data!r}" for path, data in item.files]
        return [*files, f"links: {item.links}, vanishing {item.vanishing}, disk {item.on_disk}"]


def _put(folder: Path, item: Machine) -> None:
    """Make the tree on disk, as far as its names allow."""
    for path, data in item.files:
        with contextlib.suppress(OSError, ValueError):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    for path in item.links:
        with contextlib.suppress(OSError, ValueError):
            os.symlink("../../node/nowhere", folder / path)


@cache
def captures() -> tuple[Observation, ...]:
    """Observations of the recorded machines."""
    return tuple(observe(TextTree("recorded", files, links)) for files, links in trees())


class Captures(Inputs[bytes]):
    """A capture or a text dump of a machine."""

    what = "captures"

    def make(self, rng: Random) -> bytes:
        """A capture with other values or bytes, packed or not; a text dump with other bytes."""
        observation = rng.choice(captures())
        roll = rng.random()
        if roll < 0.6:
            data = json.dumps(
                damaged_value(rng, json.loads(capture_bytes(observation))), default=str
            ).encode()
            return gzip.compress(data, 1) if rng.random() < 0.1 else data
        if roll < 0.8:
            packed = capture_bytes(observation, compress=rng.random() < 0.5)
            return damaged_bytes(rng, packed)
        files, links = rng.choice(trees())
        lines = [f"{path}:{data.decode().rstrip()}" for path, data in files.items()] + list(links)
        text = "\n".join(lines) + nasty_text(rng)
        return damaged_bytes(rng, text.encode("utf-8", "surrogatepass"))

    def use(self, item: bytes) -> str:
        """Load it and print what it says."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "fuzzed.json"
            file.write_bytes(item)
            observation = load_capture(file)
        looked_at(SysrootView(observation))
        return "works"
