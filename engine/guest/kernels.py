"""Which kernels are on this machine, and what is missing for booting one.

The kernel folder holds images (``vmlinuz*``, ``Image*``) at any depth, as unpacked packages have
them, and the ``lib/modules/RELEASE`` trees that go with them. It is ``$PFNMAP_KERNELS``, else the
user's cache directory.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from pfnmap.engine.guest.errors import MissingPartError
from pfnmap.engine.printable import printable

QEMU = {"x86_64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
FIRMWARE = (
    "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
    "/usr/share/edk2/aarch64/QEMU_EFI.fd",
    "/usr/share/qemu/edk2-aarch64-code.fd",
    "/usr/share/qemu/qemu-uefi-aarch64.bin",
)
"""Where distributions have UEFI for arm64, without which a guest there has no ACPI."""

_PACKAGES = {
    "debian": ("qemu-system-x86", "qemu-system-arm", "qemu-efi-aarch64", "busybox-static"),
    "fedora": ("qemu-system-x86-core", "qemu-system-aarch64-core", "edk2-aarch64", "busybox"),
    "arch": ("qemu-system-x86", "qemu-system-aarch64", "edk2-aarch64", "busybox"),
    "suse": ("qemu-x86", "qemu-arm", "qemu-uefi-aarch64", "busybox-static"),
    "alpine": ("qemu-system-x86_64", "qemu-system-aarch64", "aavmf", "busybox-static"),
}
"""By distribution: the packages with the two QEMUs, the firmware, a static busybox."""
_PARTS = (QEMU["x86_64"], QEMU["arm64"], "UEFI firmware for arm64", "a static busybox")

_ELF_MACHINES = {62: "x86_64", 183: "arm64"}
_PT_INTERP = 3
_ABOVE = ("", "*/", "*/*/")
"""How deep in the kernel folder a tree of modules may lie."""
_HEAD_BYTES = 1 << 16


class Kernel(Struct, frozen=True):
    """A kernel to boot: its image and, where there is one, its tree of modules."""

    image: Path
    arch: str
    """``x86_64`` or ``arm64``."""
    release: str = ""
    """As far as the image or its place says it."""
    modules: Path | None = None

    @property
    def title(self) -> str:
        """What to call it before it says its own name."""
        return printable(self.release or self.image.name)

    def module_files(self, names: Iterable[str]) -> dict[str, Path]:
        """The file of each module that this kernel has as one, whatever it is compressed with."""
        wanted = {_spelt(name) for name in names}
        found: dict[str, Path] = {}
        if self.modules is not None:
            for path in sorted(self.modules.rglob("*.ko*")):
                name, _, ending = path.name.partition(".ko")
                if _spelt(name) in wanted and ending in ("", ".xz", ".gz", ".zst"):
                    found.setdefault(_spelt(name), path)
        return found


def _spelt(module: str) -> str:
    return module.replace("-", "_")


def kernel_folder() -> Path:
    """Where kernels are looked for and fetched to."""
    named = os.environ.get("PFNMAP_KERNELS")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named).expanduser() if named else Path(cache) / "pfnmap" / "kernels"


def kernels(folder: Path | None = None, arch: str = "") -> list[Kernel]:
    """The kernels of the kernel folder, one of each release, the newest last."""
    place = kernel_folder() if folder is None else folder
    found: dict[tuple[str, str], Kernel] = {}
    for pattern in ("vmlinuz*", "Image*", "bzImage*"):
        for path in sorted(place.rglob(pattern)):
            head = _head(path)
            if head and (kernel := _kernel(path, head)) and arch in ("", kernel.arch):
                tree = _tree(place, kernel.release) or kernel.modules
                kernel = Kernel(path, kernel.arch, kernel.release, tree)
                found.setdefault((kernel.arch, kernel.release), kernel)
    return sorted(found.values(), key=lambda kernel: (_numbers(kernel.release), kernel.arch))


def kernel_named(name: str = "", modules: str | Path | None = None, arch: str = "") -> Kernel:
    """The kernel that a person names.

    Args:
        name: The path of an image, or a release in the kernel folder or the beginning of one
            (``6.12``: its newest); empty for the newest of all.
        modules: A folder with its modules, at any depth; else it is looked for beside the image.
        arch: Only one of this architecture; empty for this machine's where a release is named.

    Raises:
        MissingPartError: There is none, or it is no kernel image.
    """
    path = Path(name)
    if name and (path.is_file() or "/" in name):
        head = _head(path)
        if head is None:
            raise MissingPartError(f"{name}: there is no such file")
        found = _kernel(path, head)
        if found is None:
            raise MissingPartError(
                f"{name}: this is no kernel image for x86_64 or arm64; "
                "name a bzImage, an Image, or a vmlinuz"
            )
    else:
        found = _in_folder(name, arch or host_arch())
    if modules is None:
        return found
    if not Path(modules).is_dir():
        raise MissingPartError(f"--modules {modules}: there is no such folder")
    tree = _tree(Path(modules), found.release) or Path(modules)
    return Kernel(found.image, found.arch, found.release, tree)


def _in_folder(name: str, arch: str) -> Kernel:
    near = re.compile(rf"{re.escape(name)}(?![0-9])") if name else re.compile("")
    found = [each for each in kernels(arch=arch) if near.match(each.release)]
    if not found:
        what = f"kernel {name}" if name else "kernel"
        raise MissingPartError(
            f"no {what} for {arch} in {kernel_folder()}; name the file of an image, or run: "
            f"pfnmap vm --fetch {name or '6.12'}" + " --arch arm64" * (arch != host_arch())
        )
    return found[-1]


def host_arch() -> str:
    """The architecture of this machine, x86_64 where it is another one."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def _head(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return None


