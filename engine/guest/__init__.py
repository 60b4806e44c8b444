"""Real kernels in QEMU: boot one, do memory hotplug in it, record what it says."""
