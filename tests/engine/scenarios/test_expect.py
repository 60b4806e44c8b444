"""Expectations: what holds, what does not, and what is said then."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import ParseError
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.view import BlockRow

LIFE = """\
machine ram=1G memmap_on_memory=Y
add dimm0 256M
online dimm0[1] movable
"""


def failures(text: str, before: str = LIFE) -> list[str]:
    """The messages of a run, without the place; line numbers are tested on their own."""
    run = run_scenario(parse_scenario(before + text, "t"))
    return [failure.message for failure in run.failures]


HOLDS = [
    "expect ok",
    "expect no-findings",
    "expect zone Movable start=0x108000 spanned=32768 present=32768 managed=32256",
    "expect zone Device start=0 spanned=0 present=0 managed=0",
    "expect node 0 start=1 online=true",
    'expect block dimm0[0] state=offline zone=none valid_zones="Normal Movable" node=0',
    "expect block 33 state=online zone=Movable valid_zones=Movable vmemmap=512 "
    "usable_pages=32256 exists=true",
    "expect block 0x108000000-0x10fffffff state=online",
    "expect block 0-7 vmemmap=0 node=0",
    "expect block 34-1000000000 exists=false",
    "expect block dimm9 exists=false",
    "expect block dimm0[7] exists=false",
    "expect device dimm0 usable=252M largest_run=126M vmemmap=1024 heads=0 refcount=0 "
    "private=0 all_vmemmap_blocks=0",
    "expect pfn 0x108000 kind=vmemmap memmap_at=0x108000",
    "expect pfn dimm0+33279 kind=vmemmap memmap_at=dimm0+32775",
    "expect pfn dimm0+33280 kind=free memmap_at=dimm0+32776",
    "expect pfn dimm0+0 kind=vmemmap",
    "expect pfn dimm0+512 kind=offline",
    "expect pfn 0x110000 kind=hole",
    "expect total memmap=4M remote_memmap=0K",
]


@pytest.mark.parametrize("line", HOLDS)
def test_what_holds(line: str) -> None:
    assert failures(line) == []


FAILS = [
    ("expect errno=EBUSY", ["errno: expected EBUSY, is none (it succeeded)"]),
    ("offline 32\nexpect ok", ["errno: expected none, is EINVAL (device_offline: "]),
    (
        "expect zone Movable start=0x100000 spanned=1 present=32768",
        [
            "zone Movable start: expected 0x100000, is 0x108000",
            "zone Movable spanned: expected 1, is 32768",
        ],
    ),
    ("expect zone Normal node=3 start=0", ["zone Normal node 3: there is no node 3"]),
    ("expect node 1 start=0", ["node 1: there is no such node"]),
    ("expect node 0 online=false", ["node 0 online: expected false, is true"]),
    ("expect block 32-33 state=offline", ["block 33 state: expected offline, is online"]),
    (
        "expect block dimm0 zone=Normal",
        ["block 32 zone: expected Normal, is none", "block 33 zone: expected Normal, is Movable"],
    ),
    ("expect block dimm0 vmemmap=511", ["blocks 32-33 vmemmap: expected 511, is 512"]),
    ("expect block 33-36 state=online", ["blocks 34-36 exists: expected true, is false"]),
    ("expect block 33 exists=false", ["block 33 exists: expected false, is true"]),
    ("expect block 33 valid_zones=none", ["block 33 valid_zones: expected none, is Movable"]),
    (
        "expect block dimm9 state=online",
        ["block dimm9: there is no device of that name; there are: dimm0; did you mean dimm0?"],
    ),
    ("expect device dimm9 heads=1", ["device dimm9: there is no such device"]),
    (
        "expect device dimm0 largest_run=252M heads=1",
        [
            "device dimm0 largest_run: expected 252M, is 126M",
            "device dimm0 heads: expected 1, is 0",
        ],
    ),
    (
        "expect pfn 0x108000 kind=free memmap_at=dimm0+0",
        [
            "pfn 0x108000 kind: expected free, is vmemmap",
            "pfn 0x108000 memmap_at: expected dimm0+0, is 0x108000",
        ],
    ),
    (
        "expect pfn 0x108000 memmap_at=dimm9+0",
        [
            "pfn 0x108000 memmap_at: expected dimm9+0, but dimm9: there is no device of that name; "
            "there are: dimm0; did you mean dimm0?"
        ],
    ),
    ("expect hugetlb pool freed=7", ["hugetlb pool: there are no such huge pages"]),
    ('expect finding "gone"', ['finding: expected "gone", is none']),
    ('expect finding "a\uaa39b"', ['finding: expected "a\\uaa39b", is none']),
    ("expect total memmap=2M", ["total memmap: expected 2M, is 4M"]),
    ('expect log "Offlined"', ['log: expected "Offlined", is ']),
]


@pytest.mark.parametrize(("line", "messages"), FAILS, ids=[line for line, _ in FAILS])
def test_what_is_said_when_it_does_not_hold(line: str, messages: list[str]) -> None:
    said = failures(line)
    assert len(said) == len(messages)
    for message, expected in zip(said, messages, strict=True):
        # Sentences of the machine's own (log lines, rules) are tested where they are made.
        assert message == expected or (expected.endswith(" ") and message.startswith(expected))


def test_a_failure_names_file_and_line() -> None:
    run = run_scenario(parse_scenario(LIFE + "expect zone Movable spanned=1\n", "talk.hotplug"))
    assert [str(failure) for failure in run.failures] == [
        "talk.hotplug:4: zone Movable spanned: expected 1, is 32768"
    ]
    assert not run.ok
    assert len(run.claims) == 1
    assert [step.line for step in run.steps] == [2, 3, 4]


def test_log_lines_are_those_of_the_last_action() -> None:
    zonelists = 'expect log "Built"\n'
    assert failures(zonelists, "machine ram=1G\nadd d 128M\nonline d movable\n") == []
    assert (
        failures(
            zonelists,
            "machine ram=1G\nadd d 128M\nonline d movable\noffline d\n"
            "online_kernel d\nonline_kernel d\n",
        )
        != []
    )


def test_no_log_with_and_without_a_text() -> None:
    before = "machine ram=1G\nadd d 128M\nonline d movable\n"
    assert failures("expect no-log\n", before)[0].startswith("log: expected none, is ")
    assert failures('expect no-log "no such words"\n', before) == []
    assert failures("expect no-log\n", "machine ram=1G\nadd d 128M\n") == []


@pytest.mark.parametrize("line", ["expect ok", "expect errno=EBUSY"])
def test_before_the_first_action_nothing_can_be_said_about_it(line: str) -> None:
    assert failures(line, "machine\n") == ["nothing was done before this line"]


def test_talk_and_claims_are_no_actions() -> None:
    assert (
        failures(
            'note "x"\npause 1s\ngoto 4\nzoom fit\n'
            "expect zone Normal spanned=0\nexpect errno=EINVAL",
            "machine ram=1G\nadd d 128M\nonline d\noffline d\noffline d\n",
        )
        == []
    )


def test_a_refused_command_does_not_stop_the_run() -> None:
    text = "machine ram=1G\nadd a 100M\nexpect errno=EINVAL\nadd b 128M\nexpect ok\n"
    run = run_scenario(parse_scenario(text))
    assert run.ok
    assert sum(step.is_action for step in run.steps) == 2


def test_a_line_that_means_nothing_on_the_machine_is_an_error_with_its_place() -> None:
    with pytest.raises(ParseError, match=r"^t:2:8: dimm9: there is no device of that name"):
        run_scenario(parse_scenario("machine ram=1G\nonline dimm9\n", "t"))


def test_a_machine_that_cannot_be_is_an_error_with_its_place() -> None:
    with pytest.raises(ParseError, match=r"^t:2:9: ram=0: "):
        run_scenario(parse_scenario("# c\nmachine ram=0K\n", "t"))


def test_expectations_about_very_many_blocks_look_at_runs_not_at_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []
    block = ModelView.block

    def counted(view: ModelView, block_id: int) -> BlockRow | None:
        looked_at.append(block_id)
        return block(view, block_id)

    monkeypatch.setattr(ModelView, "block", counted)
    run = run_scenario(
        parse_scenario(
            "machine ram=1G memmap_on_memory=Y\nadd d 32T\nonline d movable\noffline d[70000]\n"
            "expect block d[0-69999] state=online zone=Movable exists=true valid_zones=Movable\n"
            "expect block d[70001-262143] state=online vmemmap=512\n"
            "expect block d[70000] state=offline\n"
        )
    )
    assert run.failures == ()
    assert run.machine.view().nr_blocks == 262_144 + 8
    assert len(looked_at) < 20


# -- layouts and totals ------------------------------------------------------------------
LAYOUTS = """\
128M 128M device     1     1     512    0  126M  126M
128M 128M memblock   1     1     512    0  126M  126M
256M 128M device     1     2    1024    0  252M  252M
256M 128M memblock   2     1     512    0  252M  126M
384M 128M device     1     3    1536    0  378M  378M
1G   128M ram        0     0       0    0    1G    1G
1G   128M device     1     8    4096    0 1008M 1008M
1G   128M memblock   8     1     512    0 1008M  126M
1G   1G   memblock   1     8    4096    0 1008M 1008M
2G   1G   memblock   2     8    4096    0 2016M 1008M
2G   1G   device     1    16    8192    0 2016M 2016M
9G   128M device     1    72   36864    1 9072M 9072M
8G   128M device     1    64   32768    1 8064M 8064M
64G  128M device     1   512  262144    8   63G   63G
64G  128M memblock 512     1     512    0   63G  126M
64G  1G   device     1   512  262144    1   63G   63G
64G  2G   device     1   512  262144    0   63G   63G
1T   128M device     1  8192 4194304  128 1008G 1008G
1T   2G   memblock 512    16    8192    0 1008G 2016M
"""


@pytest.mark.parametrize("row", LAYOUTS.splitlines())
def test_the_layouts_of_the_posts(row: str) -> None:
    size, block, policy, heads, refcount, private, full, usable, run = row.split()
    assert (
        failures(
            f"add d {size} memmap={policy}\nexpect ok\n"
            f"expect device d heads={heads} refcount={refcount} private={private} "
            f"all_vmemmap_blocks={full} usable={usable} largest_run={run}",
            f"machine ram=64G block={block} profile=memmap-v2\n",
        )
        == []
    )


def test_struct_pages_on_another_node() -> None:
    machine = "machine ram=4G nodes=2 movable_node=Y\nadd d 64G node=1 "
    assert failures("expect total memmap=1G remote_memmap=1G", machine + "memmap=ram\n") == []
    assert failures("expect total memmap=1G remote_memmap=0K", machine + "memmap=device\n") == []
    assert failures("expect total memmap=1G remote_memmap=0K", machine + "memmap=memblock\n") == []


def test_usable_memory_is_the_same_wherever_the_struct_pages_are() -> None:
    def usable(policy: str) -> str:
        text = f"add d 1G memmap={policy}\nonline d movable\nexpect total usable=0K"
        return failures(text, "machine ram=1G\n")[0]

    assert usable("ram") == usable("device") == usable("memblock")
    assert usable("ram").startswith("total usable: expected 0K, is ")


def test_a_device_of_zone_device() -> None:
    before = "machine ram=1G\ndevice-add pmem0 1G altmap=16M\n"
    assert (
        failures(
            "expect device pmem0 usable=1008M largest_run=1008M vmemmap=4096 heads=0 "
            "all_vmemmap_blocks=0\nexpect total memmap=16M",
            before,
        )
        == []
    )
    assert failures("expect block pmem0 state=online", before)[0].startswith("block pmem0: ")


def test_huge_pages_of_which_the_vmemmap_was_given_back() -> None:
    before = "machine ram=1G hugetlb_free_vmemmap=on\nadd d 128M\nonline d\n"
    assert (
        failures(
            "hugetlb pool 2M count=3 at=0x100000000\n"
            "expect hugetlb pool optimised=true freed=21 verdict=correct",
            before,
        )
        == []
    )


def test_a_removed_device_is_gone() -> None:
    assert (
        failures(
            "offline dimm0[1]\nremove dimm0\nexpect ok\nexpect block 32-33 exists=false\n"
            "expect block dimm0 exists=false\nexpect total memmap=0K"
        )
        == []
    )


STRUCT_PAGES = {
    "of 2019": """machine ram=4G profile=memmap-v2
