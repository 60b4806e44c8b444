"""What the language says about wrong lines, word for word."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pfnmap.engine.commands import VERBS, Verb
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.lexer import MAX_LINE_CHARACTERS
from pfnmap.engine.language.lines import parse_line
from tests.examples import examples

SIZE = "expected a number and a unit (K, M, G, T or P) such as 128M"
BLOCKS = "expected blocks such as 34, 32-39, dimm0, dimm0[2-3] or 0x100000000-0x107ffffff"

WRONG: list[tuple[str, str]] = [
    # -- verbs
    ("onlin 34", '1: there is no verb "onlin"; did you mean online?'),
    ("Online 34", '1: there is no verb "Online"; did you mean online?'),
    (
        "frobnicate",
        '1: there is no verb "frobnicate"; expected a verb such as add, online, '
        "offline or remove (see help)",
    ),
    ("> online 34", "1: the line is quoted from a mail; expected the line without >"),
    # -- sizes
    ("add dimm0 256", f'11: the size "256" has no unit; {SIZE}; did you mean 256M?'),
    ("add dimm0 256mb", f'11: "256mb" is not a size; {SIZE}; did you mean 256M?'),
    ("add dimm0 1.5G", f'11: "1.5G" is not a size; {SIZE}; did you mean 1536M?'),
    ("add dimm0 -1G", f'11: "-1G" is not a size; {SIZE}'),
    ("add dimm0 16384P", '11: the size "16384P" is too large; expected less than 16384P'),
    ("add dimm0", "10: add needs a size; expected add dimm0 SIZE, such as 256M"),
    ("machine ram=4", f'13: the size "4" has no unit; {SIZE}; did you mean 4M?'),
    ("free 100", f'6: the size "100" has no unit; {SIZE}; did you mean 100M?'),
    ("expect device d usable=3", f'24: the size "3" has no unit; {SIZE}; did you mean 3M?'),
    # -- names, words, keys
    (
        "add 0dimm 128M",
        '5: "0dimm" is not a name; expected a letter and up to 63 letters, digits '
        "or _ . : - such as dimm0",
    ),
    (
        "add d 128M noed=1",
        '12: add has no key "noed"; expected at=, node= or memmap=; did you mean node=?',
    ),
    ("add d 128M node=1 node=2", "19: node= is given twice; expected each key once"),
    ("add d 128M node=", "17: node= has no value"),
    ("add d 128M extra", '12: "extra" is too much for add; expected at=, node= or memmap='),
    (
        "add d 128M memmap=devise",
        '19: memmap policy "devise" is unknown; expected ram, device, '
        "memblock or on_memory; did you mean device?",
    ),
    ("quit now", '6: "now" is too much for quit; expected nothing more'),
    ("undo x", '6: "x" is not a number of steps; expected a number such as 512 or 0x200'),
    (
        "zoom blok",
        '6: zoom level "blok" is unknown; expected page, subsection, section, block or '
        "fit; did you mean block?",
    ),
    (
        "fail next at=online_pages errno=EBUSSY",
        '33: errno "EBUSSY" is unknown; expected E2BIG, EACCES, EAGAIN, EALREADY, EBADF, EBUSY, '
        "ECANCELED, EDEADLK, EDOM, EEXIST, EFAULT, EHWPOISON, EINPROGRESS, EINTR, EINVAL, EIO, "
        "EISDIR, ENFILE, ENOBUFS, ENODATA, …; did you mean EBUSY?",
    ),
    # -- blocks and pages
    ("online", "7: online needs to know which blocks; expected online 34, or 32-39, or dimm0[1]"),
    (
        "online movable 34",
        "8: movable stands before the blocks; expected online REF "
        "[kernel|movable]; did you mean online 34 movable?",
    ),
    (
        "online 34 moveable",
        '11: zone choice "moveable" is unknown; expected kernel or movable; did you mean movable?',
    ),
    (
        "online 39-32",
        '8: the range "39-32" runs backwards; expected the lower end first; did you mean 32-39?',
    ),
    ("online 32,,33", f"11: a part of the list is empty; {BLOCKS}"),
    ("online 32-", "11: the block id is missing; expected a number such as 512 or 0x200"),
    ("online 32,x33[", f'11: "x33[" names no blocks; {BLOCKS}'),
    (
        "online 0x20-40",
        '8: "0x20-40" mixes a block id and an address; expected both ends decimal '
        "(block ids) or both 0x… (physical addresses)",
    ),
    (
        "online dimm0[3-1]",
        '14: the range "3-1" runs backwards; expected the lower end first; did you mean 1-3?',
    ),
    ("pin pfn=x+", "11: the page offset is missing; expected a number such as 512 or 0x200"),
    ("pin 3 pfn=4", '5: pin has both blocks ("3") and pfn=; expected one of the two'),
    ("hugetlb a 2M at=1 pfn=2", "19: hugetlb has both at= and pfn=; expected one of the two"),
    # -- tables
    (
        "set memap_on_memory=Y",
        '5: parameter "memap_on_memory" is unknown; expected '
        "memmap_on_memory, online_policy, auto_movable_ratio, auto_movable_numa_aware, "
        "auto_online_blocks, movable_node, vmemmap_hotplug or hugetlb_free_vmemmap; "
        "did you mean memmap_on_memory?",
    ),
    (
        "set memmap_on_memory=maybe",
        '22: memmap_on_memory cannot be "maybe"; expected N, Y or force',
    ),
    (
        "set online_policy=auto-movabel",
        '19: online_policy cannot be "auto-movabel"; expected '
        "contig-zones or auto-movable; did you mean auto-movable?",
    ),
    (
        "set memmap_on_memory",
        "21: set memmap_on_memory has no value; expected set memmap_on_memory=N, Y or force",
    ),
    (
        "set movable_node=Y online_policy=contig-zones",
        '20: set has a second parameter "online_policy"; expected one parameter a line',
    ),
    (
        "rule shrink=merge",
        '13: shrink rule "merge" is unknown; expected remove-valid, rfc2, '
        "oct2018 or merged; did you mean merged?",
    ),
    (
        "machine arch=x86",
        '14: architecture "x86" is unknown; expected x86_64, arm64-4k, arm64-16k, '
        "arm64-64k or ppc64-64k; did you mean x86_64?",
    ),
    (
        "machine block=100M",
        "15: block=104857600 bytes: a memory block is a power of two of at least 128M on x86_64",
    ),
    (
        "machine nodes=2 ram2=1G",
        "17: ram2= is for a node that does not exist; expected nodes=3 or more",
    ),
    ("machine ram0=1G", "9: node 0 has no ram0=; expected ram=; did you mean ram=?"),
    (
        "machine rom=2G",
        '9: machine has no key "rom"; expected ram=, arch=, profile=, block=, cxl=, '
        "nodes=, distance=, cmdline=, ramN= or a parameter of set; did you mean ram=?",
    ),
    # -- expectations
    (
        "expect zone movable start=1",
        '13: zone "movable" is unknown; expected DMA, DMA32, Normal, '
        "Movable or Device; did you mean Movable?",
    ),
    (
        "expect zone Movable strat=1",
        '21: expect zone has no key "strat"; expected node=, start=, '
        "spanned=, present= or managed=; did you mean start=?",
    ),
    (
        "expect zone Movable",
        "20: expect zone compares nothing; expected at least one of start=, "
        "spanned=, present= or managed=",
    ),
    (
        "expect block 3 state=onlin",
        '22: state "onlin" is unknown; expected online, offline, '
        "going-online or going-offline; did you mean online?",
    ),
    (
        'expect block 3 valid_zones="Normal Movabel"',
        '36: zone "Movabel" is unknown; expected DMA, DMA32, Normal, Movable or Device; '
        "did you mean Movable?",
    ),
    (
        "expect block 3 exists=yes",
        '23: "yes" is neither true nor false; expected true or false; did you mean true?',
    ),
    (
        "expect findin",
        '8: expectation "findin" is unknown; expected ok, errno=E, log, no-log, '
        "output, zone, node, block, device, pfn, hugetlb, finding, no-findings or total; "
        "did you mean finding?",
    ),
    # -- text
    ("note hello world", '12: "world" stands behind the text; expected words in quotes: "…"'),
    ('note "hello', '6: the quotes are not closed; expected a second "'),
    (r'note "a\nb"', r'8: "\n" is no escape; expected \" or \\'),
    (
        "pause 2",
        '7: "2" is not a duration; expected seconds or milliseconds such as 2s or 250ms; '
        "did you mean 2s?",
    ),
    # -- characters
    (
        "online “34”",
        "8: the character U+201C (left double quotation mark) is not a plain one; "
        'expected an ordinary "',
    ),
    (
        "online 32–34",
        "10: the character U+2013 (en dash) is not a plain one; expected an ordinary -",
    ),
    (
        "online\u00a034",
        "7: the character U+00A0 (no-break space) is not a plain one; expected an ordinary space",
    ),
    ('note "\x1b[31m"', "7: the character U+001B (a control character) is not allowed in a line"),
    ('note "\u202e"', "7: the character U+202E (right-to-left override) is not allowed in a line"),
    ("online 34\rquit", "10: the character U+000D (a control character) is not allowed in a line"),
    ("\udc80", "1: the character U+DC80 (not valid UTF-8) is not allowed in a line"),
    # -- shell lines
    ("echo online", "12: this echo writes nowhere; expected echo WORD > PATH"),
    ("echo > /sys/a", "6: echo has no word to write; expected echo WORD > PATH"),
    ("echo online >", "14: the path is missing; expected echo WORD > PATH"),
    (
        "echo online > memory34/stat",
        '15: "memory34/stat" is not an absolute path of a known file; '
        "expected a path such as /sys/devices/system/memory/memory34/state",
    ),
    (
        "echo `id` > /sys/a",
        '6: the shell\'s "`" is not understood here; expected echo WORD > '
        "PATH, grep . PATH or cat PATH",
    ),
    ("grep Normal /sys/a", '6: grep looks for "Normal"; expected grep . PATH… (every line)'),
    ("cat", "4: the path is missing; expected cat PATH"),
    ("cat /a > /b", "8: > only stands behind echo; expected cat PATH"),
    (
        "echo $((33 << 27)) > /sys/a",
        '6: the shell\'s "$" is not understood here; expected echo WORD > '
        "PATH, grep . PATH or cat PATH",
    ),
    (
        "cat …/memory{1..999999999}/state",
        '5: "…/memory{1..999999999}/state" stands for too many files; expected at most 4096',
    ),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[ascii(line) for line, _ in WRONG])
def test_what_is_said_about_a_wrong_line(line: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_line(line, source="talk.hotplug", line=7)
    assert str(caught.value) == f"talk.hotplug:7:{message}"


def test_without_a_file_only_the_sentence_is_said() -> None:
    with pytest.raises(ParseError) as caught:
        parse_line("zoom blok")
    assert str(caught.value).startswith('zoom level "blok" is unknown;')
    assert caught.value.column == 6


def test_a_long_line_is_refused_at_once_and_not_repeated() -> None:
    with pytest.raises(ParseError) as caught:
        parse_line('note "' + "x" * (1 << 20) + '"', source="f", line=1)
    assert str(caught.value) == (
        f"f:1:{MAX_LINE_CHARACTERS + 1}: the line has 1048583 characters; "
        f"expected at most {MAX_LINE_CHARACTERS}"
    )


def test_a_long_word_is_shown_cut() -> None:
    with pytest.raises(ParseError) as caught:
        parse_line("x" * 1000)
    assert caught.value.message.startswith('there is no verb "' + "x" * 39 + '…";')


def check_line(line: str) -> None:
    """The line is read, or refused with one printable sentence inside the line."""
    try:
        parse_line(line, source="f", line=1)
    except ParseError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 1200
        assert 1 <= error.column <= len(line) + 2


@examples(100)
@given(st.binary(max_size=80))
def test_random_bytes_raise_nothing_but_a_parse_error(data: bytes) -> None:
    check_line(data.decode("utf-8", "surrogateescape"))


_FRAGMENTS = st.sampled_from(
    [
        *VERBS,
        *(word for verb in VERBS.values() for word in verb.example.split()),
        "kind=",
        "node=",
        "pfn=dimm0+",
        "32-",
        "[",
        "]",
        ",",
        "=",
        '"',
        "\\",
        "#",
        ">",
        "$((",
        "))",
        "0x",
        "-",
        "…/memory{32..99999}/state",
        "9" * 30,
        "\t",
        "\x00",
        "\u202e",
        "“",
        " ",
    ]
)


@examples(200)
@given(st.lists(_FRAGMENTS, max_size=8), st.sampled_from(["", " "]))
@example(["expect ", "errno=E"], "")
@example(["set auto_movable_ratio=", "9" * 5000], "")
@example(["echo $((", "(" * 500, "))) > /a"], "")
def test_broken_lines_raise_nothing_but_a_parse_error(parts: list[str], gap: str) -> None:
    check_line(gap.join(parts))


@examples(60)
@given(st.sampled_from(list(VERBS.values())), st.data())
def test_a_mutilated_example_raises_only_a_parse_error(verb: Verb, data: st.DataObject) -> None:
    line = verb.example
    at = data.draw(st.integers(0, len(line)))
    until = data.draw(st.integers(at, len(line)))
    check_line(line[:at] + data.draw(st.text(max_size=3)) + line[until:])
