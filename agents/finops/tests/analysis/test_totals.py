"""Totals do not depend on the order of rows; restatements replace and repeats change nothing."""

import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from opsrail_finops.analysis.totals import totals

HEADER = (
    "BillingAccountId,BillingPeriodStart,ChargePeriodStart,ServiceName,BilledCost,EffectiveCost,BillingCurrency\n"
)
DATES = ("2026-09-01", "2026-09-01T23:59:59.999Z", "2026-09-01 22:00:00-03:00", "20260902", "2026-09-02T00:00Z")

amounts = st.one_of(
    st.decimals(-(10**9), 10**9, places=11).map(lambda number: f"{number:f}"),
    st.sampled_from(["", "NULL", "1E-7", "-2.5e3", "+4", ".5", "7.", "-0"]),
)
charge = st.tuples(st.sampled_from(DATES), st.sampled_from("abc"), amounts, amounts, st.sampled_from(["USD", "EUR"]))


def write(path: Path, rows: list[tuple[str, ...]], *, account: str = "A", period: str = "2026-09-01") -> Path:
    path.write_text(HEADER + "".join(f"{account},{period},{','.join(row)}\n" for row in rows))
    return path


def plain(*rows: tuple[str, str, str]) -> list[tuple[str, ...]]:
    return [(day, service, cost, cost, "USD") for day, service, cost in rows]


def billed(*paths: Path) -> dict[tuple[str | None, ...], Decimal]:
    return {total.group: total.billed for total in totals(paths).totals}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(charge, min_size=1, max_size=30), shuffle=st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing_and_sums_are_exact(
    tmp_path: Path, rows: list[tuple[str, ...]], shuffle
) -> None:  # type: ignore[no-untyped-def]
    first = totals([write(tmp_path / "one.csv", rows)]).totals
    mixed = list(rows)
    shuffle.shuffle(mixed)
    assert totals([write(tmp_path / "two.csv", mixed)]).totals == first
    for at, cost in ((2, "billed"), (3, "effective")):
        expected = sum(Decimal(row[at]) for row in rows if row[at] not in ("", "NULL"))
        assert sum(getattr(total, cost) for total in first) == expected


def test_the_same_content_again_changes_nothing(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", plain(("2026-09-01", "a", "1")))
    copy = write(tmp_path / "copy.csv", plain(("2026-09-01", "a", "1")))
    zipped = tmp_path / "one.csv.gz"
    zipped.write_bytes(gzip.compress(one.read_bytes()))
    assert billed(one, one, copy, zipped) == billed(one)


def test_a_restatement_replaces_its_account_and_period(tmp_path: Path) -> None:
    first = write(tmp_path / "first.csv", plain(("2026-09-01", "a", "1"), ("2026-09-02", "b", "2")))
    other = write(tmp_path / "other.csv", plain(("2026-09-01", "a", "10")), account="B")
    again = write(tmp_path / "again.csv", plain(("2026-09-01", "a", "3")))
    assert billed(first, other, again) == {("a", "2026-09-01"): 13}
    assert any("again.csv: replaces what first.csv says" in note for note in totals([first, other, again]).notes)
    assert billed(again, other, first) == {("a", "2026-09-01"): 11, ("b", "2026-09-02"): 2}


def test_files_of_other_days_are_added_up(tmp_path: Path) -> None:
    first = write(tmp_path / "bill-2026-09-01.csv", plain(("2026-09-01", "a", "1")))
    second = write(tmp_path / "bill-2026-09-02.csv", plain(("2026-09-02", "a", "2")))
    assert billed(first, second) == {("a", "2026-09-01"): 1, ("a", "2026-09-02"): 2}


def test_parts_of_one_delivery_are_added_up(tmp_path: Path) -> None:
    for names in (
        ("cur-00001.csv", "cur-00002.csv"),
        ("part_0_0001.csv", "part_1_0001.csv"),
        ("x.part1.csv", "x.part2.csv"),
    ):
        paths = [
            write(tmp_path / name, plain(("2026-09-01", "a", str(cost)))) for cost, name in enumerate(names, start=1)
        ]
        assert billed(*paths) == {("a", "2026-09-01"): 3}


def test_parquet_with_its_own_types(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "ChargePeriodStart": pyarrow.array([0, 3_600_000_000], pyarrow.timestamp("us", "Europe/Berlin")),
            "ServiceName": pyarrow.array(["a", "a"]).dictionary_encode(),
            "BilledCost": pyarrow.array([Decimal("0.1"), Decimal("0.2")], pyarrow.decimal128(20, 10)),
            "EffectiveCost": [0.1, 1e-7],
            "BillingCurrency": ["USD", "USD"],
            "Tags": pyarrow.array([[("team", "red")], []], pyarrow.map_(pyarrow.string(), pyarrow.string())),
        }
    )
    parquet.write_table(table, tmp_path / "bill.parquet")
    found = totals([tmp_path / "bill.parquet"], ("day", "tag:team")).totals
    assert [(t.group, f"{t.billed:f}", f"{t.effective:f}") for t in found] == [
        (("1970-01-01", None), "0.2000000000", "0.0000001"),
        (("1970-01-01", "red"), "0.1000000000", "0.1"),
    ]
