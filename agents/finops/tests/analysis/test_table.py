"""A table says what the files say, whatever way it was filled, and survives whatever stops a load."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from opsrail_finops.analysis.load import load
from opsrail_finops.analysis.table import BadTable, loading, table_totals
from opsrail_finops.analysis.tables import BadBill
from opsrail_finops.analysis.totals import totals

from . import bills
from .test_totals import HEADER, charge, plain, write

WAYS = (("service", "day"), ("billing_account", "month"), ("currency",))
BEYOND = [("2026-09-01", "a", "1E-38", "123456789012345678901234.5", "USD")]
"""More digits than a decimal of 128 bits holds."""

bill = st.tuples(
    st.sampled_from("AB"),
    st.sampled_from(["2026-09-01", "2026-08-01", "NULL"]),
    st.lists(charge, min_size=1, max_size=12),
    st.booleans(),
)


def filled(folder: Path, *loads: Sequence[Path]) -> Path:
    for paths in loads:
        load(folder, paths)
    return folder


@settings(deadline=None, max_examples=25)
@given(given=st.lists(bill, min_size=1, max_size=5), cuts=st.randoms(use_true_random=False))
def test_a_table_says_what_the_files_say(given, cuts) -> None:  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        paths = [
            write(root / f"bill{'abcde'[at]}.csv", rows + BEYOND * wide, account=account, period=period)
            for at, (account, period, rows, wide) in enumerate(given)
        ]
        paths.append(cuts.choice(paths))
        cut = cuts.randint(0, len(paths))
        table = filled(root / "table", paths[:cut], paths[cut:], paths)
        for by in WAYS:
            assert table_totals(table, by).totals == totals(paths, by).totals
        mixed = []
        for at, (account, period, rows, wide) in enumerate(given):
            order = cuts.sample(rows + BEYOND * wide, len(rows) + wide)
            mixed.append(write(root / f"mixed{'abcde'[at]}.csv", order, account=account, period=period))
        mixed.append(mixed[paths.index(paths[-1])])
        if len({path.read_bytes() for path in mixed}) == len({path.read_bytes() for path in paths}):
            assert table_totals(filled(root / "other", mixed)).totals == table_totals(table).totals


@pytest.mark.parametrize(
    "name", [name for name in vars(bills) if name.isupper() and isinstance(getattr(bills, name), str)]
)
def test_every_layout(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bill"
    path.write_text(getattr(bills, name))
    table = filled(tmp_path / "table", [path])
    assert parquet.read_table(table / "parts").column("ChargePeriodStart").null_count == 0
    for by in (("service", "day"), ("provider", "account", "region"), ("category", "resource"), ("tag:team",)):
        try:
            expected = totals([path], by).totals
        except BadBill:
            continue
        assert table_totals(table, by).totals == expected


def test_azures_two_exports(tmp_path: Path) -> None:
    paths = [tmp_path / "actual.csv", tmp_path / "amortized.csv"]
    paths[0].write_text(bills.AZURE)
    paths[1].write_text(bills.AZURE.replace("0.000012345678901234567", "7"))
    found = table_totals(filled(tmp_path / "table", paths[1:], paths[:1]), ()).totals
    assert found == totals(paths, ()).totals
    assert [(f"{total.billed:f}", total.effective) for total in found] == [("0.000012345678901234567", 7)]


def test_a_restated_part_brings_the_unchanged_ones_along(tmp_path: Path) -> None:
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder, second in zip(folders, ("2", "5"), strict=True):
        folder.mkdir()
        write(folder / "cur-1.csv", plain(("2026-09-01", "a", "1")))
        write(folder / "cur-2.csv", plain(("2026-09-01", "a", second)))
    old, new = (sorted(folder.iterdir()) for folder in folders)
    table = filled(tmp_path / "table", old, new)
    assert [total.billed for total in table_totals(table).totals] == [6]
    assert [total.billed for total in totals([*old, *new]).totals] == [6]
    again = load(table, new[:1])
    assert (again.rows, again.stored, again.notes) == (0, 0, ["cur-1.csv: left out, its content was loaded before"])


def test_what_was_replaced_is_told_and_gone(tmp_path: Path) -> None:
    first = write(tmp_path / "first.csv", plain(("2026-09-01", "a", "1"), ("2026-09-02", "b", "2")))
    again = write(tmp_path / "again.csv", plain(("2026-09-02", "a", "3")))
    table = filled(tmp_path / "table", [first])
    report = load(table, [again])
    assert (report.stored, report.replaced) == (1, 2)
    assert report.notes == ["again.csv: replaces what first.csv says of A, 2026-09"]
    assert len(list((table / "parts").iterdir())) == 1
    assert not (table / "loading").exists()


def test_more_scopes_than_open_files(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(HEADER + "".join(f"{n % 50},2026-09-01,2026-09-01,a,{n},{n},USD\n" for n in range(500)))
    found = table_totals(filled(tmp_path / "table", [path]), ("billing_account",)).totals
    assert found == totals([path], ("billing_account",)).totals
    assert len(found) == 50


def test_parts_are_plain_parquet(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(bills.FOCUS)
    table = filled(tmp_path / "table", [path])
    found = parquet.read_table(table / "parts")
    assert str(found.schema.field("BilledCost").type) == "decimal128(38, 24)"
    assert sum(found.column("BilledCost").to_pylist()) == Decimal("3.30")
    assert found.column("Tags").null_count == 1
    assert found.column("x_Cost").to_pylist() == ["inf", None, None]


def test_refused_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "bill.csv", plain(("2026-09-01", "a", "1"), ("2026-09-01", "a", "much")))
    table = tmp_path / "table"
    strict = load(table, [path], strict=True)
    assert (strict.rows, strict.stored, strict.refused_count) == (2, 0, 1)
    with pytest.raises(BadTable, match="there is no table"):
        table_totals(table)
    report = load(table, [path])
    assert (report.stored, [str(row) for row in report.refused]) == (
        1,
        ["bill.csv, row 3, column BilledCost: 'much' is not a number"],
    )


def test_a_bill_that_is_read_twice_for_evidence(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("ChargePeriodStart;ServiceName;BilledCost\n2026-09-01;a;1,5\n2026-09-01;a;1.234,5\n")
    assert [total.billed for total in table_totals(filled(tmp_path / "table", [path])).totals] == [Decimal("1236.0")]


def test_a_column_that_no_part_has(tmp_path: Path) -> None:
    table = filled(tmp_path / "table", [write(tmp_path / "bill.csv", plain(("2026-09-01", "a", "1")))])
    for name in ("region", "tag:team", "colour"):
        with pytest.raises(BadBill, match="there is no column to add up by"):
            table_totals(table, (name,))
    for said in (lambda by: table_totals(table, by), lambda by: totals([tmp_path / "bill.csv"], by)):
        with pytest.raises(BadBill, match="BilledCost is what is added up"):
            said(("BilledCost",))


def test_a_bad_file_leaves_all_as_it_was(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", plain(("2026-09-01", "a", "1")))
    (tmp_path / "bad.csv").write_text("colour\nred\n")
    with pytest.raises(BadBill):
        load(tmp_path / "table", [good, tmp_path / "bad.csv"])
    assert load(tmp_path / "table", [good]).stored == 1


def test_one_loads_at_a_time_and_reading_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "bill.csv", plain(("2026-09-01", "a", "1")))
    other = write(tmp_path / "other.csv", plain(("2026-09-02", "a", "2")))
    table = filled(tmp_path / "table", [path])
    with loading(table):
        with pytest.raises(BadTable, match="another process is loading"):
            load(table, [other])
        assert [total.billed for total in table_totals(table).totals] == [1]
    assert load(table, [other]).stored == 1


def test_folders_that_are_no_table(tmp_path: Path) -> None:
    path = write(tmp_path / "bill.csv", plain(("2026-09-01", "a", "1")))
    with pytest.raises(BadTable, match=r"it holds bill\.csv"):
        load(tmp_path, [path])
    assert [found.name for found in tmp_path.iterdir()] == ["bill.csv"]
    with pytest.raises(BadTable, match="there is no table"):
        table_totals(tmp_path / "nowhere")
    table = filled(tmp_path / "table", [path])
    part = next((table / "parts").iterdir())
    part.write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="is damaged"):
        table_totals(table)
    parquet.write_table(pyarrow.table({"BilledCost": ["1"]}), part)
    with pytest.raises(BadTable, match="is damaged: it has no column BillingCurrency"):
        table_totals(table)
    (table / "table.json").write_text('{"format": 2}')
    for act in (table_totals, lambda folder: load(folder, [path])):
        with pytest.raises(BadTable, match=r"table\.json: is damaged"):
            act(table)


KILLED = """
import contextlib, os, signal, sys
from pathlib import Path
with contextlib.suppress(ImportError):  # else pyarrow imports it in every child
    import pandas
from opsrail_finops.analysis.load import load
from opsrail_finops.analysis.table import table_totals

folder, first, again = map(Path, sys.argv[1:])

def apart(act):
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def killed_at(step):
    left = [step]
    def count(event, arguments):
        if event == "fcntl.flock" or any(str(folder) in str(argument) for argument in arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    load(folder, [again])

def say():
    print(*(total.billed for total in table_totals(folder, ()).totals), flush=True)

apart(lambda: load(folder, [first]))
step = 1
while apart(lambda: killed_at(step)) == -signal.SIGKILL:
    assert apart(say) == 0
    step += 1
assert apart(say) == 0
"""


@pytest.mark.slow
def test_a_load_that_is_killed_at_any_step_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    first = write(tmp_path / "first.csv", plain(("2026-09-01", "a", "1")))
    again = write(tmp_path / "again.csv", plain(("2026-09-01", "a", "2"), ("2026-09-02", "a", "3")))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "table"), str(first), str(again)],
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    said = done.stdout.split()
    assert set(said) == {"1", "5"}
    assert said == sorted(said)
    assert said.count("1") > 10, "killed before, while and after it was written"
