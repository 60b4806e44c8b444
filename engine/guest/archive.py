"""The guest's root file system: a gzip-compressed cpio archive, written here byte by byte.

Written in Python because the format is small, and because an archive made from names and
bytes alone needs neither root (device nodes) nor a scratch directory.
"""

from __future__ import annotations

import gzip
import lzma
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pfnmap.engine.guest.images import BUSYBOX, Image, MissingPartError, program
from pfnmap.engine.sysroot.dumps import SHELL_LINE

INIT_SCRIPT = Path(__file__).with_name("init.sh")
_FOLDERS = ("bin", "dev", "lib", "lib/modules", "proc", "sys", "tmp")
_CONSOLE = (5, 1)

CAPTURE_SCRIPT = f"#!/bin/sh\ncd /tmp || exit\n{SHELL_LINE}\ncat dump.txt\n"
"""The line that a person pastes into a shell, and what it made."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the archive."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(name: str) -> Entry:
    """A directory."""
    return Entry(name, stat.S_IFDIR | 0o755)


def script(name: str, content: bytes) -> Entry:
    """A file that can be executed."""
    return Entry(name, stat.S_IFREG | 0o755, content)


def newc(entries: Iterable[Entry]) -> bytes:
    """The archive in cpio's "new ASCII" format, the one the kernel's initramfs code reads."""
    out = bytearray()
    for inode, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], start=1):
        name = entry.name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        fields = (
            *(inode, entry.mode, 0, 0, links, 0, len(entry.content)),
            *(0, 0, *entry.device, len(name), 0),
        )
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4)
        out += entry.content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def initramfs(image: Image, modules: Iterable[str]) -> bytes:
    """busybox, our init script and these modules, to be loaded in this order.

    A module that the kernel has built in is left out; one that it lacks shows when the
    guest misses the driver's files, with the driver's own words.
    """
    entries = [folder(name) for name in _FOLDERS]
    entries.append(Entry("dev/console", stat.S_IFCHR | 0o600, device=_CONSOLE))
    entries.append(script("bin/busybox", program(BUSYBOX).read_bytes()))
    entries.append(script("init", INIT_SCRIPT.read_bytes()))
    entries.append(script("bin/capture", CAPTURE_SCRIPT.encode()))
    order = []
    for name in modules:
        path = image.module(name)
        if path is not None:
            entries.append(script(f"lib/modules/{name}.ko", _unpacked(path)))
            order.append(f"{name}.ko\n")
    entries.append(script("lib/modules/order", "".join(order).encode()))
    return gzip.compress(newc(entries), compresslevel=1, mtime=0)


def _unpacked(path: Path) -> bytes:
    match path.suffix:
        case ".ko":
            return path.read_bytes()
        case ".xz":
            return lzma.decompress(path.read_bytes())
        case ".gz":
            return gzip.decompress(path.read_bytes())
    raise MissingPartError(f"{path}: cannot unpack modules compressed as {path.suffix}")
