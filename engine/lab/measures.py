"""How good a classifier's answers are: accuracy, macro-F1, calibration, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ECE_BINS = 10

Ints = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]


def confusion(truth: Ints, answers: Ints, classes: int = 3) -> npt.NDArray[np.int64]:
    """Rows are the truth, columns the answers."""
    flat = np.bincount(truth.astype(np.int64) * classes + answers, minlength=classes * classes)
    return flat.reshape(classes, classes)


def accuracy(table: npt.NDArray[np.int64]) -> float:
    return float(np.trace(table) / table.sum())


def macro_f1(table: npt.NDArray[np.int64]) -> float:
    """Mean F1 over the classes that occur in the truth."""
    hits = np.diag(table)
    size = table.sum(0) + table.sum(1)
    present = table.sum(1) > 0
    return float(np.mean(2 * hits[present] / size[present]))


def calibration_error(confidence: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over ECE_BINS bins of equal width (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    claimed = np.bincount(bins, confidence, ECE_BINS)
    found = np.bincount(bins, right, ECE_BINS)
    return float(np.abs(claimed - found).sum() / len(confidence))


def summary(truth: Ints, answers: Ints, confidence: Floats) -> dict[str, Any]:
    """All of them as plain values."""
    table = confusion(truth, answers)
    return {
        "accuracy": round(accuracy(table), 4),
        "macro_f1": round(macro_f1(table), 4),
        "ece": round(calibration_error(confidence, truth == answers), 4),
        "confusion": table.tolist(),
    }
