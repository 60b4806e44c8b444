r"""Text dumps: what a shell prints of a machine that has no Python, read as a tree of files.

One line ``PATH:CONTENT`` for every line of a file, as ``grep`` prints it, and one line
``PATH`` for every node and every link to one. :data:`SHELL_LINE` makes it with POSIX tools only::

    pagesize:4096
    /sys/devices/system/memory/memory32/node0
    /sys/devices/system/memory/memory32/state:online
    /proc/zoneinfo:Node 0, zone   Normal
"""

from __future__ import annotations

import re

SHELL_LINE = r"""( echo pagesize:$(getconf PAGESIZE)
cd /sys/devices/system; find "$PWD/memory" -type l -name 'node[0-9]*'
find "$PWD/node" -type d -name 'node[0-9]*'
find "$PWD/memory" "$PWD/node" /sys/module/memory_hotplug/parameters \
 /sys/kernel/mm/hugepages -type f \( -name state -o -name valid_zones \
 -o -name removable -o -name phys_device -o -name 'block_size*' \
 -o -name 'auto_*' -o -name 'has_*' -o -name '*_hugepages' \
 -o -name possible -o -path '*/node/online' -o -path '*/parameters/*' \) \
 -exec grep -s . /dev/null {} +
grep -sE 'Node|spanned|present|managed|start_pfn' /dev/null /proc/zoneinfo
grep -sE 'RAM|Kernel|Crash|Persistent' /dev/null /proc/iomem
cd /proc/sys; grep -s . /dev/null "$PWD/kernel/osrelease" \
 "$PWD/kernel/arch" "$PWD/vm/hugetlb_optimize_vmemmap"
! grep -qs movable_node /proc/cmdline || echo /proc/cmdline:movable_node
) > dump.txt 2> /dev/null"""
"""What a person pastes into a shell; the output may be gzipped."""

_PATH = re.compile(rb"(?:.{0,200}?/)?((?:sys/(?:devices/system|module|kernel)|proc)/[^:\s]{1,200})")
_LINK = re.compile(r"sys/devices/system/memory/memory\d+/node\d+\Z")
_NODE = re.compile(r"sys/devices/system/node/node\d+\Z")


def is_text_dump(head: bytes) -> bool:
    """Whether the first bytes of a file look like a dump."""
    lines = head.split(b"\n")[:64]
    return any(
        (found := _PATH.match(line)) is not None
        and line[found.end() : found.end() + 1] in (b":", b"", b"\r")
        for line in lines
    )


def parse_text_dump(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    """File contents by path (no leading slash), and names without content.

    The latter are links to nodes, and the directories of nodes with a slash at the end.

    Lines that name no kernel file are passed over.
    """
    files: dict[str, list[bytes]] = {}
    links: list[str] = []
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"pagesize:"):
            files["pagesize"] = [line[9:]]
            continue
        found = _PATH.match(line)
        if found is None:
            continue
        path = found[1].decode("ascii", "replace")
        rest = line[found.end() :]
        if rest.startswith(b":"):
            files.setdefault(path, []).append(rest[1:])
        elif not rest.strip() and _LINK.match(path):
            links.append(path)
        elif not rest.strip() and _NODE.match(path):
            links.append(f"{path}/")
    return {path: b"\n".join(lines) + b"\n" for path, lines in files.items()}, links
