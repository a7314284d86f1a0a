"""Every provider's bill becomes the same totals, whatever its columns are called."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from opsrail_finops.analysis.totals import totals

from . import bills

Expected = list[tuple[tuple[str | None, ...], str, str, str]]

CASES: dict[str, tuple[str, str, Expected]] = {
    "focus": (
        "f.csv",
        bills.FOCUS,
        [
            (("Compute", "2026-09-01", "s1", "eu-1", "red"), "USD", "1.10", "1.00"),
            (("Compute", "2026-09-02", "s2", "eu-2", None), "USD", "2.25", "0"),
            (("Storage", "2026-09-03", "s1", "eu-1", "blue"), "USD", "-0.05", "0.5"),
        ],
    ),
    "legacy CUR": (
        "cur.csv",
        bills.LEGACY_CUR,
        [
            (("Compute Cloud", "2026-09-01", "a1", "us-east-1", None), "USD", "0", "0"),
            (("Compute Cloud", "2026-09-01", "a1", "us-east-1", "blue"), "USD", "0", "0.25"),
            (("Compute Cloud", "2026-09-01", "a1", "us-east-1", "red"), "USD", "1.5", "8.0"),
            (("Savings Plans", "2026-09-01", "a1", None, None), "USD", "8", "1.5"),
        ],
    ),
    "OCI": (
        "oci.csv",
        bills.OCI,
        [(("COMPUTE", "2026-09-01", "c1", "eu-frankfurt-1", "red"), "EUR", "3.00", "3.00")],
    ),
    "Azure": (
        "azure.csv",
        bills.AZURE,
        [
            (
                ("Virtual Machines", "2026-09-02", "sub", "westeurope", "red"),
                "EUR",
                "0.000012345678901234567",
                "0.000012345678901234567",
            )
        ],
    ),
    "GCP lines": (
        "gcp.json",
        bills.GCP_LINES,
        [(("Compute Engine", "2026-09-01", "p1", "europe-west1", "red"), "EUR", "4.5", "4.5")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_totals_of_each_layout(name: str, tmp_path: Path) -> None:
    file, text, expected = CASES[name]
    (tmp_path / file).write_text(text)
    report = totals([tmp_path / file], ("service", "day", "account", "region", "tag:team"))
    assert not report.refused
    assert [(t.group, t.currency, f"{t.billed:f}", f"{t.effective:f}") for t in report.totals] == expected


@pytest.mark.parametrize(
    ("text", "service", "billed", "effective"),
    [
        (bills.CUR_2, "AmazonEC2", "1.5", "1.5"),
        (bills.GCP_CSV, "Compute Engine", "4.5", "4.5"),
        (bills.GCP_CSV_CREDITS, "Compute Engine", "4.7", "4.7"),
        (bills.COST_EXPLORER, "Amazon EC2", "12.3400000001", "11"),
        (f"[{bills.COST_EXPLORER}]", "Amazon EC2", "12.3400000001", "11"),
    ],
)
def test_totals_by_service_alone(text: str, service: str, billed: str, effective: str, tmp_path: Path) -> None:
    (tmp_path / "bill").write_text(text)
    (total,) = totals([tmp_path / "bill"], ("service",)).totals
    assert (total.group, f"{total.billed:f}", f"{total.effective:f}") == ((service,), billed, effective)


def test_fees_of_a_reservation_are_spread_over_its_usage(tmp_path: Path) -> None:
    (tmp_path / "bill").write_text(bills.CUR_FEES)
    found = {total.group[0]: total for total in totals([tmp_path / "bill"], ("service",)).totals}
    assert {name: (total.billed, total.effective) for name, total in found.items()} == {
        "AmazonEC2": (1240, Decimal("5.5")),
        "AWSSupport": (31, 31),
    }


@pytest.mark.parametrize("text", [bills.AZURE_MCA, bills.AZURE_PAY_AS_YOU_GO, bills.AZURE_PARTNER])
def test_each_of_azures_exports(text: str, tmp_path: Path) -> None:
    (tmp_path / "bill").write_text(text)
    (total,) = totals([tmp_path / "bill"], ("service", "day", "account", "tag:team")).totals
    assert total.group == ("Storage", "2026-09-13", "sub", "red")
    assert (total.currency, f"{total.billed:f}") == ("EUR", "1.5")


def test_nested_columns_of_parquet_are_those_of_json(tmp_path: Path) -> None:
    rows = [bills.GCP_ROW, bills.GCP_ROW | {"credits": [], "labels": [], "cost": 0.1}]
    (tmp_path / "bill.json").write_text(json.dumps(rows))
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "bill.parquet")
    by = ("service", "day", "account", "region", "tag:team")
    found = [totals([tmp_path / name], by) for name in ("bill.json", "bill.parquet")]
    assert found[0].totals == found[1].totals
    assert [total.billed for total in found[0].totals] == [Decimal("0.1"), Decimal("4.5")]
    assert not found[1].refused


def test_any_focus_column_may_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(bills.FOCUS)
    report = totals([tmp_path / "f.csv"], ("provider", "month", "InvoiceIssuerName"))
    assert [(total.group, total.billed) for total in report.totals] == [
        (("AWS", "2026-09", "AWS"), sum(total.billed for total in totals([tmp_path / "f.csv"]).totals))
    ]


def test_actual_and_amortised_azure_costs_stand_beside_each_other(tmp_path: Path) -> None:
    actual, amortised = tmp_path / "ActualCost.csv", tmp_path / "AmortizedCost.csv"
    actual.write_text(bills.AZURE.replace("0.000012345678901234567", "7"))
    amortised.write_text(bills.AZURE.replace("0.000012345678901234567", "5"))
    (total,) = totals([actual, amortised], ("service",)).totals
    assert (total.billed, total.effective) == (7, 5)
