"""Recordings of real kernels: reading them, replaying them, comparing every counter."""
