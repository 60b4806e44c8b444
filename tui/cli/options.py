"""The options of all subcommands: declared without loading what the subcommands do."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Final, Literal

from pfnmap.tui.cli.messages import Arguments
from pfnmap.tui.cli.parser import COMMANDS, Parser
from pfnmap.tui.terminal import COLOUR_SYSTEMS

TextFormat = Literal["text", "svg", "html", "ansi"]

TEXT_COLUMNS: Final = 72
"""Of a text that no ``--width`` is given for; what ``text.frame`` calls MAIL_WIDTH."""
TERMINAL_OPTIONS: Final = ("--theme", "--color", "--ascii", "--mouse")
ROOT_HELP = (
    "a tree with the machine's /sys and /proc files: the root of a system, or a directory that "
    "lsmem --sysroot takes"
)
PICTURE_OPTIONS: Final = ("--size", "--theme")
DEFAULT_SIZE: Final = (80, 24)
DEFAULT_THEME: Final = "dark"
PICTURES: Final[dict[str, TextFormat]] = {
    ".txt": "text",
    ".svg": "svg",
    ".html": "html",
    ".ansi": "ansi",
}
"""What the file's name ends in, and what is drawn into it."""
SCENARIO: Final = ".hotplug"
A_SCENARIO: Final = "a scenario, or the name of a shipped one"
STEPS_OR_MACHINE: Final = (
    "a scenario or the name of a shipped one, a recording, a capture, or a directory"
)
FIGURES: Final = (".txt", ".svg", ".html", ".cast")
"""What the name of a figure ends in."""
DEFAULT_SECONDS = 2.0
LEAST_SECONDS = 0.1
MOST_SECONDS = 86400.0


def add_source(parser: Parser) -> None:
    """``SOURCE``: the machine to work on."""
    _word(
        parser,
        "source",
        "a scenario (FILE.hotplug, or a name from 'pfnmap scenarios'), a recording of a kernel "
        "(FILE.json), a directory with a machine's files, or a capture of them; a simulated "
        "machine if none",
        "SOURCE",
    )


def _word(
    parser: Parser,
    dest: str,
    words: str,
    metavar: str = "FILE",
    nargs: Literal["?", "*", "+"] | None = "?",
) -> None:
    """A word that no option stands before, or several."""
    parser.add_argument(dest, metavar=metavar, nargs=nargs, help=words)


def add_commands(parser: Parser, what: str = "to run first, e.g. 'add dimm0 256M'") -> None:
    """``-c``: commands; ``what`` says what becomes of them."""
    parser.add_argument(
        "-c",
        "--command",
        metavar="COMMAND",
        action="append",
        default=[],
        dest=COMMANDS,
        help=f"a command {what}; may be given more than once",
    )


def add_terminal_options(parser: Parser) -> None:
    """How to draw on the terminal."""
    parser.options(f"""
        --theme NAME  a theme of 'pfnmap themes', or a file
        --color {{auto,{",".join(COLOUR_SYSTEMS)}}}
                      colours to use (default: what the terminal promises; NO_COLOR is honoured)
    """)
    _add_switch(parser, "ascii", "draw with ASCII letters only, or not")
    _add_switch(parser, "mouse", "use the mouse, or leave it to the terminal")


def _add_switch(parser: Parser, name: str, words: str) -> None:
    """``--NAME`` and ``--no-NAME``; None when neither is given."""
    parser.add_argument(
        f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=words
    )


def add_width(parser: Parser) -> None:
    """``--width``; None when it is not given, see :func:`text_width`."""
    parser.add_argument(
        "--width",
        metavar="N",
        type=_width,
        help=f"columns of the text (default: {TEXT_COLUMNS})",
    )


def _width(text: str) -> int:
    from pfnmap.tui.text.frame import MIN_WIDTH

    limit = 1000
    if not (
        text.isascii() and text.isdigit() and len(text) < 5 and MIN_WIDTH <= int(text) <= limit
    ):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no width; expected {MIN_WIDTH} to {limit} columns"
        )
    return int(text)


