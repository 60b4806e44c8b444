r"""What a shell shows of a machine: a text dump, or a terminal's transcript with its commands.

It is read as a tree of files. A dump has one line ``PATH:CONTENT`` for every line of a file, as
``grep`` prints it, and one line ``PATH`` for every node, link to one, and holder of dax devices.
:data:`SHELL_LINE` makes it with POSIX tools only, :func:`reading_line` prints it::

    pagesize:4096
    /sys/devices/system/memory/memory32/node0
    /sys/devices/system/memory/memory32/state:online
    /proc/zoneinfo:Node 0, zone   Normal

Of a transcript the prompts say more: where ``cd`` went, so that a relative path is known, and
which file ``cat`` showed. Blocks may also stand there as lsmem prints them (see ``lsmem``).
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence

from pfnmap.engine.sysroot.lsmem import is_lsmem
from pfnmap.engine.sysroot.parse import parse_release

_READING = r"""( echo pagesize:$(getconf PAGESIZE \
 || awk '/KernelPageSize/ {print 1024 * $2; exit}' /proc/self/smaps)
cd /sys/devices/system; find "$PWD/memory" -type l -name 'node[0-9]*'
find "$PWD/node" -type d -name 'node[0-9]*'
find "$PWD/memory" "$PWD/node" /sys/module/memory_hotplug/parameters \
 /sys/firmware/memory /sys/kernel/mm/hugepages -type f \( -name state \
 -o -name config -o -name memmap_on_memory -o -name valid_zones \
 -o -name removable -o -name phys_device -o -name 'block_size*' \
 -o -name 'auto_*' -o -name 'has_*' -o -name '*_hugepages' \
 -o -name possible -o -path '*/node/online' -o -path '*/parameters/*' \) \
 -exec grep -s . /dev/null {} +
grep -sE 'Node|spanned|present|managed|cma|start_' /dev/null /proc/zoneinfo
W='RAM|Kernel|Crash|Persistent|namespace|dax|virtio|CXL|region'
grep -sE "$W" /dev/null /proc/iomem
cd /proc/sys; grep -s . /dev/null "$PWD/kernel/osrelease" \
 "$PWD/kernel/arch" "$PWD/vm/hugetlb_optimize_vmemmap"
W='memhp_default_state|memory_hotplug[.][a-z_]+|hugetlb_free_vmemmap'
W="movable_node|($W|movablecore|kernelcore)=[^ ]+"
grep -soE "$W" /dev/null /proc/cmdline
ls -d /sys/module/*_balloon
cd /sys/bus/dax && find "$PWD/drivers" -type d -o -name 'dax*'
cd devices && grep -s . /dev/null "$PWD"/*/state "$PWD"/*/memmap_on_memory \
 "$PWD"/*/target_node "$PWD"/*/mapping*/start "$PWD"/*/mapping*/end
dmesg | sed -n '/virtio_mem virtio.* size: 0x/p'
)"""
SHELL_LINE = f"{_READING} > dump.txt 2> /dev/null"
"""What a person pastes into a shell; the output may be gzipped."""

_PATH = re.compile(
    rb"(?:[^\s\"'=:]{0,200}?/)?((?:sys/(?:devices/system|module|kernel|firmware|bus/dax)|proc)/[^:\s\"']{1,200})"
)
_RELATIVE = re.compile(
    rb"(?:\./)?((memory\d{1,13}|node\d{1,7})/\w{1,40}|block_size_bytes|auto_online_blocks)(?=:|\s*\Z)"
)
_NAME = re.compile(rb"(?:\./)?([\w./-]{1,200})(?=:)")
_LINK = re.compile(
    r"sys/(?:devices/system/memory/memory\d+/node\d+|bus/dax/drivers/\w+/dax[\d.]+)\Z"
)
_LOG = re.compile(rb".{0,200}\b(?:virtio_mem virtio\d+: .* size: 0x|hv_balloon: )")
"""A line of the kernel's log that matters, as the dump has it or as people paste it."""
_DIRECTORY = re.compile(
    r"sys/(?:devices/system/node/node\d+|bus/dax/drivers/\w+|module/\w+_balloon)\Z"
)
_PROMPT = re.compile(
    rb"(?:\[[^\]]{1,80}\]|[\w.-]{1,40}@[\w.-]{1,60}(?::(?P<at>[^\s$#]{1,200}))?)?"
    rb" ?[$#](?: (?P<line>.{0,400}))?\Z"
)
"""A prompt that ends in ``$`` or ``#``, and the command behind it; bash may show the directory."""
_WRITES = re.compile(
    rb"^[^\n:]{0,120}[$#] [^\n]{0,400}"
    rb"(?:\btee\b|\bchmem\b|>\s*(?:/sys/|/proc/|\S*(?:state|online)\b))",
    re.MULTILINE,
)
LOG = "dmesg"
OSRELEASE, MEMORY, NODES = (
    "proc/sys/kernel/osrelease",
    "sys/devices/system/memory",
    "sys/devices/system/node",
)


