"""Random sequences of commands on random machines, with every identity checked after each.

``python -m tests.fuzz --minutes N`` runs long; ``tests/fuzz/test_commands.py`` runs short.
"""
