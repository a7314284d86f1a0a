from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from opsrail_sdk.errors import InvalidInput
from opsrail_sdk.testing.harness import AgentHarness

START = date(2026, 1, 5)


def costs(days: int, level: float = 100.0) -> list[dict[str, Any]]:
    return [{"date": str(START + timedelta(days=at)), "cost": level + at % 7} for at in range(days)]


def bill(folder: Path, days: int) -> str:
    rows = ["ChargePeriodStart,ServiceName,BilledCost,EffectiveCost,BillingCurrency"]
    for at in range(days):
        day = START + timedelta(days=at)
        rows.append(f"{day}T00:00:00Z,Compute,{100 + at % 7},90,USD")
        if at % 7 < 5:
            rows.append(f"{day}T00:00:00Z,Builds,10,10,USD")
        rows.append(f"{day}T00:00:00Z,Support,5,5,EUR")
    (folder / "days.csv").write_text("\n".join(rows) + "\n")
    return str(folder / "days.csv")


async def test_days_in_any_order_with_unknown_and_repeated_ones(finops: AgentHarness) -> None:
    given = [day for at, day in enumerate(costs(70)) if at != 20]
    given[-1] = {**given[-1], "cost": 50.0}
    given.append({**given[-1], "cost": given[-2]["cost"] + 1 - 50.0})
    given.append({"date": str(START + timedelta(days=20)), "cost": None})
    answer = await finops.query("forecast", {"costs": given[::-1], "horizon": 7})
    assert [day["date"] for day in answer["days"]] == [str(START + timedelta(days=70 + at)) for at in range(7)]
    assert [round(day["mean"]) for day in answer["days"]] == [100 + at for at in range(7)]
    assert all(day["lo95"] <= day["lo80"] <= day["mean"] <= day["hi80"] <= day["hi95"] for day in answer["days"])
    assert answer["month_end"]["month"] == "2026-03"
    assert answer["origins"] > 5
    assert sum(answer["weights"].values()) == pytest.approx(1.0)
    assert answer["back_test"]["weighted mean"] <= answer["back_test"]["latest"]


async def test_a_bill_by_currency_service_and_kind_of_cost(finops: AgentHarness, root: Path) -> None:
    wish = {"files": [bill(root, 70)], "horizon": 7, "currency": "USD"}
    everything = await finops.query("forecast", wish)
    assert [round(day["mean"]) for day in everything["days"]] == [100, 100, 100, 100, 100, 90, 90]
    assert everything["currency"] == "USD"
    billed = await finops.query("forecast", {**wish, "cost": "billed", "service": "Compute"})
    assert [round(day["mean"]) for day in billed["days"]] == [100 + at for at in range(7)]
    builds = await finops.query("forecast", {**wish, "service": "Builds"})
    assert [round(day["mean"]) for day in builds["days"]] == [10, 10, 10, 10, 10, 0, 0]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "either `costs` or `files`"),
        ({"costs": costs(3), "files": ["/x"]}, "either `costs` or `files`"),
        ({"costs": [{"date": str(START), "cost": None}]}, "at least one value"),
        ({"costs": [*costs(2), {"date": "0001-01-01", "cost": 1}]}, "is a date wrong"),
        ({"costs": [{"date": "9999-12-31", "cost": 1}], "holidays": "DE"}, "is a date wrong"),
        ({"costs": costs(3), "holidays": "XX"}, "no holidays for the country"),
        ({"costs": [{"date": "soon", "cost": 1}]}, "date"),
        ({"costs": costs(3), "horizon": 0}, "horizon"),
    ],
)
async def test_questions_that_cannot_be_answered(finops: AgentHarness, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        await finops.query("forecast", wish)


async def test_bills_that_cannot_be_forecast(finops: AgentHarness, root: Path) -> None:
    files = [bill(root, 10)]
    with pytest.raises(InvalidInput, match="several currencies, name one: EUR, USD"):
        await finops.query("forecast", {"files": files})
    with pytest.raises(InvalidInput, match="no row of that service"):
        await finops.query("forecast", {"files": files, "service": "Nosuch"})
