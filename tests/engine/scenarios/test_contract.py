"""The command language as it is promised, sentence by sentence: what runs, what is refused.

Every row is a scenario that somebody could have written from the description alone. A row of
:data:`HOLDS` runs and all its claims hold; a row of :data:`REFUSED` is refused as a whole, with
the place, what is wrong, and what was expected.
"""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import ParseError
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import decode_scenario, format_scenario, parse_scenario

MEMORY = "/sys/devices/system/memory"
SMALL = "machine ram=1G\n"
DIMM = "machine ram=1G memmap_on_memory=Y\nadd dimm0 1G\n"
"""Eight blocks, 32 to 39, all offline, struct pages in the first 512 pages of each."""

HOLDS = {
    # lines
    "nothing at all": "",
    "only blanks": " \n\t\n\n",
    "crlf": "machine ram=1G\r\nadd d 256M\r\nexpect ok\r\n",
    "no line end": "machine ram=1G\nadd d 256M\nexpect ok",
    "tabs and a comment": "add\td\t256M\t# of two blocks\n  expect ok  # it was",
    "a comment inside a word": "add d 256M#two blocks\nexpect ok#it was",
    "quotes around any word": 'add "d" "256M"\nexpect block "d" state="offline"',
    "a hash in quotes": 'note "# is no comment" # this is\nnote "a \\"quoted\\" \\\\ word"',
    # numbers and sizes
    "KMGTP": "add d 262144K at=8G\nexpect device d usable=256M\nexpect device d usable=262144K",
    "MiB and Mi": "add d 256MiB\nadd e 256Mi\nexpect device d usable=256M\n"
    "expect device e usable=262144KiB largest_run=0x100M",
    "hexadecimal": SMALL + "add d 0x100M\nexpect zone DMA start=0x1 spanned=0xfff\n"
    "expect block 0x20 exists=true",
    # blocks
    "one block": DIMM + "online 32\nexpect block 32 state=online\nexpect block 33 state=offline",
    "a range": DIMM + "online 32-39\nexpect block 32-39 state=online",
    "a list": DIMM + "online 32,34,36-39\nexpect block 32,34,36-39 state=online\n"
    "expect block 33,35 state=offline",
    "a device": DIMM + "online dimm0\nexpect block dimm0 state=online\nexpect block 32-39 node=0",
    "a block of a device": DIMM + "online dimm0[0]\nexpect block 32 state=online\n"
    "expect block dimm0[1-7] state=offline",
    "blocks of a device": DIMM + "online dimm0[2-3],dimm0[5]\nexpect block 34-35,37 state=online",
    "a list inside brackets": DIMM + "online dimm0[1,4-5]\nexpect block 33,36-37 state=online",
    "addresses": DIMM + "online 0x100000000-0x107ffffff\nexpect block 32 state=online\n"
    "expect block 33 state=offline",
    "any order is ascending": DIMM + "online 34,32 movable\n"
    "expect zone Movable start=0x100000 spanned=98304",
    # the machine
    "defaults": "add d 128M\nexpect block 40 state=offline\nexpect node 0 present=1048575\n"
    "expect zone Normal start=0x100000 spanned=262144\nexpect zone Device spanned=0",
    "the gap below 4 GiB": "machine ram=4G\nexpect block 24-31 exists=false\n"
    "expect block 0-23,32-39 state=online\nexpect pfn 0xc0000 kind=hole\n"
    "expect zone DMA start=1 present=4095",
    "ram below the gap": "machine ram=3G\nexpect block 23 exists=true\nadd d 128M\n"
    "expect block 32 state=offline",
    "node 1 has ram1": "machine ram=1G nodes=2 ram1=1G\nexpect node 1 present=262144 online=true",
    "ram1 alone makes a node": "machine ram=1G ram1=1G\nexpect node 1 present=262144",
    "a node without memory": "machine ram=1G nodes=2\nexpect node 1 present=0 spanned=0\n"
    "add d 128M node=1\nonline d\nexpect node 1 present=32768 online=true",
    "a parameter": "machine ram=1G auto_online_blocks=online_movable\nadd d 128M\n"
    "expect block d state=online zone=Movable",
    "a block size": "machine ram=4G block=1G\nadd d 1G\nexpect block 5 state=offline",
    "talk before the machine": 'title "t"\nnote "n"\npause 1s\nmachine ram=1G\nexpect node 0 '
    "present=262143",
    # parameters
    "said about boot-only ones": "set memmap_on_memory=force\nset movable_node=Y\nexpect ok",
    "the others": "set online_policy=auto-movable\nset auto_movable_ratio=301\n"
    "set auto_movable_numa_aware=N\nset auto_online_blocks=online\nset vmemmap_hotplug=disable\n"
    "set hugetlb_free_vmemmap=on\nexpect ok",
    "rules": "rule shrink=rfc2\nrule memmap=device\nrule hugetlb=self-map\nexpect ok",
    # actions
    "the kernel's order of checks": "add d 0K\nexpect errno=E2BIG\nadd d 100M\n"
    "expect errno=EINVAL\nadd d 128M at=0\nexpect errno=EEXIST\nadd d 128M node=9\n"
    "expect errno=EINVAL",
    "a name is taken once": "add d 128M\nadd d 128M\nexpect errno=EEXIST",
    "the lowest hole where it fits": SMALL + "add a 128M at=0x108000000\nadd b 256M\nadd c 128M\n"
    "expect block b exists=true\nexpect block 34-35 exists=true\nexpect block c state=offline\n"
    "expect block 32 exists=true",
    "online stops at the first refusal": DIMM + "online 33\nonline dimm0\nexpect errno=EINVAL\n"
    "expect block 32 state=online\nexpect block 34-39 state=offline",
    "offline stops at the first refusal": DIMM + "online 32-34 movable\npin 33\noffline 32-34\n"
    "expect errno=EBUSY\nexpect block 32 state=offline\nexpect block 33-34 state=online",
    "eject takes the DIMM offline first": DIMM + "online dimm0 movable\nremove dimm0\nexpect ok\n"
    "expect block 32-39 exists=false",
    "blocks are removed when offline": DIMM + "online 32\nremove 32\nexpect errno=EBUSY\n"
    "remove 33\nexpect ok\nexpect block 33 exists=false",
    "no such block": SMALL + "online 99\nexpect errno=ENOENT\noffline 99\nexpect errno=ENOENT",
    "shrink": DIMM + "online dimm0 movable\nshrink Movable blocks=2 node=0\nexpect ok\n"
    "expect block 38-39 zone=none\nexpect zone Movable spanned=196608",
    "zone device": SMALL + "device-add p 1G at=8G altmap=16M\nexpect ok\n"
    "expect zone Device spanned=262144 present=0 managed=0\ndevice-del p\nexpect ok",
    "memory of HMM": "machine ram=1G profile=4.19\ndevice-add p 1G mapping=private\n"
    "device-add q 1G mapping=public\nexpect ok\nexpect zone Device present=0",
    "pins": DIMM + "online dimm0 movable\npin pfn=dimm0+1000 pages=8 kind=unmovable\n"
    "offline dimm0[0]\nexpect errno=EBUSY\nunpin pfn=dimm0+1000 pages=8\noffline dimm0[0]\n"
    "expect ok\npin 33 kind=movable\noffline 33\nexpect ok",
    "huge pages": DIMM + "online dimm0 movable\nhugetlb p 2M count=4\nexpect ok\n"
    "expect hugetlb p optimised=false freed=0 verdict=correct\nhugetlb-free p\nexpect ok\n"
    "hugetlb q 2M at=0x108200000\nexpect ok\nhugetlb r 2M pfn=0x108400 node=0\nexpect ok",
    "free memory": "free 64M node=0\nexpect node 0 free=64M\nfreelist 0:2627 1:23 2:6\nexpect ok",
    "faults": SMALL + "add d 128M\nfail next at=online_pages errno=ENOMEM\nonline d\n"
    "expect errno=ENOMEM\nonline d\nexpect ok",
    # shell lines
    "echo": DIMM + f"echo online_movable > {MEMORY}/memory34/state\nexpect block 34 zone=Movable",
    "echo without blanks": DIMM + f"echo online>{MEMORY}/memory34/state # x\nexpect ok",
    "echo quoted": DIMM + f"echo \"online\" > '{MEMORY}/memory34/state'\nexpect ok",
    "a prompt": DIMM + f"root@host:~# echo online > {MEMORY}/memory34/state\nexpect ok",
    "an abbreviated path": DIMM + "echo online > …/memory34/state\nexpect block 34 state=online",
    "through the node": DIMM + "echo online > /sys/devices/system/node/node0/memory34/state\n"
    "expect block 34 state=online\ncat /sys/devices/system/node/node0/memory34/state\nexpect ok",
    "a link of another node": "machine ram=1G nodes=2 ram1=1G\n"
    "cat /sys/devices/system/node/node1/memory0/state\nexpect errno=ENOENT",
    "probe": SMALL + "echo 0x100000000 > …/probe\nexpect ok\nexpect block 32 state=offline\n"
    f"echo 0x110000000 > {MEMORY}/probe\nexpect block 34 exists=true\n"
    f"echo 0x100000001 > {MEMORY}/probe\nexpect errno=EINVAL",
    "what is no number to the kernel": SMALL + f"echo 0b11 > {MEMORY}/probe\nexpect errno=EINVAL\n"
    f"echo 1_0 > {MEMORY}/probe\nexpect errno=EINVAL\necho ３ > {MEMORY}/probe\n"
    f"expect errno=EINVAL\necho 0x1ffffffffffffffff > {MEMORY}/probe\nexpect errno=ERANGE\n"
    "echo ² > /proc/sys/vm/nr_hugepages\nexpect errno=EINVAL\n"
    f"echo {'9' * 5000} > /proc/sys/vm/nr_hugepages\nexpect errno=ERANGE",
    "no such file": DIMM + f"echo online > {MEMORY}/memory{'9' * 4400}/state\nexpect errno=ENOENT\n"
    f"echo online > {MEMORY}/memory034/state\nexpect errno=ENOENT\n"
    f"echo online > {MEMORY}/memory٣٤/state\nexpect errno=ENOENT",
    "grep and cat": DIMM + f"grep . {MEMORY}/memory3?/valid_zones\nexpect ok\n"
    f"grep . {MEMORY}/memory{{32..34}}/state {MEMORY}/memory3[5-7]/state\nexpect ok\n"
    f"cat {MEMORY}/block_size_bytes\nexpect ok",
    # talking
    "places": DIMM + "goto 0x100000\ngoto 1048576\ngoto block 32\ngoto 0x100000000\ngoto 4G\n"
    "goto block dimm0[1]\ngoto dimm0+5",
    "levels": "zoom page\nzoom subsection\nzoom section\nzoom block\nzoom fit",
    "pauses": "pause 2s\npause 1.5s\npause 250ms",
    # expectations
    "any subset of the keys": DIMM + "expect block 32 vmemmap=512\n"
    'expect block 32 valid_zones="Normal Movable" state=offline zone=none\n'
    "expect block 32 usable_pages=32256\nexpect device dimm0 usable=1008M heads=0\n"
    "expect device dimm0 largest_run=126M vmemmap=4096 refcount=0 private=0\n"
    "expect device dimm0 all_vmemmap_blocks=0\nexpect total memmap=16M remote_memmap=0K",
    "pages": DIMM + "expect pfn 0x100000 kind=vmemmap\nexpect pfn dimm0+1023 kind=offline "
    "memmap_at=dimm0+15\nexpect pfn dimm0+1023 memmap_at=0x10000f\nexpect pfn 1048576 "
    "memmap_at=1048576",
    "what is not there": SMALL + "expect block 40 exists=false\nexpect block d exists=false\n"
    "expect block 40 exists=false zone=none valid_zones=none",
    "logs": "add d 100M\nexpect log \"Block size\"\nexpect no-log \"nonsense\"\n"
    "expect no-log \"acpi_memory_disable\"",
    "no logs": "add e 128M\nexpect no-log",
    "findings": "expect no-findings",
}  # fmt: skip

