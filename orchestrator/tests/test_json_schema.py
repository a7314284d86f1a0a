"""What is told of a value that does not fit a schema: the field and why, never the value."""

from opsrail.json_schema import violations

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"times": {"type": "integer"}, "limits": {"$ref": "#/$defs/Limits"}},
    "$defs": {"Limits": {"type": "object", "additionalProperties": False, "properties": {"memory": {}}}},
}


def told(value: object) -> list[tuple[str, str]]:
    return [(fault.field, fault.message) for fault in violations(SCHEMA, value, field="config")]


def test_unknown_fields_are_named() -> None:
    assert told({"tims": 2}) == [("config", "has a field that the schema does not know: tims")]
    assert told({"limits": {"mem": 1, "cpu": 2}}) == [
        ("config.limits", "has a field that the schema does not know: cpu, mem")
    ]


def test_a_wrong_value_is_not_repeated() -> None:
    assert told({"times": "s3cret"}) == [("config.times", "must be of type integer")]
