"""Reading what people give on the command line: JSON, ``k=v`` pairs, files."""

import sys
from pathlib import Path
from typing import Any

import orjson

from opsrail.cli.output import fail


def read_json(text: str, *, what: str) -> Any:
    """JSON from the argument itself, from ``@file``, or from stdin (``-``)."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except OSError as error:
            fail(f"{what}: {text[1:]}: {error.strerror}", code=2)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        fail(f"{what} is not JSON: {error}", code=2)


def read_object(text: str, *, what: str) -> dict[str, Any]:
    """Like ``read_json``, and it has to be an object."""
    value = read_json(text, what=what)
    if not isinstance(value, dict):
        fail(f"{what} must be a JSON object", code=2)
    return value


def read_secret(text: str) -> str:
    """A secret as it is, or from ``@file``, which keeps it out of the process list and the shell's history."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text().rstrip("\r\n")
    except OSError as error:
        fail(f"{text[1:]}: {error.strerror}", code=2)


def read_pairs(pairs: list[str], *, what: str) -> dict[str, Any]:
    """``k=v`` pairs; a value that is JSON counts as such, anything else as text."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            fail(f"{what}: {pair!r} is not of the form key=value", code=2)
        try:
            values[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            values[key] = value
    return values
