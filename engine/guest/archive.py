"""The guest's root file system: a gzip-compressed cpio archive, written here byte by byte.

Written in Python because the format is small, and because an archive made from names and
bytes alone needs neither root (device nodes) nor a scratch directory.
"""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from pfnmap.engine.guest.calls import FOLLOWED
from pfnmap.engine.guest.errors import MissingPartError
from pfnmap.engine.guest.kernels import Kernel, busybox
from pfnmap.engine.sysroot.dumps import SHELL_LINE

INIT_SCRIPT = Path(__file__).with_name("init.sh")
_FOLDERS = ("bin", "dev", "lib", "lib/modules", "proc", "sys", "tmp")
_CONSOLE = (5, 1)
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")

CAPTURE_SCRIPT = f"#!/bin/sh\ncd /tmp || exit\n{SHELL_LINE}\ncat dump.txt\n"
"""The line that a person pastes into a shell, and what it made."""


class Entry(Struct, frozen=True):
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


def initramfs(kernel: Kernel, modules: Iterable[str]) -> bytes:
    """busybox, our init script and these modules with those that they need, in load order.

    A module that the kernel has built in is left out; what it lacks, it says when it is asked.
    """
    entries = [folder(name) for name in _FOLDERS]
    entries.append(Entry("dev/console", stat.S_IFCHR | 0o600, device=_CONSOLE))
    entries.append(script("bin/busybox", busybox(kernel.arch)))
    entries.append(script("init", INIT_SCRIPT.read_bytes()))
    entries.append(script("bin/capture", CAPTURE_SCRIPT.encode()))
    entries.append(script("lib/calls", "".join(f"{name}\n" for name in FOLLOWED).encode()))
    loaded = in_load_order(kernel, modules)
    entries += [script(f"lib/modules/{name}.ko", content) for name, content in loaded.items()]
    entries.append(script("lib/modules/order", "".join(f"{name}.ko\n" for name in loaded).encode()))
    return gzip.compress(newc(entries), compresslevel=1, mtime=0)


def in_load_order(kernel: Kernel, names: Iterable[str]) -> dict[str, bytes]:
    """Modules, unpacked, each behind those that it says it depends on (its ``.modinfo``)."""
    files = kernel.module_files(names)
    loaded: dict[str, bytes] = {}
    for name in names:
        if name in files and name not in loaded:
            content = _unpacked(files[name])
            found = _DEPENDS.search(content)
            needs = [each for each in (found[1].decode() if found else "").split(",") if each]
            loaded |= in_load_order(kernel, [each for each in needs if each not in loaded])
            loaded[name] = content
    return loaded


def _unpacked(path: Path) -> bytes:
    packed = path.read_bytes()
    match path.suffix:
        case ".ko":
            return packed
        case ".xz":
            return lzma.decompress(packed)
        case ".gz":
            return gzip.decompress(packed)
    if (zstd := shutil.which("zstd")) is None:
        raise MissingPartError(f"{path}: zstd is not installed; the package zstd has it")
    return subprocess.run([zstd, "-dc"], input=packed, capture_output=True, check=True).stdout
