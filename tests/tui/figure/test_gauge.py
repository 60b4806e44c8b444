"""The gauge of a virtio-mem device: what differs is always seen, in the text and on the page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pfnmap.tui.figure.gauge import LACKING, PLUGGED, SIGNS, SURPLUS, Gauge
from pfnmap.tui.figure.page import page
from tests.tui.figure.sessions import session_of


@given(st.data(), st.integers(8, 60), st.integers(1, 1 << 30))
def test_what_differs_has_a_column(data: st.DataObject, width: int, size: int) -> None:
    plugged, requested = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))
    runs = list(Gauge("vm0", 0, size, plugged, requested, "", None).runs(width))
    assert sum(columns for _, columns in runs) == width
    assert all(columns >= 0 and sign in SIGNS for sign, columns in runs)
    shown = {sign for sign, columns in runs if columns}
    assert (LACKING in shown) is (requested > plugged)
    assert (SURPLUS in shown) is (plugged > requested)
    assert PLUGGED not in shown or plugged


def test_the_page_has_the_gauge_and_says_what_its_signs_mean() -> None:
    session = session_of(
        "machine ram=1G profile=6.12 auto_online_blocks=online_kernel",
        "virtio-mem vm0 size=256M requested=128M",
        "pin vm0[0]",
        "virtio-mem vm0 requested=0K",
        "virtio-mem-del vm0",
    )
    text = page(session, "virtio-mem")
    assert 'class=\\"refusal\\">%' in text
    for words in ("plugged, not requested", "room of the device"):
        assert words in text
