import csv
import gzip
import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from opsrail_finops.analysis.totals import totals
from opsrail_finops.cli import app
from opsrail_sdk.errors import AgentError, InvalidInput, NotFound
from opsrail_sdk.testing.harness import AgentHarness

from .conftest import BILL

EXPECTED = [
    (None, "2026-01-02", "USD", 1, "1", "1"),
    ("Compute", "2026-01-01", "USD", 3, "0.30000000001", "0.10"),
    ("Storage", "2026-01-02", "EUR", 1, "5", "5"),
    ("Storage", "2026-01-02", "USD", 1, "-0.3", "0.001"),
]


def shown(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("service", "day", "currency", "rows", "billed", "effective")
    return [tuple(row[name] for name in names) for row in answer["totals"]]


async def test_exact_sums_by_service_and_day(finops: AgentHarness, root: Path) -> None:
    answer = await finops.query("totals", {"files": [str(root / "bill.csv")]})
    assert shown(answer) == EXPECTED


async def test_gzip_and_parquet_say_the_same(finops: AgentHarness, root: Path) -> None:
    (root / "bill.csv.gz").write_bytes(gzip.compress(BILL.encode()))
    rows = list(csv.DictReader(io.StringIO(BILL)))
    table = pyarrow.table(
        {
            "ChargePeriodStart": pyarrow.array(
                [datetime.fromisoformat(row["ChargePeriodStart"]) for row in rows[1:]],
                pyarrow.timestamp("us", "UTC"),
            ),
            "ServiceName": [row["ServiceName"] if row["ServiceName"] != "NULL" else None for row in rows[1:]],
            "BilledCost": pyarrow.array([Decimal(row["BilledCost"]) for row in rows[1:]], pyarrow.decimal128(38, 11)),
            "Extra": [1] * (len(rows) - 1),
        }
    )
    parquet.write_table(table, root / "bill.parquet")
    zipped = await finops.query("totals", {"files": [str(root / "bill.csv.gz")]})
    assert shown(zipped) == EXPECTED
    answer = await finops.query("totals", {"files": [str(root / "bill.parquet")], "by": ["service"]})
    sums = {row["service"]: Decimal(row["billed"]) for row in answer["totals"]}
    assert sums == {None: Decimal(1), "Compute": Decimal("0.20000000001"), "Storage": Decimal("4.7")}


async def test_files_outside_the_roots(finops: AgentHarness, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(BILL)
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    for name in (tmp_path / "secret.csv", root / "link.csv", root / ".." / "secret.csv"):
        with pytest.raises(AgentError) as refused:
            await finops.query("totals", {"files": [str(name)]})
        assert refused.value.code == "file_not_allowed"
    with pytest.raises(NotFound):
        await finops.query("totals", {"files": [str(root / "nosuch.csv")]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ServiceName,BilledCost\na,1\n", "FOCUS needs ChargePeriodStart"),
        (BILL.replace("0.2,", "zero,").encode(), "row 3, column BilledCost: 'zero'"),
        (BILL.replace("0.2,", "NaN,").encode(), "row 3, column BilledCost"),
        (BILL.replace("2026-01-01T23:30:00Z", "yesterday").encode(), "row 3, column ChargePeriodStart: 'yesterday'"),
        (BILL.replace("-0.3,1E-3,USD", "-0.3").encode(), "row 5: has 3 fields, the header 5"),
        (b"\xff\xfe\x00bad", "no bill"),
        (b"\x1f\x8bnot really gzip", "cannot be read"),
        (b"PAR1 but not parquet", "cannot be read"),
        (b"", "empty"),
    ],
)
async def test_a_bad_file_is_named_with_row_and_column(
    finops: AgentHarness, root: Path, content: bytes, said: str
) -> None:
    (root / "bad").write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        await finops.query("totals", {"files": [str(root / "bad")]})


def test_the_command_line_says_the_same(root: Path) -> None:
    result = CliRunner().invoke(app, ["totals", str(root / "bill.csv"), "--by", "service,day"])
    assert result.exit_code == 0
    assert [row["billed"] for row in json.loads(result.stdout)] == [billed for *_, billed, _ in EXPECTED]
    for arguments in (["totals", str(root / "nosuch")], ["totals", str(root / "bill.csv"), "--by", "colour"]):
        failed = CliRunner().invoke(app, arguments)
        assert failed.exit_code == 2
        assert failed.stdout == ""
        assert failed.stderr


async def test_a_table_answers_the_same(finops: AgentHarness, root: Path) -> None:
    bill, table = str(root / "bill.csv"), str(root / "table")
    done = CliRunner().invoke(app, ["load", bill, "--table", table, "--json"])
    assert json.loads(done.stdout) == {"rows": 6, "stored": 6, "replaced": 0, "refused": 0, "notes": []}
    assert shown(await finops.query("totals", {"table": table})) == EXPECTED
    told = CliRunner().invoke(app, ["totals", "--table", table])
    assert told.stdout == CliRunner().invoke(app, ["totals", bill]).stdout
    for wrong in ({}, {"files": [bill], "table": table}, {"table": str(root)}, {"table": table, "by": ["colour"]}):
        with pytest.raises(InvalidInput):
            await finops.query("totals", wrong)
    with pytest.raises(NotFound):
        await finops.query("totals", {"table": str(root / "nowhere")})
    with pytest.raises(AgentError) as refused:
        await finops.query("totals", {"table": str(root.parent)})
    assert refused.value.code == "file_not_allowed"


def test_the_load_command_refuses_clearly(root: Path) -> None:
    table = str(root / "table")
    (root / "half.csv").write_text(BILL.replace("0.2,", "zero,"))
    (root / "none.csv").write_text("ChargePeriodStart,BilledCost\n2026-01-01,zero\n")
    for arguments, code in (
        (["load", str(root / "half.csv"), "--table", table, "--strict"], 1),
        (["load", str(root / "none.csv"), "--table", table], 2),
        (["load", str(root / "nosuch.csv"), "--table", table], 2),
        (["load", str(root / "half.csv"), "--table", str(root)], 2),
        (["totals", "--table", table], 2),
        (["totals"], 2),
        (["totals", str(root / "bill.csv"), "--table", table], 2),
    ):
        failed = CliRunner().invoke(app, arguments)
        assert (failed.exit_code, bool(failed.stderr)) == (code, True)
    nowhere = ["load", str(root / "bill.csv"), "--table", table, "--report", str(root / "nowhere" / "refused.json")]
    assert CliRunner().invoke(app, nowhere).exit_code == 2
    assert not Path(table, "table.json").exists()
    report = root / "refused.json"
    done = CliRunner().invoke(app, ["load", str(root / "half.csv"), "--table", table, "--report", str(report)])
    assert (done.exit_code, done.stdout) == (0, "rows 6, stored 5, replaced 0, refused 1\n")
    assert [row["row"] for row in json.loads(report.read_text())["refusals"]] == [3]


def test_the_published_sample_adds_up() -> None:
    data = Path(__file__).parents[4] / "shared" / "data" / "focus"
    if not data.is_dir():
        pytest.skip("needs the development data beside the checkout")
    expected = json.loads((data / "totals_service_day_dev.json").read_text())
    found = totals([data / "focus_sample_dev.csv"]).totals
    assert [
        {
            "service": total.group[0],
            "day": total.group[1],
            "rows": total.rows,
            "billed": f"{total.billed:f}",
            "effective": f"{total.effective:f}",
        }
        for total in found
    ] == sorted(expected, key=lambda row: (row["service"], row["day"]))
