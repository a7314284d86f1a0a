"""`make bench-focus`: `opsrail finops totals` on ten million generated FOCUS rows.

And `load` into a table with the totals from it. Beside DuckDB reading the same file with the same exact sums, and
beside an independent sum with Python's `decimal`, which is made while the rows are written. Each engine runs in a
process of its own, so that memory is its own. Also the FOCUS sample of `../shared/data/focus` (or the folder in
OPSRAIL_FOCUS) against the totals that lie beside it. Writes `bench/results/focus.json`; 1 when a figure differs in
its last digit or a target is missed. `OPSRAIL_ROWS` asks for fewer rows, `OPSRAIL_THREADS` for more threads of DuckDB
(ours uses one).
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

ROWS = int(os.environ.get("OPSRAIL_ROWS", "10000000"))
THREADS = int(os.environ.get("OPSRAIL_THREADS", "1"))
SAMPLE = Path(os.environ.get("OPSRAIL_FOCUS", "../shared/data/focus"))
RESULTS = Path("bench/results/focus.json")
LEAST_ROWS_PER_MINUTE, MOST_BYTES = 1_000_000, 1_000_000_000
HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,EffectiveCost,"
    "InvoiceIssuerName,ProviderName,RegionId,ResourceId,ServiceName,SubAccountId,Tags,x_Note"
)
OURS = """
import json, resource, sys, time
from pathlib import Path
from opsrail_finops.analysis.totals import totals
started = time.perf_counter()
found = totals([Path(name) for name in sys.argv[1:]])
took = time.perf_counter() - started
rows = {f"{a}|{b}": [str(t.billed), str(t.effective), t.rows] for t in found.totals for a, b in [t.group]}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": took, "peak_bytes": peak, "refused": found.refused_count, "rows": rows}))
"""
TABLE = """
import json, resource, sys, time
from pathlib import Path
from opsrail_finops.analysis.load import load
from opsrail_finops.analysis.table import table_totals
folder, started = Path(sys.argv[1]), time.perf_counter()
refused = load(folder, map(Path, sys.argv[2:])).refused_count if sys.argv[2:] else 0
found = [] if sys.argv[2:] else table_totals(folder).totals
took = time.perf_counter() - started
rows = {f"{a}|{b}": [str(t.billed), str(t.effective), t.rows] for t in found for a, b in [t.group]}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": took, "peak_bytes": peak, "refused": refused, "rows": rows}))
"""
DUCKDB = """
import duckdb, json, resource, sys, time
started = time.perf_counter()
database = duckdb.connect()
database.execute(f"SET threads = {sys.argv[2]}")
database.execute("SET enable_progress_bar = false")
found = database.execute('''
    SELECT ServiceName, CAST(ChargePeriodStart AS TIMESTAMP)::DATE::VARCHAR,
           sum(CAST(BilledCost AS DECIMAL(38, 11)))::VARCHAR, sum(CAST(EffectiveCost AS DECIMAL(38, 11)))::VARCHAR,
           count(*)
    FROM read_csv(?, all_varchar = true, nullstr = ['', 'NULL']) GROUP BY ALL''', [sys.argv[1]]).fetchall()
took = time.perf_counter() - started
rows = {f"{a}|{b}": [c, d, e] for a, b, c, d, e in found}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": took, "peak_bytes": peak, "rows": rows}))
"""


def generate(path: Path, rows: int) -> dict[str, tuple[Decimal, Decimal, int]]:
    """Writes a month of charges in no order and adds them up as they are written."""
    draw = random.Random(4)
    services = [f"Service {number}" for number in range(40)]
    sums: dict[str, list[Any]] = {}
    with path.open("w", newline="") as file:
        file.write(HEADER + "\r\n")
        for _ in range(rows):
            service, day, hour = draw.choice(services), draw.randint(1, 30), draw.randint(0, 23)
            places = draw.choice((2, 6, 10, 11))
            billed = Decimal(draw.randint(-(10**6), 10**8)).scaleb(-places)
            effective = "NULL" if draw.random() < 0.1 else f"{draw.randint(0, 10**8) / 1e4:.4f}"
            account = draw.randint(1, 9)
            stamp = f"2026-09-{day:02d}T{hour:02d}:00:00Z"
            file.write(
                f"{billed:f},10{account % 3},USD,2026-09-01T00:00:00Z,Usage,{stamp},{effective},AWS,AWS,eu-{account},"
                f'i-{draw.getrandbits(40):x},{service},{account},"{{""team"": ""t{account}""}}",note\r\n'
            )
            into = sums.setdefault(f"{service}|2026-09-{day:02d}", [Decimal(0), Decimal(0), 0])
            into[0] += billed
            into[1] += Decimal(0) if effective == "NULL" else Decimal(effective)
            into[2] += 1
    return {key: (billed, effective, count) for key, (billed, effective, count) in sums.items()}


def run(code: str, *arguments: str) -> dict[str, Any]:
    """One measured process."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def equal(found: dict[str, list[Any]], truth: dict[str, tuple[Decimal, Decimal, int]]) -> bool:
    """To the last digit."""
    return {key: (Decimal(a), Decimal(b), rows) for key, (a, b, rows) in found.items()} == truth


