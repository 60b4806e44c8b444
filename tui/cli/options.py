"""The options of all subcommands: declared without loading what the subcommands do."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Final, Literal

from pfnmap.tui.cli.parser import COMMANDS
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
FIGURES: Final = (".txt", ".svg", ".html", ".cast")
"""What the name of a figure ends in."""
DEFAULT_SECONDS = 2.0
LEAST_SECONDS = 0.1
MOST_SECONDS = 86400.0


def add_source(parser: argparse.ArgumentParser) -> None:
    """``SOURCE``: the machine to work on."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="a scenario (FILE.hotplug, or a name from 'pfnmap scenarios'), a recording of a "
        "kernel (FILE.json), a directory with a machine's files, or a capture of them; a "
        "simulated machine if none",
    )


def add_commands(
    parser: argparse.ArgumentParser, what: str = "to run first, e.g. 'add dimm0 256M'"
) -> None:
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


def add_terminal_options(parser: argparse.ArgumentParser) -> None:
    """How to draw on the terminal."""
    parser.add_argument("--theme", metavar="NAME", help="a theme of 'pfnmap themes', or a file")
    parser.add_argument(
        "--color",
        choices=("auto", *COLOUR_SYSTEMS),
        default=None,
        help="colours to use (default: what the terminal promises; NO_COLOR is honoured)",
    )
    _add_switch(parser, "ascii", "draw with ASCII letters only, or not")
    _add_switch(parser, "mouse", "use the mouse, or leave it to the terminal")


def _flag(parser: argparse._ActionsContainer, *names: str, words: str) -> None:
    """An option without a value."""
    parser.add_argument(*names, action="store_true", help=words)


def _add_switch(parser: argparse.ArgumentParser, name: str, words: str) -> None:
    """``--NAME`` and ``--no-NAME``; None when neither is given."""
    parser.add_argument(
        f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=words
    )


def add_width(parser: argparse.ArgumentParser) -> None:
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


def text_width(arguments: argparse.Namespace) -> int:
    """The columns of a text."""
    return arguments.width or TEXT_COLUMNS


def add_root(
    parser: argparse.ArgumentParser, default: str = "/", *, names: tuple[str, ...] = ("--root",)
) -> None:
    """``--root`` and ``--page-size``; ``default`` says what is taken without ``--root``."""
    words = f"{ROOT_HELP} (default: {default})" if default else ROOT_HELP
    parser.add_argument(*names, metavar="DIR", default=None, help=words)
    parser.add_argument(
        "--page-size",
        metavar="SIZE",
        default=None,
        help="page size of the machine (4K, 16K, 64K), where the tree does not say",
    )


def add_via(parser: argparse.ArgumentParser) -> None:
    """``--via``: another machine, where nothing is installed."""
    parser.add_argument(
        "--via",
        metavar="COMMAND",
        default=None,
        help="read another machine through a command that gives a shell there, e.g. "
        "'ssh root@guest'; --root is then a directory there",
    )


def add_kept(parser: argparse.ArgumentParser) -> None:
    """``FILE``: a capture, instead of a tree."""
    parser.add_argument(
        "source",
        metavar="FILE",
        nargs="?",
        default=None,
        help="a capture (pfnmap capture -o FILE), a text dump or what lsmem printed, instead "
        "of a tree",
    )


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--resume",
        metavar="ID",
        nargs="?",
        const="latest",
        help="go on with a session of 'pfnmap sessions' (the latest if no ID)",
    )
    add_no_journal(parser)


def add_no_journal(parser: argparse.ArgumentParser) -> None:
    """``--no-journal``."""
    _flag(parser, "--no-journal", words="do not keep this session on disk")


def add_size(parser: argparse.ArgumentParser) -> None:
    """``--size``."""
    parser.add_argument(
        "--size",
        metavar="WxH",
        type=_size,
        help="columns and lines of the screen (default: 80x24)",
    )


def add_theme(parser: argparse.ArgumentParser) -> None:
    """``--theme``."""
    parser.add_argument(
        "--theme",
        metavar="NAME",
        help=f"a theme of 'pfnmap themes', or a file (default: {DEFAULT_THEME})",
    )


def look_of(arguments: argparse.Namespace) -> tuple[tuple[int, int], str]:
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
def open_options(parser: argparse.ArgumentParser) -> None:
    """A live map of Linux memory hotplug in a terminal."""
    add_source(parser)
    add_root(parser, default="")
    add_commands(parser)
    add_keeping(parser)
    add_terminal_options(parser)


