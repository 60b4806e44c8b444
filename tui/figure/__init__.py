"""The figure: one drawing of a machine, its spans and what a step changed, for every painter.

``moments`` says what there is to draw, ``axis`` lays the address space out once for all of
them, ``figure`` puts the rows of one moment on it, ``lines`` writes them out with their numbers.
The painters (``text``, ``inks``, ``page``) and the screen only turn cells into letters or colours.
No Textual here.
"""
