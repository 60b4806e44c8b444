"""Hunt for command sequences where the model and a kernel differ: ``python -m tests.kernel.hunt``.

Each boot is one seed. Its commands and its recording are written to the folder of ``-o`` as
``hunt-KERNEL-sSEED.hotplug`` and ``.json``, so that a find can be replayed without a kernel
and shown in the program itself. Exit status 1 when anything differed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.verbs import perform
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.traces.trace import Trace, trace_bytes
from pfnmap.engine.traces.verify import verify_trace
from tests.kernel.boots import VERSIONS, boot, script
from tests.kernel.generate import Walk, machine_line


@dataclass(frozen=True, slots=True)
class Hunt:
    """What one boot brought home."""

    lines: list[str]
    trace: Trace


def main(arguments: list[str] | None = None) -> int:
    """Record as many steps as asked for, compare, print; 1 when model and kernel differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel.hunt", description=__doc__)
    parser.add_argument("--kernel", choices=VERSIONS, default=VERSIONS[0])
    parser.add_argument("--steps", type=int, default=200, help="in all (default 200)")
    parser.add_argument("--per-boot", type=int, default=90, help="before booting anew")
    parser.add_argument("--seed", type=int, default=1, help="of the first boot")
    parser.add_argument("-o", "--output", type=Path, default=Path("hunt"), help="folder")
    options = parser.parse_args(arguments)
    done, seed, found = 0, int(options.seed), 0
    while done < options.steps:
        try:
            hunt = record(options.kernel, seed, min(options.per_boot, options.steps - done))
        except GuestError as problem:
            print(f"hunt: seed {seed}: {problem}", file=sys.stderr)
            return 2
        path = options.output / f"hunt-{options.kernel}-s{seed:04d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(trace_bytes(hunt.trace))
        path.with_suffix(".hotplug").write_text("\n".join(hunt.lines) + "\n", encoding="utf-8")
        found += show(hunt, path)
        done += max(1, len(hunt.trace.steps))
        seed += 1
    return 1 if found else 0


def record(version: str, seed: int, steps: int) -> Hunt:
    """Boot once and walk."""
    random = Random(f"{seed}")
    lines = [machine_line(random, version)]
    walk = Walk(random)
    with boot(version, script(lines)) as guest:
        recorder = Recorder.start(guest)
        while len(recorder.steps) < steps:
            line = walk.next_line(recorder)
            command = parse_line(line)
            if command is None:
                continue
            lines.append(line)
            try:
                perform(recorder, command)
            except GuestError as problem:
                # Some operations retry for ever in the kernel: what came before still counts.
                recorder.ended = f"{line}: {problem}"
                lines[-1] = f"# the guest did not come back from: {line}"
                break
    return Hunt(lines, recorder.trace)


def show(hunt: Hunt, path: Path) -> int:
    """Print how the model fares; the number of differing fields."""
    found = verify_trace(path)
    print(f"{path}: {len(hunt.trace.steps)} steps, {len(found)} differences")
    for difference in found:
        print(f"  step {difference.step}: {difference.field}")
        print(f"    kernel {difference.kernel!r}")
        print(f"    engine {difference.engine!r}")
    if hunt.trace.ended:
        print(f"  ended early: {hunt.trace.ended}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
