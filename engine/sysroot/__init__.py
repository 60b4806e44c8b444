"""A real machine from its files: read, follow, keep, ask what would happen, operate.

``history.open_root`` opens one as a session, ``view.SysrootView`` is what screens read; a view is
a ``reading.Reading`` with blocks and pages, and ``what_if`` makes a simulated machine of it.
"""