def show_options(parser: argparse.ArgumentParser) -> None:
    """Print the machine as plain text (ASCII, at most 72 columns) or as JSON."""
    add_source(parser)
    add_root(parser, default="")
    add_commands(parser)
    parser.add_argument(
        "--step",
        metavar="N",
        default=None,
        help="show a scenario or recording after N steps, or 'last' (default: as it starts)",
    )
    _flag(parser, "--json", words="print data, format pfnmap-view-2")
    parser.add_argument(
        "--format",
        choices=("1", "2"),
        default=None,
        help="of --json: 1 is the older pfnmap-view-1, with every run of blocks in full",
    )
    add_width(parser)
    parser.add_argument(
        "--zoom",
        choices=("page", "subsection", "section", "block", "fit"),
        help="what one letter of the map stands for (default: one block to a line)",
    )


def run_options(parser: argparse.ArgumentParser) -> None:
    """Run a scenario and print what every command did, or frames of the machine."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a scenario, or the name of a shipped one"
    )
    add_commands(parser, "to run, behind those of FILE, e.g. 'add dimm0 256M'")
    form = parser.add_mutually_exclusive_group()
    _flag(form, "--text", words="print frames of the machine")
    _flag(form, "--numbers", words="print a line of numbers for each step: free memory, memmap")
    _flag(form, "--json", words="print every outcome and the end")
    _flag(form, "--svg", words="print the screen at the end as SVG")
    _flag(form, "--html", words="print it as an HTML page")
    _flag(form, "--as-shell", words="print shell lines that do it on a real machine")
    parser.add_argument(
        "--steps",
        metavar="LIST",
        help="of --text and --diff: 'last' (default), 'all' that are for the machine, or numbers "
        "such as 0,3,7 (0: boot)",
    )
    _flag(parser, "--diff", words="the difference each step makes, as text or --json")
    add_width(parser)
    add_size(parser)
    add_theme(parser)


def add_modules(parser: argparse.ArgumentParser) -> None:
    """``--modules``: of a kernel that has its drivers as modules."""
    parser.add_argument(
        "--modules",
        metavar="DIR",
        help="a folder with the kernel's modules: a tree of 'make modules_install', an unpacked "
        "package (default: what lies beside the image)",
    )


KERNEL_HELP = (
    "the file of a kernel image (bzImage, Image, vmlinuz), or a release of the kernel folder such "
    "as 6.12"
)


def record_options(parser: argparse.ArgumentParser) -> None:
    """Let a real kernel go through a scenario in a virtual machine and write a recording."""
    parser.add_argument("scenario", metavar="SCENARIO", help="a scenario, or a shipped one's name")
    parser.add_argument("--kernel", metavar="K", help=f"{KERNEL_HELP} (default: the newest there)")
    add_modules(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="the recording, FILE.json"
    )


def bisect_options(parser: argparse.ArgumentParser) -> None:
    """Name the first kernel of a list on which a claim of a scenario fails; exit 1 if one does."""
    parser.add_argument("scenario", metavar="SCENARIO", help="a scenario, or a shipped one's name")
    parser.add_argument(
        "--kernel",
        metavar="K",
        action="append",
        required=True,
        dest="kernels",
        help=f"{KERNEL_HELP}; give two or more, the oldest first",
    )
    add_modules(parser)


def check_options(parser: argparse.ArgumentParser) -> None:
    """Run scenarios and check what they expect: exit 0 when all holds, 1 when not."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="a scenario, or the name of a shipped one"
    )
    _flag(parser, "--all", words="check every shipped scenario")
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help="also write a JUnit report, which replaces a file that is there",
    )
    parser.add_argument(
        "--kernel",
        metavar="K",
        help=f"check on a real kernel in a virtual machine: {KERNEL_HELP}; exit 125 where it "
        "cannot be asked, for 'git bisect run'",
    )
    add_modules(parser)


