"""Labelled posts from CSV files: columns found by name, faults named by line, folds drawn evenly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.sentiment.scores import BEARISH, BULLISH, LABELS, NEUTRAL

MAX_FIELD = 1 << 20  # characters in one cell
FAULTS_NAMED = 5
# What a column may be called, and what a label may say, case aside.
TEXT_COLUMNS = ("text", "comment text", "comment", "sentence", "body", "title")
LABEL_COLUMNS = ("label", "sentiment")
WORDS = {
    "bearish": BEARISH,
    "negative": BEARISH,
    "neutral": NEUTRAL,
    "bullish": BULLISH,
    "positive": BULLISH,
}

Labels = npt.NDArray[np.int8]


class BadData(ValueError):
    """A data file that cannot be used; says what was expected and what stands in which line."""

    for_people = True


@dataclass(frozen=True)
class Labelled:
    """One file's posts: texts and, for each, an index into `engine.sentiment.scores.LABELS`."""

    name: str
    sha256: str
    texts: tuple[str, ...]
    labels: Labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, in the order of LABELS."""
        return tuple(LABELS[at] for at in np.unique(self.labels))


def read_labelled(path: Path) -> Labelled:
    """Raises BadData. Empty lines are skipped; every other fault is one, for what is trained on must be right."""
    try:
        blob = path.read_bytes()
        text = blob.decode("utf-8-sig")
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = blob[: error.start].count(b"\n") + 1
        raise BadData(
            f"{path}, line {line}: expected UTF-8 text, found the byte 0x{blob[error.start]:02x}"
        ) from None
    texts, labels, faults = [], [], []
    for line, words, label in _rows(path, text):
        number = WORDS.get(label.strip().lower())
        if number is None:
            faults.append(f"line {line}: expected bearish, neutral or bullish, found {label.strip()[:40]!r}")
        elif not words.strip():
            faults.append(f"line {line}: expected a text, found none")
        else:
            texts.append(words)
            labels.append(number)
    if faults:
        more = f"\nand {len(faults) - FAULTS_NAMED} more" if len(faults) > FAULTS_NAMED else ""
        raise BadData(f"{path}:\n" + "\n".join(faults[:FAULTS_NAMED]) + more)
    if not texts:
        raise BadData(f"{path}: expected labelled posts below the header, found none")
    return Labelled(path.name, sha256(blob).hexdigest(), tuple(texts), np.array(labels, np.int8))


def _rows(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """(line where the row begins, text, label)."""
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        text_at, label_at = (_column(path, header, names) for names in (TEXT_COLUMNS, LABEL_COLUMNS))
        line = reader.line_num + 1
        for row in reader:
            if any(row):
                if len(row) != len(header):
                    raise BadData(
                        f"{path}, line {line}: expected {len(header)} columns as in the header, found {len(row)}"
                    )
                yield line, row[text_at], row[label_at]
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadData(f"{path}, line {reader.line_num}: expected CSV, found {error}") from None


def _column(path: Path, header: Sequence[str], names: Sequence[str]) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise BadData(
        f"{path}: expected a header with the columns text ({', '.join(TEXT_COLUMNS)}) and "
        f"label ({', '.join(LABEL_COLUMNS)}), found {', '.join(header)[:200] or 'nothing'}"
    )


def stratified(labels: npt.NDArray[np.int8], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold, 0 … folds - 1, for each row; every class is spread evenly. Same seed, same folds."""
    rng = np.random.Generator(np.random.PCG64(seed))
    fold = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        fold[rows] = np.arange(len(rows)) % folds
    return fold
