"""Data keys hang on a root key, wherever that lives, and move to its next version while everything runs."""

import asyncio
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.sealing import SealBroken, Sealer
from opsrail.secrets import rotation
from opsrail.secrets.extras import ExtraMissing, imported
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.roots.base import Root, RootUnavailable
from opsrail.secrets.roots.choice import root_of
from opsrail.secrets.roots.local import FILE, EnvironmentRoot, FileRoot
from opsrail.secrets.settings import SecretsSettings
from opsrail.settings import Settings
from tests.simulators.vault import TOKEN, VaultSimulator

Move = Callable[[], Root]
KEYS = [b64encode(bytes([n]) * 32).decode() for n in range(3)]


@pytest.fixture(params=["file", "environment", "kms", "transit"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Root, Move]:
    """A root key of each kind, and what an operator does so that the next version is the current one."""
    if request.param == "file":
        return FileRoot(tmp_path), lambda: FileRoot(tmp_path)
    if request.param == "environment":
        return EnvironmentRoot(KEYS[0], None), lambda: EnvironmentRoot(KEYS[1], KEYS[0])
    if request.param == "kms":
        request.getfixturevalue("aws")
        client = boto3.client("kms")
        alias = f"alias/{uuid.uuid4().hex}"

        def point() -> Root:
            target = client.create_key()["KeyMetadata"]["KeyId"]
            known = any(entry["AliasName"] == alias for entry in client.list_aliases()["Aliases"])
            (client.update_alias if known else client.create_alias)(AliasName=alias, TargetKeyId=target)
            return root_of(SecretsSettings(kms_key=alias), tmp_path)

        return point(), point
    simulator: VaultSimulator = request.getfixturevalue("vault")
    settings = SecretsSettings(transit_key="opsrail", vault_url=HttpUrl(simulator.url), vault_token=SecretStr(TOKEN))
    return root_of(settings, tmp_path), lambda: root_of(settings, tmp_path)


async def test_every_root_wraps_unwraps_and_rotates(database: Database, root: tuple[Root, Move]) -> None:
    first, move = root
    ring = Keyring(database, first)
    organisations = [uuid.uuid4() for _ in range(3)]
    sealed = {org: (await ring.sealer(org)).seal(b"secret", context="c") for org in organisations}
    before = await rotation.standing(database, first)
    second = move()
    done = await rotation.rotate(database, second, by="user:u")
    assert done.current != before.current
    assert (before.keys, before.stale, done.keys, done.stale) == (4, 0, 4, 0)
    fresh = Keyring(database, second)
    for org, value in sealed.items():
        assert (await fresh.sealer(org)).open(value, context="c") == b"secret"
        assert (await ring.sealer(org)).open(value, context="c") == b"secret"


async def test_a_data_key_is_bound_to_its_organisation(database: Database, root: tuple[Root, Move]) -> None:
    ring = Keyring(database, root[0])
    ours, theirs = uuid.uuid4(), uuid.uuid4()
    sealed = (await ring.sealer(ours)).seal(b"secret", context="c")
    with pytest.raises(SealBroken):
        (await ring.sealer(theirs)).open(sealed, context="c")
    async with database.across() as session:
        await session.execute(
            text(
                "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE org_id = :ours),"
                " root = (SELECT root FROM data_keys WHERE org_id = :ours) WHERE org_id = :theirs"
            ),
            {"ours": ours, "theirs": theirs},
        )
    with pytest.raises(RootUnavailable):
        await Keyring(database, root[0]).sealer(theirs)


async def test_processes_that_start_together_make_one_key(database: Database, tmp_path: Path) -> None:
    org = uuid.uuid4()
    rings = [Keyring(database, FileRoot(tmp_path)) for _ in range(4)]
    sealers = await asyncio.gather(*(ring.sealer(org) for ring in rings))
    sealed = sealers[0].seal(b"secret", context="c")
    assert {sealer.open(sealed, context="c") for sealer in sealers} == {b"secret"}


async def test_what_was_sealed_before_there_were_data_keys_still_opens(database: Database, tmp_path: Path) -> None:
    root = FileRoot(tmp_path)
    old = Sealer(root.keys()[0]).seal(b"secret", context="c")
    async with database.across() as session:
        await session.execute(
            text(
                "INSERT INTO signing_keys (kid, purpose, public_key, sealed_private_key) VALUES ('k', 'x', '{}', 'x')"
            )
        )
    org = uuid.uuid4()
    assert (await Keyring(database, root).sealer(org)).open(old, context="c") == b"secret"
    await rotation.rotate(database, root, by="user:u")
    assert (await Keyring(database, FileRoot(tmp_path)).sealer(org)).open(old, context="c") == b"secret"


_ROTATE = """
import asyncio, sys
from opsrail.db.engine import Database
from opsrail.secrets import rotation
from opsrail.secrets.roots.local import FileRoot
from opsrail.settings import DatabaseSettings
from pathlib import Path

class Hanging(FileRoot):
    wrapped = 0

    async def wrap(self, key, *, context):
        self.wrapped += 1
        if self.wrapped > 20:
            print("halfway", flush=True)
            await asyncio.Event().wait()
        return await super().wrap(key, context=context)

async def main():
    rotation._BATCH = 8
    database = Database(DatabaseSettings(url=sys.argv[1]))
    await rotation.rotate(database, Hanging(Path(sys.argv[2])), by="user:u")

asyncio.run(main())
"""
"""It hangs in the middle of a batch, the third."""


async def test_a_rotation_that_was_killed_goes_on(database: Database, settings: Settings, tmp_path: Path) -> None:
    root = FileRoot(tmp_path)
    ring = Keyring(database, root)
    organisations = [uuid.uuid4() for _ in range(60)]
    sealed = {org: (await ring.sealer(org)).seal(b"secret", context="c") for org in organisations}
    url = settings.database.url.get_secret_value()
    before = await root.current()
    process = subprocess.Popen([sys.executable, "-c", _ROTATE, url, str(tmp_path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"halfway\n"
        process.kill()
    halfway = await rotation.standing(database, root)
    assert halfway.current != before
    assert halfway.stale == 61 - 2 * 8
    assert len(root.keys()) == 2
    for org, value in sealed.items():
        assert (await Keyring(database, root).sealer(org)).open(value, context="c") == b"secret"
    done = await rotation.rotate(database, root, by="user:u")
    assert (done.current, done.stale, len(root.keys())) == (halfway.current, 0, 1)
    for org, value in sealed.items():
        assert (await Keyring(database, root).sealer(org)).open(value, context="c") == b"secret"


def test_the_file_is_private_and_made_once(tmp_path: Path) -> None:
    first = FileRoot(tmp_path / "data").keys()
    assert FileRoot(tmp_path / "data").keys() == first
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600


async def test_what_is_wrong_with_a_root_is_said(tmp_path: Path, vault: VaultSimulator) -> None:
    with pytest.raises(RootUnavailable, match="32 bytes"):
        EnvironmentRoot("short", None)
    (tmp_path / FILE).write_text("nonsense")
    with pytest.raises(RootUnavailable, match="32 bytes"):
        FileRoot(tmp_path)
    with pytest.raises(RootUnavailable, match="OPSRAIL_SECRETS_VAULT_URL"):
        root_of(SecretsSettings(transit_key="x"), tmp_path)
    settings = SecretsSettings(transit_key="x", vault_url=HttpUrl(vault.url), vault_token=SecretStr("wrong"))
    with pytest.raises(RootUnavailable, match="permission denied"):
        await root_of(settings, tmp_path).current()
    with pytest.raises(ExtraMissing, match=r"opsrail\[vault\]"):
        imported("a_module_that_is_not_there", extra="vault")
