"""The forms of guards: what they match, when windows hold, what is refused and where."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsrail.guards.rules import Budget, Freeze, Selector, Sequence, at_pointer, count_of

WISH = {"agent": "cd", "action": "restart", "environment": "production", "target": "api-1", "risk": "write"}
WEEKEND = Freeze(cron="0 18 * * FRI", duration=timedelta(hours=62), timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("selector", "takes"),
    [
        ({}, True),
        ({"agents": ["cd"]}, True),
        ({"agents": ["ci"]}, False),
        ({"actions": ["cd.re*"]}, True),
        ({"actions": ["restart"]}, False),
        ({"environments": ["production"]}, True),
        ({"environments": [""]}, False),
        ({"targets": ["api-*"]}, True),
        ({"targets": ["db-*"]}, False),
        ({"risks": ["destructive"]}, False),
        ({"risks": []}, False),
    ],
)
def test_a_selector_narrows_by_what_it_names(selector: dict[str, Any], takes: bool) -> None:
    assert Selector.model_validate(selector).takes(**WISH) is takes


def test_reads_are_exempt_unless_named() -> None:
    assert not Selector().takes(**{**WISH, "risk": "read"})
    assert Selector.model_validate({"risks": ["read"]}).takes(**{**WISH, "risk": "read"})


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-11-20T16:59:59+00:00", None),
        ("2026-11-20T17:00:00+00:00", "2026-11-23T07:00:00+00:00"),
        ("2026-11-23T06:59:59.999999+00:00", "2026-11-23T07:00:00+00:00"),
        ("2026-11-23T07:00:00+00:00", None),
        ("2026-07-03T16:00:00+00:00", "2026-07-06T06:00:00+00:00"),  # summer time: 18:00 is 16:00 UTC
    ],
)
def test_a_freeze_holds_from_its_start_to_just_before_its_end(at: str, ends: str | None) -> None:
    found = WEEKEND.ends(datetime.fromisoformat(at))
    assert found == (datetime.fromisoformat(ends) if ends else None)


def test_a_freeze_across_a_change_of_clocks_lasts_as_long_as_it_says() -> None:
    night = Freeze(cron="0 1 * * *", duration=timedelta(hours=4), timezone="Europe/Berlin")
    forward = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30, half an hour before the clock jumps
    assert night.ends(forward) == datetime(2026, 3, 29, 4, 0, tzinfo=UTC)


@given(st.integers(1_767_225_600, 1_893_456_000))
def test_a_window_that_holds_ends_later_and_the_next_begins_later(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    ends, following = WEEKEND.ends(at), WEEKEND.next_start(at)
    assert ends is None or at < ends <= at + WEEKEND.duration
    assert following is not None
    assert following > at
    assert WEEKEND.ends(following) is not None
    assert WEEKEND.ends(following - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("form", "values", "field"),
    [
        (Freeze, {"cron": "61 * * * *", "duration": "PT1H"}, "cron"),
        (Freeze, {"cron": "* * * *", "duration": "PT1H"}, "cron"),
        (Freeze, {"cron": "0 0 30 2 *", "duration": "PT1H"}, "cron"),
        (Freeze, {"cron": "0 0 * * *", "duration": "PT0S"}, "duration"),
        (Freeze, {"cron": "0 0 * * *", "duration": "PT1H", "timezone": "Mars/Olympus"}, "timezone"),
        (Budget, {"limit": 0}, "limit"),
        (Budget, {"limit": "NaN"}, "limit"),
        (Budget, {"limit": 1, "window": "P40D"}, "window"),
        (Budget, {"limit": 1, "per": "galaxy"}, "per"),
        (Budget, {"limit": 1, "fleet": "fleet"}, "fleet"),
        (Sequence, {"within": "PT0S"}, "within"),
        (Sequence, {"within": "PT1M", "unless": ["fine"]}, "unless"),
        (Sequence, {"within": "PT1M", "beside": 1}, "beside"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(form: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        form.model_validate(values)
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_parts_of_an_input_are_found_and_counted() -> None:
    given_input = {"nodes": ["a", "b"], "fleet": {"size/all": 8, "none": True}, "list": [{"x": 1.5}]}
    assert count_of(at_pointer(given_input, "/nodes")) == 2
    assert count_of(at_pointer(given_input, "/fleet/size~1all")) == 8
    assert count_of(at_pointer(given_input, "/list/0/x")) == Decimal("1.5")
    for missing in ("/nobody", "/nodes/7", "/nodes/x", "/fleet/none", "/fleet", "/nodes/0"):
        assert count_of(at_pointer(given_input, missing)) is None
