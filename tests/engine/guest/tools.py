"""A machine on which guests can be had without QEMU and kernels."""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pfnmap.engine.guest import guest as guest_module

LINE = Path(__file__).with_name("fake_line.py")
ROOT = Path(__file__).parents[3]


@functools.cache
def _players() -> Path:
    """Where fake guests are asked for; who plays them ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="pfnmap-qemu-")
    place = Path(folder.name) / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.guest.fake_qemu", str(server.fileno())],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / '.names'}:{ROOT}",
                 "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            pass_fds=[server.fileno()],
        )  # fmt: skip
    assert process.stdin is not None
    atexit.register(folder.cleanup)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return place


def image(
    path: Path, plays: Mapping[str, object] | None = None, release: str = "6.12.0-fake"
) -> Path:
    """A file that looks like a kernel image, and says what the fake guest of it plays."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = struct.pack("<H", 0x100)
    head[0x300 : 0x300 + len(release)] = release.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        bytes(head) + b"FAKE:" + json.dumps({"release": release, **(plays or {})}).encode()
    )
    return path


def busybox(path: Path) -> Path:
    """A file that looks like a static program for x86_64."""
    elf = b"\x7fELF\x02\x01".ljust(18, b"\0") + struct.pack("<H", 62)
    path.write_bytes(elf.ljust(64, b"\0"))
    path.chmod(0o755)
    return path


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fake QEMU and a busybox on the path, kernels in a folder of their own; that folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "qemu-system-x86_64"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -I -S {LINE} {_players()} "$@"\n', encoding="ascii"
    )
    program.chmod(0o755)
    busybox(programs / "busybox")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    kernels = tmp_path / "kernels"
    monkeypatch.setenv("PFNMAP_KERNELS", str(kernels))
    monkeypatch.setattr(guest_module, "accelerators", lambda _arch: ("tcg",))
    image(kernels / "vmlinuz-6.12.0-fake")
    return kernels
