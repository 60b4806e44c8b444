"""The command language: lines to commands and back.

The same words stand in the ``:`` line, in scenario files, on the command line and in the
journal. Reading them needs no machine, and no numpy.
"""