def _kernel(path: Path, head: bytes) -> Kernel | None:
    """What an image says of itself (``Documentation/arch/x86/boot.rst``, ``arm64/booting.rst``)."""
    if head[0x202:0x206] == b"HdrS":
        (offset,) = struct.unpack_from("<H", head, 0x20E)
        text = head[offset + 0x200 :].split(b"\0", 1)[0].split(b" ", 1)[0]
        return _with_modules(path, "x86_64", text.decode("ascii", "replace"))
    if head[0x38:0x3C] == b"ARM\x64" or head[4:8] == b"zimg":
        named = (path.parent.name, path.name.partition("-")[2])
        release = next((name for name in named if name[:1].isdigit()), "")
        return _with_modules(path, "arm64", release)
    return None


def _with_modules(path: Path, arch: str, release: str) -> Kernel:
    """With the modules beside it: installed, unpacked, or of the tree that it was built in."""
    around = path.absolute().parents
    trees = [_tree(folder, release) for folder in around[:2]]
    built = [folder for folder in around[3:4] if (folder / "modules.order").is_file()]
    return Kernel(path, arch, release, next((each for each in [*trees, *built] if each), None))


def _tree(folder: Path, release: str) -> Path | None:
    if not release:
        return None
    places = [folder / part / release for part in ("", "lib/modules", "usr/lib/modules")]
    deeper = (
        f"{above}{lib}/modules/{release}" for above in ("*/", "*/*/") for lib in ("lib", "usr/lib")
    )
    found = [place for place in places if place.is_dir()]
    return found[0] if found else next((p for d in deeper for p in sorted(folder.glob(d))), None)


def _numbers(release: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", release)]


# -- programs ---------------------------------------------------------------------------------
def qemu(arch: str) -> Path:
    """The emulator of an architecture; MissingPartError where it is not installed."""
    found = shutil.which(QEMU[arch])
    if found is None:
        raise _missing(list(QEMU).index(arch))
    return Path(found)


def firmware() -> Path:
    """UEFI for arm64; MissingPartError where it is not installed."""
    found = next((path for path in map(Path, FIRMWARE) if path.is_file()), None)
    if found is None:
        raise _missing(2)
    return found


def busybox(arch: str) -> bytes:
    """A static busybox for the guest: of this machine, or fetched with a kernel of another one."""
    fetched = (path for above in _ABOVE for path in kernel_folder().glob(f"{above}bin/busybox"))
    for name in (shutil.which("busybox"), *fetched):
        if name is not None and _static_for(content := Path(name).read_bytes()) == arch:
            return content
    if arch != host_arch():
        raise MissingPartError(
            f"no busybox for {arch} here; run: pfnmap vm --fetch 6.12 --arch {arch}"
        )
    raise _missing(3)


def _static_for(elf: bytes) -> str:
    """The architecture of an ELF program that needs no loader; empty for what is none."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return ""
    (machine,) = struct.unpack_from("<H", elf, 18)
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = [struct.unpack_from("<I", elf, offset + size * i)[0] for i in range(count)]
    return "" if _PT_INTERP in kinds else _ELF_MACHINES.get(machine, "")


def _missing(part: int) -> MissingPartError:
    likes = distribution()
    for name, packages in _PACKAGES.items():
        if name in likes:
            return MissingPartError(
                f"{_PARTS[part]} is not installed; the package {packages[part]} has it"
            )
    return MissingPartError(f"{_PARTS[part]} is not installed")


def distribution() -> str:
    """What this machine's distribution calls itself and is like, empty where it does not say."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"
