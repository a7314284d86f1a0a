"""The process log."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from opsrail.logs import configure
from opsrail.settings import LogSettings

ROUTES = 'Traceback (most recent call last):\n  File "routing.py", line 1, in lifespan\n    yield\n'


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def logged(capsys: pytest.CaptureFixture[str], message: str) -> str:
    configure(LogSettings(format="json"))
    logging.getLogger("uvicorn.error").error(message)
    return capsys.readouterr().err


def test_a_start_that_fails_for_our_reason_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = logged(capsys, ROUTES + "opsrail.secrets.roots.base.RootUnavailable: the root key is not here\n")
    assert '"event": "start failed: the root key is not here"' in said
    assert "Traceback" not in said


def test_any_other_fault_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert "routing.py" in logged(capsys, ROUTES + "KeyError: 'opsrail.x: y'\n")


def test_a_log_that_nobody_can_take_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    configure(LogSettings(format="json"))
    structlog.get_logger().warning("heard")
    assert '"event": "heard"' in gone.getvalue()
    gone.close()
    structlog.get_logger().warning("lost")
