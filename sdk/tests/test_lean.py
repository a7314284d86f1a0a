"""The start of a process does not pay for what it does not use; NATS over WebSockets still finds what it needs."""

import os
import subprocess
import sys

import pytest


def loaded(statement: str, *watched: str, nats_url: str = "nats://127.0.0.1:4222") -> set[str]:
    """Which of the watched modules a fresh interpreter has after the statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*{set(watched)} & set(sys.modules))"],
        env={**os.environ, "OPSRAIL_NATS_URL": nats_url},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_an_agent_loads_nothing_that_only_some_of_its_work_needs() -> None:
    running = "import opsrail_sdk.process, opsrail_sdk.runtime, opsrail_sdk.login, opsrail_sdk.telemetry"
    assert loaded(running, "aiohttp", "rich", "jwt", "cryptography.x509", "opentelemetry.sdk", "httpx") == set()


def test_the_contracts_need_no_bus() -> None:
    assert loaded("import opsrail_sdk.contracts.run", "nats", "structlog", "opsrail_sdk.agent") == set()


def test_websockets_have_their_client() -> None:
    pytest.importorskip("aiohttp")
    assert loaded("import nats.aio.client", "aiohttp") == {"aiohttp"}
    assert loaded("import opsrail_sdk, nats.aio.client", "aiohttp") == set()
    over_websockets = loaded("import opsrail_sdk, nats.aio.client", "aiohttp", nats_url="nats://a:4222, wss://b:443")
    assert over_websockets == {"aiohttp"}


def test_httpx_comes_without_its_command_line() -> None:
    assert loaded("import opsrail_sdk, httpx", "click", "rich", "pygments") == set()


def test_what_one_does_not_get_another_does() -> None:
    both = "import opsrail_sdk, structlog; assert structlog.dev.rich is None; import rich.console"
    assert loaded(both, "rich") == {"rich"}


def test_the_short_names_are_there_and_no_others() -> None:
    every_name = "import opsrail_sdk; [getattr(opsrail_sdk, name) for name in opsrail_sdk.__all__]"
    assert loaded(every_name, "opsrail_sdk.agent") == {"opsrail_sdk.agent"}
    with pytest.raises(ImportError, match="no_such_name"):
        from opsrail_sdk import no_such_name  # type: ignore[attr-defined]  # noqa: F401


def test_deferred_models_work_when_they_are_used() -> None:
    code = (
        "from opsrail_sdk import lean; lean.defer_models()\n"
        "from pydantic import BaseModel\n"
        "class Wish(BaseModel):\n    number: int\n"
        "assert not Wish.__pydantic_complete__\n"
        "assert Wish(number='1').number == 1 and Wish.__pydantic_complete__"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plugins_of_pydantic_are_looked_for_where_they_are_wanted() -> None:
    define = "import opsrail_sdk, pydantic; pydantic.create_model('Any', number=(int, 1))()"
    looked = f"{define}; import pydantic.plugin._loader as loader; import sys; sys.exit(loader._plugins is not None)"
    environment = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    assert subprocess.run([sys.executable, "-c", looked], env=environment, check=False).returncode == 0
    wanted = {**environment, "PYDANTIC_DISABLE_PLUGINS": ""}
    assert subprocess.run([sys.executable, "-c", looked], env=wanted, check=False).returncode == 1


def test_the_collector_works_as_usual_once_the_code_is_loaded() -> None:
    code = (
        "import gc; usual = gc.get_threshold()\n"
        "from opsrail_sdk import lean\n"
        "assert gc.get_threshold()[0] > usual[0]\n"
        "lean.settled()\n"
        "assert gc.get_threshold() == usual and gc.get_freeze_count() > 0"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
