"""Text fit for a terminal line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.tui.say.words import cell_width, fitted, safe, size_spelt, wrapped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb", "a b"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("\x9b31m", "?31m"),
        ("a\u202eb\u200dc", "a?b?c"),
        ("two\nlines\r", "two lines "),
        ("é → ü", "é → ü"),
    ],
)
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_ascii_keeps_a_likeness_of_common_signs() -> None:
    assert safe("a → b … é", ascii_only=True) == "a -> b ~ ?"


@given(st.text())
def test_safe_text_is_printable_and_ascii_where_asked(text: str) -> None:
    assert all(c.isprintable() for c in safe(text))
    plain = safe(text, ascii_only=True)
    assert plain.isascii()
    assert plain.isprintable()


@given(st.text(alphabet="ab é→漢", max_size=40), st.integers(0, 30))
def test_fitted_text_fits_and_says_that_it_was_cut(text: str, width: int) -> None:
    cut = fitted(text, width)
    assert cell_width(cut) <= max(width, 0)
    assert cut == text or cut == "" or cut.endswith("…")


@given(st.text(alphabet="abc d", max_size=80), st.integers(1, 20))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)


def test_a_text_without_end_is_cut_and_says_by_how_much() -> None:
    lines = wrapped("x" * 1_000_000, 100)
    assert len(lines) == 41
    assert lines[-1] == "[996000 more characters]"


@pytest.mark.parametrize(
    ("size", "spelt"),
    [
        (0, "0 B"),
        (64, "64 B"),
        (4096, "4 KiB"),
        (2 << 20, "2 MiB"),
        (3584 << 20, "3.5 GiB"),
        (4 << 50, "4 PiB"),
    ],
)
def test_sizes(size: int, spelt: str) -> None:
    assert size_spelt(size) == spelt
