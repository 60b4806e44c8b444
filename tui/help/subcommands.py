"""The subcommands and what each does; the modules of the same names are in ``tui/cli``."""

from __future__ import annotations

from typing import Final

SUBCOMMANDS: Final[dict[str, str]] = {
    "show": "print the machine as plain text or JSON",
    "run": "run a scenario and print what happened",
    "record": "let a real kernel go through a scenario in a virtual machine",
    "check": "run scenarios and check what they expect",
    "bisect": "name the first kernel on which a claim of a scenario fails",
    "compare": "run a scenario under other rules and print the differences",
    "live": "follow a real machine on the screen",
    "vm": "boot a kernel in a virtual machine and work on it on the screen",
    "blocks": "print the table of memory blocks of a real machine",
    "capture": "save what can be read of a real machine as one file",
    "plan": "print what commands would do on a real machine",
    "verify": "compare the engine with recordings of real kernels",
    "fmt": "put scenarios in normal form",
    "figure": "draw what a scenario does, step by step, as text, SVG or a page",
    "export": "write a scenario or session as a picture or a scenario file",
    "cast": "write a scenario as a screencast",
    "sessions": "list the sessions that are kept",
    "tour": "learn it in five minutes, on the screen",
    "scenarios": "list the scenarios that come with pfnmap",
    "profiles": "list the profiles, and what each stands for",
    "themes": "list the themes, or show one",
    "config": "print where settings, themes and sessions are kept",
    "help": "explain a topic, a subcommand, a verb or a word",
}
