"""Trees of kernel files: a directory on disk, or the lines of a text dump.

Nothing here writes but :meth:`Reachable.write`, which only ``operate`` calls. A path is relative to
the root of the tree and has no leading slash (``sys/devices/system/memory``). Links are followed
inside the tree only, so a dump never shows the machine it is read on. What cannot be read raises
:class:`FileProblem`, which says in words why.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import masked

READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""Never for writing, never through a link, never waiting for a pipe, never taking a terminal."""

SHORT_BYTES = 256
"""Most bytes of a file that holds one value."""
MAX_LINKS = 16
MAX_WORD = 64

_WHY: dict[int, str] = {
    errno.ENOENT: "not there",
    errno.ENODEV: "gone while it was read",
    errno.EACCES: "not readable without more rights",
    errno.EPERM: "not readable without more rights",
    errno.ELOOP: "a symbolic link that leads nowhere",
    errno.ENOTDIR: "not a directory",
    errno.EISDIR: "a directory, not a file",
    errno.EIO: "input/output error",
    errno.EFBIG: "too large to be the kernel's",
    errno.EAGAIN: "nothing to read",
    errno.ENXIO: "not a file",
}


class FileProblem(Exception):
    """A file of the tree that cannot be read: which, and why in words."""

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        super().__init__(f"{path}: {self.why}")

    @property
    def why(self) -> str:
        """The reason in words, e.g. ``not there``."""
        return _WHY.get(self.number, os.strerror(self.number).lower())


def clean(data: bytes | str, limit: int = MAX_WORD) -> str:
    """One line of text from outside: printable ASCII, bounded; anything else becomes ``?``."""
    text = data.decode("ascii", "replace") if isinstance(data, bytes) else data
    return masked(text[:limit].strip(), ascii_only=True)


class Tree(Protocol):
    """What the reader needs of a tree."""

    name: str
    """What to call the tree in messages."""
    is_this_machine: bool
    """True for the root of the running system."""

    def read(self, path: str, limit: int) -> bytes:
        """The content of a file; FileProblem, also where it is longer than ``limit``."""

    def names(self, path: str) -> Sequence[str]:
        """Names in a directory, unsorted; FileProblem."""

    def subdirectories(self, path: str) -> Mapping[str, int]:
        """Names of the real directories (no links) in a directory with their inode numbers."""

    def stamp(self, path: str) -> object:
        """Something that is another once a name came into a directory, or left it."""

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        """Many small files below a directory, in order.

        Returns the contents (empty where a file cannot be read) and index to errno of those.
        """


@runtime_checkable
class Reachable(Protocol):
    """A machine that is there: it can be asked about its pages, and written to."""

    piece_bytes: int
    """How many bytes are worth being read at each of many places of a large file."""

    def ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes [start, start + length) of a file for each of the ranges, which ascend.

        Short, or empty, behind its end. FileProblem.
        """

    def write(self, path: str, word: str) -> str | None:
        """Write a word into a file that is there; the error's name, None for success."""

    def close(self) -> None:
        """Let go of the machine; a reading under way in another thread ends."""


class DirectoryTree:
    """A tree on disk."""

    piece_bytes = 128
    """What to read at one place of a large file: a system call costs little."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)
        self.name = clean(self.root, 200)
        self.is_this_machine = os.path.realpath(self.root) == "/"
        if not os.path.isdir(self.root):
            what = (
                "this is neither a directory nor a file"
                if os.path.exists(self.root)
                else "there is no such directory or file"
            )
            raise InputError(f"{self.name}: {what}; name the root of a tree, or a capture")

    def _resolve(self, path: str) -> str:
        """The path on disk, links followed inside the root only."""
        pending = [part for part in path.split("/") if part not in ("", ".")][::-1]
        done: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                done = done[:-1]
                continue
            try:
                target = os.readlink("/".join([self.root, *done, part]))
            except OSError:
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise FileProblem(path, errno.ELOOP)
            if target.startswith("/"):
                done = []
            pending += [step for step in target.split("/") if step not in ("", ".")][::-1]
        return "/".join([self.root, *done])

    def _open(self, path: str, flags: int = READ_FLAGS) -> int:
        try:
            return os.open(self._resolve(path), flags)
        except OSError as error:
            raise FileProblem(path, error.errno or errno.EIO) from None

    def directory(self, path: str) -> int:
        """A descriptor of a directory, for reading; the caller closes it. FileProblem."""
        return self._open(path, READ_FLAGS | os.O_DIRECTORY)

    def file(self, path: str) -> int:
        """A descriptor of a regular file, for reading; the caller closes it. FileProblem."""
        handle = self._open(path)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise FileProblem(path, errno.ENXIO)
        return handle

    def read(self, path: str, limit: int) -> bytes:
        """The content of a file."""
        handle = self._open(path)
        try:
            return _read_all(handle, limit)
        except OSError as error:
            raise FileProblem(path, error.errno or errno.EIO) from None
        finally:
            os.close(handle)

    def ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes [start, start + length) of a file for each range, short behind its end."""
        handle = self.file(path)
        try:
            return [os.pread(handle, length, start) for start, length in ranges]
        except OSError as error:
            raise FileProblem(path, error.errno or errno.EIO) from None
        finally:
            os.close(handle)

    def write(self, path: str, word: str) -> str | None:
        """Write a word into a file: no new file, no link followed. The error's name, or None."""
        above, _, name = path.rpartition("/")
        try:
            base = self.directory(above)
        except FileProblem as problem:
            return errno.errorcode.get(problem.number, "EIO")
        try:
            flags = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
            handle = os.open(name, flags, dir_fd=base)
            try:
                os.write(handle, f"{word}\n".encode("ascii"))
            finally:
                os.close(handle)
        except OSError as error:
            return errno.errorcode.get(error.errno or errno.EIO, "EIO")
        finally:
            os.close(base)
        return None

    def close(self) -> None:
        """Nothing is held."""

    def names(self, path: str) -> list[str]:
        """Names in a directory."""
        handle = self.directory(path)
        try:
            return os.listdir(handle)
        except OSError as error:
            raise FileProblem(path, error.errno or errno.EIO) from None
        finally:
            os.close(handle)

    def subdirectories(self, path: str) -> dict[str, int]:
        """Real directories in a directory, with inode numbers (both come with the listing)."""
        handle = self.directory(path)
        try:
            with os.scandir(handle) as entries:
                return {
                    entry.name: entry.inode()
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False)
                }
        except OSError as error:
            raise FileProblem(path, error.errno or errno.EIO) from None
        finally:
            os.close(handle)

    def stamp(self, path: str) -> object:
        """Something that is another once a name came into a directory, or left it.

        sysfs keeps no time of it, but how many directories there are: one that came for one that
        left shows in the listing alone.
        """
        with suppress(FileProblem, OSError):
            found = os.stat(self._resolve(path))
            return found.st_dev, found.st_ino, found.st_nlink, found.st_mtime_ns
        return None

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        """Many small files below a directory: three system calls each."""
        contents: list[bytes] = []
        failed: dict[int, int] = {}
        base = self.directory(path)
        # Local names: this loop runs for every file of every block.
        open_, read_, close_, append = os.open, os.read, os.close, contents.append
        flags, limit = READ_FLAGS, SHORT_BYTES
        # Few of them differ: each is kept once.
        known = dict[bytes, bytes]().setdefault
        try:
            for index, file in enumerate(files):
                try:
                    handle = open_(file, flags, dir_fd=base)
                except OSError as error:
                    failed[index] = error.errno or errno.EIO
                    append(b"")
                    continue
                try:
                    data = read_(handle, limit)
                    append(known(data, data))
                except OSError as error:
                    failed[index] = error.errno or errno.EIO
                    append(b"")
                finally:
                    close_(handle)
        finally:
            close_(base)
        return contents, failed


