"""Real bare repositories over smart HTTP: ``git http-backend`` behind a small CGI server, with optional login.

For tests and demonstrations; needs git alone.
"""

import base64
import os
import subprocess
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


class GitServer:
    """Serves every bare repository below ``root``; with ``login``, only to who knows it.

    ``requests`` holds what was asked, as ``(method, path, Authorization or None)``. While ``open`` is cleared, nobody
    is answered.
    """

    def __init__(self, root: Path, login: tuple[str, str] | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.login = login
        self.requests: list[tuple[str, str, str | None]] = []
        self.open = threading.Event()
        self.open.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                _answer(owner, self)

            def do_POST(self) -> None:
                _answer(owner, self)

            def log_message(self, format: str, *args: object) -> None:
                """Callers read ``requests`` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def url(self, repository: str) -> str:
        """Where the repository can be cloned from."""
        return f"{self.address}/{repository}.git"

    def create(self, repository: str, files: dict[str, str], branches: Sequence[str] = ("main",)) -> dict[str, str]:
        """A new repository with these files on every branch; each branch's own head commit."""
        made = Repository(self.root, repository)
        base = made.commit(dict(files), "first")
        return {name: base if name == "main" else made.branch(name, base) for name in branches}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Repository:
    """A bare repository below a server's root, and commits made in it."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.bare = root / f"{name}.git"
        self._work = root / f".work-{name.replace('/', '-')}"
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), folder=root)
        self._git("config", "http.receivepack", "true", folder=self.bare)
        self._git("clone", "--quiet", str(self.bare), str(self._work), folder=root)

    def commit(
        self, files: dict[str, str | None], message: str = "change", *, branch: str = "main", tag: str | None = None
    ) -> str:
        """Write (or, with ``None``, delete) files on a branch, push, and return the commit id."""
        known = self._git("branch", "--list", branch).strip()
        if known:
            self._git("checkout", "--quiet", branch)
        elif self._git("branch", "--list").strip():
            self._git("checkout", "--quiet", "-b", branch)
        for name, content in files.items():
            path = self._work / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        self._git("push", "--quiet", "origin", branch)
        if tag is not None:
            self._git("tag", tag)
            self._git("push", "--quiet", "origin", f"refs/tags/{tag}")
        return self._git("rev-parse", "HEAD").strip()

    def branch(self, name: str, base: str) -> str:
        """A new branch, one commit ahead of ``base`` with the same files; its head."""
        head = self._git("commit-tree", f"{base}^{{tree}}", "-p", base, "-m", name, folder=self.bare).strip()
        self._git("update-ref", f"refs/heads/{name}", head, folder=self.bare)
        return head

    def tags(self) -> dict[str, str]:
        """Tag name to the commit that it names."""
        listed = self._git(
            "for-each-ref", "--format=%(refname:short) %(objectname) %(*objectname)", "refs/tags", folder=self.bare
        )
        rows = [line.split() for line in listed.splitlines()]
        return {row[0]: row[-1] for row in rows}

    def _git(self, *arguments: str, folder: Path | None = None) -> str:
        who = {"NAME": "Ann", "EMAIL": "ann@example.com"}
        env = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()},
        }
        done = subprocess.run(
            ["git", *arguments], cwd=folder or self._work, env=env, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr}")
        return done.stdout


def _answer(owner: GitServer, request: BaseHTTPRequestHandler) -> None:
    authorization = request.headers.get("Authorization")
    owner.requests.append((request.command, request.path, authorization))
    owner.open.wait()
    body = _body(request)
    if owner.login is not None:
        wanted = "Basic " + base64.b64encode(":".join(owner.login).encode()).decode()
        if authorization != wanted:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="git"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
    parts = urlsplit(request.path)
    env = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(owner.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_KEY_1": "uploadpack.allowFilter",
        "GIT_CONFIG_VALUE_1": "true",
        "REQUEST_METHOD": request.command,
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_USER": owner.login[0] if owner.login else "anonymous",
        "REMOTE_ADDR": "127.0.0.1",
    }
    answer = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout
    head, _, content = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    request.send_response(int(headers.pop("Status", "200 OK").split()[0]))
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        chunks = []
        while size := int(request.rfile.readline().split(b";")[0], 16):
            chunks.append(request.rfile.read(size))
            request.rfile.readline()
        request.rfile.readline()
        return b"".join(chunks)
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))