def compare_options(parser: argparse.ArgumentParser) -> None:
    """Run one machine under other rules or parameters and print what differs."""
    parser.add_argument(
        "source",
        metavar="FILE",
        nargs="?",
        help="a scenario or the name of a shipped one, a recording, a capture, or a directory",
    )
    parser.add_argument(
        "other",
        metavar="RECORDING",
        nargs="?",
        help="FILE is a recording as well: say where the two part, and exit 1 if they do",
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
    form = parser.add_mutually_exclusive_group()
    _flag(form, "--json", words="print data, format pfnmap-compare-1")
    _flag(form, "--tui", words="show it on the screen")
    add_width(parser)
    add_terminal_options(parser)


def live_options(parser: argparse.ArgumentParser) -> None:
    """Follow this machine, or a tree with the same files, on the screen."""
    add_root(parser)
    add_via(parser)
    parser.add_argument(
        "--interval",
        metavar="S",
        type=_interval,
        default=DEFAULT_SECONDS,
        help=f"seconds between two readings (default: {DEFAULT_SECONDS:g})",
    )
    _flag(
        parser,
        "--allow-writes",
        words="let the keys that online and offline write to the machine, each after a question",
    )
    add_no_journal(parser)
    add_terminal_options(parser)


def vm_options(parser: argparse.ArgumentParser) -> None:
    """Boot a kernel in a virtual machine and work on it with the same keys and words."""
    parser.add_argument(
        "kernel",
        metavar="KERNEL",
        nargs="?",
        help="the file of a kernel image (bzImage, Image, vmlinuz), or a release of the kernel "
        "folder, e.g. 6.12 (default: the newest there)",
    )
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help="a scenario, or the name of a shipped one, to be stepped through on the guest",
    )
    parser.add_argument(
        "--fetch",
        metavar="RELEASE",
        help="fetch Debian's newest build of a release such as 6.12 into the kernel folder, and no "
        "more: it is unpacked there and installed nowhere",
    )
    parser.add_argument(
        "--arch", choices=("x86_64", "arm64"), help="with --fetch (default: of this machine)"
    )
    add_modules(parser)
    parser.add_argument(
        "--machine",
        metavar="WORDS",
        help="the machine, as behind 'machine' in a scenario, e.g. 'ram=2G nodes=2' "
        "(default: ram=1G)",
    )
    parser.add_argument(
        "--interval",
        metavar="S",
        type=_interval,
        default=DEFAULT_SECONDS,
        help=f"seconds between two readings (default: {DEFAULT_SECONDS:g})",
    )
    add_terminal_options(parser)


def blocks_options(parser: argparse.ArgumentParser) -> None:
    """Print the table of memory blocks of this machine, of a tree, or of a capture."""
    from pfnmap.tui.text.blocks import column_help

    add_kept(parser)
    add_root(parser, names=("--root", "-s", "--sysroot"))
    add_via(parser)
    _flag(parser, "-J", "--json", words="print data, format pfnmap-blocks-1")
    for letter, name, words in (
        ("-P", "--pairs", 'print NAME="value" for each column'),
        ("-r", "--raw", "print columns with one blank between them"),
        ("-b", "--bytes", "print sizes in bytes"),
        ("-n", "--noheadings", "print no headings"),
        ("-a", "--all", "a line for every block"),
    ):
        _flag(parser, letter, name, words=words)
    parser.add_argument(
        "-o",
        "--output",
        metavar="LIST",
        default=None,
        help="columns; +LIST adds to the usual, all is every one (default: $LSMEM_COLUMNS)",
    )
    _flag(parser, "--output-all", words="every column of lsmem")
    parser.add_argument(
        "-S",
        "--split",
        metavar="LIST",
        default=None,
        help="columns that keep neighbouring blocks apart (default: those shown), or none",
    )
    parser.add_argument(
        "--summary",
        choices=("always", "never", "only"),
        nargs="?",
        const="only",
        help="print totals always (the default of tables), never, or only them",
    )
    _flag(parser, "--no-summary", words="print no totals")
    parser.epilog = "columns:\n" + "\n".join(column_help())


def capture_options(parser: argparse.ArgumentParser) -> None:
    """Save what can be read of this machine's memory hotplug, and nothing else, as one file."""
    add_root(parser)
    add_via(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="the capture to write, replaced when it is there, compressed where the name ends in "
        ".gz; - for standard output",
    )


def plan_options(parser: argparse.ArgumentParser) -> None:
    """Print what commands would do on a real machine, without touching it."""
    add_kept(parser)
    add_root(parser)
    add_via(parser)
    add_commands(parser, "to foresee, e.g. 'offline 32-39'")
    _flag(parser, "--json", words="print data, format pfnmap-plan-1")


def verify_options(parser: argparse.ArgumentParser) -> None:
    """Replay recordings of real kernels and compare the engine with each step."""
    parser.add_argument("files", metavar="TRACE", nargs="+", help="a recording, FILE.json")


def fmt_options(parser: argparse.ArgumentParser) -> None:
    """Put scenarios in normal form: canonical spelling, comments and blank lines kept."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a scenario")
    how = parser.add_mutually_exclusive_group()
    _flag(how, "--write", words="change the files (default: print)")
    _flag(how, "--check", words="name the files that are not in normal form; exit 1")


def export_options(parser: argparse.ArgumentParser) -> None:
    """Write a scenario or a session down: as a picture of its screen, or as a scenario file."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a scenario, or the name of a shipped one"
    )
    parser.add_argument(
        "--session", metavar="ID", help="a session of 'pfnmap sessions', or latest, instead"
    )
    endings = ", ".join([*PICTURES, SCENARIO])
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help=f"the file, replaced when it is there; its name ends in {endings}, or is such an "
        "ending for standard output",
    )
    parser.add_argument(
        "--step", metavar="N", type=int, help="the screen at step N (default: at the end)"
    )
    parser.add_argument(
        "--expect",
        action="store_true",
        help=f"with {SCENARIO}: add what is true at the end as expect lines",
    )
    _flag(
        parser,
        "--expect-steps",
        words="as --expect, and behind each command how it ended and what it changed",
    )
    add_size(parser)
    add_theme(parser)