def _read_all(handle: int, limit: int) -> bytes:
    """Everything up to the limit; EFBIG where there is more, ENXIO for what is no file."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.ENXIO, "not a regular file")
    pieces: list[bytes] = []
    left = limit + 1
    while left > 0 and (piece := os.read(handle, min(left, 1 << 16))):
        pieces.append(piece)
        left -= len(piece)
    if left <= 0:
        raise OSError(errno.EFBIG, "too large")
    return b"".join(pieces)


class TextTree:
    """A tree in memory: file contents and directory entries, as a text dump gives them."""

    def __init__(self, name: str, files: Mapping[str, bytes], links: Iterable[str] = ()) -> None:
        """``links``: names without content; one with a slash at its end is a directory."""
        self.name = clean(name, 200)
        self.is_this_machine = False
        self._files = dict(files)
        self._children: dict[str, dict[str, bool]] = {}
        for path in (*files, *links):
            parts = path.split("/")
            for depth in range(1, len(parts)):
                children = self._children.setdefault("/".join(parts[:depth]), {})
                inner = depth < len(parts) - 1
                if parts[depth]:
                    children[parts[depth]] = children.get(parts[depth], False) or inner

    def read(self, path: str, limit: int) -> bytes:
        """The content of a file."""
        data = self._files.get(path)
        if data is None:
            raise FileProblem(path, errno.ENOENT)
        if len(data) > limit:
            raise FileProblem(path, errno.EFBIG)
        return data

    def names(self, path: str) -> list[str]:
        """Names in a directory."""
        if path not in self._children:
            raise FileProblem(path, errno.ENOENT)
        return list(self._children[path])

    def subdirectories(self, path: str) -> dict[str, int]:
        """Directories in a directory; a dump has no inodes."""
        if path not in self._children:
            raise FileProblem(path, errno.ENOENT)
        return {name: 0 for name, inner in self._children[path].items() if inner}

    def stamp(self, path: str) -> object:
        """Nothing changes in a dump."""
        return path

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        """Many small files below a directory."""
        found = [self._files.get(f"{path}/{file}") for file in files]
        failed = {index: errno.ENOENT for index, data in enumerate(found) if data is None}
        return [(data or b"")[:SHORT_BYTES] for data in found], failed


class Notes(Struct):
    """Sentences in the order found; files that are missing for one reason share a sentence."""

    sentences: dict[str, None] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sentence: str) -> None:
        """Note a sentence, once."""
        self.sentences.setdefault(sentence)

    def problem(self, problem: FileProblem) -> None:
        """Note a file that cannot be read."""
        self.problems.setdefault(problem.why, []).append(problem.path)

    def has(self, path: str) -> bool:
        """Whether a file is noted as one that cannot be read."""
        return any(path in paths for paths in self.problems.values())

    def copy(self) -> Notes:
        """The same notes, to go on from."""
        return Notes(dict(self.sentences), {why: list(p) for why, p in self.problems.items()})

    def lines(self) -> tuple[str, ...]:
        """Everything noted, ready to show."""
        missing = (f"{why}: {_paths(paths)}" for why, paths in self.problems.items())
        return (*self.sentences, *missing)


def _paths(paths: list[str]) -> str:
    """The paths, files of one directory together."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        groups.setdefault(directory, []).append(name)
    return ", ".join(
        f"{directory}/{names[0]}" if len(names) == 1 else f"{directory}/{{{','.join(names)}}}"
        for directory, names in groups.items()
    )
