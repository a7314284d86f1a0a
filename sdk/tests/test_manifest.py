"""What a manifest may not say, whoever wrote it: an external agent's comes from outside."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from opsrail_sdk.contracts.manifest import Manifest

QUERY: dict[str, Any] = {"name": "seen", "title": "Seen", "input_schema": {}, "output_schema": {}}
ACTION: dict[str, Any] = {**QUERY, "name": "do", "risk": "read", "idempotent": True}
DOCUMENT: dict[str, Any] = {
    "id": "sample",
    "title": "Sample",
    "description": "Says things",
    "version": "1.0.0",
    "owner": "tests",
    "maturity": "alpha",
    "module": "opsrail_sample",
    "requests": ["ci.run_pipeline"],
    "actions": [{**ACTION, "undo": "do"}],
    "queries": [QUERY],
    "config_schema": {},
}


def test_a_manifest_goes_over_the_wire_and_back() -> None:
    manifest = Manifest.model_validate(DOCUMENT)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    "changes",
    [
        {"contract": "99"},
        {"contract": 0},
        {"requests": ["*.*"]},
        {"requests": ["ci.>"]},
        {"requests": ["ci.run pipeline"]},
        {"requests": ["ci"]},
        {"queries": [QUERY, QUERY]},
        {"actions": [{**ACTION, "undo": "undone"}]},
        {"actions": [{**ACTION, "timeout": timedelta(0)}]},
        {"queries": [{**QUERY, "timeout": "-PT5S"}]},
        {"queries": [{**QUERY, "timeout": timedelta(hours=1)}]},
        {"queries": [{**QUERY, "cache": timedelta(seconds=-1)}]},
        {"schedules": [{"name": "often", "every": timedelta(0)}]},
        {"schedules": [{"name": "never", "every": "P99999999D"}]},
    ],
)
def test_what_no_bus_and_no_clock_could_follow_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(DOCUMENT | changes)
