"""Fuzzers: random commands with every identity checked, and damaged input of every kind.

``python -m tests.fuzz --what WHAT --minutes N --jobs N`` runs long and prints a record at its
end; the tests here run everything for a moment, and longer with ``-m slow``. What breaks there
Hypothesis makes small.
"""
