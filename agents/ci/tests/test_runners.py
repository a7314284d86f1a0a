"""What every runner promises, written once and run on each of them."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from opsrail_ci.engine import Engine
from opsrail_ci.runners import base
from opsrail_ci.runners.base import LINE_LIMIT, Exit, Runner, Script
from opsrail_ci.runners.host import HostRunner
from opsrail_ci.runners.image import ImageRunner
from opsrail_ci.settings import ContainerLimits
from opsrail_sdk import masking
from opsrail_sdk.errors import PermanentError

Lines = list[tuple[str, str]]


class Bench:
    """A runner, a workspace, and what scripts print in it."""

    def __init__(self, runner: Runner, folder: Path, image: str | None) -> None:
        self.runner = runner
        self.image = image
        self.workspace = folder / "workspace"
        self.home = folder / "home"
        self.workspace.mkdir()
        self.home.mkdir()
        self.lines: Lines = []
        self.heard = asyncio.Event()

    def script(self, text: str, **more: Any) -> Script:
        return Script(
            name="step",
            text=text,
            workspace=self.workspace,
            home=self.home,
            timeout=more.pop("timeout", timedelta(minutes=2)),
            image=self.image,
            **more,
        )

    async def run(self, text: str, **more: Any) -> Exit:
        return await self.runner.run(self.script(text, **more), self.output)

    def output(self, text: str, stream: str) -> None:
        self.lines.append((text, stream))
        self.heard.set()

    def text(self, stream: str = "stdout") -> list[str]:
        return [text for text, name in self.lines if name == stream]


@pytest.fixture(params=["host", pytest.param("image", marks=pytest.mark.docker)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "host":
        yield Bench(HostRunner(grace=timedelta(seconds=1), output_limit=200_000), tmp_path, None)
        return
    engine: Engine = request.getfixturevalue("engine")
    image: str = request.getfixturevalue("busybox")
    limits = ContainerLimits(network="none", memory="64m", pids=64)
    yield Bench(ImageRunner(engine, limits, run_id=tmp_path.name, output_limit=200_000), tmp_path, image)
    assert engine.client.containers.list(all=True, filters={"label": f"io.opsrail.run={tmp_path.name}"}) == []


async def test_lines_arrive_in_order_with_their_stream_and_exit_code(bench: Bench) -> None:
    ended = await bench.run("echo one; echo two; echo oops >&2; exit 3")
    assert (ended.code, ended.timed_out, ended.ok) == (3, False, False)
    assert bench.text() == ["one", "two"]
    assert bench.text("stderr") == ["oops"]


async def test_the_first_failing_command_ends_the_script(bench: Bench) -> None:
    ended = await bench.run("false\necho never")
    assert ended.code == 1
    assert bench.text() == []


async def test_a_last_line_without_its_end_is_kept_and_odd_bytes_do_no_harm(bench: Bench) -> None:
    await bench.run(r"printf 'a\377b\r\nlast'")
    assert bench.text() == ["a\N{REPLACEMENT CHARACTER}b", "last"]


async def test_files_stay_in_the_workspace_for_the_next_step(bench: Bench) -> None:
    await bench.run("mkdir sub; echo kept > sub/file")
    assert (bench.workspace / "sub/file").read_text() == "kept\n"
    ended = await bench.run("cat file; pwd", directory="sub")
    assert ended.ok
    assert bench.text() == ["kept", str(bench.workspace / "sub")]


async def test_a_folder_outside_the_workspace_is_refused(bench: Bench, tmp_path: Path) -> None:
    (bench.workspace / "out").symlink_to(tmp_path.parent)
    with pytest.raises(PermanentError, match="no folder out"):
        await bench.run("pwd", directory="out")


async def test_the_environment_is_the_steps_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSRAIL_NATS_URL", "nats://user:topsecret@127.0.0.1")
    monkeypatch.setenv("SOME_TOKEN", "topsecret")
    await bench.run("env; cat /proc/$PPID/environ | tr '\\0' '\\n'", env={"MINE": "yes"})
    text = "\n".join(bench.text())
    assert "topsecret" not in text
    assert "OPSRAIL" not in text
    assert {"MINE=yes", "CI=true", f"HOME={bench.home}", f"CI_WORKSPACE={bench.workspace}"} <= set(bench.text())


async def test_a_step_that_takes_too_long_is_ended(bench: Bench) -> None:
    for seconds in (3, 60):  # the second where the first was over before the step began
        ended = await bench.run("echo begun; sleep 600", timeout=timedelta(seconds=seconds))
        assert (ended.timed_out, ended.ok) == (True, False)
        assert "took longer than" in str(ended.note)
        if bench.text():
            break
    assert bench.text() == ["begun"]


async def test_cancelling_kills_even_what_ignores_being_asked(
    bench: Bench, still: Callable[[str], bool], until: Callable[..., Awaitable[None]]
) -> None:
    marker = f"6{os.getpid()}{id(bench) % 1000}"
    text = f"trap '' TERM; (trap '' TERM; exec sleep {marker}) & echo begun; wait; sleep {marker}"
    task = asyncio.create_task(bench.run(text))
    await bench.heard.wait()
    await until(lambda: still(marker))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not still(marker))


async def test_nothing_left_in_the_background_outlives_the_step(
    bench: Bench, still: Callable[[str], bool], until: Callable[..., Awaitable[None]]
) -> None:
    marker = f"7{os.getpid()}{id(bench) % 1000}"
    ended = await bench.run(f"(setsid sleep {marker} >/dev/null 2>&1 &) ; sleep {marker} & echo done")
    assert ended.ok
    assert bench.text() == ["done"]
    await until(lambda: not still(marker))


async def test_long_lines_are_broken_and_too_much_output_is_counted(bench: Bench) -> None:
    ended = await bench.run("head -c 100000 /dev/zero | tr '\\0' x; echo; yes 0123456789 | head -n 30000")
    assert ended.ok
    assert max(len(line) for line in bench.text()) <= LINE_LIMIT
    assert sum(len(line) + 1 for line in bench.text()) <= 200_100
    assert bench.text("system")[-1].endswith("more bytes of output are not kept")


async def test_an_unknown_command_is_an_exit_code_not_a_crash(bench: Bench) -> None:
    ended = await bench.run("no-such-command-here")
    assert ended.code == 127


class TestHost:
    """What only the host runner promises."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return Bench(HostRunner(grace=timedelta(seconds=1), output_limit=200_000), tmp_path, None)

    async def test_steps_die_with_the_agent(
        self, bench: Bench, still: Callable[[str], bool], until: Callable[..., Awaitable[None]]
    ) -> None:
        marker = f"8{os.getpid()}"
        script = bench.script(f"echo begun; sleep {marker}")
        code = (
            "import asyncio, pathlib, datetime\n"
            "from opsrail_ci.runners.base import Script\n"
            "from opsrail_ci.runners.host import HostRunner\n"
            f"script = Script(name='s', text={script.text!r}, workspace=pathlib.Path({str(bench.workspace)!r}),"
            f" home=pathlib.Path({str(bench.home)!r}), timeout=datetime.timedelta(hours=1))\n"
            "runner = HostRunner(grace=datetime.timedelta(seconds=1), output_limit=1000)\n"
            "asyncio.run(runner.run(script, lambda text, stream: print(text, flush=True)))\n"
        )
        agent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        assert agent.stdout is not None
        assert await agent.stdout.readline() == b"begun\n"
        await until(lambda: still(marker))
        agent.kill()
        await agent.wait()
        await until(lambda: not still(marker))

    async def test_a_missing_shell_is_named(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(bench.home))
        ended = await bench.run("echo hi", shell="bash")
        assert ended.code == 127
        assert bench.text("stderr") == ["cannot start bash: No such file or directory"]


