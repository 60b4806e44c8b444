"""List the profiles and what each stands for; 'machine profile=NAME' takes one."""

from __future__ import annotations

from collections.abc import Iterator

from pfnmap.engine.profile import NEWEST, OLDEST, PROFILES, SWITCHES, differences
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.text.ascii import wrapped


def run(arguments: Arguments) -> int:
    """Print each profile, the release whose rules it has, and the rules that are its own."""
    emit(_lines())
    return 0


def _lines() -> Iterator[str]:
    width = max(map(len, PROFILES))
    indent = " " * (width + 2)
    for name, profile in PROFILES.items():
        said = profile.title
        if own := differences(profile):
            said += f": as Linux {profile.release}, but {', '.join(own)}"
        elif brought := _brought(profile.release):
            said += f"; brought {', '.join(brought)}"
        yield from wrapped(said, 72, first=f"{name:<{width}}  ", indent=indent)
    yield ""
    yield from wrapped(
        f"Every other release from {OLDEST} to {NEWEST} is a profile too, such as 5.4: each rule "
        f"is as that release has it. Newer ones follow {NEWEST}. A series is the release that it "
        "was posted for, with its own rules. `pfnmap help rules` explains the rules.",
        72,
    )


def _brought(release: str) -> list[str]:
    """The rules that changed with a release."""
    return [
        name
        for name, switch in SWITCHES.items()
        if any(since == release and since != OLDEST for since, _, _ in switch.history)
    ]
