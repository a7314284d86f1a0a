"""Finds a quote that a CSV file opens and never closes, as a cut-off file may. Called by `tables.py`.

Arrow takes all that follows for one field, so that the rows behind the quote would be lost without a word.
"""

import csv
from collections.abc import Iterable
from io import BufferedIOBase


class CountedQuotes:
    """A file that Arrow reads from; `odd` tells whether the quotes read so far have no partner each."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.odd = False
        self._file = file

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.odd ^= data.count(b'"') % 2 == 1
        return data


def open_quote(lines: Iterable[str], delimiter: str) -> int | None:
    """Row, the header being 1, in which a quote is opened that nothing closes; `None` when there is none."""
    row = 1
    try:
        for fields in csv.reader(lines, delimiter=delimiter, strict=True):
            row += bool(fields)
    except csv.Error as error:
        # A quote that stands within a field, which is let pass, is the one other thing that `strict` finds.
        return None if "expected after" in str(error) else row
    return None
