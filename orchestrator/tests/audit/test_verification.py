"""Whatever is done to the rows or to an exported file, verification names the first entry that does not hold."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from opsrail.audit import export, repository
from opsrail.audit.checkpoints import Checkpoint, Kind
from opsrail.audit.retention import Retention
from opsrail.audit.sealer import ChainSealer
from opsrail.audit.signatory import Signatory
from opsrail.audit.verification import Report, examine, verify_database, verify_file
from opsrail.db.engine import Database
from opsrail.sealing import SealBroken, Sealer

from .conftest import ORG, write

KEEP = timedelta(days=400)
SWAP = """
    UPDATE audit_entries SET position = CASE position WHEN 2 THEN -3 ELSE -2 END WHERE position IN (2, 3);
    UPDATE audit_entries SET position = -position WHERE position < 0
"""


async def verified(database: Database, signatory: Signatory) -> Report:
    async with database.organisation(ORG) as session:
        return await verify_database(session, ORG, await signatory.keys(), keep=KEEP)


async def test_an_untouched_chain_holds(database: Database, signatory: Signatory, chain: None) -> None:
    await write(database, 2)
    report = await verified(database, signatory)
    assert report.holds
    assert (report.entries, report.vouched, report.waiting) == (10, 2, 2)


@pytest.mark.usefixtures("chain")
async def test_a_long_chain_is_checked_stretch_by_stretch(
    database: Database, sealer: ChainSealer, signatory: Signatory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_STRETCH", 4)
    async with database.organisation(ORG) as session:
        found = [each async for each in examine(session, ORG, await signatory.keys(), keep=KEEP)]
    assert found[:-1] == [4, 8, 10]
    assert isinstance(found[-1], Report)
    assert (found[-1].holds, found[-1].entries, found[-1].vouched) == (True, 10, 2)


async def test_an_empty_chain_holds(database: Database, signatory: Signatory) -> None:
    assert (await verified(database, signatory)).holds


@pytest.mark.parametrize(
    ("harm", "position"),
    [
        ("UPDATE audit_entries SET actor = 'user:other' WHERE position = 4", 4),
        ("UPDATE audit_entries SET detail = '{\"n\": 3, \"x\": 0.25}' WHERE position = 4", 4),
        ("UPDATE audit_entries SET at = at - interval '1 microsecond' WHERE position = 1", 1),
        ("UPDATE audit_entries SET decision_id = gen_random_uuid() WHERE position = 10", 10),
        ("UPDATE audit_entries SET hash = sha256('x') WHERE position = 6", 6),
        ("DELETE FROM audit_entries WHERE position = 7", 7),
        ("DELETE FROM audit_entries WHERE position = 10", 10),
        ("DELETE FROM audit_entries WHERE position > 7", 8),
        ("DELETE FROM audit_entries", 10),
        ("DELETE FROM audit_entries WHERE position <= 5", 5),
        ("DELETE FROM audit_entries WHERE position <= 3", 4),
        ("UPDATE audit_entries SET position = NULL, hash = NULL WHERE position = 3", 3),
        (SWAP, 2),
        ("UPDATE audit_checkpoints SET token = (SELECT token FROM audit_checkpoints WHERE position = 5)", 10),
        ("UPDATE audit_checkpoints SET token = 'x'", 5),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("chain")
async def test_harm_is_found_where_it_was_done(
    database: Database, signatory: Signatory, intruder: Connection, harm: str, position: int
) -> None:
    intruder.exec_driver_sql(harm)
    report = await verified(database, signatory)
    assert report.fault is not None
    assert report.fault.position == position


async def test_a_chain_hashed_anew_by_an_intruder_breaks_at_the_checkpoint(
    database: Database, signatory: Signatory, sealer: ChainSealer, chain: None, intruder: Connection
) -> None:
    intruder.exec_driver_sql("UPDATE audit_entries SET actor = 'user:other' WHERE position = 2")
    intruder.exec_driver_sql("UPDATE audit_entries SET position = NULL, hash = NULL")
    intruder.exec_driver_sql("CREATE TEMP TABLE kept AS SELECT * FROM audit_checkpoints")
    intruder.exec_driver_sql("DELETE FROM audit_checkpoints")
    assert await sealer.seal() == 10
    intruder.exec_driver_sql("INSERT INTO audit_checkpoints SELECT * FROM kept")
    report = await verified(database, signatory)
    assert report.fault is not None
    assert (report.fault.position, report.fault.what) == (5, "the signed checkpoint here vouches for another content")


async def test_a_tail_cut_off_with_its_checkpoints_is_told_by_the_published_copy(
    database: Database, signatory: Signatory, chain: None, intruder: Connection
) -> None:
    token = intruder.exec_driver_sql("SELECT token FROM audit_checkpoints WHERE position = 10").scalar_one()
    data = json.dumps({"position": 10, "token": token})
    intruder.execute(
        text(
            "INSERT INTO events (org_id, received_on, id, source, type, time, received_at, data) VALUES (:org,"
            " current_date, 'e', '/opsrail/audit', 'io.opsrail.audit.checkpointed.v1', now(), now(), :data)"
        ),
        {"org": ORG, "data": data},
    )
    intruder.exec_driver_sql("DELETE FROM audit_entries WHERE position > 5")
    intruder.exec_driver_sql("DELETE FROM audit_checkpoints WHERE position > 5")
    report = await verified(database, signatory)
    assert report.fault is not None
    assert report.fault.position == 6


async def test_a_key_that_an_intruder_puts_in_signs_nothing(
    database: Database, signatory: Signatory, chain: None, intruder: Connection
) -> None:
    intruder.exec_driver_sql("UPDATE signing_keys SET kid = 'mine', sealed_private_key = 'x', public_key = '{}'")
    with pytest.raises(SealBroken):
        await Signatory(database, Sealer(bytes(32))).keys()


async def test_retention_leaves_a_chain_that_holds(
    database: Database, signatory: Signatory, sealer: ChainSealer, chain: None, intruder: Connection
) -> None:
    year = "interval '500 days'"
    intruder.exec_driver_sql("DELETE FROM audit_entries")
    intruder.exec_driver_sql("DELETE FROM audit_checkpoints")
    await write(database, 10)
    intruder.exec_driver_sql(f"UPDATE audit_entries SET at = at - {year}")
    await sealer.seal()
    old = await _checkpoint_of(database, signatory, position=10)
    await write(database, 5)
    await sealer.seal()
    assert await Retention(database, KEEP).once() == 10
    await sealer.seal()
    report = await verified(database, signatory)
    assert report.holds, report
    assert (report.after, report.entries) == (old.position, 6)
    assert await Retention(database, KEEP).once() == 0


async def _checkpoint_of(database: Database, signatory: Signatory, position: int) -> Checkpoint:
    async with database.across() as session:
        row = (
            await session.execute(text("SELECT hash, at FROM audit_entries WHERE position = :p"), {"p": position})
        ).one()
        said = Checkpoint(org_id=ORG, position=position, hash=bytes(row.hash), at=row.at)
        await session.execute(
            text("INSERT INTO audit_checkpoints (org_id, position, hash, token) VALUES (:org, :p, :hash, :token)"),
            {"org": ORG, "p": position, "hash": said.hash, "token": await signatory.sign(said, Kind.CHECKPOINT)},
        )
    return said


async def exported(database: Database, signatory: Signatory, after: int | None = None) -> list[bytes]:
    async with database.organisation(ORG) as session:
        start = await export.start_of(session, ORG, after)
        return [line async for line in export.json_lines(session, ORG, signatory, start)]


async def test_an_export_holds_without_the_server(database: Database, signatory: Signatory, chain: None) -> None:
    lines = await exported(database, signatory)
    own, trusted = verify_file(lines), verify_file(lines, await signatory.keys())
    assert own.holds
    assert trusted.holds
    assert (own.entries, own.vouched, own.trusted, trusted.trusted) == (10, 3, False, True)


async def test_exports_can_follow_each_other(database: Database, signatory: Signatory, chain: None) -> None:
    report = verify_file(await exported(database, signatory, after=7), await signatory.keys())
    assert report.holds
    assert (report.after, report.entries) == (7, 3)


@pytest.mark.parametrize(
    ("harm", "position"),
    [
        (lambda lines: [*lines[:3], lines[3].replace(b"thing:2", b"thing:9"), *lines[4:]], 3),
        (lambda lines: [*lines[:3], *lines[4:]], 3),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], 3),
        (lambda lines: [*lines[:4], lines[3], *lines[4:]], 3),
        (lambda lines: lines[:-1], 11),
        (lambda lines: lines[:9], 8),
        (lambda lines: [*lines[:-1], lines[6]], 10),
        (lambda lines: [*lines[:3], b"{}\n", *lines[3:]], 3),
        (lambda lines: [*lines, lines[-1]], 10),
        (lambda lines: [*lines[:5], lines[5][:20]], 5),
    ],
)
async def test_harm_to_an_export_is_found(
    database: Database, signatory: Signatory, chain: None, harm: object, position: int
) -> None:
    lines = harm(await exported(database, signatory))  # type: ignore[operator]
    report = verify_file(lines, await signatory.keys())
    assert report.fault is not None
    assert report.fault.position == position


async def test_an_export_signed_by_somebody_else_is_not_trusted(
    database: Database, signatory: Signatory, chain: None
) -> None:
    lines = await exported(database, signatory)
    report = verify_file(lines, {})
    assert report.fault is not None
    assert "not trusted" in report.fault.what


def test_what_is_no_export_is_said_so() -> None:
    with pytest.raises(ValueError, match="no export"):
        verify_file([b"hello\n"])