def text_width(arguments: Arguments) -> int:
    """The columns of a text."""
    return arguments.width or TEXT_COLUMNS


def add_root(parser: Parser, default: str = "/", *, names: tuple[str, ...] = ("--root",)) -> None:
    """``--root`` and ``--page-size``; ``default`` says what is taken without ``--root``."""
    words = f"{ROOT_HELP} (default: {default})" if default else ROOT_HELP
    parser.add_argument(*names, metavar="DIR", default=None, help=words)
    parser.options("""
        --page-size SIZE  page size of the machine (4K, 16K, 64K), where the tree does not say
    """)


def add_via(parser: Parser) -> None:
    """``--via``: another machine, where nothing is installed."""
    parser.options("""
        --via COMMAND  read another machine through a command that gives a shell there, e.g. 'ssh
                       root@guest'; --root is then a directory there
    """)


def add_interval(parser: Parser) -> None:
    """``--interval``, with its default."""
    parser.add_argument(
        "--interval",
        metavar="S",
        type=_interval,
        default=DEFAULT_SECONDS,
        help=f"seconds between two readings (default: {DEFAULT_SECONDS:g})",
    )


def add_kept(parser: Parser) -> None:
    """``FILE``: a capture, instead of a tree."""
    _word(
        parser,
        "source",
        "a capture (pfnmap capture -o FILE), a text dump or what lsmem printed, instead of a tree",
    )


def add_keeping(parser: Parser) -> None:
    """The options."""
    parser.add_argument(
        "--resume",
        metavar="ID",
        nargs="?",
        const="latest",
        help="go on with a session of 'pfnmap sessions' (the latest if no ID)",
    )
    add_no_journal(parser)


def add_no_journal(parser: Parser) -> None:
    """``--no-journal``."""
    parser.options("""
        --no-journal  do not keep this session on disk
    """)


def add_output(parser: Parser, metavar: str, words: str) -> None:
    """``-o``, which must be given; ``words`` say what is written."""
    parser.add_argument("-o", "--output", metavar=metavar, required=True, help=words)


def add_size(parser: Parser) -> None:
    """``--size``."""
    parser.add_argument(
        "--size",
        metavar="WxH",
        type=_size,
        help="columns and lines of the screen (default: 80x24)",
    )


def add_theme(parser: Parser) -> None:
    """``--theme``."""
    parser.options(f"""
        --theme NAME  a theme of 'pfnmap themes', or a file (default: {DEFAULT_THEME})
    """)


def look_of(arguments: Arguments) -> tuple[tuple[int, int], str]:
    """Size and theme of the picture."""
    return arguments.size or DEFAULT_SIZE, arguments.theme or DEFAULT_THEME


