"""Which kernels are here, which is meant, and what is said of what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.guest import kernels as kernels_module
from pfnmap.engine.guest.errors import MissingPartError
from pfnmap.engine.guest.fetch import fetch
from pfnmap.engine.guest.kernels import busybox, kernel_named, kernels, qemu
from tests.engine.guest import tools


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PFNMAP_KERNELS", str(tmp_path))
    monkeypatch.setattr(kernels_module, "host_arch", lambda: "x86_64")
    return tmp_path


def test_the_newest_of_a_release_and_of_all_is_chosen(folder: Path) -> None:
    tools.image(folder / "vmlinuz-6.12", release="6.12.9-cloud-amd64")
    tools.image(folder / "deb" / "boot" / "vmlinuz-6.12.117", release="6.12.117-cloud-amd64")
    tools.image(folder / "vmlinuz-6.1", release="6.1.0-56-amd64")
    arm = folder / "arm" / "boot" / "vmlinuz-7.3.4-arm64"
    arm.parent.mkdir(parents=True)
    arm.write_bytes(b"\0" * 0x38 + b"ARM\x64")
    (folder / "vmlinuz-notes.txt").write_text("no kernel")
    assert [k.release for k in kernels()] == [
        "6.1.0-56-amd64",
        "6.12.9-cloud-amd64",
        "6.12.117-cloud-amd64",
        "7.3.4-arm64",
    ]
    assert kernel_named("6.12").release == "6.12.117-cloud-amd64"
    assert kernel_named("6.1").release == "6.1.0-56-amd64"
    assert kernel_named().release == "6.12.117-cloud-amd64"
    assert kernel_named(arch="arm64").image == arm
    assert kernel_named(str(arm)).arch == "arm64"


@pytest.mark.parametrize("library", ["lib", "usr/lib"])
def test_modules_are_found_beside_the_image_and_in_the_folder_that_is_named(
    folder: Path, library: str
) -> None:
    path = tools.image(folder / "x" / "boot" / "vmlinuz-6.1", release="6.1.0-56-amd64")
    tree = folder / "x" / library / "modules" / "6.1.0-56-amd64"
    (tree / "kernel").mkdir(parents=True)
    (tree / "kernel" / "nd-pmem.ko.xz").touch()
    found = kernel_named(str(path))
    assert found.modules == tree
    assert found.module_files(["nd_pmem", "absent"]) == {"nd_pmem": tree / "kernel/nd-pmem.ko.xz"}
    assert kernel_named("6.1").modules == tree
    assert kernel_named(str(path), modules=folder / "x").modules == tree
    elsewhere = folder / "mine"
    elsewhere.mkdir()
    assert kernel_named(str(path), modules=elsewhere).modules == elsewhere


def test_modules_of_a_build_tree(folder: Path) -> None:
    path = tools.image(folder / "linux" / "arch" / "x86" / "boot" / "bzImage", release="7.4.0-rc1+")
    (folder / "linux" / "modules.order").touch()
    assert kernel_named(str(path)).modules == folder / "linux"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("6.9", "no kernel 6.9 for x86_64 in .*; name the file of an image, or run: pfnmap vm"),
        ("", "no kernel for x86_64 in "),
        ("./bzImage", "./bzImage: there is no such file"),
        ("/etc/hostname", "/etc/hostname: this is no kernel image for x86_64 or arm64"),
    ],
)
def test_a_kernel_that_is_not_there_is_named_with_the_remedy(
    folder: Path, name: str, said: str
) -> None:
    with pytest.raises(MissingPartError, match=said):
        kernel_named(name)


@pytest.mark.parametrize(
    ("distribution", "package"),
    [
        ("ubuntu debian", "alled; the package qemu-system-x86 has it"),
        ("fedora", "alled; the package qemu-system-x86-core has it"),
        ("nixos", "alled$"),
    ],
)
def test_a_missing_program_is_named_with_the_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch, distribution: str, package: str
) -> None:
    monkeypatch.setattr(kernels_module, "distribution", lambda: distribution)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingPartError, match="qemu-system-x86_64 is not inst" + package):
        qemu("x86_64")
    (folder / "busybox").write_bytes(b"\x7fELF dynamic, of some kind")
    (folder / "busybox").chmod(0o755)
    with pytest.raises(MissingPartError, match="a static busybox is not installed"):
        busybox("x86_64")
    with pytest.raises(MissingPartError, match="no busybox for arm64 here; run: pfnmap vm"):
        busybox("arm64")
    tools.busybox(folder / "busybox")
    assert busybox("x86_64").startswith(b"\x7fELF")


def test_fetch_knows_releases_and_debian_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingPartError, match=r"--fetch newest: expected a release such as 6\.12"):
        fetch("newest")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingPartError, match="apt-get, dpkg-deb and Debian's keyring"):
        fetch("6.12")
