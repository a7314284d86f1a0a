"""The git command line, fenced in: no prompts, no hooks, no user or system configuration, no credentials in argv.

Called by ``checkout`` and ``tags``. Credentials travel as ``http.<url>.extraHeader`` in ``GIT_CONFIG_*`` variables
(https://git-scm.com/docs/git-config#ENVIRONMENT), so neither the process list nor ``.git/config`` shows them.
"""

import asyncio
import base64
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from opsrail_sdk.errors import AgentError, InvalidInput, PermanentError, Unavailable

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_PASSED_ON = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_TLS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_TRANSIENT = re.compile(
    r"could not resolve host|connection refused|connection reset|timed out|early eof|failed to connect"
    r"|returned error: (?:429|5\d\d)|rpc failed|remote end hung up",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/[A-Za-z0-9_./@+=#%,~!$&'()\-\u0080-\U0010ffff]{1,512}")


@dataclass(frozen=True)
class Remote:
    """A repository elsewhere: an address without user information, and how to log in."""

    url: str
    username: str | None = None
    password: SecretStr | None = None

    def secrets(self) -> list[str]:
        """What must never be shown."""
        if self.password is None:
            return []
        value = self.password.get_secret_value()
        return [value, _basic(self.username or "", value)]


def remote(clone_url: str, *, username: str | None, password: SecretStr | None, allow_file: bool = False) -> Remote:
    """A checked address. Credentials inside the address are taken out, and lose against given ones.

    Raises:
        InvalidInput: a kind of address that is not allowed.
    """
    parts = urlsplit(clone_url)
    schemes = {"https", "http"} | ({"file"} if allow_file else set())
    if parts.scheme not in schemes:
        shown = _USERINFO.sub("***@", clone_url)
        raise InvalidInput(f"cannot clone from {shown}: only {', '.join(sorted(schemes))} addresses are allowed")
    if parts.scheme != "file" and not parts.hostname:
        raise InvalidInput("the clone address names no host")
    host = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    if password is None and parts.password:
        username, password = unquote(parts.username or ""), SecretStr(unquote(parts.password))
    return Remote(clean, username, password)


def without_login(url: str) -> str:
    """An address as it may be shown."""
    return _USERINFO.sub("", url)


def checked_commit(commit: str) -> str:
    """``commit``, if it is a full object id.

    Raises:
        InvalidInput: it is not.
    """
    if not _COMMIT.fullmatch(commit):
        raise InvalidInput(f"{commit!r} is not a full commit id")
    return commit


def checked_ref(ref: str) -> str:
    """``ref``, if it is a full reference name that cannot be taken for an option.

    Raises:
        InvalidInput: it is not.
    """
    if not _REF.fullmatch(ref) or ".." in ref or "@{" in ref or ref.endswith((".lock", "/", ".")):
        raise InvalidInput(f"{ref!r} is not a full reference such as refs/heads/main")
    return ref


class GitError(AgentError):
    """A git command failed; the message is git's own, without secrets."""

    code = "git_failed"


class Git:
    """Runs git in one folder, against one remote."""

    def __init__(self, folder: Path, remote: Remote | None, *, home: Path, timeout: timedelta) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.remote = remote
        self._home = home
        self._timeout = timeout

    async def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run ``git *arguments`` and return what it printed.

        Raises:
            GitError: it failed.
            Unavailable: it failed for a reason that may pass: the network, or the other side's own fault.
        """
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=self.folder,
            env={**self._environment(), **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                stdout, stderr = await process.communicate()
        except TimeoutError as error:
            raise Unavailable(f"git {arguments[0]} took longer than {self._timeout}") from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            message = self.masked(stderr.decode(errors="replace").strip() or f"git exited with {process.returncode}")
            if _TRANSIENT.search(message):
                raise Unavailable(message, code="git_unavailable")
            raise GitError(message)
        return stdout.decode(errors="replace")

    def beside(self, folder: Path) -> "Git":
        """The same remote, another folder."""
        return Git(folder, self.remote, home=self._home, timeout=self._timeout)

    def masked(self, text: str) -> str:
        """``text`` without our credentials, or anybody's in an address."""
        for secret in self.remote.secrets() if self.remote else ():
            text = text.replace(secret, "***")
        return _USERINFO.sub("***@", text)

    def _environment(self) -> dict[str, str]:
        env = {name: os.environ[name] for name in (*_PASSED_ON, *_TLS) if name in os.environ}
        schemes = "http:https:file" if self.remote and self.remote.url.startswith("file:") else "http:https"
        env |= {
            "HOME": str(self._home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_ALLOW_PROTOCOL": schemes,
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ADVICE": "0",
        }
        config = {
            "core.hooksPath": os.devnull,
            "core.attributesFile": os.devnull,
            "core.fsmonitor": "false",
            "submodule.recurse": "false",
            "gc.auto": "0",
            "advice.detachedHead": "false",
            "init.defaultBranch": "main",
            "safe.directory": "*",
        }
        if self.remote and self.remote.password:
            parts = urlsplit(self.remote.url)
            header = _basic(self.remote.username or "", self.remote.password.get_secret_value())
            config[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: Basic {header}"
        env["GIT_CONFIG_COUNT"] = str(len(config))
        for index, (key, value) in enumerate(config.items()):
            env[f"GIT_CONFIG_KEY_{index}"] = key
            env[f"GIT_CONFIG_VALUE_{index}"] = value
        return env


def permanent(error: GitError, what: str, code: str) -> PermanentError:
    """``error`` as the end of a run, in words that say what was tried."""
    return PermanentError(f"{what}: {error}", code=code)


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()