REFUSED = {
    # lines
    "note “typographic”": '1:6: the character U+201C (left double quotation mark) is not a plain',
    "add\u00a0d 256M": "1:4: the character U+00A0 (no-break space) is not a plain one",
    "note \"open": "1:6: the quotes are not closed",
    "note \"a\u202eb\"": "1:8: the character U+202E (right-to-left override) is not allowed",
    "note \"a\x1b[2J\"": "1:8: the character U+001B (a control character) is not allowed",
    # spelling
    "Add d 256M": '1:1: there is no verb "Add"; did you mean add?',
    "ad d 256M": '1:1: there is no verb "ad"; did you mean add?',
    "shrink movable": '1:8: zone "movable" is unknown; expected DMA, DMA32, Normal, Movable or '
    "Device; did you mean Movable?",
    "expect zone ZONE_NORMAL spanned=1": '1:13: zone "ZONE_NORMAL" is unknown',
    "online 32 Kernel": '1:11: zone choice "Kernel" is unknown; expected kernel or movable; did '
    "you mean kernel?",
    "expect node 0 online=True": "1:22: ",
    "> online 32": "1:1: the line is quoted from a mail; expected the line without >",
    # sizes
    "add d 256": '1:7: the size "256" has no unit',
    "add d 0": '1:7: the size "0" has no unit',
    "add d 256m": '1:7: "256m" is not a size',
    "add d 256MB": '1:7: "256MB" is not a size',
    "add d -1G": '1:7: "-1G" is not a size',
    "add d 1.5G": '1:7: "1.5G" is not a size; expected a number and a unit (K, M, G, T or P) such '
    "as 128M; did you mean 1536M?",
    "add d 99999999P": '1:7: the size "99999999P" is too large',
    "machine ram=1": '1:13: the size "1" has no unit',
    "device-add p 1G altmap=4096": '1:24: the size "4096" has no unit',
    "expect device d usable=252": '1:24: the size "252" has no unit',
    "expect zone Movable spanned=32K": '1:29: "32K" is not a number',
    # blocks
    "online": "1:7: online needs to know which blocks",
    "online *": '1:8: "*" names no blocks',
    "online 39-32": '1:8: the range "39-32" runs backwards; expected the lower end first; did '
    "you mean 32-39?",
    "online 32,": "1:11: a part of the list is empty",
    "online d[1": '1:8: "d[1" names no blocks',
    "online d[]": "1:10: the block of the device is missing",
    "online d[0,x]": '1:12: "x" is not a block of the device',
    "online 32-0x107ffffff": '1:8: "32-0x107ffffff" mixes a block id and an address',
    "online movable 32": "1:8: movable stands before the blocks; expected online REF "
    "[kernel|movable]; did you mean online 32 movable?",
    # the machine
    "add d 1G\nmachine ram=1G": "2:1: machine stands behind a command (line 1)",
    "machine\nmachine": "2:1: there is a second machine (the first is in line 1)",
    "machine arch=riscv": '1:14: architecture "riscv" is unknown',
    "machine profile=9": '1:17: profile "9" is unknown; expected 7.3, ',
    "machine block=3M": "1:15: block=3145728 bytes: a memory block is a power of two",
    "machine nodes=1 ram1=1G": "1:17: ram1= is for a node that does not exist",
    "machine ram=1G ram=2G": "1:16: ram= is given twice",
    "machine foo=1": '1:9: machine has no key "foo"',
    # parameters
    "set memmap_on_memory=maybe": '1:22: memmap_on_memory cannot be "maybe"; expected N, Y or '
    "force",
    "set memmap_on_memory": "1:21: set memmap_on_memory has no value",
    "set memap_on_memory=Y": '1:5: parameter "memap_on_memory" is unknown',
    "set auto_movable_ratio=-1": '1:24: auto_movable_ratio cannot be "-1"',
    "rule shrink=x": '1:13: shrink rule "x" is unknown; expected remove-valid, rfc2, oct2018 or '
    "merged",
    # actions
    "add": "1:4: add needs a name for the DIMM",
    "add d": "1:6: add needs a size",
    "add d 256M memmap=disk": '1:19: memmap policy "disk" is unknown',
    "add d 256M at=": "1:15: at= has no value",
    "add d 256M extra": '1:12: "extra" is too much for add',
    "shrink Movable blocks=0": "1:23: the number of blocks is 0",
    "pin 32 pfn=1": '1:5: pin has both blocks ("32") and pfn=',
    "pin 32 kind=sticky": '1:13: kind "sticky" is unknown; expected unmovable, movable, '
    "offline, longterm or hwpoison",
    "hugetlb p 2M at=0 pfn=0": "1:19: hugetlb has both at= and pfn=",
    "freelist 0:1 0:2": "1:17: order 0 is given twice",
    "fail next at=nowhere errno=EIO": '1:14: phase that can fail "nowhere" is unknown',
    "fail next at=online_pages errno=EFOO": '1:33: errno "EFOO" is unknown',
    "echo online": "1:12: this echo writes nowhere; expected echo WORD > PATH",
    "echo online > nowhere": '1:15: "nowhere" is not an absolute path of a known file',
    "echo a > /b | tee /c": '1:13: the shell\'s "|" is not understood here',
    "grep zone /proc/zoneinfo": '1:6: grep looks for "zone"; expected grep . PATH',
    # talking
    "note two words": '1:10: "words" stands behind the text; expected words in quotes',
    "pause 2": '1:7: "2" is not a duration; expected seconds or milliseconds such as 2s or 250ms; '
    "did you mean 2s?",
    "zoom zone": '1:6: zoom level "zone" is unknown',
    "goto block 32-33": '1:12: "32-33" is not one block',
    **{
        line: f"1:1: {line.split()[0]} works in a session only"
        for line in ("undo", "redo 2", "seek 1", "diff 1 2", "save a", "write a.txt", "quit",
                     "help", "compare profile=6.1")
    },
    # expectations
    "expect": "1:7: expect needs to know about what",
    "expect nothing": '1:8: expectation "nothing" is unknown',
    "expect ok now": '1:11: "now" is too much for expect ok',
    "expect errno=ebusy": '1:14: errno "ebusy" is unknown',
    "expect zone Movable": "1:20: expect zone compares nothing",
    "expect zone Movable size=1": '1:21: expect zone has no key "size"',
    "expect zone Movable spanned=*": '1:29: "*" is not a number',
    "expect zone Movable spanned=1 spanned=1": "1:31: spanned= is given twice",
    "expect block 32 valid_zones=Normal Movable": '1:36: "Movable" is too much for expect block',
    "expect pfn 5 kind=green": '1:19: kind of page "green" is unknown',
    "expect hugetlb p verdict=fine": '1:26: verdict "fine" is unknown; expected correct, corrupts '
    "or lost-saving",
    # what only the machine knows
    "machine ram=1G\n  online d": "2:10: d: there is no device of that name",
    "add dimm0 256M\nonline dimm1": "2:8: dimm1: there is no device of that name; there are: "
    "dimm0; did you mean dimm0?",
    "machine ram=1G\nadd d 256M\nonline d[2]": "3:8: d[2]: d has blocks 0 to 1",
    "machine ram=1G\nonline 0x100000000-0x108000000": "2:8: 0x100000000-0x108000000: an address "
    "range covers whole blocks of 0x8000000 bytes, its end included; did you mean "
    "0x100000000-0x107ffffff?",
    "machine ram=1G\nonline 0x100000000": "2:1: 4294967296: the last block that can be "
    "addressed is 33554431; did you mean 0x100000000-0x107ffffff?",
    "machine ram=1G\nshrink Movable node=5": "2:16: node=5: there are nodes 0 to 0",
    "machine ram=0K": "1:9: ram=0: node 0 must have memory",
}  # fmt: skip

