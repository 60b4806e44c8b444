"""Random commands of every kind, as hypothesis strategies."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pfnmap.engine import commands as c
from pfnmap.engine.errors import SHELL_TEXT
from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.notation import (
    BLOCK_STATES,
    PAGE_WORDS,
    PIN_KIND,
    PROFILE,
    VERDICTS,
    ZOOM_LEVEL,
    rule_values,
)
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.phases import FAILABLE_PHASES

numbers = st.integers(0, (1 << 64) - 1)
small = st.integers(0, 1 << 20)
positive = st.integers(1, 1 << 40)
sizes = st.one_of(
    st.integers(0, 1 << 30).map(lambda n: n << 10),
    st.integers(0, 4096).map(lambda n: n << 30),
    numbers,
)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,20}", fullmatch=True)
texts = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "Co")),
    min_size=1,
    max_size=40,
)
zones = st.sampled_from([ZoneType(i) for i in range(5)])
errnos = st.sampled_from(sorted(SHELL_TEXT))


def ranges(ends: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))


refs = st.one_of(
    ranges(numbers).map(lambda r: c.Ref(*r)),
    small.map(lambda n: c.Ref(n, n)),
    names.map(lambda name: c.Ref(device=name)),
    st.tuples(names, ranges(small)).map(lambda p: c.Ref(*p[1], device=p[0])),
    ranges(numbers).map(lambda r: c.Ref(address=r)),
)
ref_lists = st.lists(refs, min_size=1, max_size=4).map(tuple)
pages = st.one_of(numbers.map(c.PfnRef), st.tuples(numbers, names).map(lambda p: c.PfnRef(*p)))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def _param_words() -> st.SearchStrategy[tuple[str, str]]:
    def values(name: str) -> st.SearchStrategy[tuple[str, str]]:
        if name == "auto_movable_ratio":
            return st.integers(0, (1 << 32) - 1).map(lambda n: (name, str(n)))
        words = PARAM_VALUES[name].replace(",", " ").replace(" or ", " ").split()
        spelt = [dict(Params().with_word(name, word).words())[name] for word in words]
        return st.sampled_from(spelt).map(lambda word: (name, word))

    return st.sampled_from(sorted(PARAM_VALUES)).flatmap(values)


@st.composite
def machines(draw: st.DrawFn) -> c.StartMachine:
    arch = draw(st.sampled_from(sorted(ARCHITECTURES)))
    geometry = ARCHITECTURES[arch]
    section = geometry.section_pages * geometry.page_bytes
    nodes = draw(st.integers(1, 8))
    with_ram = draw(st.lists(st.integers(1, 7), unique=True).map(sorted))
    return c.StartMachine(
        ram_bytes=draw(sizes),
        arch=arch,
        profile=draw(st.sampled_from(PROFILE.words)),
        block_bytes=draw(maybe(st.integers(0, 8).map(lambda n: section << n))),
        nodes=nodes,
        node_ram_bytes=tuple((node, draw(sizes)) for node in with_ram if node < nodes),
        params=tuple(dict(draw(st.lists(_param_words(), max_size=3))).items()),
        distances=draw(st.sampled_from([(), (10, 20, 31, 10)])) if nodes == 2 else (),
        cmdline=draw(st.sampled_from(["", "quiet", "mem=1G kernelcore=25% hugepages=4"])),
    )


@st.composite
def pins(draw: st.DrawFn) -> c.Command:
    blocks, pfn = draw(
        st.one_of(ref_lists.map(lambda r: (r, None)), pages.map(lambda page: ((), page)))
    )
    nr_pages = draw(maybe(positive))
    if draw(st.booleans()):
        return c.Pin(blocks, pfn, nr_pages, draw(st.sampled_from(PIN_KIND.words)))
    return c.Unpin(blocks, pfn, nr_pages, draw(maybe(st.sampled_from(PIN_KIND.words))))


@st.composite
def hugetlbs(draw: st.DrawFn) -> c.Hugetlb:
    address, pfn = draw(
        st.one_of(
            st.just((None, None)), numbers.map(lambda n: (n, None)), pages.map(lambda p: (None, p))
        )
    )
    return c.Hugetlb(draw(names), draw(sizes), draw(positive), address, pfn, draw(maybe(small)))


_EXPECT_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "online": st.booleans(),
    "exists": st.booleans(),
    "optimised": st.booleans(),
    "state": st.sampled_from(BLOCK_STATES),
    "zone": st.one_of(zones.map(lambda z: z.label), st.just("none")),
    "valid_zones": st.one_of(
        st.just("none"),
        st.lists(zones, min_size=1, max_size=3).map(
            lambda listed: " ".join(z.label for z in listed)
        ),
    ),
    "usable": sizes,
    "largest_run": sizes,
    "memmap": sizes,
    "remote_memmap": sizes,
    "kind": st.sampled_from(PAGE_WORDS),
    "memmap_at": pages,
    "freelist": st.one_of(pages, st.just("none")),
    "flags": st.sampled_from(["none", "vmemmap,reserved"]),
    "verdict": st.sampled_from(VERDICTS),
}


def _expect_values(what: str, key: str) -> st.SearchStrategy[Any]:
    """A device is not online: some of its blocks are."""
    if (what, key) == ("device", "online"):
        return numbers
    return _EXPECT_VALUES.get(key, numbers)


_SUBJECTS: dict[str, st.SearchStrategy[Any]] = {
    "ok": st.none(),
    "no-findings": st.none(),
    "total": st.none(),
    "errno": errnos,
    "log": texts,
    "output": texts,
    "no-log": maybe(texts),
    "finding": texts,
    "zone": zones,
    "node": small,
    "block": ref_lists,
    "device": names,
    "hugetlb": names,
    "pfn": pages,
}


@st.composite
def expectations(draw: st.DrawFn) -> c.Expect:
    row = EXPECTATIONS[draw(st.sampled_from(sorted(EXPECTATIONS)))]
    keys = sorted(row.keys or {})
    chosen = draw(st.lists(st.sampled_from(keys), unique=True, min_size=1)) if keys else []
    return c.Expect(
        row.what,
        draw(_SUBJECTS[row.what]),
        draw(small) if row.has_node else 0,
        tuple((key, draw(_expect_values(row.what, key))) for key in chosen),
    )


paths = st.one_of(
    st.integers(0, 99).map(lambda n: f"/sys/devices/system/memory/memory{n}/state"),
    st.just("/sys/devices/system/memory/memory3?/valid_zones"),
    texts.map(lambda text: "/" + text),
)
files = texts
units = st.sampled_from(["pfn", "block", "address"])
counts = st.dictionaries(st.integers(0, 63), numbers, min_size=1, max_size=4)

BY_TYPE: dict[type[c.Command], st.SearchStrategy[c.Command]] = {
    c.StartMachine: machines(),
    c.SetParam: _param_words().map(lambda pair: c.SetParam(*pair)),
    c.SetRule: st.sampled_from(
        [(rule, value) for rule, values in rule_values().items() for value in values]
    ).map(lambda pair: c.SetRule(*pair)),
    c.Add: st.builds(
        c.Add,
        names,
        st.lists(sizes, min_size=1, max_size=3).map(tuple),
        maybe(numbers),
        maybe(small),
        maybe(st.sampled_from(MemmapPolicy)),
    ),
    c.Online: st.builds(c.Online, ref_lists, st.sampled_from(list(OnlineType)[1:])),
    c.Offline: st.builds(c.Offline, ref_lists),
    c.Remove: st.builds(c.Remove, ref_lists),
    c.Shrink: st.builds(c.Shrink, zones, small, positive),
    c.DeviceAdd: st.builds(c.DeviceAdd, names, sizes, maybe(numbers), maybe(small), maybe(sizes)),
    c.DeviceDel: st.builds(c.DeviceDel, names),
    c.Kmem: st.builds(c.Kmem, names, maybe(st.sampled_from(("ram", "on_memory")))),
    c.KmemDel: st.builds(c.KmemDel, names),
    c.VirtioMem: st.builds(
        c.VirtioMem,
        names,
        maybe(sizes),
        maybe(sizes),
        maybe(sizes),
        maybe(numbers),
        maybe(small),
        maybe(st.sampled_from(("on", "off"))),
    ),
    c.Cxl: st.one_of(
        st.just(c.Cxl("list")),
        st.builds(
            c.Cxl,
            st.just("create-region"),
            small,
            st.none() | sizes,
            memdevs=st.lists(names, min_size=1, max_size=2).map(tuple),
        ),
        st.builds(c.Cxl, st.just("destroy-region"), small, force=st.booleans()),
    ),
    c.Daxctl: st.one_of(
        st.builds(c.Daxctl, st.just("list"), st.just("") | names),
        st.builds(c.Daxctl, st.sampled_from(("online-memory", "offline-memory")), names),
        st.builds(
            c.Daxctl,
            st.just("reconfigure-device"),
            names,
            st.sampled_from(("system-ram", "devdax")),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        ),
    ),
    c.VirtioMemDel: st.builds(c.VirtioMemDel, names),
    c.Pin: pins().filter(lambda command: isinstance(command, c.Pin)),
    c.Unpin: pins().filter(lambda command: isinstance(command, c.Unpin)),
    c.Signal: st.builds(c.Signal),
    c.Hugetlb: hugetlbs(),
    c.HugetlbFree: st.builds(c.HugetlbFree, names),
    c.Free: st.builds(c.Free, sizes, maybe(small)),
    c.Freelist: st.builds(c.Freelist, counts.map(lambda d: tuple(d.items())), maybe(small)),
    c.FailNext: st.builds(c.FailNext, st.sampled_from(sorted(FAILABLE_PHASES)), errnos),
    c.SysfsWrite: st.builds(c.SysfsWrite, texts, paths),
    c.SysfsRead: st.builds(
        c.SysfsRead, st.lists(paths, min_size=1, max_size=3).map(tuple), st.booleans()
    ),
    c.Note: st.builds(c.Note, texts),
    c.Title: st.builds(c.Title, texts),
    c.Cd: st.sampled_from(["/", "/sys/devices/system/memory"]).map(c.Cd),
    c.Chmem: st.builds(c.Chmem, st.booleans(), sizes)
    | st.builds(c.Chmem, st.booleans(), st.none(), small, small, st.just(True)),
    c.Shell: st.sampled_from(
        ["cat /proc/meminfo; cat memory3/state", "for i in 3 4; do cat memory$i/state; done"]
    ).map(c.Shell),
    c.Source: st.builds(c.Source, texts),
    c.Pause: st.integers(0, 3_600_000).map(lambda ms: c.Pause(ms / 1000)),
    c.Goto: st.one_of(
        st.builds(c.Goto, numbers, units),
        st.builds(c.Goto, small, st.sampled_from(["pfn", "block"]), names),
    ),
    c.Zoom: st.builds(c.Zoom, st.sampled_from(ZOOM_LEVEL.words)),
    c.Interactive: st.one_of(
        st.sampled_from(["undo", "redo", "seek"]).flatmap(
            lambda verb: small.map(lambda n: c.Interactive(verb, (str(n),)))
        ),
        st.sampled_from(["quit", "help", "profiles", "diff", "undo"]).map(c.Interactive),
        files.map(lambda file: c.Interactive("write", (file,))),
        files.map(lambda file: c.Interactive("save", (file,), (("expect", "yes"),))),
        st.just(c.Interactive("compare", (), (("profile", "4.19"), ("profile", "6.1")))),
    ),
    c.Expect: expectations(),
}
"""A strategy for every class of command."""

commands = st.one_of(*BY_TYPE.values())
