"""Checking input against JSON Schemas that came with a manifest. Used for config, queries and runs.

A manifest is somebody else's document, so references are resolved inside it alone: nothing is ever fetched.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from opsrail.errors import FieldError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MOST_ERRORS = 20


def schema_fault(schema: dict[str, Any]) -> str | None:
    """Why this is not a JSON Schema (2020-12); ``None`` where it is one."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, and no start waits for it
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    return None


def violations(schema: dict[str, Any], value: Any, *, field: str) -> list[FieldError]:
    """Where ``value`` breaks the schema, as dotted paths that begin with ``field``; at most 20."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    validator = Draft202012Validator(schema, registry=Registry(), format_checker=FormatChecker())
    found: list[FieldError] = []
    try:
        for error in validator.iter_errors(value):
            found.append(FieldError(_path(field, error), _words(error)))
            if len(found) == _MOST_ERRORS:
                break
    except Unresolvable as error:
        found.append(FieldError(field, f"the schema refers to something outside itself: {error.ref}"))
    except RecursionError:
        found.append(FieldError(field, "nested too deeply"))
    return found


def _path(field: str, error: "ValidationError") -> str:
    parts: Iterable[object] = error.absolute_path
    if error.validator == "required" and isinstance(error.instance, dict) and isinstance(error.validator_value, list):
        missing = next((name for name in error.validator_value if name not in error.instance), None)
        parts = [*parts, missing] if missing else parts
    return ".".join((field, *map(str, parts)))


def _words(error: "ValidationError") -> str:
    """Without the value itself, which may be a secret or very long."""
    match error.validator:
        case "required":
            return "is missing"
        case "additionalProperties":
            return f"has a field that the schema does not know{_unknown(error)}"
        case "type":
            return f"must be of type {error.validator_value}"
        case "enum":
            return f"must be one of {error.validator_value}"
        case _:
            return f"breaks `{error.validator}: {error.validator_value}`"[:200]


def _unknown(error: "ValidationError") -> str:
    """The names that are no part of the schema, where it lists its own."""
    schema = error.schema
    if not isinstance(schema, dict) or "patternProperties" in schema or not isinstance(error.instance, dict):
        return ""
    return f": {', '.join(sorted(error.instance.keys() - schema.get('properties', {}).keys()))}"[:200]
