"""The figure: one drawing of a machine, its spans and what a step changed, for every painter.

``moments`` says what there is to draw, ``axis`` lays the address space out once for all of
them, ``figure`` puts the rows of one moment on it. The painters (``text``, ``svg``, ``page``)
and the screen only turn a figure's runs of cells into letters or colours. No Textual here.
"""
