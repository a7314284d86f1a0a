"""Text made to be taken for something else: templates, terminal sequences, log lines, headers, pages, SQL."""

import io
import uuid
from typing import Any

import orjson
import pytest
import pytest_asyncio
from rich.console import Console

from opsrail import logs
from opsrail.cli import output, runs
from opsrail.plain import coloured
from opsrail.testing.played_agent import install
from tests.attack.conftest import Hook, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL = {
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7} <%= 7*7 %> %(x)s {0.__class__}",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\\x9b31m",
    "log line": 'x\n{"event": "login.succeeded", "level": "info"}\r\nSet-Cookie: a=b',
    "page": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markup": "[bold red]ok[/] [link=http://evil.example]here[/link] [/nothing]",
    "sql": "'; DROP TABLE runs; --",
    "direction": "exe\u202egpj.scr\u2066",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def calc(target: Target) -> None:
    await install(target.orchestrator, target.orchestrator.org_id)


@pytest.mark.parametrize("name", EVIL)
async def test_it_comes_back_as_it_went_in(target: Target, name: str) -> None:
    """Nothing of ours reads a template, a query or a page out of data."""
    evil = EVIL[name]
    body = {"agent": "calc", "action": "add", "input": {"a": 1, "b": 2, "note": evil}, "context": {"reason": evil}}
    made = await target.root.post("/v1/runs", json=body)
    assert made.status_code in {201, 202, 403, 422}, made.text
    if made.is_success:
        kept = (await target.root.get(f"/v1/runs/{made.json()['id']}")).json()
        assert kept["input"]["note"] == evil
    connection = await target.root.post("/v1/connections", json={"kind": "github", "name": evil})
    if connection.status_code == 201:
        assert connection.json()["name"] == evil
        assert connection.headers["content-type"] == "application/json"
    assert (await target.root.get("/v1/runs", params={"agent": evil})).status_code in {200, 422}


@pytest.mark.parametrize("name", EVIL)
async def test_an_events_subject_is_data(target: Target, hook: Hook, name: str) -> None:
    event = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/x",
        "type": "evil.subject",
        "subject": EVIL[name],
    }
    answer = await hook.send(orjson.dumps(event), {"Content-Type": "application/cloudevents+json"})
    assert answer.status_code in {202, 422}, answer.text


@pytest.mark.parametrize("kind", ["opsrail.>", "a.*.b", "a b", "a\r\nPUB x", ">", "*", "a..b", "$JS.API.INFO", ".a"])
async def test_a_type_is_no_subject_of_the_bus(target: Target, hook: Hook, kind: str) -> None:
    """The type becomes a part of the subject: wildcards, blanks and line ends would become protocol."""
    event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/x", "type": kind}
    answer = await hook.send(orjson.dumps(event), {"Content-Type": "application/cloudevents+json"})
    assert answer.status_code in {202, 422}, answer.text
    async with target.client() as anybody:
        assert (await anybody.get("/healthz")).status_code == 200
    assert target.orchestrator.container.bus.nc.is_connected


@pytest.mark.parametrize("name", EVIL)
async def test_correlation_ids_and_names_write_no_headers(target: Target, name: str) -> None:
    evil = EVIL[name].encode()
    answer = await target.root.get(
        "/v1/me", headers=[(b"X-Correlation-ID", evil.replace(b"\n", b" ").replace(b"\r", b""))]
    )
    assert answer.status_code in {200, 400}
    assert set(answer.headers["x-correlation-id"]) <= set(map(chr, range(32, 127)))
    assert "set-cookie" not in answer.headers


CONTROLS = ("\r", "\x07", "\x9b", "\u202e", "\u2066", "\x1b[2J", "\x1b]")


@pytest.mark.parametrize("console", [True, False])
@pytest.mark.parametrize("name", EVIL)
async def test_a_log_entry_stays_one_line_without_controls(console: bool, name: str) -> None:
    entry: Any = {"event": f"said {EVIL[name]}", "level": "info", "reason": EVIL[name], "path": "\x1b[2J"}
    for step in logs.rendering(console=console):
        entry = step(None, "info", entry)
    assert "\n" not in entry
    assert [control for control in CONTROLS if control in entry] == []


@pytest.mark.parametrize("name", EVIL)
async def test_the_command_line_prints_no_controls_and_no_markup(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, color_system=None, width=2000)
    monkeypatch.setattr(output, "out", console)
    monkeypatch.setattr(output, "err", console)
    monkeypatch.setattr(runs, "err", console)
    evil = EVIL[name]
    output.print_table(("message",), [(evil,)], empty="none")
    output.print_record({"message": evil})
    output.say(evil)
    runs._print_line({"stream": "system", "step": evil, "text": evil}, json=False)
    with pytest.raises(SystemExit):
        output.fail(evil)
    text = shown.getvalue()
    assert [control for control in CONTROLS if control in text] == []
    if name == "markup":
        assert text.count("[link=http://evil.example]") == 6


async def test_colours_of_a_build_stay() -> None:
    assert coloured("\x1b[1;32mok\x1b[0m\x1b[2J\x1b]0;x\x07") == "\x1b[1;32mok\x1b[0m\\x1b[2J\\x1b]0;x\\x07"