def _size(text: str) -> tuple[int, int]:
    columns, cross, lines = text.partition("x")
    if not (cross and _is_count(columns) and _is_count(lines)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected WxH, such as 100x30")
    return int(columns), int(lines)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


def _seconds(text: str, least: float, expected: str) -> float:
    """A time of at most a day."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not least <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds{expected}")
    return seconds


def _interval(text: str) -> float:
    return _seconds(text, LEAST_SECONDS, f" from {LEAST_SECONDS:g} to {MOST_SECONDS:g}")


def _idle(text: str) -> float:
    return _seconds(text, math.ulp(0.0), ", such as 2 or 0.5")


# -- one function a subcommand: its first words describe it in --help -----------------------
def open_options(parser: Parser) -> None:
    """A live map of Linux memory hotplug in a terminal."""
    add_source(parser)
    add_root(parser, default="")
    add_commands(parser)
    add_keeping(parser)
    add_terminal_options(parser)


def show_options(parser: Parser) -> None:
    """Print the machine as plain text (ASCII, at most 72 columns) or as JSON."""
    add_source(parser)
    add_root(parser, default="")
    add_commands(parser)
    parser.options("""
        --step N        show a scenario or recording after N steps, or 'last' (default: as it
                        starts)
        --json          print data, format pfnmap-view-2
        --format {1,2}  of --json: 1 is the older pfnmap-view-1, with every run of blocks in full
    """)
    add_width(parser)
    parser.options("""
        --zoom {page,subsection,section,block,fit}
               what one letter of the map stands for (default: one block to a line)
    """)


def run_options(parser: Parser) -> None:
    """Run a scenario and print what every command did, or frames of the machine."""
    _word(parser, "file", A_SCENARIO)
    add_commands(parser, "to run, behind those of FILE, e.g. 'add dimm0 256M'")
    parser.either("""
        --text      print frames of the machine
        --numbers   print a line of numbers for each step: free memory, memmap
        --json      print every outcome and the end
        --svg       print the screen at the end as SVG
        --html      print it as an HTML page
        --as-shell  print shell lines that do it on a real machine
    """)
    parser.options("""
        --steps LIST  of --text and --diff: 'last' (default), 'all' that are for the machine, or
                      numbers such as 0,3,7 (0: boot)
        --diff        the difference each step makes, as text or --json
    """)
    add_width(parser)
    add_size(parser)
    add_theme(parser)


def add_modules(parser: Parser) -> None:
    """``--modules``: of a kernel that has its drivers as modules."""
    parser.options("""
        --modules DIR  a folder with the kernel's modules: a tree of 'make modules_install', an
                       unpacked package (default: what lies beside the image)
    """)


KERNEL_HELP = (
    "the file of a kernel image (bzImage, Image, vmlinuz), or a release of the kernel folder such "
    "as 6.12"
)


def record_options(parser: Parser) -> None:
    """Let a real kernel go through a scenario in a virtual machine and write a recording."""
    _word(parser, "scenario", A_SCENARIO, "SCENARIO", nargs=None)
    parser.options(f"""
        --kernel K  {KERNEL_HELP} (default: the newest there)
    """)
    add_modules(parser)
    add_output(parser, "FILE", "the recording, FILE.json")


def bisect_options(parser: Parser) -> None:
    """Name the first kernel of a list on which a claim of a scenario fails; exit 1 if one does."""
    _word(parser, "scenario", A_SCENARIO, "SCENARIO", nargs=None)
    parser.add_argument(
        "--kernel",
        metavar="K",
        action="append",
        required=True,
        dest="kernels",
        help=f"{KERNEL_HELP}; give two or more, the oldest first",
    )
    add_modules(parser)


def check_options(parser: Parser) -> None:
    """Run scenarios and check what they expect: exit 0 when all holds, 1 when not."""
    _word(parser, "files", A_SCENARIO, nargs="*")
    parser.options(f"""
        --all         check every shipped scenario
        --junit FILE  also write a JUnit report, which replaces a file that is there
        --kernel K    check on a real kernel in a virtual machine: {KERNEL_HELP}; exit 125 where
                      it cannot be asked, for 'git bisect run'
    """)
    add_modules(parser)


def compare_options(parser: Parser) -> None:
    """Run one machine under other rules or parameters and print what differs."""
    _word(
        parser,
        "source",
        STEPS_OR_MACHINE,
    )
    _word(
        parser,
        "other",
        "FILE is a recording as well: say where the two part, and exit 1 if they do",
        "RECORDING",
    )
    add_root(parser)
    parser.add_argument(
        "--with",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="variants",
        help="a variant; give one or more; kernel=K is a real kernel in a virtual machine",
    )
    add_modules(parser)
    parser.either("""
        --json  print data, format pfnmap-compare-1
        --tui   show it on the screen
    """)
    add_width(parser)
    add_terminal_options(parser)


def live_options(parser: Parser) -> None:
    """Follow this machine, or a tree with the same files, on the screen."""
    add_root(parser)
    add_via(parser)
    add_interval(parser)
    parser.options("""
        --allow-writes  let the keys that online and offline write to the machine, each after a
                        question
    """)
    add_no_journal(parser)
    add_terminal_options(parser)


def vm_options(parser: Parser) -> None:
    """Boot a kernel in a virtual machine and work on it with the same keys and words."""
    _word(parser, "kernel", f"{KERNEL_HELP} (default: the newest there)", "KERNEL")
    _word(
        parser,
        "scenario",
        "a scenario, or the name of a shipped one, to be stepped through on the guest",
        "SCENARIO",
    )
    parser.options("""
        --fetch RELEASE        fetch Debian's newest build of a release such as 6.12 into the
                               kernel folder, and no more: it is unpacked there and installed
                               nowhere
        --arch {x86_64,arm64}  with --fetch (default: of this machine)
    """)
    add_modules(parser)
    parser.options("""
        --machine WORDS  the machine, as behind 'machine' in a scenario, e.g. 'ram=2G nodes=2'
                         (default: ram=1G)
    """)
    add_interval(parser)
    add_terminal_options(parser)


def blocks_options(parser: Parser) -> None:
    """Print the table of memory blocks of this machine, of a tree, or of a capture."""
    from pfnmap.tui.text.blocks import column_help

    add_kept(parser)
    add_root(parser, names=("--root", "-s", "--sysroot"))
    add_via(parser)
    parser.options("""
        -J, --json         print data, format pfnmap-blocks-1
        -P, --pairs        print NAME="value" for each column
        -r, --raw          print columns with one blank between them
        -b, --bytes        print sizes in bytes
        -n, --noheadings   print no headings
        -a, --all          a line for every block
        -o, --output LIST  columns; +LIST adds to the usual, all is every one (default:
                           $LSMEM_COLUMNS)
        --output-all       every column of lsmem
        -S, --split LIST   columns that keep neighbouring blocks apart (default: those shown), or
                           none
    """)
    parser.add_argument(
        "--summary",
        choices=("always", "never", "only"),
        nargs="?",
        const="only",
        help="print totals always (the default of tables), never, or only them",
    )
    parser.options("""
        --no-summary  print no totals
    """)
    parser.epilog = "columns:\n" + "\n".join(column_help())


def capture_options(parser: Parser) -> None:
    """Save what can be read of this machine's memory hotplug, and nothing else, as one file."""
    add_root(parser)
    add_via(parser)
    add_output(
        parser,
        "FILE",
        "the capture to write, replaced when it is there, compressed where the name ends in "
        ".gz; - for standard output",
    )


def plan_options(parser: Parser) -> None:
    """Print what commands would do on a real machine, without touching it."""
    add_kept(parser)
    add_root(parser)
    add_via(parser)
    add_commands(parser, "to foresee, e.g. 'offline 32-39'")
    parser.options("""
        --json  print data, format pfnmap-plan-1
    """)


def verify_options(parser: Parser) -> None:
    """Replay recordings of real kernels and compare the engine with each step."""
    _word(parser, "files", "a recording, FILE.json", "TRACE", nargs="+")


def fmt_options(parser: Parser) -> None:
    """Put scenarios in normal form: canonical spelling, comments and blank lines kept."""
    _word(parser, "files", "a scenario", nargs="+")
    parser.either("""
        --write  change the files (default: print)
        --check  name the files that are not in normal form; exit 1
    """)


def export_options(parser: Parser) -> None:
    """Write a scenario or a session down: as a picture of its screen, or as a scenario file."""
    _word(parser, "file", A_SCENARIO)
    parser.options("""
        --session ID  a session of 'pfnmap sessions', or latest, instead
    """)
    endings = ", ".join([*PICTURES, SCENARIO])
    add_output(
        parser,
        "OUT",
        f"the file, replaced when it is there; its name ends in {endings}, or is such an "
        "ending for standard output",
    )
    parser.add_argument(
        "--step", metavar="N", type=int, help="the screen at step N (default: at the end)"
    )
    parser.options(f"""
        --expect        with {SCENARIO}: add what is true at the end as expect lines
        --expect-steps  as --expect, and behind each command how it ended and what it changed
    """)
    add_size(parser)
    add_theme(parser)


def figure_options(parser: Parser) -> None:
    """Draw what a scenario does to a machine: spans, present and managed memory, step by step."""
    _word(
        parser,
        "source",
        STEPS_OR_MACHINE,
    )
    add_root(parser, default="")
    parser.options("""
        --steps LIST  'all' that are for the machine (default), 'last', or numbers such as 0,3,7
                      (0: boot)
        --phases      draw the phases of each step instead of the step
        --focus REF   give most of the width to these blocks, e.g. 32-39 or dimm0
    """)
    parser.add_argument(
        "--with",
        metavar="KEY=VALUE",
        action="append",
        dest="variants",
        help="a variant, as in 'pfnmap compare'; give one or more",
    )
    endings = ", ".join(FIGURES)
    parser.options(f"""
        -o, --output OUT  the file, replaced when it is there; its name ends in {endings}, or is
                          such an ending for standard output; with --all a directory
        --all             a page for every shipped scenario, and one that lists them, into the
                          directory OUT
    """)
    add_width(parser)
    add_theme(parser)


def cast_options(parser: Parser) -> None:
    """Write a scenario as a screencast that asciinema and its web player play."""
    _word(parser, "file", A_SCENARIO, nargs=None)
    add_output(parser, "OUT", "the .cast file, replaced when it is there; - for standard output")
    add_size(parser)
    add_theme(parser)
    parser.add_argument(
        "--cast-version",
        type=int,
        choices=(2, 3),
        default=2,
        help="of the asciicast format: 2 plays everywhere (default)",
    )
    parser.add_argument(
        "--idle-time-limit",
        metavar="SECONDS",
        type=_idle,
        help="let players shorten longer pauses to this (default: pauses as in the scenario)",
    )
    parser.options("""
        --phases  show each phase of a step before its result
        --plain   show the figure instead of the screen, as 'pfnmap figure' does
    """)


def sessions_options(parser: Parser) -> None:
    """List the sessions that are kept; 'pfnmap --resume ID' goes on with one."""
    parser.options("""
        --json  print data, format pfnmap-sessions-1
    """)


def tour_options(parser: Parser) -> None:
    """Learn memory hotplug and this program in five minutes, on the real screen."""
    add_terminal_options(parser)


def scenarios_options(parser: Parser) -> None:
    """List the scenarios that come with pfnmap; open one with 'pfnmap NAME'."""
    parser.add_argument(
        "--source",
        metavar="WORD",
        dest="origin",
        help="only those whose claims come from a source with this word, e.g. 2019 or Song",
    )


def profiles_options(parser: Parser) -> None:
    """List the profiles and what each stands for; 'machine profile=NAME' takes one."""


def themes_options(parser: Parser) -> None:
    """List the themes, or show what one looks like."""
    _word(parser, "name", "show this theme's glyphs", "NAME")


def config_options(parser: Parser) -> None:
    """Print where pfnmap keeps things: settings, themes of your own, sessions."""
    parser.either("""
        --json  print data, format pfnmap-config-1
        --keys  print the keys in force as a section of the settings file
    """)


def help_options(parser: Parser) -> None:
    """Explain a topic, a subcommand, a verb, or a word on the screen; list the topics if none."""
    _word(
        parser,
        "names",
        "what to explain; 'schema NAME' prints the JSON Schema of a document",
        "TOPIC",
        nargs="*",
    )
    parser.options("""
        --search WORD  print the lines of all topics that hold a word
    """)


OPTIONS: Final[dict[str, Callable[[Parser], None]]] = {
    name.removesuffix("_options"): declare
    for name, declare in list(globals().items())
    if name.endswith("_options") and not name.startswith("add_")
}
"""What declares the options of each subcommand."""


def parser_of(name: str) -> Parser:
    """The parser of a subcommand, or of ``open``, which is a command line without one."""
    prog = "pfnmap" if name == "open" else f"pfnmap {name}"
    parser = Parser(prog=prog, description=OPTIONS[name].__doc__)
    OPTIONS[name](parser)
    return parser
