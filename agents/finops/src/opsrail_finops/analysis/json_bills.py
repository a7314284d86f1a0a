"""Bills in JSON as flat rows of text: Cost Explorer's answers, GCP's BigQuery exports, FOCUS as JSON lines.

Called by `tables.py`. Numbers keep the digits they are written with.

- https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
- https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
"""

import json
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import reduce
from typing import IO, Any

Row = dict[str, str | None]
KEPT_TOGETHER = frozenset({"tags", "resource_tags"})
"""Objects whose keys are the users' own, and no columns."""
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


class BadJson(ValueError):
    """It is not JSON, or not of a shape that we know."""


class _Number(str):
    """A number by its text."""

    __slots__ = ()


def json_rows(file: IO[str]) -> Iterator[Row]:
    """Rows of a document, of a list of documents, or of JSON lines.

    Raises:
        BadJson: with the line.
    """
    at = 0
    try:
        for at, document in enumerate(_documents(file), start=1):
            if not isinstance(document, dict):
                raise BadJson(f"entry {at} is not an object")
            if "ResultsByTime" in document:
                yield from _cost_explorer(document)
            else:
                yield _flat(document)
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadJson(f"entry {at} is not of the documented shape: {error}") from error
    except RecursionError as error:
        raise BadJson(f"it is nested too deeply after entry {at}") from error


def as_json(value: Any) -> str | None:
    """A map, struct or list of a Parquet column as JSON."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        value = dict(value)
    return None if value is None else json.dumps(value, default=str)


def _documents(file: IO[str]) -> Iterator[Any]:
    first = file.readline()
    try:
        start = _parse(first)
    except json.JSONDecodeError:
        text = first + file.read()
        try:
            start = _parse(text)
        except json.JSONDecodeError as error:
            raise BadJson(f"not JSON: {error}") from error
        yield from start if isinstance(start, list) else [start]
        return
    yield from start if isinstance(start, list) else [start]
    for number, line in enumerate(file, start=2):
        if line.strip():
            try:
                yield _parse(line)
            except json.JSONDecodeError as error:
                raise BadJson(f"line {number} is not JSON: {error}") from error


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def _cost_explorer(document: dict[str, Any]) -> Iterator[Row]:
    names = [_dimension(group) for group in document.get("GroupDefinitions") or ()]
    for period in document["ResultsByTime"]:
        start = period["TimePeriod"]["Start"]
        if not period.get("Groups"):
            yield {"start": start} | _metrics(period.get("Total") or {})
        for group in period.get("Groups") or ():
            keys = group["Keys"]
            labels = (
                names if len(names) == len(keys) else ["service", *(f"key{at}" for at in range(2, len(keys) + 1))]
            )
            row: Row = {"start": start}
            for name, key in zip(labels, keys, strict=True):
                row[name] = key.split("$", 1)[-1] if name.startswith("tag") else key
            yield row | _metrics(group["Metrics"])


def _dimension(group: dict[str, str]) -> str:
    return f"tag{group['Key']}" if group["Type"] == "TAG" else group["Key"].lower().replace("_", "")


def _metrics(metrics: dict[str, dict[str, str]]) -> Row:
    """Amortised costs fall back to what was billed when the question did not ask for them."""
    billed = metrics.get("UnblendedCost") or metrics.get("NetUnblendedCost") or metrics.get("BlendedCost")
    spread = metrics.get("AmortizedCost") or metrics.get("NetAmortizedCost") or billed
    billed = billed or spread
    if billed is None or spread is None:
        return {"unblended": None, "amortized": None, "unit": None}
    return {"unblended": billed["Amount"], "amortized": spread["Amount"], "unit": billed.get("Unit")}


def _flat(document: dict[str, Any], prefix: str = "") -> Row:
    row: Row = {}
    for name, value in document.items():
        if name == "credits" and isinstance(value, list):
            row[prefix + name] = str(reduce(_EXACT.add, (Decimal(credit["amount"]) for credit in value), Decimal(0)))
        elif isinstance(value, dict) and name.casefold() not in KEPT_TOGETHER:
            row |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, dict | list):
            row[prefix + name] = json.dumps(value)
        else:
            row[prefix + name] = None if value is None else str(value)
    return row
