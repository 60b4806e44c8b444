"""Debian's kernels, with an apt that answers from a list: which packages, and where to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pfnmap.engine.guest import fetch as fetch_module
from pfnmap.engine.guest import kernels as kernels_module
from pfnmap.engine.guest.errors import MissingPartError
from pfnmap.engine.guest.fetch import fetch
from tests.engine.guest import tools

NAMES = """\
linux-image-6.1.0-9-amd64
linux-image-6.1.0-40-amd64
linux-image-6.12.9+deb13-cloud-amd64
linux-image-6.12.57+deb13-cloud-amd64
linux-binary-7.3.2+deb14-cloud-amd64
linux-modules-7.3.2+deb14-cloud-amd64
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that apt is given; a package that is unpacked holds an image."""
    commands: list[str] = []

    def run(command: list[str], cwd: Path = tmp_path, **_: Any) -> Any:
        match command:
            case ["apt-get", "indextargets", *_]:
                return SimpleNamespace(stdout="http://mirror/security/\nhttp://mirror/debian/\n")
            case ["apt-get", "download", _, package] if "40" in package:
                return SimpleNamespace(returncode=100, stderr="E: 404\n", stdout="")
            case ["apt-get", "download", _, package]:
                (cwd / f"{package}.deb").touch()
            case ["dpkg-deb", _, archive, folder]:
                release = Path(archive).name.split("-", 2)[2].removesuffix(".deb")
                tools.image(Path(folder) / "boot" / f"vmlinuz-{release}", release=release)
        commands.append(" ".join(command[:2]))
        return SimpleNamespace(returncode=0, stdout=NAMES)

    monkeypatch.setattr(fetch_module, "KEYRING", Path(__file__))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    for module in (fetch_module, kernels_module):
        monkeypatch.setattr(module, "host_arch", lambda: "x86_64")
    monkeypatch.setenv("PFNMAP_KERNELS", str(tmp_path / "kernels"))
    return commands


def test_the_newest_build_of_a_release_is_unpacked_among_the_kernels(
    asked: list[str], tmp_path: Path
) -> None:
    said: list[str] = []
    kernel = fetch("6.12", say=said.append)
    assert kernel.release == "6.12.57+deb13-cloud-amd64"
    assert kernel.image.is_relative_to(tmp_path / "kernels")
    assert said == ["fetching linux-image-6.12.57+deb13-cloud-amd64"]
    assert asked == ["apt-get update", "apt-cache pkgnames", "apt-get download", "dpkg-deb -x"]
    sources = (tmp_path / "kernels/apt/amd64/sources.list").read_text()
    assert "http://mirror/debian/ trixie main\n" in sources


def test_image_and_modules_may_be_two_packages(asked: list[str]) -> None:
    said: list[str] = []
    assert fetch("7.3", say=said.append).release.startswith("7.3.2")
    assert [line.split("-")[1] for line in said] == ["binary", "modules"]


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("9.9", "Debian offers no kernel 9.9 for x86_64 in bookworm, "),
        ("6.1", "apt-get download: E: 404"),
    ],
)
def test_what_debian_does_not_have_is_said(asked: list[str], release: str, message: str) -> None:
    with pytest.raises(MissingPartError, match=f"^{message}"):
        fetch(release)
