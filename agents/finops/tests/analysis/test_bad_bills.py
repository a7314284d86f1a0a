"""What cannot be read is refused by file, row and column; what a spreadsheet rewrote is read or called ambiguous."""

import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet
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
        (HEADER.encode() + b"2026-09-01,\xff\xff,1,1,USD\n", "row 2, column ServiceName: is not UTF-8"),
        ((HEADER + "2026-09-01,a,1,1,USD\n").encode("utf-16-le"), "is no text"),
        (b"PK\x03\x04" + bytes(40), "is no text"),
        (
            (HEADER + '2026-09-01,a,1,1,USD\n2026-09-01,a,1,1,"USD\n2026-09-01,a,1,1,USD\n').encode(),
            "opened in row 3",
        ),
        (gzip.compress((HEADER + '2026-09-01,"a,1,1,USD\n2026-09-01,a,1,1,USD\n').encode()), "opened in row 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
        (b'{"cost":"1","credits":[{"amount":"1e999999"},{"amount":"1"}]}', "not of the documented shape"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "bill").write_bytes(text)
    with pytest.raises(BadBill, match=said):
        totals([tmp_path / "bill"])
    result = CliRunner().invoke(app, ["totals", str(tmp_path / "bill")])
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_odd_quote_within_a_field_is_a_quote(tmp_path: Path) -> None:
    (total,) = totals([bill(tmp_path, '2026-09-01,disk 5",1,1,USD')]).totals
    assert total.group == ('disk 5"', "2026-09-01")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_as_elsewhere(end: str, tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_bytes(
        (HEADER + '2026-09-01,a,1,1,USD\n2026-09-01,"a",2,1,USD\n').replace("\n", end).encode()
    )
    assert [total.billed for total in totals([tmp_path / "bill.csv"]).totals] == [3]


@pytest.mark.parametrize(
    ("costs", "column", "said"),
    [
        (pyarrow.array([0.5, float("nan")]), "BilledCost", "'nan' is not a finite number"),
        (pyarrow.array([[1], [2]]), "BilledCost", "'[1]' is not a number"),
        (pyarrow.array([True, False]), "BilledCost", "'true' is not a number"),
        (pyarrow.array([1, 2]), None, ""),
        (pyarrow.nulls(2), None, ""),
    ],
    ids=["NaN", "lists", "truths", "integers", "nothing"],
)
def test_parquet_of_other_types(costs: pyarrow.Array, column: str | None, said: str, tmp_path: Path) -> None:
    days = pyarrow.array([0, 1], pyarrow.date32())
    parquet.write_table(pyarrow.table({"ChargePeriodStart": days, "BilledCost": costs}), tmp_path / "bill.parquet")
    report = totals([tmp_path / "bill.parquet"], ("day",))
    assert (report.refused[0].column if report.refused else None) == column
    assert said in "".join(row.reason for row in report.refused)


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
    nothing = CliRunner().invoke(app, ["totals", str(worse)])
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    table = CliRunner().invoke(app, ["totals", str(path), "--columns"]).stdout.splitlines()
    assert table[0].split() == ["service", "day", "currency", "rows", "billed", "effective"]
