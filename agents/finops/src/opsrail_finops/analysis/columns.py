"""Finds a bill's own columns for what is asked, and reads them. Called by `rows.py`."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from opsrail_finops.analysis.layouts import FOCUS, Term, bare
from opsrail_finops.analysis.tables import Table


class Columns:
    """Finds the file's own columns."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._by_bare: dict[str, str] = {}
        for name in table.header:
            self._by_bare.setdefault(bare(name), name)

    def exact(self, name: str) -> str | None:
        return self._by_bare.get(name)

    def needed(self, name: str) -> str:
        return self._by_bare[name]

    def focus(self, name: str) -> list[str]:
        """Columns that may hold a FOCUS column; under FOCUS any column may be asked for by its name."""
        known = self._table.layout.columns.get(name, (bare(name),))
        return [self._by_bare[column] for column in known if column in self._by_bare]

    def every(self) -> dict[str, list[str]]:
        """All that is kept in a table: FOCUS columns, the column of all tags, one column `tag:key` for each tag that
        has its own, and every other column of a FOCUS file.
        """
        layout = self._table.layout
        found = {name: columns for name in layout.columns if (columns := self.focus(name))}
        found["ChargePeriodStart"] = [self.needed(layout.start)]
        for name in (self._by_bare[tags] for tags in layout.tags if tags in self._by_bare):
            found.setdefault("Tags", [name])
        for known, name in self._by_bare.items():
            prefix = next((prefix for prefix in layout.tag_prefixes if known.startswith(prefix)), None)
            if prefix is not None and known.removeprefix(prefix):
                found.setdefault(f"tag:{known.removeprefix(prefix)}", [name])
        if layout is FOCUS:
            taken = {bare(name) for name in (*found, "", "BilledCost", "EffectiveCost")}
            alone = [name for name in self._table.header if self._table.header.count(name) == 1]
            found |= {name: [name] for name in alone if bare(name) not in taken}
        return found

    def tag(self, key: str) -> tuple[str | None, str | None]:
        """The column of this one tag, and the column of all tags."""
        own = (prefix + bare(key) for prefix in self._table.layout.tag_prefixes)
        one = next((self._by_bare[name] for name in own if name in self._by_bare), None)
        return one, next((self._by_bare[name] for name in self._table.layout.tags if name in self._by_bare), None)


def only(texts: pa.Array, term: Term, kinds: pa.Array | None, unless: pa.Array | None) -> pa.Array:
    """The texts of rows that take part in a term, null elsewhere."""
    if kinds is not None and (term.only or term.without):
        inside = pc.is_in(kinds, pa.array(sorted(term.only or term.without), pa.string()))
        texts = pc.if_else(inside if term.only else pc.invert(inside), texts, pa.scalar(None, pa.string()))
    if unless is not None:
        texts = pc.if_else(pc.is_null(unless), texts, pa.scalar(None, pa.string()))
    return mapped(texts, _listed_total) if term.listed else texts


def _listed_total(text: str) -> str:
    """The sum of a JSON list's amounts; what is no such list stays as it is, to be read as a number or refused."""
    if not text.lstrip().startswith("["):
        return text
    try:
        amounts = [Decimal(str(item["amount"])) for item in json.loads(text, parse_float=str, parse_int=str)]
        return format(sum(amounts, Decimal(0)), "f")
    except (json.JSONDecodeError, InvalidOperation, KeyError, TypeError):
        return text


def first_filled(batch: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    if not names:
        return pa.nulls(batch.num_rows, pa.string())
    return pc.coalesce(*(batch.column(name) for name in names))


def mapped(column: pa.Array, change: Callable[[str], str | None]) -> pa.Array:
    encoded = column.dictionary_encode()
    changed = [None if text is None else change(text) for text in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(changed, pa.string()), encoded.indices)


def tag_reader(dimension: str) -> Callable[[str], str | None]:
    """Tags are a JSON object, Azure's an object without brackets, GCP's a list of key and value."""
    key = dimension.removeprefix("tag:")

    def read(text: str) -> str | None:
        text = text.strip()
        try:
            tags = json.loads(text if text[:1] in {"{", "["} else "{" + text + "}")
        except json.JSONDecodeError:
            return None
        if isinstance(tags, list):
            tags = {item.get("key"): item.get("value") for item in tags if isinstance(item, dict)}
        found = tags.get(key, tags.get(f"user_{key}"))
        return None if found is None else str(found)

    return read
