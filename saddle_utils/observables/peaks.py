"""Peaks of a curve and their prominences: those of `scipy.signal.find_peaks`, which is not used
for what it imports, all of `scipy.stats`, takes as long as a notebook's other imports together."""

import numpy as np


def find_peaks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (peaks,) of the peaks of a curve (T,), in order, and their prominences (peaks,).

    A flat peak is where its middle is.  The prominence of a peak is its height above the higher of
    its two bases, each the lowest value between it and the next higher peak, or the curve's end.
    """
    starts = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)  # of stretches of equal values
    heights = values[starts]
    inner = heights[1:-1]
    tops = 1 + np.flatnonzero((inner > heights[:-2]) & (inner > heights[2:]))
    valleys = np.minimum.reduceat(heights, [0, *tops])  # before each peak, and behind the last
    left = _bases(heights[tops], valleys[:-1])
    right = _bases(heights[tops][::-1], valleys[:0:-1])[::-1]
    return (starts[tops] + starts[tops + 1] - 1) // 2, heights[tops] - np.maximum(left, right)


def _bases(heights: np.ndarray, valleys: np.ndarray) -> np.ndarray:
    """Lowest value between each peak and the higher one before it, of the `valleys` before each."""
    bases, higher = np.empty(len(heights)), []  # peaks without a higher one behind, and their bases
    for k, (height, base) in enumerate(zip(heights.tolist(), valleys.tolist(), strict=True)):
        while higher and higher[-1][0] <= height:
            base = min(base, higher.pop()[1])
        higher.append((height, base))
        bases[k] = base
    return bases
