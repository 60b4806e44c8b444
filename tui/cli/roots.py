"""What the subcommands for real machines share: which tree, and opening it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pfnmap.tui.cli.parser import refuse_idle

if TYPE_CHECKING:
    from pfnmap.engine.sysroot.observe import Watcher

ROOT_HELP = (
    "a tree with the machine's /sys and /proc files: the root of a system, or a directory that "
    "lsmem --sysroot takes"
)


def add_root(parser: argparse.ArgumentParser, default: str = "/") -> None:
    """``--root`` and ``--page-size``; ``default`` says what is taken without ``--root``."""
    words = f"{ROOT_HELP} (default: {default})" if default else ROOT_HELP
    parser.add_argument("--root", metavar="DIR", default=None, help=words)
    parser.add_argument(
        "--page-size",
        metavar="SIZE",
        default=None,
        help="page size of the machine (4K, 16K, 64K), where the tree does not say",
    )


def add_kept(parser: argparse.ArgumentParser) -> None:
    """``FILE``: a capture, instead of a tree."""
    parser.add_argument(
        "source",
        metavar="FILE",
        nargs="?",
        default=None,
        help="a capture (pfnmap capture -o FILE), a text dump or what lsmem -J printed, instead "
        "of a tree",
    )


def refuse_root_options(arguments: argparse.Namespace) -> None:
    """Refuse options of a real machine where there is none."""
    refuse_idle(
        arguments, "is for a real machine: --root DIR, a directory or a capture", "--page-size"
    )


def is_root(arguments: argparse.Namespace) -> bool:
    """Whether a real machine is named: ``--root``, a directory, or a file made of one."""
    if arguments.root is not None:
        return True
    if arguments.source is None:
        return False
    from pathlib import Path

    path = Path(arguments.source)
    if path.is_dir():
        return True
    if path.suffix == ".hotplug" or not path.is_file():
        return False
    from pfnmap.engine.sysroot.capture import is_capture

    return is_capture(path)


def opened_root(arguments: argparse.Namespace) -> Watcher:
    """The machine that ``FILE`` or ``--root`` names; InputError for both, or what is neither."""
    from pfnmap.engine.errors import InputError
    from pfnmap.engine.sysroot.sources import open_watcher, page_size

    size = None if arguments.page_size is None else page_size(arguments.page_size)
    source: str | None = getattr(arguments, "source", None)
    if source is not None and arguments.root is not None:
        raise InputError(f"--root {arguments.root}: {source} is named already; give one of them")
    return open_watcher(source or arguments.root or "/", page_bytes=size)
