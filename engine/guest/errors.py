"""Why a guest gives no answer; each is one sentence that a person is shown."""

from __future__ import annotations

from pfnmap.engine.errors import InputError, PfnmapError


class GuestError(PfnmapError):
    """There is no guest to ask, or none any more."""


class MissingPartError(GuestError):
    """Something needed to boot a kernel is not on this machine; says what and the remedy."""


class GuestGoneError(GuestError):
    """The guest has ended: it did not start, it panicked, or somebody closed it."""

    several_lines = True


class GuestHungError(GuestError):
    """The guest did not answer in time. Some kernel operations retry for ever."""

    several_lines = True


class LackingError(GuestError):
    """The guest's kernel has not got what is asked of it; says which driver or option."""


class RefusedError(GuestError):
    """QEMU refused a request; the guest's kernel never saw it."""


class UnplayableError(InputError):
    """A command that no real machine can be given."""