add d 1G
expect device d online=0 full=0 local=16M remote=0K
expect pfn d+0 refcount=8 private=4096 flags=vmemmap,reserved
expect pfn d+1 freelist=d+0 private=0
expect pfn d+4096 freelist=none refcount=0 private=0 flags=none
fail next at=mark_vmemmap_pages errno=ENOMEM
add e 256M memmap=memblock
expect errno=ENOMEM""",
    "as merged": """machine ram=4G memmap_on_memory=Y
add d 256M
expect pfn d+0 refcount=0 private=0 freelist=none flags=none
online d[0] movable
expect pfn d+0 flags=vmemmap
expect pfn d+512 flags=buddy
hugetlb h 2M pfn=d+1024
expect pfn d+1024 flags=hugetlb
pin pfn=d+512 kind=hwpoison
expect pfn d+512 flags=hwpoison
expect pfn 0x1000 flags=reserved
expect device d online=1 full=0 local=4M remote=0K""",
    "on another node": """machine ram=4G nodes=2
add a 1G node=1
expect node 0 pending=16M remote=0K
expect node 1 pending=0K remote=16M
expect device a local=0K remote=16M online=0
online a
expect node 0 pending=0K
expect node 1 remote=16M""",
}


@pytest.mark.parametrize("name", STRUCT_PAGES)
def test_what_can_be_claimed_of_struct_pages(name: str) -> None:
    run = run_scenario(parse_scenario(STRUCT_PAGES[name]))
    assert [str(failure) for failure in run.failures] == []