def figure_options(parser: argparse.ArgumentParser) -> None:
    """Draw what a scenario does to a machine: spans, present and managed memory, step by step."""
    parser.add_argument(
        "source",
        metavar="FILE",
        nargs="?",
        help="a scenario or the name of a shipped one, a recording, a capture, or a directory",
    )
    add_root(parser, default="")
    parser.add_argument(
        "--steps",
        metavar="LIST",
        help="'all' that are for the machine (default), 'last', or numbers such as 0,3,7 (0: boot)",
    )
    _flag(parser, "--phases", words="draw the phases of each step instead of the step")
    parser.add_argument(
        "--focus", metavar="REF", help="give most of the width to these blocks, e.g. 32-39 or dimm0"
    )
    parser.add_argument(
        "--with",
        metavar="KEY=VALUE",
        action="append",
        dest="variants",
        help="a variant, as in 'pfnmap compare'; give one or more",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=f"the file, replaced when it is there; its name ends in {', '.join(FIGURES)}, or is "
        "such an ending for standard output; with --all a directory",
    )
    _flag(
        parser,
        "--all",
        words="a page for every shipped scenario, and one that lists them, into the directory OUT",
    )
    add_width(parser)
    add_theme(parser)


def cast_options(parser: argparse.ArgumentParser) -> None:
    """Write a scenario as a screencast that asciinema and its web player play."""
    parser.add_argument("file", metavar="FILE", help="a scenario, or the name of a shipped one")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="the .cast file, replaced when it is there; - for standard output",
    )
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
    _flag(parser, "--phases", words="show each phase of a step before its result")
    _flag(parser, "--plain", words="show the figure instead of the screen, as 'pfnmap figure' does")


def sessions_options(parser: argparse.ArgumentParser) -> None:
    """List the sessions that are kept; 'pfnmap --resume ID' goes on with one."""
    _flag(parser, "--json", words="print data, format pfnmap-sessions-1")


def tour_options(parser: argparse.ArgumentParser) -> None:
    """Learn memory hotplug and this program in five minutes, on the real screen."""
    add_terminal_options(parser)


def scenarios_options(parser: argparse.ArgumentParser) -> None:
    """List the scenarios that come with pfnmap; open one with 'pfnmap NAME'."""
    parser.add_argument(
        "--source",
        metavar="WORD",
        dest="origin",
        help="only those whose claims come from a source with this word, e.g. 2019 or Song",
    )


def profiles_options(parser: argparse.ArgumentParser) -> None:
    """List the profiles and what each stands for; 'machine profile=NAME' takes one."""


def themes_options(parser: argparse.ArgumentParser) -> None:
    """List the themes, or show what one looks like."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="show this theme's glyphs")


def config_options(parser: argparse.ArgumentParser) -> None:
    """Print where pfnmap keeps things: settings, themes of your own, sessions."""
    form = parser.add_mutually_exclusive_group()
    _flag(form, "--json", words="print data, format pfnmap-config-1")
    _flag(form, "--keys", words="print the keys in force as a section of the settings file")


def help_options(parser: argparse.ArgumentParser) -> None:
    """Explain a topic, a subcommand, a verb, or a word on the screen; list the topics if none."""
    parser.add_argument(
        "names",
        metavar="TOPIC",
        nargs="*",
        help="what to explain; 'schema NAME' prints the JSON Schema of a document",
    )
    parser.add_argument(
        "--search", metavar="WORD", help="print the lines of all topics that hold a word"
    )


OPTIONS: Final[dict[str, Callable[[argparse.ArgumentParser], None]]] = {
    "open": open_options,
    "show": show_options,
    "run": run_options,
    "record": record_options,
    "check": check_options,
    "bisect": bisect_options,
    "compare": compare_options,
    "live": live_options,
    "vm": vm_options,
    "blocks": blocks_options,
    "capture": capture_options,
    "plan": plan_options,
    "verify": verify_options,
    "fmt": fmt_options,
    "export": export_options,
    "figure": figure_options,
    "cast": cast_options,
    "sessions": sessions_options,
    "tour": tour_options,
    "scenarios": scenarios_options,
    "profiles": profiles_options,
    "themes": themes_options,
    "config": config_options,
    "help": help_options,
}
"""What declares the options of each subcommand."""
