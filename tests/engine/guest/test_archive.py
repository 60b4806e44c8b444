"""The guest's root file system."""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import pytest

from pfnmap.engine.guest.archive import INIT_SCRIPT, Entry, folder, in_load_order, newc, script
from pfnmap.engine.guest.kernels import Kernel


def test_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    archive = newc([folder("bin"), script("bin/x", b"#!/bin/sh\n"), Entry("odd", 0o100644, b"abc")])
    assert len(archive) % 4 == 0
    try:
        listed = subprocess.run(
            ["busybox", "cpio", "-t"], input=archive, capture_output=True, check=True, cwd=tmp_path
        )
    except FileNotFoundError:
        pytest.skip("busybox is not installed")
    assert listed.stdout.decode().split() == ["bin", "bin/x", "odd"]


def test_init_script_has_no_syntax_error() -> None:
    subprocess.run(["sh", "-n", str(INIT_SCRIPT)], check=True)


def test_modules_stand_behind_what_they_depend_on(tmp_path: Path) -> None:
    def module(name: str, depends: str) -> None:
        content = b"ELF\0name=x\0depends=" + depends.encode() + b"\0"
        (tmp_path / f"{name}.ko.xz").write_bytes(lzma.compress(content))

    module("virtio-mem", "virtio,built_in")
    module("virtio", "virtio_ring")
    module("virtio_ring", "")
    kernel = Kernel(tmp_path / "vmlinuz", "x86_64", modules=tmp_path)
    loaded = in_load_order(kernel, ["virtio_mem", "not_there"])
    assert list(loaded) == ["virtio_ring", "virtio", "virtio_mem"]
    assert loaded["virtio"].startswith(b"ELF")
