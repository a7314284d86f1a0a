"""``opsrail audit verify FILE`` needs no server, and its exit status says what it found."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from opsrail.audit import export
from opsrail.audit.signatory import Signatory
from opsrail.cli.audit import app
from opsrail.db.engine import Database

from .conftest import ORG

Verify = Callable[..., Result]


@pytest.fixture
async def exported(database: Database, signatory: Signatory, chain: None, tmp_path: Path) -> Path:
    async with database.organisation(ORG) as session:
        start = await export.start_of(session, ORG, None)
        lines = [line async for line in export.json_lines(session, ORG, signatory, start)]
    (tmp_path / "keys.json").write_bytes(orjson.dumps({"keys": await signatory.jwks()}))
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"".join(lines))
    return file


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments), "--json"])


def test_a_whole_file_holds(exported: Path) -> None:
    result = verify(exported, "--keys", exported.with_name("keys.json"))
    assert result.exit_code == 0
    assert orjson.loads(result.stdout)["entries"] == 10


def test_an_edited_row_is_named_and_the_command_fails(exported: Path) -> None:
    exported.write_bytes(exported.read_bytes().replace(b"thing:3", b"thing:4", 1))
    result = verify(exported)
    report = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["holds"], report["fault"]["position"]) == (False, 4)


def test_what_is_no_export_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    assert verify(tmp_path / "x").exit_code == 2
    assert verify(tmp_path / "absent").exit_code == 2