@pytest.mark.docker
class TestImage:
    """What only the image runner promises."""

    @pytest.fixture
    def bench(self, engine: Engine, busybox: str, tmp_path: Path) -> Bench:
        limits = ContainerLimits(network="none", memory="64m", pids=64)
        return Bench(ImageRunner(engine, limits, run_id="r", output_limit=200_000), tmp_path, busybox)

    async def test_a_container_has_no_capabilities_and_no_network(self, bench: Bench) -> None:
        await bench.run("grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status; ls /sys/class/net")
        assert bench.text() == ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "lo"]

    async def test_an_image_that_nobody_has_is_a_clear_failure(self, bench: Bench) -> None:
        bench.image = "127.0.0.1:9/no/such:image"
        with pytest.raises(PermanentError, match="the Docker engine said"):
            await bench.run("true")


def test_a_secret_that_a_long_line_is_cut_in_is_masked() -> None:
    shown: list[str] = []
    hidden = masking.Masker()
    hidden.add(["a-very-secret-value"])
    token = masking.current.set(hidden)
    try:
        lines = base.Lines(lambda text, _: shown.append(text), 1 << 20)
        printed = b"x" * (LINE_LIMIT - 8) + b"a-very-secret-value" + b"y" * LINE_LIMIT
        for start in range(0, len(printed), 1000):
            lines.feed(printed[start : start + 1000], "stdout")
        lines.close()
    finally:
        masking.current.reset(token)
    text = "".join(shown)
    assert text == "x" * (LINE_LIMIT - 8) + masking.MASK + "y" * LINE_LIMIT
