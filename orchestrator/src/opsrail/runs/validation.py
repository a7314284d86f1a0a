"""Whether an input may become a run's: it fits the action's JSON Schema, and database and wire can carry it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from opsrail.errors import FieldError, Invalid
from opsrail_sdk.contracts.run import canonical_json

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAX_INPUT = 512 * 1024
"""Bytes; with the capability it must fit into one message of the bus."""
_MOST_ERRORS = 20


def check_input(value: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check an action's input.

    Raises:
        Invalid: with each field that is wrong, as a JSON pointer.
    """
    check_json(value, what="input")
    found = [
        FieldError(_pointer(error), error.message[:500])
        for _, error in zip(range(_MOST_ERRORS), _errors(value, schema), strict=False)
    ]
    if found:
        raise Invalid("the input does not fit the action's schema", code="invalid_input", errors=found)


def _errors(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator["ValidationError"]:
    validator = _validator(canonical_json(schema))
    return iter(validator.iter_errors(value))


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - see opsrail.json_schema

    return Draft202012Validator(orjson.loads(schema), format_checker=FormatChecker())


def _pointer(error: "ValidationError") -> str:
    """RFC 6901 pointer into the input; ``""`` is the input as a whole."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)


def check_json(value: Mapping[str, Any], *, what: str) -> None:
    """Whether an object survives the way through the database and the bus unchanged.

    Raises:
        Invalid: ``invalid_<what>`` or ``<what>_too_large``.
    """
    code = f"invalid_{what}"
    try:
        body = canonical_json(value)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise Invalid(f"the {what} cannot be carried as JSON: {error}", code=code) from error
    if len(body) > MAX_INPUT:
        raise Invalid(f"the {what} has {len(body)} bytes; {MAX_INPUT} are allowed", code=f"{what}_too_large")
    if b"\\u0000" in body and _has_nul(value):
        raise Invalid(f"the {what} contains the character U+0000", code=code)
    if _has_huge(value):
        raise Invalid(f"the {what} contains a number beyond 64 bits", code=code)


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)


def _has_huge(value: Any) -> bool:
    """Whole floats beyond 64 bits come back from ``jsonb`` as integers that the wire format has no room for."""
    if isinstance(value, float):
        return value.is_integer() and not -(2.0**63) <= value < 2.0**64
    if isinstance(value, Mapping):
        return any(_has_huge(item) for item in value.values())
    return isinstance(value, list) and any(_has_huge(item) for item in value)
