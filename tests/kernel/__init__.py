"""Ask real kernels: boot them in QEMU, do memory hotplug, record what they say.

The model in ``engine`` claims to do what Linux does. This package is how that claim is
tested: ``pfnmap vm --fetch 6.12`` fetches a kernel, ``python -m
tests.kernel.hunt`` looks for command sequences where model and kernel differ, ``python -m
tests.kernel.foresee`` for operations that ``plan`` does not foresee from captures of the
guest, and ``pytest -m kernel`` runs short scenarios on every kernel that is installed.
"""
