"""Fetch one of Debian's kernels into the kernel folder: unpacked there, installed nowhere.

apt does it with a configuration of its own inside that folder, so that neither this machine's
package lists nor its rights matter. Only ``pfnmap vm --fetch`` comes here; nothing else in the
program uses the network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from pfnmap.engine.guest.errors import MissingPartError
from pfnmap.engine.guest.kernels import Kernel, host_arch, kernel_folder, kernel_named

DEBIAN = {"x86_64": "amd64", "arm64": "arm64"}
"""What Debian calls the machines."""
SUITES = ("bookworm", "bookworm-backports", "trixie", "trixie-backports")
MIRROR = "http://deb.debian.org/debian/"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_KINDS = (
    # Up to 6.1 the number of the build stands behind the release; kernels for clouds are small;
    # from 7.3 on the image and the modules are packages of their own.
    (r"linux-image-{}\.0-\d+-{}",),
    (r"linux-image-{}\.\S*-cloud-{}",),
    (r"linux-binary-(?:unsigned-)?{}\.\S*-cloud-{}", r"linux-modules-{}\.\S*-cloud-{}"),
)
"""Patterns of the packages that make a kernel, of release and machine; the first kind counts."""


def fetch(release: str, arch: str = "", say: Callable[[str], None] = lambda _line: None) -> Kernel:
    """Fetch the newest build of a release, such as ``6.12``.

    Raises:
        MissingPartError: There is no apt here, or Debian does not offer it.
    """
    arch = arch or host_arch()
    if not re.fullmatch(r"\d{1,2}\.\d{1,3}", release):
        raise MissingPartError(f"--fetch {release}: expected a release such as 6.12")
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None or not KEYRING.is_file():
        raise MissingPartError(
            "apt-get, dpkg-deb and Debian's keyring are needed to fetch Debian's kernels; put an "
            f"image (and lib/modules/RELEASE) into {kernel_folder()}, or name its file"
        )
    apt = _Apt(kernel_folder() / "apt" / DEBIAN[arch], DEBIAN[arch], say)
    apt.run("apt-get", "update", "-q")
    names = apt.run("apt-cache", "pkgnames", "linux-").split()
    for patterns in _KINDS:
        found = [_newest(names, each.format(re.escape(release), DEBIAN[arch])) for each in patterns]
        if all(found):
            break
    else:
        raise MissingPartError(
            f"Debian offers no kernel {release} for {arch} in {', '.join(SUITES)}"
        )
    for package in found if arch == host_arch() else [*found, "busybox-static"]:
        say(f"fetching {package}")
        apt.unpack(package, kernel_folder() / f"{found[0]}-{DEBIAN[arch]}")
    return kernel_named(release, arch=arch)


def _newest(names: list[str], pattern: str) -> str:
    found = [name for name in names if re.fullmatch(pattern, name)]
    return max(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)], default="")


class _Apt:
    """apt with lists and a cache of its own."""

    def __init__(self, folder: Path, machine: str, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        for part in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        signed = f"[arch={machine} signed-by={KEYRING}]"
        sources = "".join(f"deb {signed} {_mirror()} {suite} main\n" for suite in SUITES)
        (folder / "sources.list").write_text(sources, encoding="ascii")
        (folder / "status").touch()
        words = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "root",
            "APT::Architecture": machine,
            "APT::Architectures": machine,
            "Acquire::Languages": "none",
        }
        text = "".join(f'{name} "{value}";\n' for name, value in words.items())
        (folder / "apt.conf").write_text(text, encoding="utf-8")

    def run(self, *command: str) -> str:
        """One of apt's programs; what it printed. That a suite is gone is no harm."""
        environment = {"APT_CONFIG": str(self._folder / "apt.conf"), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command,
            env=environment,
            cwd=self._folder / "packages",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and command[1] != "update":
            last = (done.stderr.strip().splitlines() or ["no word of it"])[-1]
            raise MissingPartError(f"{' '.join(command[:2])}: {last}")
        return done.stdout

    def unpack(self, package: str, folder: Path) -> None:
        """Fetch a package and lay its files into a folder."""
        self.run("apt-get", "download", "-q", package)
        folder.mkdir(parents=True, exist_ok=True)
        for archive in (self._folder / "packages").glob("*.deb"):
            self.run("dpkg-deb", "-x", str(archive), str(folder))
            archive.unlink()


def _mirror() -> str:
    """The archive that this machine uses, where it is Debian."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return next((uri for uri in listed if uri.endswith("/debian/")), MIRROR)
