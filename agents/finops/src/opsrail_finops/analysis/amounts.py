"""A column of amounts as decimals, exact, with the places that each was written with. Called by `rows.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from opsrail_finops.analysis.conventions import LARGEST, PLACES, Conventions, Refused, amount, places

_DECIMAL = pa.decimal256(76, PLACES)
_ADDEND = pa.decimal256(63, PLACES)
"""Holds any amount that is let through, and leaves room for the digits that adding a few terms needs."""


@dataclass(frozen=True)
class Amounts:
    """One number and its decimal places per row, null where there is none; why a row is `wrong`, by its index."""

    numbers: pa.Array
    places: pa.Array
    wrong: dict[int, str]


def read_amounts(texts: pa.Array, conventions: Conventions | None) -> Amounts:
    """Raises `Unsettled` when the file must be read for evidence of its conventions first."""
    if conventions is None and (plain := _all_plain(texts)) is not None:
        return plain
    encoded = texts.dictionary_encode()
    numbers: list[Decimal | None] = []
    shown: list[int | None] = []
    reasons: dict[int, str] = {}
    for at, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            number = amount(text, conventions)
        except Refused as refused:
            reasons[at] = str(refused)
            numbers.append(None)
            shown.append(None)
        else:
            numbers.append(number)
            shown.append(places(number))
    codes = encoded.indices.to_pylist() if reasons else []
    return Amounts(
        pc.take(pa.array(numbers, _DECIMAL), encoded.indices),
        pc.take(pa.array(shown, pa.int32()), encoded.indices),
        {index: reasons[code] for index, code in enumerate(codes) if code in reasons},
    )


def combined(terms: Sequence[tuple[int, Amounts]], rows: int) -> tuple[pa.Array, pa.Array]:
    """The sum of each row's terms, each taken `times` 1 or -1, and the most places of them; null without any."""
    if not terms:
        return pa.nulls(rows, _DECIMAL), pa.nulls(rows, pa.int32())
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1].numbers, terms[0][1].places
    total = pa.nulls(rows, _ADDEND)
    for times, found in terms:
        addend = found.numbers.cast(_ADDEND)
        signed = addend if times == 1 else pc.negate(addend)
        both = pc.add(total, signed).cast(_DECIMAL)
        total = pc.coalesce(both, total.cast(_DECIMAL), signed.cast(_DECIMAL)).cast(_ADDEND)
    return total.cast(_DECIMAL), pc.max_element_wise(*(found.places for _, found in terms))


def _all_plain(texts: pa.Array) -> Amounts | None:
    """All at once when every text is a plain number without exponent; `None` otherwise."""
    if pc.any(pc.match_substring_regex(texts, "[^0-9.+-]")).as_py():
        return None
    try:
        numbers = texts.cast(_DECIMAL)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] is not None and max(abs(bounds["max"]), abs(bounds["min"])) >= LARGEST:
        return None
    point = pc.find_substring(texts, ".")
    after = pc.subtract(pc.subtract(pc.utf8_length(texts), point), 1)
    return Amounts(numbers, pc.if_else(pc.less(point, 0), pa.scalar(0, pa.int32()), after), {})
