"""What cannot be read is refused by file, row and column; what a spreadsheet rewrote is read or called ambiguous."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsrail_finops.analysis.tables import BadBill
from opsrail_finops.analysis.totals import totals
from opsrail_finops.cli import app

HEADER = "ChargePeriodStart,ServiceName,BilledCost,EffectiveCost,BillingCurrency\n"


def bill(folder: Path, *rows: str, header: str = HEADER, name: str = "bill.csv") -> Path:
    (folder / name).write_text(header + "".join(f"{row}\n" for row in rows))
    return folder / name


def test_refused_rows_are_named_and_the_rest_is_added_up(tmp_path: Path) -> None:
    path = bill(
        tmp_path,
        "2026-09-01,a,1,1,USD",
        "2026-09-01,a,1",
        "2026-09-01,a,inf,1,USD",
        "2026-09-01,a,2,1e,USD",
        "never,a,2,1,USD",
        "2026-09-01,a,2,1e1,USD",
        ",a,2,1,USD",
        "2026-09-01,a,1,1,USD,9",
        "2026-09-01,a," + "9" * 40 + ",1,USD",
        "2026-09-01,a,0." + "1" * 60 + ",1,USD",
    )
    report = totals([path])
    assert [(row.row, row.column) for row in report.refused] == [
        (3, None),
        (4, "BilledCost"),
        (5, "EffectiveCost"),
        (6, "ChargePeriodStart"),
        (8, "ChargePeriodStart"),
        (9, None),
        (10, "BilledCost"),
        (11, "BilledCost"),
    ]
    assert (report.rows, report.refused_count) == (10, 8)
    assert [(total.rows, total.billed, total.effective) for total in report.totals] == [(2, 3, 11)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b"  \n\n", "empty"),
        (b"hello", "FOCUS needs"),
        (b"{", "not JSON"),
        (b'{"ResultsByTime": [{}]}', "not of the documented shape"),
        (gzip.compress((HEADER + "2026-09-01,a,1,1,USD\n" * 5000).encode())[:-20], "ends too early"),
        ((HEADER.strip() + ",BilledCost\n2026-09-01,a,1,1,USD,2\n").encode(), "there 2 times"),
        (HEADER.encode() + b"2026-09-01,\xff\xff,1,1,USD\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "bill").write_bytes(text)
    with pytest.raises(BadBill, match=said):
        totals([tmp_path / "bill"])
    result = CliRunner().invoke(app, ["totals", str(tmp_path / "bill")])
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_header_alone_has_no_totals(tmp_path: Path) -> None:
    assert totals([bill(tmp_path)]).totals == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_spreadsheets_export(encoding: str, tmp_path: Path) -> None:
    columns = [f"x_{number}" for number in range(55)]
    head = ";".join(["ChargePeriodStart", *columns, "BilledCost", "EffectiveCost", "ServiceName", "BillingCurrency"])
    rows = [
        ";".join(["01.09.2026 00:00", *columns, cost, "1,5", "Süd", "EUR"])
        for cost in ("1.234,56", "1.234", "(0,06)", "10", '"2 000,5 €"')
    ]
    (tmp_path / "bill.csv").write_bytes("\r\n".join(["sep=;", head, *rows, ""]).encode(encoding))
    report = totals([tmp_path / "bill.csv"])
    assert not report.refused
    (total,) = report.totals
    assert total.group == ("Süd", "2026-09-01")
    assert (f"{total.billed:f}", f"{total.effective:f}") == ("4479.00", "7.5")


def test_grouped_thousands_and_slashed_dates_with_evidence(tmp_path: Path) -> None:
    path = bill(tmp_path, '9/13/2026 0:00,a,"1,234.50",1,USD', '9/1/2026 11:30 PM,a,"$1,234",1,USD')
    report = totals([path], ("day",))
    assert [(t.group, f"{t.billed:f}") for t in report.totals] == [
        (("2026-09-01",), "1234"),
        (("2026-09-13",), "1234.50"),
    ]


def test_what_stays_ambiguous_is_refused(tmp_path: Path) -> None:
    report = totals([bill(tmp_path, '2026-09-01,a,"1,234",1,USD', "9/1/2026,a,1,1,USD")])
    assert [(row.row, row.column) for row in report.refused] == [(2, "BilledCost"), (3, "ChargePeriodStart")]
    assert all("ambiguous" in row.reason for row in report.refused)


def test_currencies_are_never_added_up(tmp_path: Path) -> None:
    report = totals([bill(tmp_path, "2026-09-01,a,1,1,USD", "2026-09-01,a,2,1,EUR", "2026-09-01,a,3,1,NULL")])
    assert [(total.currency, total.billed) for total in report.totals] == [(None, 3), ("EUR", 2), ("USD", 1)]


def test_exit_codes_and_the_report(tmp_path: Path) -> None:
    path = bill(tmp_path, "2026-09-01,a,1,1,USD", "2026-09-01,a,x,1,USD")
    where = tmp_path / "refused.json"
    result = CliRunner().invoke(app, ["totals", str(path), "--report", str(where)])
    assert result.exit_code == 0
    assert "bill.csv, row 3, column BilledCost: 'x' is not a number" in result.stderr
    assert json.loads(where.read_text())["refusals"][0]["row"] == 3
    assert CliRunner().invoke(app, ["totals", str(path), "--strict"]).exit_code == 1
    worse = bill(tmp_path, "2026-09-01,a,x,1,USD", name="worse.csv")
    assert CliRunner().invoke(app, ["totals", str(worse)]).exit_code == 2
    table = CliRunner().invoke(app, ["totals", str(path), "--columns"]).stdout.splitlines()
    assert table[0].split() == ["service", "day", "currency", "rows", "billed", "effective"]
