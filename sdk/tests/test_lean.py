"""The start of an agent does not pay for what it does not use; NATS over WebSockets still finds what it needs."""

import os
import subprocess
import sys

import pytest

LOADED = "import sys, opsrail_sdk.process; print(*sorted({'aiohttp', 'rich'} & set(sys.modules)))"


def loaded(nats_url: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={**os.environ, "OPSRAIL_NATS_URL": nats_url},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_an_agent_loads_neither_aiohttp_nor_rich() -> None:
    assert loaded("nats://127.0.0.1:4222") == []


def test_websockets_have_their_client() -> None:
    pytest.importorskip("aiohttp")
    assert loaded("nats://a:4222, wss://b:443") == ["aiohttp"]


def test_what_was_hidden_can_be_imported_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import opsrail_sdk, rich.console"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
