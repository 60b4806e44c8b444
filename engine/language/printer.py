"""Commands back into the one normal spelling; ``parse_line(format_command(c)) == c``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pfnmap.engine import commands as c
from pfnmap.engine.kinds import OnlineType, ZoneType
from pfnmap.engine.language.expectations import format_expect
from pfnmap.engine.language.lexer import quote
from pfnmap.engine.language.refs import format_pfn, format_refs
from pfnmap.engine.language.talk import is_plainly_address
from pfnmap.engine.language.values import format_hex, format_seconds, format_size


def _line(*parts: object, **options: object) -> str:
    """Words, then ``key=value`` for every option that is not None."""
    words = [str(part) for part in parts if part is not None and part != ""]
    words += [f"{key}={value}" for key, value in options.items() if value is not None]
    return " ".join(words)


def _hex(number: int | None) -> str | None:
    return None if number is None else format_hex(number)


def _size(size_bytes: int | None) -> str | None:
    return None if size_bytes is None else format_size(size_bytes)


def _pfn(page: c.PfnRef | None) -> str | None:
    return None if page is None else format_pfn(page)


def _unless(value: int | str, default: int | str) -> int | str | None:
    return None if value == default else value


def _machine(m: c.StartMachine) -> str:
    default = c.StartMachine()
    options: dict[str, object] = {
        "ram": format_size(m.ram_bytes),
        "arch": _unless(m.arch, default.arch),
        "profile": _unless(m.profile, default.profile),
        "block": _size(m.block_bytes),
        "nodes": _unless(m.nodes, default.nodes),
    }
    options |= {f"ram{node}": format_size(size) for node, size in m.node_ram_bytes}
    return _line("machine", **options, **dict(m.params))


def _add(a: c.Add) -> str:
    return _line(
        "add",
        a.name,
        format_size(a.size_bytes),
        at=_hex(a.address),
        node=a.node,
        memmap=a.memmap.value if a.memmap else None,
    )


def _online(o: c.Online) -> str:
    kinds = {OnlineType.ONLINE_KERNEL: "kernel", OnlineType.ONLINE_MOVABLE: "movable"}
    return _line("online", format_refs(o.blocks), kinds.get(o.online_type))


def _shrink(s: c.Shrink) -> str:
    return _line(
        "shrink", ZoneType(s.zone).label, node=_unless(s.node, 0), blocks=_unless(s.nr_blocks, 1)
    )


def _device_add(d: c.DeviceAdd) -> str:
    return _line(
        "device-add",
        d.name,
        format_size(d.size_bytes),
        at=_hex(d.address),
        node=d.node,
        altmap=_size(d.altmap_bytes),
    )


def _pin(p: c.Pin) -> str:
    return _line(
        "pin",
        format_refs(p.blocks),
        pfn=_pfn(p.pfn),
        pages=p.nr_pages,
        kind=_unless(p.kind, "unmovable"),
    )


def _unpin(p: c.Unpin) -> str:
    return _line("unpin", format_refs(p.blocks), pfn=_pfn(p.pfn), pages=p.nr_pages, kind=p.kind)


def _hugetlb(h: c.Hugetlb) -> str:
    return _line(
        "hugetlb",
        h.name,
        format_size(h.page_bytes),
        count=_unless(h.count, 1),
        at=_hex(h.address),
        pfn=_pfn(h.pfn),
        node=h.node,
    )


def _freelist(f: c.Freelist) -> str:
    return _line("freelist", *(f"{order}:{count}" for order, count in f.counts), node=f.node)


def _goto(g: c.Goto) -> str:
    if g.unit == "block":
        return _line("goto block", format_refs((c.Ref(g.value, g.value, g.device),)))
    if g.unit == "address":
        bare = is_plainly_address(format_hex(g.value))
        return _line("goto", "" if bare else "addr", format_hex(g.value))
    place = format_pfn(c.PfnRef(g.value, g.device))
    return _line("goto", "pfn" if is_plainly_address(place) else "", place)


def _interactive(i: c.Interactive) -> str:
    return _line(
        i.verb,
        *(quote(word) for word in i.arguments),
        *(f"{key}={quote(value)}" for key, value in i.options),
    )


def _shell_word(text: str) -> str:
    """A word as the shell takes it: bare where it can be, else in double quotes."""
    if text and re.fullmatch(r"[\w@%+=:,./*?\[\]!~^-]+", text, re.ASCII):
        return text
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def _echo(w: c.SysfsWrite) -> str:
    return f"echo {_shell_word(w.word)} > {_shell_word(w.path)}"


def _grep(r: c.SysfsRead) -> str:
    paths = " ".join(_shell_word(path) for path in r.paths)
    return f"grep . {paths}" if r.named else f"cat {paths}"


PRINTERS: dict[type[c.Command], Callable[[Any], str]] = {
    c.StartMachine: _machine,
    c.SetParam: lambda s: f"set {s.name}={s.value}",
    c.SetRule: lambda r: f"rule {r.name}={r.value}",
    c.Add: _add,
    c.Online: _online,
    c.Offline: lambda o: _line("offline", format_refs(o.blocks)),
    c.Remove: lambda r: _line("remove", format_refs(r.blocks)),
    c.Shrink: _shrink,
    c.DeviceAdd: _device_add,
    c.DeviceDel: lambda d: _line("device-del", d.name),
    c.Pin: _pin,
    c.Unpin: _unpin,
    c.Hugetlb: _hugetlb,
    c.HugetlbFree: lambda h: _line("hugetlb-free", h.name),
    c.Free: lambda f: _line("free", format_size(f.size_bytes), node=f.node),
    c.Freelist: _freelist,
    c.FailNext: lambda f: _line("fail next", at=f.phase, errno=f.errno),
    c.SysfsWrite: _echo,
    c.SysfsRead: _grep,
    c.Note: lambda n: _line("note", quote(n.words, always=True)),
    c.Title: lambda t: _line("title", quote(t.words, always=True)),
    c.Pause: lambda p: _line("pause", format_seconds(p.seconds)),
    c.Goto: _goto,
    c.Zoom: lambda z: _line("zoom", z.level),
    c.Interactive: _interactive,
    c.Expect: lambda e: _line("expect", format_expect(e)),
}
"""How each kind of command is printed."""


def format_command(command: c.Command) -> str:
    """The command's line in normal form: what ``pfnmap fmt``, journals and files hold."""
    return PRINTERS[type(command)](command)


def line_of(command: c.Command) -> str:
    """The words that a person is shown for a command: its line as written, else in normal form.

    Only what was read from a line has one; the steps of a recording, for example, have none.
    """
    return command.text or format_command(command)
