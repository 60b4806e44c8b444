"""A process here that talks to a shell: ``ssh root@guest``, ``docker exec -i NAME sh``, ``sh``.

It is started once, gets lines on its standard input, and ends when that is closed, so with this
program, however that ends.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import os
import re
import select
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.shell_machine import ANSWER_SECONDS, Answer
from pfnmap.engine.sysroot.trees import clean

FIRST_SECONDS: Final = 120.0
"""For the first answer: a person may have to type a password."""
END_SECONDS: Final = 1.0
"""For a process that has closed its output to end by itself."""
MOST_BYTES: Final = 64 << 20
"""Of an answer: more is not the kernel's."""
_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 2000
_PR_SET_PDEATHSIG: Final = 1


class ShellProcess:
    """A command that gives a shell. Where it has ended, the next line starts it again."""

    def __init__(self, command: str) -> None:
        """InputError for what is no command line; nothing is started yet."""
        self.name = clean(command, 200)
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(f"--via {self.name}: {str(error).lower()}") from None
        if not self._words:
            raise InputError("--via: expected what gives a shell, such as 'ssh root@HOST'")
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._number = 0
        self._closed = False

    def close(self) -> None:
        """End the shell, for good."""
        self._closed = True
        atexit.unregister(self.close)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def run(self, lines: str, seconds: float = ANSWER_SECONDS) -> Answer:
        """Do lines in the shell; InputError where it has gone, or does not answer in time."""
        with self._turn:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._process = self._started(again=process is not None)
                seconds = max(seconds, FIRST_SECONDS)
            self._number += 1
            try:
                return self._answer(process, lines, seconds)
            except BaseException:
                # What still comes would be taken for the answer to something else.
                process.kill()
                process.wait()
                raise

    def _started(self, *, again: bool) -> subprocess.Popen[bytes]:
        if self._closed:
            raise InputError(f"{self.name}: it is closed")
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                preexec_fn=_ending_with_us(),
                # The screen has the terminal by then: nobody may be asked for a password there.
                start_new_session=again,
            )
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.EACCES)
            why = "there is no such command" if missing else error.strerror
            raise InputError(f"--via {self.name}: {clean(self._words[0])}: {why}") from None
        atexit.register(self.close)
        return process

    def _answer(self, process: subprocess.Popen[bytes], lines: str, seconds: float) -> Answer:
        assert process.stdin and process.stdout and process.stderr
        # A terminal that echoes what it is sent shows quotes here that are not printed.
        mark = f'echo "=pf""nmap {self._number}'
        left_to_send = f'{{ {mark}="\n{lines}\n{mark} $?="\n}} </dev/null\n'.encode()
        whole = re.compile(rb"=pfnmap %d=\r?\n(.*)=pfnmap %d (\d+)=" % ((self._number,) * 2), re.S)
        said, complaints = bytearray(), bytearray()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdin, selectors.EVENT_WRITE)
            waiting.register(process.stdout, selectors.EVENT_READ, said)
            waiting.register(process.stderr, selectors.EVENT_READ, complaints)
            while (left := deadline - time.monotonic()) > 0:
                for key, _ in waiting.select(left):
                    if key.data is None:
                        left_to_send = left_to_send[_sent(key.fd, left_to_send) :]
                        if not left_to_send:
                            waiting.unregister(key.fileobj)
                        continue
                    data = os.read(key.fd, _READ_BYTES)
                    key.data.extend(data)
                    if not data:
                        waiting.unregister(key.fileobj)
                        if key.data is said:
                            how = _how_ended(process)
                            complaints += _what_is_left(process.stderr)
                            raise InputError(f"{self.name} {how}{_last_words(complaints, said)}")
                del complaints[:-_TAIL_BYTES]
                if len(said) > MOST_BYTES:
                    raise InputError(f"{self.name}: more is printed than the kernel's files hold")
                if b"=pfnmap " in said[-_TAIL_BYTES:] and (found := whole.search(said)):
                    return Answer(int(found[2]), found[1].replace(b"\r\n", b"\n"))
        raise InputError(
            f"{self.name}: no answer in {seconds:g} s{_last_words(complaints, said)}; the command "
            "must give a shell (sh) that reads lines"
        )


def _sent(descriptor: int, data: bytes) -> int:
    """How much of the data a pipe that is ready has taken; all, where nobody reads it any more."""
    try:
        return os.write(descriptor, data[: select.PIPE_BUF])
    except BrokenPipeError:
        return len(data)


def _what_is_left(pipe: IO[bytes]) -> bytes:
    """What a process that has ended left unread in a pipe."""
    os.set_blocking(pipe.fileno(), False)
    return pipe.read(_READ_BYTES) or b""


def _last_words(complaints: bytearray, said: bytearray) -> str:
    """The last line that was said: why there is no answer, mostly."""
    lines = [
        words for line in (complaints or said).splitlines() if (words := clean(bytes(line), 200))
    ]
    return f": {lines[-1]}" if lines else ""


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    """How a process that says nothing any more ended."""
    with suppress(subprocess.TimeoutExpired):
        status = process.wait(END_SECONDS)
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"
    return "closed its output"


def _ending_with_us() -> Callable[[], object]:
    """Asks the kernel, in a child, to end it when this program is killed."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
