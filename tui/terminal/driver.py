"""The terminal as the screen has it: taken and given back, and every key read from it in order.

Textual's own driver reads in a thread that it ends and begins again at every stop; what waits
then, or is half read, is thrown away, what is typed until it has begun comes as a shell would get
it, and the thread of a terminal that is gone spins for ever. Here the event loop reads.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from asyncio import TimerHandle
from codecs import getincrementaldecoder
from contextlib import suppress
from typing import Any, TextIO

from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size

from pfnmap.tui.terminal.abilities import DEFAULT_SIZE
from pfnmap.tui.terminal.shown_lines import TerminalLost
from pfnmap.tui.terminal.typed import Typed

MOST_BYTES = 4096
"""As much as the kernel keeps of what is typed."""
MEANWHILE = {signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH}
"""What waits while the terminal is taken."""
MOST = 1000
"""Columns and rows that are drawn; a terminal that says more has not that many."""


class _Screen:
    """Standard error; a terminal that is gone takes everything."""

    def __init__(self, stream: TextIO) -> None:
        self.fileno = stream.fileno
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class TerminalDriver(LinuxDriver):
    """Gives the terminal back while the program is stopped, however that was done.

    Textual's own takes it a second time when the process goes on after a stop that it was not
    asked for (SIGSTOP), and then cannot give it back; and it answers in the middle of whatever
    the program is doing. Before the screen is taken a stop is nobody's business.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        kept = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
        super().__init__(*arguments, **named)
        for number, action in kept.items():
            signal.signal(number, action or signal.SIG_DFL)
        self._may_stop = kept[signal.SIGTSTP] is not signal.SIG_IGN
        self._went_on = False
        self._size = self._size or self._get_terminal_size()
        self._file: Any = _Screen(self._file)  # a thread writes there, and must not end before us
        self._typed = Typed()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._until_over: TimerHandle | None = None

    # -- taken and given back ------------------------------------------------------------------
    def start_application_mode(self) -> None:
        """Take the terminal; what stops it, lets it go on or changes its size meanwhile waits.

        A SIGCONT that came before anybody answers it would leave the terminal as it was then.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, MEANWHILE)
        try:
            found = self._take_keys()
            super().start_application_mode()  # type: ignore[no-untyped-call]
            self.attrs_before = found
            if self._may_stop:
                self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
            self._loop.add_signal_handler(signal.SIGCONT, self._go_on)
            # Textual's own looks at once: where a second signal comes then, its size goes first
            # and the one looked at before it comes last, and counts.
            self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, MEANWHILE)

    def _get_terminal_size(self) -> tuple[int, int]:
        """Columns and rows of the terminal itself, within reason, whatever COLUMNS says."""
        try:
            columns, rows = os.get_terminal_size(self.fileno)
        except OSError:
            columns = rows = 0
        return min(columns or DEFAULT_SIZE[0], MOST), min(rows or DEFAULT_SIZE[1], MOST)

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self.send_message(Resize(size, size))
            # Of a size that was there for a moment only nothing is heard, but what it cut off is
            # gone: the size that the program knows already has to be painted, too.
            self._app.post_message(TerminalLost())

    def _stop(self) -> None:
        """Give the terminal back, stop, and take it again when it goes on."""
        self.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._went_on = True
        self._take_again()

    def _go_on(self) -> None:
        """Set up a terminal that may not be as it was, after a stop nobody announced."""
        if self._went_on:  # the end of a stop that was announced
            self._went_on = False
            return
        self.suspend_application_mode()
        self._take_again()

    def _take_again(self) -> None:
        self._must_signal_resume = True  # Textual tells the app
        self.resume_application_mode()
        self._app.post_message(TerminalLost())

    # -- keys ----------------------------------------------------------------------------------
    def _take_keys(self) -> list[Any] | None:
        """Have every key as it is typed from now on; how the terminal was, None if it is gone.

        Before anything shows that the terminal is taken, so that no key typed on seeing that
        goes through the line that the kernel edits for a shell.
        """
        self._loop.add_reader(self.fileno, self.read)
        try:
            found = termios.tcgetattr(self.fileno)
            ours = termios.tcgetattr(self.fileno)
            ours[tty.LFLAG] = self._patch_lflag(ours[tty.LFLAG])
            ours[tty.IFLAG] = self._patch_iflag(ours[tty.IFLAG])
            ours[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, ours)
        except termios.error:
            return None
        return found

    def run_input_thread(self) -> None:
        """No thread reads keys here."""

    def disable_input(self) -> None:
        """Take in what was typed up to now, and then nothing more."""
        self._loop.remove_signal_handler(signal.SIGWINCH)
        self._disable_mouse_support()
        self.read()
        self._loop.remove_reader(self.fileno)

    def read(self) -> None:
        """Take in everything that has been typed."""
        while select.select([self.fileno], [], [], 0)[0]:
            try:
                data = os.read(self.fileno, MOST_BYTES)
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self.fileno)
                self._app.exit(128 + signal.SIGHUP)
                return
            for event in self._typed.feed(self._decode(data)):
                self.process_message(event)
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        """Escape is a key when nothing follows it for a moment."""
        if self._until_over is not None:
            self._until_over.cancel()
        self._until_over = None
        if self._typed.unfinished:
            self._until_over = self._loop.call_later(ESCAPE_DELAY, self._over)

    def _over(self) -> None:
        for event in self._typed.over():
            self.process_message(event)
        self._wait_for_more()
