"""What a guest's report and its call trees say."""

from __future__ import annotations

import pytest

from pfnmap.engine.guest.report import error_name, read_report
from pfnmap.engine.traces.trace import Call, RecordedLine, RecordedZone

REPORT = """\
zone 0 DMA 4095 3998 3840 1 0
zone 0 Movable 32768 32768 32256 1081344 16384
block 33 online 0 1 Movable
block 0 online 0 1 none
block 32 offline 1 1 Normal Movable
iomem 00001000-0009fbff : System RAM
iomem   140000000-147ffffff : System RAM (kmem)
nodes online 0-1
nodes has_cpu
log [    1.500000] Policy zone: Normal
log [    1.500001] Offlined Pages 32256
log [    1.6] not a time stamp
log [    1.700000] page:00000000deadbeef refcount:1 mapcount:0 mapping:0 index:0x0 pfn:0x108401
log [    1.700000] flags: 0x100000000000000(node=0|zone=2)
log [    1.700000] page dumped because: unmovable page
log [    1.800000] Fallback order for Node 0: 0\x20
call online_pages() {
call   build_all_zonelists() {
call     /* console: Fallback order for Node 0:  */
call     /* console: 0  */
call     /* console:  */
call     /* console: pci 0000:00:02.0: nobody asked */
call   }
call   memory_notify.isra.0();
call }
"""


def test_report_is_read_field_by_field() -> None:
    report = read_report(REPORT)
    assert report.state.zones[1] == RecordedZone(0, "Movable", 1081344, 32768, 32768, 32256, 16384)
    assert [block.id for block in report.state.blocks] == [0, 32, 33]
    assert report.state.blocks[1].valid_zones == ("Normal", "Movable")
    assert report.state.iomem[1] == RecordedLine(1, 0x140000000, 0x147FFFFFF, "System RAM (kmem)")
    assert (report.state.masks.online, report.state.masks.has_cpu) == ("0-1", "")


def test_log_is_kept_apart_from_debug_messages_and_page_dumps() -> None:
    report = read_report(REPORT)
    fallback = "Fallback order for Node 0: 0 "
    assert report.log == ("Policy zone: Normal", "[    1.6] not a time stamp", fallback)
    assert report.debug == ("Offlined Pages 32256",)
    assert report.unmovable == (0x108401,)


def test_calls_are_a_tree_with_the_log_between() -> None:
    assert read_report(REPORT).calls == (
        Call(0, name="online_pages"),
        Call(1, name="build_all_zonelists"),
        Call(2, log="Fallback order for Node 0: 0 "),
        Call(1, name="memory_notify"),
    )


@pytest.mark.parametrize(
    ("output", "status", "name"),
    [
        ("", 0, None),
        ("/init: eval: line 1: write error: Device or resource busy\n", 1, "EBUSY"),
        ("first line\nsh: write error: Invalid argument", 1, "EINVAL"),
        ("sh: can't create /sys/x: nonexistent directory", 1, "ENOENT"),
        ("", 129, "EINTR"),
        ("gibberish", 3, "exit status 3"),
    ],
)
def test_error_names(output: str, status: int, name: str | None) -> None:
    assert error_name(output, status) == name
