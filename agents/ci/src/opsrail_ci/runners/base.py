"""What every runner does: run one script in a workspace, say what it prints, and leave nothing behind."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

from opsrail_sdk import masking
from opsrail_sdk.masking import MaskedStream, Masker

Stream = Literal["stdout", "stderr", "system"]
Output = Callable[[str, Stream], None]
"""Takes one line without its end. Never blocks."""

_decoder = getincrementaldecoder("utf-8")
LINE_LIMIT = 16 * 1024
"""Bytes of one line; a longer one is broken."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """One step as a runner sees it: everything is decided, nothing is left to look up."""

    name: str
    text: str
    workspace: Path
    home: Path
    """Private to the run; kept between steps."""
    timeout: timedelta
    directory: str = "."
    shell: Literal["sh", "bash"] = "sh"
    env: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    network: str | None = None
    """Network of the job's services, where it has some."""

    def argv(self) -> list[str]:
        """The command: stops at the first failing line, in bash also inside pipes."""
        if self.shell == "bash":
            return ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", self.text]
        return ["/bin/sh", "-e", "-c", self.text]


@dataclass(frozen=True)
class Exit:
    """How a script ended."""

    code: int
    timed_out: bool = False
    note: str | None = None

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out


class Runner(Protocol):
    """A way to run scripts."""

    async def run(self, script: Script, output: Output) -> Exit:
        """Run to the end, to the timeout, or until cancelled; then nothing that the script started is alive.

        Raises:
            PermanentError: the script could not be started at all.
        """
        ...


class Lines:
    """Bytes to bounded lines. Keeps at most ``limit`` bytes of a step and counts what it drops.

    The run's secrets are masked before a line is cut, so that none is shown in two halves.
    """

    def __init__(self, output: Output, limit: int) -> None:
        self._output = output
        self._left = limit
        self._dropped = 0
        self._rest: dict[Stream, bytes] = {}
        self._masked: dict[Stream, tuple[IncrementalDecoder, MaskedStream]] = {}

    def feed(self, data: bytes, stream: Stream) -> None:
        if stream not in self._masked:
            self._masked[stream] = (_decoder(errors="replace"), MaskedStream(masking.current.get() or Masker()))
        decoder, masked = self._masked[stream]
        self._take(masked.feed(decoder.decode(data)).encode(), stream)

    def _take(self, data: bytes, stream: Stream) -> None:
        rest = self._rest.get(stream, b"") + data
        *whole, rest = rest.split(b"\n")
        for line in whole:
            self._emit(line, stream)
        while len(rest) > LINE_LIMIT:
            self._emit(rest[:LINE_LIMIT], stream)
            rest = rest[LINE_LIMIT:]
        self._rest[stream] = rest

    def close(self) -> None:
        for stream, (decoder, masked) in self._masked.items():
            self._take((masked.feed(decoder.decode(b"", final=True)) + masked.close()).encode(), stream)
        for stream, rest in self._rest.items():
            if rest:
                self._emit(rest, stream)
        self._rest.clear()
        if self._dropped:
            self._output(f"… {self._dropped} more bytes of output are not kept", "system")

    def _emit(self, line: bytes, stream: Stream) -> None:
        for start in range(0, max(len(line), 1), LINE_LIMIT):
            piece = line[start : start + LINE_LIMIT]
            if self._left < len(piece):
                self._dropped += len(piece) + 1
                continue
            self._left -= len(piece) + 1
            self._output(piece.decode(errors="replace").rstrip("\r"), stream)
