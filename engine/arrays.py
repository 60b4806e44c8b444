"""The type of arrays by what they hold: ``numpy.typing.NDArray``, which takes long to load."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Scalar = TypeVar("Scalar", bound=np.generic)
NDArray = np.ndarray[tuple[Any, ...], np.dtype[Scalar]]
Int64s = NDArray[np.int64]