def sample() -> bool:
    """Whether the totals of the sample, 490 rows of a real bill, are those that lie beside it."""
    rows = json.loads((SAMPLE / "totals_service_day_dev.json").read_text())
    truth = {f"{row['service']}|{row['day']}": [row["billed"], row["effective"], row["rows"]] for row in rows}
    found = run(OURS, str(SAMPLE / "focus_sample_dev.csv"))["rows"]
    return {key: [f"{Decimal(a):f}", f"{Decimal(b):f}", rows] for key, (a, b, rows) in found.items()} == truth


def convert(path: Path, to: Path) -> None:
    """The same rows as text columns in Parquet."""
    from pyarrow import csv as arrow_csv  # noqa: PLC0415
    from pyarrow import parquet, string  # noqa: PLC0415

    with path.open(newline="") as file:
        names = next(csv.reader(file))
    options = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, string()))
    reader = arrow_csv.open_csv(path, read_options=arrow_csv.ReadOptions(use_threads=False), convert_options=options)
    with parquet.ParquetWriter(to, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def main() -> int:
    """Generate, measure, compare, print, write."""
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        path, stored = Path(folder, "focus.csv"), Path(folder, "focus.parquet")
        started = time.perf_counter()
        truth = generate(path, ROWS)
        print(f"wrote {ROWS:,} rows, {path.stat().st_size / 1e6:,.0f} MB in {time.perf_counter() - started:.0f} s")
        ours = run(OURS, str(path))
        plain = run(DUCKDB, str(path), str(THREADS))
        copy = Path(folder, "again.csv")
        os.link(path, copy)
        twice = run(OURS, str(path), str(copy))
        table = Path(folder, "table")
        loaded = run(TABLE, str(table), str(path))
        run(TABLE, str(table), str(copy))
        answered = run(TABLE, str(table))
        table_bytes = sum(part.stat().st_size for part in (table / "parts").iterdir())
        convert(path, stored)
        columns = run(OURS, str(stored))
    exact = {
        "ours": equal(ours["rows"], truth),
        "parquet": equal(columns["rows"], truth),
        "the table, loaded twice": equal(answered["rows"], truth),
        "the same file twice": twice["rows"] == ours["rows"],
        "duckdb": equal(plain["rows"], truth),
    }
    if SAMPLE.exists():
        exact["the FOCUS sample"] = sample()
    else:
        print(f"no sample at {SAMPLE}: set OPSRAIL_FOCUS", file=sys.stderr)
    results = {
        "rows": ROWS,
        "groups": len(truth),
        "exact": exact,
        "refused": ours["refused"],
        "rows_per_minute": round(ROWS / ours["seconds"] * 60),
        "rows_per_minute_parquet": round(ROWS / columns["seconds"] * 60),
        "peak_megabytes": round(ours["peak_bytes"] / 1e6),
        "peak_megabytes_parquet": round(columns["peak_bytes"] / 1e6),
        "table": {
            "load_rows_per_minute": round(ROWS / loaded["seconds"] * 60),
            "load_peak_megabytes": round(loaded["peak_bytes"] / 1e6),
            "totals_rows_per_minute": round(ROWS / answered["seconds"] * 60),
            "totals_peak_megabytes": round(answered["peak_bytes"] / 1e6),
            "megabytes": round(table_bytes / 1e6),
        },
        "duckdb": {
            "threads": THREADS,
            "rows_per_minute": round(ROWS / plain["seconds"] * 60),
            "peak_megabytes": round(plain["peak_bytes"] / 1e6),
            "our_time_over_its": round(ours["seconds"] / plain["seconds"], 2),
        },
    }
    print(json.dumps(results, indent=1))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    fast = ROWS / max(ours["seconds"], loaded["seconds"]) * 60 >= LEAST_ROWS_PER_MINUTE
    small = max(measured["peak_bytes"] for measured in (ours, columns, loaded, answered)) < MOST_BYTES
    return 0 if all(exact.values()) and fast and small else 1


if __name__ == "__main__":
    raise SystemExit(main())