DOES_NOT_HOLD = {
    "add d 256M\nexpect zone DMA spanned=4096": ["f:2: zone DMA spanned: expected 4096, is 4095"],
    "add d 256M\nexpect errno=EBUSY": ["f:2: errno: expected EBUSY, is none (it succeeded)"],
    "add d 256M\nexpect block 40 state=online node=0": [
        "f:2: block 40 state: expected online, is offline"
    ],
    "expect block 99 state=offline exists=false": [
        "f:1: block 99 state: expected offline, is none"
    ],
    "add d 256M\nexpect block d[7] state=offline exists=false": [
        "f:2: block d[7] state: expected offline, is none"
    ],
    "expect block 99 state=offline": ["f:1: block 99 exists: expected true, is false"],
    "expect device d usable=1G": ["f:1: device d: there is no such device"],
    "expect pfn 0xffffffffffff kind=hole": [
        "f:1: pfn 0xffffffffffff: the last one is 0xffffffffff"
    ],
    'expect finding "x"': ['f:1: finding: expected "x", is none'],
    "expect total usable=0K": ["f:1: total usable: expected 0K, is 4079612K"],
}  # fmt: skip


@pytest.mark.parametrize("text", HOLDS.values(), ids=HOLDS)
def test_what_the_description_promises_holds(text: str) -> None:
    run = run_scenario(parse_scenario(text, "f"))
    assert [str(failure) for failure in run.failures] == []


@pytest.mark.parametrize("text", HOLDS.values(), ids=HOLDS)
def test_it_holds_in_normal_form_as_well(text: str) -> None:
    normal = format_scenario(parse_scenario(text, "f"))
    assert format_scenario(parse_scenario(normal, "f")) == normal
    assert run_scenario(parse_scenario(normal, "f")).ok


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_line_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ParseError) as refused:
        run_scenario(parse_scenario(text, "f"))
    assert str(refused.value).startswith(f"f:{message}")


@pytest.mark.parametrize(("text", "messages"), DOES_NOT_HOLD.items(), ids=DOES_NOT_HOLD)
def test_what_does_not_hold_is_said_with_file_and_line(text: str, messages: list[str]) -> None:
    assert [
        str(failure) for failure in run_scenario(parse_scenario(text, "f")).failures
    ] == messages


def test_a_byte_order_mark_and_utf_8() -> None:
    data = b'\xef\xbb\xbfmachine ram=1G\r\nnote "gr\xc3\xb6\xc3\x9fer"\r\n'
    scenario = parse_scenario(decode_scenario(data, "f"), "f")
    assert format_scenario(scenario) == 'machine ram=1G\nnote "größer"\n'
