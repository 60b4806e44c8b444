"""Errors a person can cause: one sentence, with the place and the remedy."""

from __future__ import annotations

from typing import ClassVar, Final

SHELL_TEXT: Final[dict[str, str]] = {
    "EPERM": "Operation not permitted",
    "ENOENT": "No such file or directory",
    "ESRCH": "No such process",
    "EINTR": "Interrupted system call",
    "EIO": "Input/output error",
    "ENXIO": "No such device or address",
    "E2BIG": "Argument list too long",
    "EBADF": "Bad file descriptor",
    "EAGAIN": "Resource temporarily unavailable",
    "ENOMEM": "Cannot allocate memory",
    "EACCES": "Permission denied",
    "EFAULT": "Bad address",
    "EBUSY": "Device or resource busy",
    "EEXIST": "File exists",
    "EXDEV": "Invalid cross-device link",
    "ENODEV": "No such device",
    "ENOTDIR": "Not a directory",
    "EISDIR": "Is a directory",
    "EINVAL": "Invalid argument",
    "ENFILE": "Too many open files in system",
    "ENOSPC": "No space left on device",
    "EROFS": "Read-only file system",
    "EDOM": "Numerical argument out of domain",
    "ERANGE": "Numerical result out of range",
    "EDEADLK": "Resource deadlock avoided",
    "ENOSYS": "Function not implemented",
    "ENODATA": "No data available",
    "ETIME": "Timer expired",
    "EPROTO": "Protocol error",
    "EOVERFLOW": "Value too large for defined data type",
    "EOPNOTSUPP": "Operation not supported",
    "ENOBUFS": "No buffer space available",
    "EALREADY": "Operation already in progress",
    "EINPROGRESS": "Operation now in progress",
    "ETIMEDOUT": "Connection timed out",
    "ECANCELED": "Operation canceled",
    "EHWPOISON": "Memory page has hardware error",
    "ENOTSUPP": "Unknown error 524",
}
"""Every errno that a kernel function here may answer with (``errno-base.h``, ``errno.h``), and
what a shell prints for it (libc ``strerror``; it has no words for ENOTSUPP, the kernel's own)."""
ERRNO_OF_TEXT: Final[dict[str, str]] = {text: errno for errno, text in SHELL_TEXT.items()}
"""The errno that such a text stands for."""


class PfnmapError(Exception):
    """Base of every error that is the caller's to mend; ``str()`` is ready to show.

    The command line prints it as one line and exits with status 2.
    """

    several_lines: ClassVar[bool] = False
    """Whether its newlines are ends of lines: never those of a name from outside."""


class ParseError(PfnmapError):
    """A line of the command language that is wrong.

    ``str()`` is ``SOURCE:LINE:COL: what is wrong; expected …; did you mean …?``;
    column counts from 1.
    """

    several_lines = True

    def __init__(self, message: str, *, source: str = "", line: int = 0, column: int = 1) -> None:
        self.message = message
        self.source = source
        self.line = line
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        place = ":".join(
            part for part in (self.source, str(self.line or ""), str(self.column)) if part
        )
        return f"{place}: {self.message}" if self.source or self.line else self.message

    def at(self, source: str, line: int) -> ParseError:
        """The same error placed in a file."""
        return ParseError(self.message, source=source, line=line, column=self.column)


class InputError(PfnmapError):
    """A file, directory or value from outside that cannot be used."""


MAX_QUOTED_CHARACTERS = 60


def quoted(value: object) -> str:
    """A value from outside, for a message: in one line, nothing unprintable, and not endless."""
    text = repr(value)
    if len(text) <= MAX_QUOTED_CHARACTERS:
        return text
    return f"{text[: MAX_QUOTED_CHARACTERS - 1]}…"
