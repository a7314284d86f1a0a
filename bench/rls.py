"""What row-level security costs: the ten commonest reads, as the application and as a role that bypasses it.

``python -m bench.rls [--rounds N]``. Both send the same transaction; the bypassing role's queries carry the
organisation in their ``WHERE``, the application's have it added by the policy. Medians of medians, measured in turn
on one connection each. ``whole transaction`` sets the organisation first, as every request does, which the other
role would not need: a round trip more, whatever the policy costs.
"""

import argparse
import statistics
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench import lib
from opsrail.db import migrate
from opsrail.testing.servers import RunningServers

ORGANISATIONS, RUNS, EVENTS, ARTIFACTS = 20, 2_000, 5_000, 500
_BYPASS = "bench_bypass"

QUERIES = {
    "runs, newest": "SELECT * FROM runs WHERE {org} ORDER BY created_at DESC, id DESC LIMIT 51",
    "run by id": "SELECT * FROM runs WHERE {org} AND id = %(run)s",
    "runs of an agent": "SELECT * FROM runs WHERE {org} AND agent = 'a3' ORDER BY created_at DESC, id DESC LIMIT 51",
    "runs of a correlation": "SELECT * FROM runs WHERE {org} AND correlation_id = %(correlation)s",
    "runs by state": "SELECT state, count(*) FROM runs WHERE {org} GROUP BY state",
    "events, newest": "SELECT * FROM events WHERE {org} ORDER BY received_at DESC, id DESC LIMIT 51",
    "events of a type": "SELECT * FROM events WHERE {org} AND type = 't3' ORDER BY received_at DESC LIMIT 51",
    "event by id": "SELECT * FROM events WHERE {org} AND id = %(event)s ORDER BY received_at DESC LIMIT 1",
    "artifacts of a run": "SELECT * FROM artifacts WHERE {org} AND run_id = %(run)s",
    "agents": "SELECT * FROM agents WHERE {org}",
}

_SEED = (
    "INSERT INTO organisations (slug, title) SELECT 'o' || n, 'Bench' FROM generate_series(1, {organisations}) n",
    """
    INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id, created_at)
    SELECT gen_random_uuid(), org_id, 'action', 'a' || n %% 6, 'act', 'succeeded', 'read', '{{"n": 1}}', 'bench',
      slug || '-' || n / 4, now() - n * interval '1 second'
    FROM organisations, generate_series(1, {runs}) n
    """,
    "SELECT events_ensure_partitions(current_date, current_date)",
    """
    INSERT INTO events (org_id, received_on, id, source, type, time, received_at, data)
    SELECT org_id, current_date, n::text, '/bench', 't' || n %% 9, now(), now() - n * interval '1 millisecond', '{{}}'
    FROM organisations, generate_series(1, {events}) n
    """,
    """
    INSERT INTO artifacts (id, org_id, run_id, name, media_type, size, digest, object_name, stored_at, expires_at)
    SELECT gen_random_uuid(), org_id, id, 'log', 'text/plain', 1, 'sha-256=x', id::text, now(), now() + interval '1d'
    FROM (SELECT *, row_number() OVER (PARTITION BY org_id) AS n FROM runs) r WHERE n <= {artifacts}
    """,
    """
    INSERT INTO agents (org_id, id, manifest, module, version, runtime)
    SELECT org_id, 'a' || n, '{{}}', 'm', '1', 'external' FROM organisations, generate_series(1, 6) n
    """,
    "ANALYZE",
)


def seed(url: str) -> dict[str, Any]:
    """Rows of many organisations, and one organisation's ids to ask for."""
    sizes = {"organisations": ORGANISATIONS, "runs": RUNS, "events": EVENTS, "artifacts": ARTIFACTS}
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _SEED:
            connection.execute(statement.format(**sizes).replace("%%", "%"))
        connection.execute(f"CREATE ROLE {_BYPASS} BYPASSRLS")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {_BYPASS}")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {_BYPASS}")
        row = connection.execute(
            "SELECT r.org_id, r.id, r.correlation_id FROM artifacts a JOIN runs r ON r.id = a.run_id LIMIT 1"
        ).fetchone()
    assert row is not None
    return {"org": row[0], "run": row[1], "correlation": row[2], "event": "77"}


class Reader:
    """One connection as one role."""

    def __init__(self, url: str, role: str, names: dict[str, Any], *, fenced: bool) -> None:
        self._connection = psycopg.connect(url, autocommit=True, options=f"-c role={role}")
        self._names = names
        self._fenced = fenced

    def query(self, name: str, times: int) -> float:
        """Median microseconds of the query alone, in a transaction that has its organisation."""
        statement = QUERIES[name].format(org="true" if self._fenced else "org_id = %(org)s")
        taken = []
        with self._connection.transaction():
            self._set_organisation(self._names["org"])
            for _ in range(times):
                began = time.perf_counter()
                self._connection.execute(statement, self._names).fetchall()
                taken.append(time.perf_counter() - began)
        return statistics.median(taken) * 1e6

    def transaction(self, name: str, times: int) -> float:
        """Median microseconds of a transaction of the query, with what each role needs around it."""
        statement = QUERIES[name].format(org="true" if self._fenced else "org_id = %(org)s")
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            with self._connection.transaction():
                if self._fenced:
                    self._set_organisation(self._names["org"])
                self._connection.execute(statement, self._names).fetchall()
            taken.append(time.perf_counter() - began)
        return statistics.median(taken) * 1e6

    def count(self) -> int:
        with self._connection.transaction():
            self._set_organisation(self._names["org"])
            row = self._connection.execute("SELECT count(*) FROM runs").fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        self._connection.close()

    def _set_organisation(self, org_id: uuid.UUID) -> None:
        self._connection.execute("SELECT set_config('app.org_id', %s, true)", [str(org_id)])


def run(url: str, rounds: int, times: int) -> None:
    names = seed(url)
    fenced = Reader(url, "opsrail_app", names, fenced=True)
    bypassing = Reader(url, _BYPASS, names, fenced=False)
    assert (fenced.count(), bypassing.count()) == (RUNS, RUNS * ORGANISATIONS)
    rows: list[dict[str, Any]] = []
    for name in QUERIES:
        alone = lib.interleaved(
            {"rls": partial(fenced.query, name, times), "where": partial(bypassing.query, name, times)}, rounds
        )
        whole = lib.interleaved(
            {"rls": partial(fenced.transaction, name, times), "where": partial(bypassing.transaction, name, times)},
            rounds,
        )
        rows.append(
            {
                "query": name,
                "µs bypassing": alone["where"],
                "µs with policy": alone["rls"],
                "ratio": alone["rls"] / alone["where"],
                "ratio of whole transaction": whole["rls"] / whole["where"],
            }
        )
    fenced.close()
    bypassing.close()
    overall = sum(row["µs with policy"] for row in rows) / sum(row["µs bypassing"] for row in rows)
    lib.table(f"Row-level security, {ORGANISATIONS} organisations of {RUNS} runs, {EVENTS} events", rows)
    print(f"\nall ten: {overall:.3f} (target < 1.15)")
    lib.report("rls", {"rows": rows, "all ten": overall, "target": 1.15})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opsrail-bench-") as folder:
        servers = RunningServers(Path(folder))
        try:
            migrate.upgrade(servers.endpoints.migration_url)
            database = make_url(servers.endpoints.migration_url).database
            admin = make_url(servers.admin_url).set(drivername="postgresql", database=database)
            run(admin.render_as_string(hide_password=False), arguments.rounds, arguments.times)
        finally:
            servers.close()


if __name__ == "__main__":
    main()
