"""Let ``plan`` foresee random operations on a kernel: ``python -m tests.kernel.foresee``.

A guest is captured, with the shell line of the help, before and after every operation of a
random walk. For each, ``plan`` is asked what the operation would do to the machine captured
before, and the capture after says whether that was right. Each boot is one seed; one that
differed is kept in the folder of ``-o``: the captures, which can be judged again without a
kernel, and the recording (``trace.json``) with the kernel's log. Exit status 1 when anything
differed.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pfnmap.engine.guest.errors import GuestError, GuestHungError
from pfnmap.engine.guest.verbs import perform
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.traces.trace import trace_bytes
from tests.kernel.boots import VERSIONS, boot, script
from tests.kernel.captures import CapturingRecorder, keep
from tests.kernel.foresight import Verdict, judge
from tests.kernel.generate import Walk, machine_line


@dataclass
class Tally:
    """What came of all operations so far."""

    operations: int = 0
    deviations: int = 0
    excuses: Counter[str] = field(default_factory=Counter)

    def count(self, verdict: Verdict) -> None:
        """Count one more."""
        self.operations += 1
        self.deviations += bool(verdict.deviations)
        if verdict.excuse:
            self.excuses[re.sub(r"\d+", "N", verdict.excuse)] += 1


def main(arguments: list[str] | None = None) -> int:
    """Walk until the time is over; 1 when a plan was wrong and had not said that it might be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel.foresee", description=__doc__)
    parser.add_argument("--kernel", choices=VERSIONS, default=VERSIONS[0])
    parser.add_argument("--minutes", type=float, default=5, help="in all (default 5)")
    parser.add_argument("--per-boot", type=int, default=60, help="operations before booting anew")
    parser.add_argument("--seed", type=int, default=1, help="of the first boot")
    parser.add_argument("-o", "--output", type=Path, default=Path("foreseen"), help="folder")
    options = parser.parse_args(arguments)
    end, seed, tally = time.monotonic() + options.minutes * 60, int(options.seed), Tally()
    while time.monotonic() < end:
        folder = options.output / f"{options.kernel}-s{seed:04d}"
        try:
            walk(options.kernel, seed, options.per_boot, folder, tally)
        except GuestError as problem:
            print(f"foresee: seed {seed}: {problem}", file=sys.stderr)
            return 2
        seed += 1
    print(f"{tally.operations} operations, {tally.deviations} not as foreseen")
    for excuse, times in tally.excuses.most_common():
        print(f"  {times} times the plan had said: {excuse}")
    return 1 if tally.deviations else 0


def walk(version: str, seed: int, nr_operations: int, folder: Path, tally: Tally) -> None:
    """One boot and one walk; printed and kept where something was not as foreseen."""
    random = Random(f"foresee {seed}")
    lines = [machine_line(random, version)]
    steps, wrong = Walk(random), False
    with boot(version, script(lines)) as guest:
        recorder = CapturingRecorder.of(guest)
        while len(recorder.operations) < nr_operations:
            line = steps.next_line(recorder)
            command = parse_line(line)
            assert command is not None
            seen = len(recorder.operations)
            try:
                perform(recorder, command)
            except GuestHungError as problem:
                print(f"seed {seed}: {line}: {problem}", file=sys.stderr)
                break  # some operations retry for ever in the kernel: what came before counts
            for number in range(seen, len(recorder.operations)):
                wrong |= show(recorder, number, f"{version} seed {seed}", tally)
    print(
        f"{version} seed {seed}: {len(recorder.operations)} operations on: {lines[0]}", flush=True
    )
    if wrong:
        keep(folder, recorder.dumps, recorder.operations)
        (folder / "trace.json").write_bytes(trace_bytes(recorder.trace))


def show(recorder: CapturingRecorder, number: int, where: str, tally: Tally) -> bool:
    """Judge one operation and print what was not as foreseen; whether there was any."""
    moment = recorder.moment(number)
    if moment is None:
        return False
    verdict = judge(moment.before, moment.operation, moment.after)
    tally.count(verdict)
    if verdict.deviations:
        print(f"{where}, operation {number + 1}: {moment.operation.line}")
        for deviation in verdict.deviations[:8]:
            print(f"  {deviation}")
    return bool(verdict.deviations)


if __name__ == "__main__":
    sys.exit(main())