def reading_line(root: str = "") -> str:
    """What prints the dump in a shell; ``root``: of the tree there, ``/`` if empty."""
    line = re.sub(r"(?<![\w\"*])(?=/(?:sys|proc)/)", lambda _: shlex.quote(root), _READING)
    return f"{line if root else _READING} 2> /dev/null"


def is_text_dump(head: bytes) -> bool:
    """Whether the first bytes of a file look like a dump or a transcript.

    What writes into the kernel's files is a scenario: its output is of many moments.
    """
    if head.lstrip()[:1] == b"{" or _WRITES.search(head):
        return False
    files, links = parse_text_dump(head)
    paths = [path for path in (*files, *links) if path not in (OSRELEASE, "pagesize")]
    return bool(paths) or is_lsmem(head)


def parse_text_dump(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    """File contents by path (no leading slash), and names without content.

    The latter are links, and directories with a slash at the end.

    Lines that belong to no kernel file are passed over.
    """
    reading = _Transcript()
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        reading.take(line)
    files = {path: b"\n".join(lines) + b"\n" for path, lines in reading.files.items()}
    return files, reading.links


class _Transcript:
    """The lines so far: what they say of which file, and where the shell is."""

    def __init__(self) -> None:
        self.files: dict[str, list[bytes]] = {}
        self.links: list[str] = []
        self.directory = ""
        """Relative to the root; empty where it is not known."""
        self.shown: list[str] = []
        """Files that the last command shows; each but the last is of one line."""

    def take(self, line: bytes) -> None:
        """The next line."""
        if line.startswith(b"pagesize:"):
            self.files["pagesize"] = [line[9:]]
        elif prompt := _PROMPT.match(line):
            if prompt["at"]:
                self._enter(prompt["at"].decode("ascii", "replace"))
            self._run((prompt["line"] or b"").decode("ascii", "replace"))
        elif _LOG.match(line):
            self.files.setdefault(LOG, []).append(line)
        elif found := _PATH.match(line):
            self._put(found[1].decode("ascii", "replace"), line[found.end() :])
        elif found := _RELATIVE.match(line):
            above = NODES if found[1].startswith(b"node") else MEMORY
            self._put(f"{above}/{found[1].decode()}", line[found.end() :])
        elif self.shown:
            self.files.setdefault(self.shown[0], []).append(line)
            del self.shown[: len(self.shown) > 1]
        elif self.directory and (found := _NAME.match(line)):
            self._put(self._path(found[1].decode()), line[found.end() :])
        elif OSRELEASE not in self.files and (release := parse_release(line)):
            self.files[OSRELEASE] = [release.encode()]

    def _put(self, path: str, rest: bytes) -> None:
        if rest.startswith(b":"):
            self.files.setdefault(path, []).append(rest[1:])
        elif not rest.strip() and _LINK.match(path):
            self.links.append(path)
        elif not rest.strip() and _DIRECTORY.match(path):
            self.links.append(f"{path}/")

    def _path(self, name: str) -> str:
        return posixpath.normpath(posixpath.join("/", self.directory, name)).strip("/")

    def _enter(self, name: str) -> None:
        known = name.startswith("/") or self.directory
        self.directory = self._path(name) if known and not name.startswith("~") else ""

    def _run(self, line: str) -> None:
        """What a command line shows, if it is one file after the other."""
        self.shown = []
        for command in re.split(r"&&|;", line):
            words = command.partition("|")[0].split()
            words = words[words[:1] == ["sudo"] :]
            named = [word for word in words[1:] if not word.startswith("-")]
            if words[:1] == ["cd"]:
                self._enter(named[0] if named else "~")
            elif words[:1] in (["cat"], ["head"], ["tail"], ["grep"]):
                named = named[words[0] == "grep" :]
                if words[1:2] != ["-n"] and not re.search(r"[*?\[{<>$]", "".join(named)):
                    self.shown += [self._path(name) for name in named]
                if words[0] == "grep" and (len(named) > 1 or {"-r", "-H", "-R"} & {*words}):
                    self.shown = []  # each line has its file's name
            elif words[:2] == ["uname", "-r"]:
                self.shown.append(OSRELEASE)
            elif words[:1] == ["getconf"] and named[:1] in (["PAGESIZE"], ["PAGE_SIZE"]):
                self.shown.append("pagesize")


def has_blocks(files: Sequence[str]) -> bool:
    """Whether some of the paths are of memory blocks."""
    return any(path.startswith(f"{MEMORY}/memory") for path in files)
