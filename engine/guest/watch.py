"""Run a command for as long as standard input is open: ``python watch.py COMMAND…``.

Stands between the program and QEMU, so that QEMU ends with the program however that ends: the
kernel closes the pipe of a process that was killed. Should this one be killed, the kernel kills
QEMU (``PR_SET_PDEATHSIG`` counts from the thread that starts it, and here there is only one).
Run by its path, without the packages, because nothing of them is needed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> int:
    """Run, wait for the end of either, and give the command's exit status."""
    parent, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=die_with_parent
    )
    select.select([0, os.pidfd_open(child.pid)], [], [])
    child.kill()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
